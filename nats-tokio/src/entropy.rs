//! Randomness.

use crate::error::ConnectError;

/// Sixteen random bytes.
pub(crate) fn entropy() -> Result<[u8; 16], ConnectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ConnectError::NoEntropy(error.into()))?;
    Ok(bytes)
}
