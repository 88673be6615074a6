//! Keys that sign, and checking what they signed.

use core::fmt;

use ed25519_dalek::Signature;
use ed25519_dalek::Signer;
use ed25519_dalek::SigningKey;
use ed25519_dalek::VerifyingKey;
use zeroize::Zeroizing;

use super::KeyKind;
use super::NkeyError;
use super::PublicKey;
use super::decode;

/// The first letter of every seed, `S`, as the first byte has it.
const SEED: u8 = (b'S' - b'A') << 3;

/// A key pair, made from a seed. Wiped from memory when it is dropped, and never shown.
///
/// ```
/// use nats_proto::nkeys::KeyPair;
///
/// let pair = KeyPair::from_seed("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY")?;
/// let signature = pair.sign(b"nonce");
/// assert!(pair.public_key().verify(b"nonce", &signature));
/// assert!(pair.public_key().as_str().starts_with('U'));
/// # Ok::<(), nats_proto::nkeys::NkeyError>(())
/// ```
#[derive(Clone)]
pub struct KeyPair {
    key: SigningKey,
    kind: KeyKind,
}

impl KeyPair {
    /// Reads a seed: `S`, the letter of its kind, and 56 more.
    ///
    /// # Errors
    ///
    /// [`NkeyError`] if it is not one.
    pub fn from_seed(seed: &str) -> Result<Self, NkeyError> {
        let mut bytes = Zeroizing::new([0; 36]);
        decode(seed, &mut bytes)?;
        let [first, second, ..] = *bytes;
        if first & 0b1111_1000 != SEED {
            return Err(NkeyError::Prefix);
        }
        // The kind's five bits are split between the two, three of them in the first.
        let prefix = (first << 5) | (second >> 3);
        let kind = KeyKind::of_prefix(prefix).ok_or(NkeyError::Prefix)?;
        let (_, behind) = bytes.split_at(2);
        let key = behind.first_chunk().ok_or(NkeyError::Length)?;
        Ok(Self { key: SigningKey::from_bytes(key), kind })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of_bytes(self.kind, self.key.verifying_key().as_bytes())
    }

    /// Whose key it is.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Signs a server's nonce, or whatever else.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

impl PublicKey {
    /// Whether `signature` is this key's signature of `bytes`.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        let mut decoded = [0; 35];
        if decode(self.as_str(), &mut decoded).is_err() {
            return false;
        }
        let [_, key @ .., _, _] = decoded;
        VerifyingKey::from_bytes(&key)
            .is_ok_and(|key| key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok())
    }
}

impl fmt::Debug for KeyPair {
    /// The public half.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public_key())
    }
}
