//! Randomness.

#[cfg(feature = "jetstream")]
use std::hash::BuildHasher;
#[cfg(feature = "jetstream")]
use std::hash::RandomState;

#[cfg(feature = "jetstream")]
use nats_proto::RngSeed;

use crate::error::ConnectError;

/// Sixteen random bytes.
pub(crate) fn entropy() -> Result<[u8; 16], ConnectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ConnectError::NoEntropy(error.into()))?;
    Ok(bytes)
}

/// The same for what cannot fail: if the operating system has no randomness to offer any more, that which
/// the standard library took from it.
#[cfg(feature = "jetstream")]
pub(crate) fn seed() -> RngSeed {
    let word = || RandomState::new().hash_one(0).to_le_bytes();
    let fallback = || {
        let mut bytes = [0; 16];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&word());
        second.copy_from_slice(&word());
        bytes
    };
    RngSeed(entropy().unwrap_or_else(|_| fallback()))
}

/// Where the pauses of a state machine with that seed begin to differ from those of others.
#[cfg(feature = "jetstream")]
pub(crate) const fn jitter(seed: &RngSeed) -> u32 {
    let [a, b, c, d, ..] = seed.0;
    u32::from_le_bytes([a, b, c, d])
}
