//! NKeys: Ed25519 keys in the text form of NATS, and signatures as CONNECT has them.
//!
//! A server that takes NKeys sends a nonce, which the client signs. A program that keeps the key elsewhere,
//! in a secure element for instance, needs [`PublicKey`] and [`SignatureText`] alone; feature `nkeys`
//! adds `KeyPair`, which signs.

mod base;
#[cfg(feature = "nkeys")]
mod pair;
#[cfg(test)]
mod tests;

use core::fmt;

use self::base::decode_base32;
#[cfg(feature = "nkeys")]
use self::base::encode_base32;
use self::base::encode_base64_url;
#[cfg(feature = "nkeys")]
pub use self::pair::KeyPair;

/// A public key in its text form: a letter for its kind, and 55 more.
///
/// ```
/// use nats_proto::nkeys::KeyKind;
/// use nats_proto::nkeys::PublicKey;
///
/// let key = PublicKey::new("UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4")?;
/// assert_eq!(key.kind(), KeyKind::User);
/// # Ok::<(), nats_proto::nkeys::NkeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey {
    text: [u8; 56],
    kind: KeyKind,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyKind {
    /// An operator's: `O`.
    Operator,
    /// An account's: `A`.
    Account,
    /// A user's: `U`. It is the one that clients have.
    User,
    /// A server's: `N`.
    Server,
    /// A cluster's: `C`.
    Cluster,
}

/// A signature as CONNECT has it: 86 characters of base64url.
///
/// ```
/// use nats_proto::nkeys::SignatureText;
/// use nats_proto::wire::Connect;
///
/// # fn sign(_: &[u8]) -> [u8; 64] { [0; 64] }
/// let signature = SignatureText::new(&sign(b"the server's nonce"));
/// let connect = Connect { sig: Some(signature.as_str()), ..Connect::DEFAULT };
/// # let _ = connect;
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignatureText([u8; 86]);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NkeyError {
    /// A seed has 58 characters, a public key 56.
    Length,
    /// Only `A` to `Z` and `2` to `7` may occur.
    Encoding,
    /// The checksum at the end is wrong: characters are mistyped.
    Checksum,
    /// It is not the key that is wanted: the first letters say so.
    Prefix,
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    ///
    /// [`NkeyError`] if it is not one.
    pub fn new(text: &str) -> Result<Self, NkeyError> {
        let mut bytes = [0; 35];
        decode(text, &mut bytes)?;
        let [prefix, ..] = bytes;
        let kind = KeyKind::of_prefix(prefix).ok_or(NkeyError::Prefix)?;
        let text = text.as_bytes().try_into().map_err(|_| NkeyError::Length)?;
        Ok(Self { text, kind })
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It is ASCII.
        core::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// Whose key it is.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    #[cfg(feature = "nkeys")]
    fn of_bytes(kind: KeyKind, key: &[u8; 32]) -> Self {
        let mut bytes = [0; 35];
        bytes[0] = kind.prefix();
        bytes[1..33].copy_from_slice(key);
        let checksum = crc16(&bytes[..33]);
        bytes[33..].copy_from_slice(&checksum.to_le_bytes());
        let mut text = [0; 56];
        encode_base32(&bytes, &mut text);
        Self { text, kind }
    }
}

impl KeyKind {
    /// The first byte of a public key, of which the first letter is made.
    const fn prefix(self) -> u8 {
        let letter = match self {
            Self::Operator => b'O',
            Self::Account => b'A',
            Self::User => b'U',
            Self::Server => b'N',
            Self::Cluster => b'C',
        };
        (letter - b'A') << 3
    }

    fn of_prefix(prefix: u8) -> Option<Self> {
        [Self::Operator, Self::Account, Self::User, Self::Server, Self::Cluster]
            .into_iter()
            .find(|kind| kind.prefix() == prefix)
    }
}

impl SignatureText {
    /// Encodes a signature.
    #[must_use]
    pub fn new(signature: &[u8; 64]) -> Self {
        let mut text = [0; 86];
        encode_base64_url(signature, &mut text);
        Self(text)
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It is ASCII.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Decodes base32 with a checksum in the last two bytes, and checks it.
fn decode<const LEN: usize>(text: &str, bytes: &mut [u8; LEN]) -> Result<(), NkeyError> {
    decode_base32(text.as_bytes(), bytes)?;
    match bytes.split_last_chunk() {
        Some((body, checksum)) if crc16(body) == u16::from_le_bytes(*checksum) => Ok(()),
        _ => Err(NkeyError::Checksum),
    }
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            let divisor = if crc & 0x8000 == 0 { 0 } else { 0x1021 };
            (crc << 1) ^ divisor
        })
    })
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Debug for SignatureText {
    /// It is a secret: it is enough to log in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignatureText(..)")
    }
}

impl fmt::Display for NkeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "wrong key length",
            Self::Encoding => "the key is not base32",
            Self::Checksum => "wrong checksum",
            Self::Prefix => "a key of another kind",
        })
    }
}

impl core::error::Error for NkeyError {}
