//! Signatures with RSA (RFC 8017), which are only verified: keys of 2048 to 4096 bits.
//!
//! Everything here is public, so that nothing has to take the same time always.

mod padding;
mod power;

use super::der::Malformed;
use super::der::Reader;
use super::der::tag;
use super::der::unsigned;
use super::hash::Hash;

const MIN_LEN: usize = 2048 / 8;
const MAX_LEN: usize = 4096 / 8;

/// 2.16.840.1.101.3.4.2, of hash functions.
const HASHES: [u8; 8] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];
/// 1.2.840.113549.1.1.8
const MGF1: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];

#[derive(Clone, Copy)]
pub(super) struct PublicKey<'a> {
    modulus: &'a [u8],
    exponent: u32,
}

impl<'a> PublicKey<'a> {
    /// Reads an RSAPublicKey; `None` if it is too short or too long.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let mut outside = Reader::new(bytes);
        let mut numbers = outside.inside(tag::SEQUENCE)?;
        outside.end()?;
        let modulus = unsigned(numbers.expect(tag::INTEGER)?)?;
        let exponent = unsigned(numbers.expect(tag::INTEGER)?)?;
        numbers.end()?;
        let is_short = exponent.len() <= 4;
        let exponent = exponent.iter().fold(0, |value: u32, byte| value << 8 | u32::from(*byte));
        let is_usable = (MIN_LEN..=MAX_LEN).contains(&modulus.len())
            && modulus.last().is_some_and(|byte| byte & 1 == 1)
            && is_short
            && exponent >= 3
            && exponent & 1 == 1;
        Ok(is_usable.then_some(Self { modulus, exponent }))
    }

    /// RSASSA-PKCS1-v1_5.
    pub(super) fn has_signed_pkcs1(&self, kind: Hash, hash: &[u8], signature: &[u8]) -> bool {
        let Some(opened) = power::open(self.modulus, self.exponent, signature) else {
            return false;
        };
        tail(&opened, self.modulus.len())
            .is_some_and(|message| padding::is_pkcs1(message, kind, hash))
    }

    /// RSASSA-PSS.
    pub(super) fn has_signed_pss(&self, kind: Hash, hash: &[u8], signature: &[u8]) -> bool {
        let Some(mut opened) = power::open(self.modulus, self.exponent, signature) else {
            return false;
        };
        let first = self.modulus.first().copied().unwrap_or_default();
        // One bit less than the modulus has; without a first byte of which no bit is left.
        let mask = first.checked_ilog2().map_or(0, |bits| !(u8::MAX << bits));
        let (mask, len) = match mask {
            0 => (u8::MAX, self.modulus.len().saturating_sub(1)),
            mask => (mask, self.modulus.len()),
        };
        let Some(start) = opened.len().checked_sub(len) else { return false };
        let Some((zeros, message)) = opened.split_at_mut_checked(start) else { return false };
        zeros.iter().all(|byte| *byte == 0) && padding::is_pss(message, mask, kind, hash)
    }
}

/// The hash function that RSASSA-PSS-params name. The other function in there has to be the same, and
/// the salt as long; `None` if not.
pub(super) fn pss_hash(mut parameters: Reader<'_>) -> Result<Option<Hash>, Malformed> {
    let mut parameters = parameters.inside(tag::SEQUENCE)?;
    let Some(hash) = parameters.optional(tag::composed(0))? else { return Ok(None) };
    let Some(mask) = parameters.optional(tag::composed(1))? else { return Ok(None) };
    let Some(salt) = parameters.optional(tag::composed(2))? else { return Ok(None) };
    parameters.end()?;
    let Some(hash) = hash_function(Reader::new(hash))? else { return Ok(None) };
    let mut mask = Reader::new(mask).inside(tag::SEQUENCE)?;
    let is_mgf1 = mask.expect(tag::OID)? == MGF1;
    let is_the_same = is_mgf1 && hash_function(mask)? == Some(hash);
    let salt = unsigned(Reader::new(salt).expect(tag::INTEGER)?)?;
    let is_as_long = matches!(salt, [len] if *len == hash.len());
    Ok((is_the_same && is_as_long).then_some(hash))
}

fn hash_function(mut outside: Reader<'_>) -> Result<Option<Hash>, Malformed> {
    let mut function = outside.inside(tag::SEQUENCE)?;
    outside.end()?;
    let id = function.expect(tag::OID)?;
    function.optional(tag::NULL)?;
    function.end()?;
    Ok(match id.strip_prefix(&HASHES) {
        Some([1]) => Some(Hash::Sha256),
        Some([2]) => Some(Hash::Sha384),
        Some([3]) => Some(Hash::Sha512),
        _ => None,
    })
}

impl Hash {
    /// In bytes.
    const fn len(self) -> u8 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// What follows [`HASHES`] in its identifier.
    const fn arc(self) -> u8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha384 => 2,
            Self::Sha512 => 3,
        }
    }
}

fn tail(bytes: &[u8], len: usize) -> Option<&[u8]> {
    bytes.get(bytes.len().checked_sub(len)?..)
}

#[cfg(test)]
mod tests;
