//! Keys, and what was signed with them.

use embedded_tls::SignatureScheme;
use signature::hazmat::PrehashVerifier;

use super::der::Malformed;
use super::der::Reader;
use super::der::tag;
use super::error::Algorithm;
use super::error::CertificateError;
use super::hash::Hash;
use super::hash::MAX_HASH;
use super::p384;
#[cfg(feature = "rsa")]
use super::rsa;

/// A key that signatures can be verified with.
pub(super) enum Key<'a> {
    P256(&'a [u8]),
    P384(&'a [u8]),
    #[cfg(feature = "rsa")]
    Rsa(rsa::PublicKey<'a>),
}

/// How something was signed.
#[derive(Clone, Copy)]
pub(super) enum Scheme {
    Ecdsa(Hash),
    #[cfg(feature = "rsa")]
    Pkcs1(Hash),
    #[cfg(feature = "rsa")]
    Pss(Hash),
}

/// Arcs that many identifiers begin with.
mod arc {
    /// 1.2.840.10045, of elliptic curves.
    pub(super) const X962: [u8; 5] = [0x2a, 0x86, 0x48, 0xce, 0x3d];
    /// 1.2.840.113549.1.1, of RSA.
    pub(super) const PKCS1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
}

impl<'a> Key<'a> {
    /// Reads what is in a certificate's SubjectPublicKeyInfo.
    pub(super) fn read(mut info: Reader<'a>) -> Result<Self, CertificateError> {
        let mut algorithm = info.inside(tag::SEQUENCE)?;
        let bits = info.bits()?;
        info.end()?;
        let id = algorithm.expect(tag::OID)?;
        let unsupported = |algorithm| Err(CertificateError::UnsupportedKey(algorithm));
        if let Some([1]) = id.strip_prefix(&arc::PKCS1) {
            return Self::rsa(bits);
        }
        match id.strip_prefix(&arc::X962) {
            Some([2, 1]) => {}
            _ if matches!(id, [0x2b, 0x65, 0x70 | 0x71]) => return unsupported(Algorithm::EdDsa),
            _ if id.starts_with(&arc::PKCS1) => return unsupported(Algorithm::Rsa),
            _ => return unsupported(Algorithm::Other),
        }
        let curve = algorithm.expect(tag::OID)?;
        algorithm.end()?;
        match (curve, curve.strip_prefix(&arc::X962)) {
            (_, Some([3, 1, 7])) => Ok(Self::P256(bits)),
            ([0x2b, 0x81, 4, 0, 0x22], _) => Ok(Self::P384(bits)),
            ([0x2b, 0x81, 4, 0, 0x23], _) => unsupported(Algorithm::P521),
            _ => unsupported(Algorithm::Other),
        }
    }

    #[cfg(feature = "rsa")]
    fn rsa(bits: &'a [u8]) -> Result<Self, CertificateError> {
        let key = rsa::PublicKey::read(bits)?;
        key.map(Self::Rsa).ok_or(CertificateError::UnsupportedKey(Algorithm::Rsa))
    }

    #[cfg(not(feature = "rsa"))]
    const fn rsa(_: &'a [u8]) -> Result<Self, CertificateError> {
        Err(CertificateError::UnsupportedKey(Algorithm::Rsa))
    }

    /// Whether this key's owner has signed the message.
    pub(super) fn has_signed(&self, scheme: Scheme, message: &[&[u8]], signature: &[u8]) -> bool {
        let mut memory = [0; MAX_HASH];
        let hash = scheme.hash().of(message, &mut memory);
        match (self, scheme) {
            (Self::P256(point), Scheme::Ecdsa(_)) => p256(point, hash, signature),
            (Self::P384(point), Scheme::Ecdsa(_)) => p384::has_signed(point, hash, signature),
            #[cfg(feature = "rsa")]
            (Self::Rsa(key), Scheme::Pkcs1(kind)) => key.has_signed_pkcs1(kind, hash, signature),
            #[cfg(feature = "rsa")]
            (Self::Rsa(key), Scheme::Pss(kind)) => key.has_signed_pss(kind, hash, signature),
            #[cfg(feature = "rsa")]
            _ => false,
        }
    }
}

/// On a curve, what is verified is the part of a hash that is as long as the curve's numbers.
fn p256(point: &[u8], hash: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = p256::ecdsa::VerifyingKey::from_sec1_bytes(point) else { return false };
    let Ok(signature) = p256::ecdsa::Signature::from_der(signature) else { return false };
    key.verify_prehash(hash, &signature).is_ok()
}

impl Scheme {
    /// Reads what is in an AlgorithmIdentifier.
    pub(super) fn read(mut algorithm: Reader<'_>) -> Result<Self, CertificateError> {
        let id = algorithm.expect(tag::OID)?;
        let unsupported = |algorithm| Err(CertificateError::UnsupportedSignature(algorithm));
        if let Some([kind]) = id.strip_prefix(&arc::PKCS1) {
            return match kind {
                5 => unsupported(Algorithm::Sha1),
                kind => Self::rsa(*kind, algorithm),
            };
        }
        let scheme = match id.strip_prefix(&arc::X962) {
            Some([4, 3, 2]) => Self::Ecdsa(Hash::Sha256),
            Some([4, 3, 3]) => Self::Ecdsa(Hash::Sha384),
            Some([4, 3, 4]) => Self::Ecdsa(Hash::Sha512),
            Some([4, 1]) => return unsupported(Algorithm::Sha1),
            _ if matches!(id, [0x2b, 0x65, 0x70 | 0x71]) => return unsupported(Algorithm::EdDsa),
            _ => return unsupported(Algorithm::Other),
        };
        algorithm.end()?;
        Ok(scheme)
    }

    #[cfg(feature = "rsa")]
    fn rsa(kind: u8, mut parameters: Reader<'_>) -> Result<Self, CertificateError> {
        let hash = match kind {
            10 => {
                let hash = rsa::pss_hash(parameters)?;
                let unsupported = CertificateError::UnsupportedSignature(Algorithm::Rsa);
                return hash.map(Self::Pss).ok_or(unsupported);
            }
            11 => Hash::Sha256,
            12 => Hash::Sha384,
            13 => Hash::Sha512,
            _ => return Err(CertificateError::UnsupportedSignature(Algorithm::Rsa)),
        };
        parameters.optional(tag::NULL)?;
        parameters.end()?;
        Ok(Self::Pkcs1(hash))
    }

    #[cfg(not(feature = "rsa"))]
    const fn rsa(_: u8, _: Reader<'_>) -> Result<Self, CertificateError> {
        Err(CertificateError::UnsupportedSignature(Algorithm::Rsa))
    }

    /// How a handshake was signed; TLS 1.3 says on which curve with which hash.
    pub(super) const fn of_handshake(scheme: SignatureScheme, key: &Key<'_>) -> Option<Self> {
        match (scheme, key) {
            (SignatureScheme::EcdsaSecp256r1Sha256, Key::P256(_)) => {
                Some(Self::Ecdsa(Hash::Sha256))
            }
            (SignatureScheme::EcdsaSecp384r1Sha384, Key::P384(_)) => {
                Some(Self::Ecdsa(Hash::Sha384))
            }
            #[cfg(feature = "rsa")]
            (SignatureScheme::RsaPssRsaeSha256, Key::Rsa(_)) => Some(Self::Pss(Hash::Sha256)),
            #[cfg(feature = "rsa")]
            (SignatureScheme::RsaPssRsaeSha384, Key::Rsa(_)) => Some(Self::Pss(Hash::Sha384)),
            #[cfg(feature = "rsa")]
            (SignatureScheme::RsaPssRsaeSha512, Key::Rsa(_)) => Some(Self::Pss(Hash::Sha512)),
            _ => None,
        }
    }

    const fn hash(self) -> Hash {
        match self {
            Self::Ecdsa(hash) => hash,
            #[cfg(feature = "rsa")]
            Self::Pkcs1(hash) | Self::Pss(hash) => hash,
        }
    }
}

impl From<Malformed> for CertificateError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
