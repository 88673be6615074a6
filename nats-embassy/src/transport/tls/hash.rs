//! The hash functions of signatures.

use sha2::Digest;
use sha2::Sha256;
use sha2::Sha384;
use sha2::Sha512;

/// The longest hash.
pub(super) const MAX_HASH: usize = 64;

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash of a message in parts, in memory for the longest one.
    pub(super) fn of<'m>(self, parts: &[&[u8]], memory: &'m mut [u8; MAX_HASH]) -> &'m [u8] {
        fn put<'m, D: Digest>(parts: &[&[u8]], memory: &'m mut [u8; MAX_HASH]) -> &'m [u8] {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            let hash = digest.finalize();
            memory.iter_mut().zip(&hash).for_each(|(place, byte)| *place = *byte);
            memory.get(..hash.len()).unwrap_or_default()
        }
        match self {
            Self::Sha256 => put::<Sha256>(parts, memory),
            Self::Sha384 => put::<Sha384>(parts, memory),
            Self::Sha512 => put::<Sha512>(parts, memory),
        }
    }
}
