//! Errors of credentials.

use std::error::Error;
use std::fmt;
use std::io;

use nats_proto::creds::CredsParseError;
use nats_proto::nkeys::KeyKind;
use nats_proto::nkeys::NkeyError;

/// Why a text holds no credentials. The text itself is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// This is not the text of a credentials file.
    File(CredsParseError),
    /// The seed is malformed.
    Seed(NkeyError),
    /// The public key is malformed.
    PublicKey(NkeyError),
    /// The key is not a user's.
    NotUser(KeyKind),
}

/// Why we could not say to a server who we are. Nothing secret was sent.
///
/// What a callback says of its failure is its [source](Error::source), and shown nowhere else: not
/// in events, not to `tracing`, not in Debug. Callbacks deal with secrets.
#[non_exhaustive]
pub enum AuthError {
    /// The server offers nothing to sign: it takes no NKeys and no JWTs.
    NoNonce,
    /// The credentials file could not be read.
    File(io::Error),
    /// There are no credentials in the credentials file.
    Credentials(CredentialsError),
    /// The callback for credentials failed.
    Callback(Box<dyn Error + Send + Sync>),
    /// The callback that signs failed.
    Sign(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "no credentials",
            Self::Seed(_) => "malformed seed",
            Self::PublicKey(_) => "malformed public key",
            Self::NotUser(_) => "not a user's key",
        })
    }
}

impl AuthError {
    /// Whether its source is in the application's own words.
    pub(crate) const fn is_callbacks(&self) -> bool {
        matches!(self, Self::Callback(_) | Self::Sign(_))
    }
}

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNonce => f.write_str("NoNonce"),
            Self::File(error) => f.debug_tuple("File").field(error).finish(),
            Self::Credentials(error) => f.debug_tuple("Credentials").field(error).finish(),
            Self::Callback(_) => f.debug_tuple("Callback").finish_non_exhaustive(),
            Self::Sign(_) => f.debug_tuple("Sign").finish_non_exhaustive(),
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNonce => "the server sent no nonce to sign",
            Self::File(_) => "the credentials file could not be read",
            Self::Credentials(_) => "no valid credentials in the credentials file",
            Self::Callback(_) => "the credentials callback failed",
            Self::Sign(_) => "the signing callback failed",
        })
    }
}

impl Error for CredentialsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Seed(error) | Self::PublicKey(error) => Some(error),
            Self::NotUser(_) => None,
        }
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoNonce => None,
            Self::File(error) => Some(error),
            Self::Credentials(error) => Some(error),
            Self::Callback(error) | Self::Sign(error) => Some(error.as_ref()),
        }
    }
}
