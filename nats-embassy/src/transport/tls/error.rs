//! Why there is no connection.

use core::fmt;

use embedded_io_async::ErrorKind;

use crate::fmt::note;

/// Why TLS did not work.
///
/// Certificates are counted from 0, in the order in which they were sent or given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate that the server sent. The first one is its own.
    Certificate {
        /// Which one.
        index: u8,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// A certificate that is trusted: one of the connector's `issuers`.
    Issuer {
        /// Which one.
        index: u8,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// There is no certificate among the connector's `issuers`.
    NoIssuer,
    /// The server sent no certificate.
    NoCertificate,
    /// The server did not sign the handshake, or not with the key of its certificate.
    NoProof,
    /// The server signed the handshake by an algorithm that is not supported, or that does not go with
    /// the key of its certificate.
    UnsupportedProof,
    /// The server's name, from its address or from the connector, is neither a DNS name nor an IP
    /// address. Nothing was sent.
    ServerName,
    /// The clock does not know the time yet. Nothing was sent.
    TimeUnknown,
    /// The client's key or certificate cannot be used.
    ClientCertificate,
    /// A record from the server does not fit into `RX` of the memory.
    RecordTooLong {
        /// How many bytes `RX` needs for it.
        len: u16,
    },
    /// A message to the server does not fit into `TX` of the memory.
    TooLittleMemory,
    /// The server ended it and said why, by a number of RFC 8446, section 6: 40, for instance, if it
    /// has nothing in common with this client.
    Alert(u8),
    /// The server ended it without a word.
    Closed,
    /// The connection below failed.
    Io(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] ErrorKind),
    /// What the server sent was not understood: no TLS 1.3, or a message in more than one record, or
    /// more than 16 certificates.
    Protocol,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CertificateError {
    /// It is no certificate in DER.
    Malformed,
    /// It has a critical extension that is not understood.
    CriticalExtension,
    /// It is not valid any more, by the clock.
    Expired,
    /// It is not valid yet, by the clock.
    NotYetValid,
    /// It is not made out to the server's name.
    WrongName,
    /// It may not be used for this: a server's to sign handshakes and to be a server, an authority's to
    /// sign certificates, of servers.
    WrongUsage,
    /// It signed another certificate, and is no authority.
    NotAnAuthority,
    /// There are more authorities below it than it allows.
    PathTooLong,
    /// It may not sign for the server's name, or its name constraints are not understood.
    NameConstraints,
    /// Its key is of a kind that is not supported.
    UnsupportedKey(Algorithm),
    /// It was signed in a way that is not supported.
    UnsupportedSignature(Algorithm),
    /// Its signature is not that of its issuer.
    BadSignature,
    /// Its issuer is neither trusted nor among the certificates that the server sent.
    UnknownIssuer,
    /// There would be more than eight certificates from the server's to a trusted one.
    ChainTooLong,
    /// More than 16 signatures would have to be verified.
    TooManySignatures,
}

/// What keys and signatures are made with, and what is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Algorithm {
    /// RSA: without the feature `rsa`, or with a key that does not have 2048 to 4096 bits.
    Rsa,
    /// ECDSA on P-521.
    P521,
    /// Ed25519 or Ed448.
    EdDsa,
    /// SHA-1, which is broken.
    Sha1,
    /// Something else.
    Other,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Certificate { index, error } => {
                return write!(f, "certificate {index} of the server {error}");
            }
            Self::Issuer { index, error } => {
                return write!(f, "trusted certificate {index} {error}");
            }
            Self::RecordTooLong { len } => {
                return write!(f, "the server's record takes {len} bytes of memory");
            }
            Self::Alert(number) => return write!(f, "the server refused: alert {number}"),
            Self::Io(kind) => return write!(f, "the connection failed: {kind:?}"),
            Self::NoIssuer => "there is no trusted certificate",
            Self::NoCertificate => "the server sent no certificate",
            Self::NoProof => "the server has not proven that its certificate is its own",
            Self::UnsupportedProof => "the server signed by an unsupported algorithm",
            Self::ServerName => "the server's name is neither a DNS name nor an IP address",
            Self::TimeUnknown => "the clock does not know the time",
            Self::ClientCertificate => "the client's key or certificate cannot be used",
            Self::TooLittleMemory => "a message to the server does not fit into memory",
            Self::Closed => "the server closed the connection",
            Self::Protocol => "what the server sent was not understood",
        };
        f.write_str(text)
    }
}

impl core::error::Error for TlsError {}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::UnsupportedKey(algorithm) => return write!(f, "has a key of {algorithm}"),
            Self::UnsupportedSignature(algorithm) => {
                return write!(f, "was signed with {algorithm}");
            }
            Self::Malformed => "is malformed",
            Self::CriticalExtension => "has an unknown critical extension",
            Self::Expired => "has expired",
            Self::NotYetValid => "is not valid yet",
            Self::WrongName => "is for another name",
            Self::WrongUsage => "may not be used for this",
            Self::NotAnAuthority => "is no authority",
            Self::PathTooLong => "allows fewer authorities below it",
            Self::NameConstraints => "may not sign for this name",
            Self::BadSignature => "has a wrong signature",
            Self::UnknownIssuer => "has an unknown issuer",
            Self::ChainTooLong => "is too far from a trusted one",
            Self::TooManySignatures => "takes too many signatures to verify",
        };
        f.write_str(text)
    }
}

impl core::error::Error for CertificateError {}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "RSA, which is not supported",
            Self::P521 => "P-521, which is not supported",
            Self::EdDsa => "EdDSA, which is not supported",
            Self::Sha1 => "SHA-1, which is not supported",
            Self::Other => "a kind that is not supported",
        })
    }
}

/// What is called with errors.
#[derive(Clone, Copy, Default)]
pub(super) struct Report {
    tell: Option<fn(TlsError)>,
}

impl Report {
    pub(super) const fn to(tell: fn(TlsError)) -> Self {
        Self { tell: Some(tell) }
    }

    pub(super) fn tell(self, error: TlsError) {
        note!(warn, error);
        if let Some(tell) = self.tell {
            tell(error);
        }
    }
}
