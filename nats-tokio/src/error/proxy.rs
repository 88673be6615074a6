//! Errors of proxies.

use std::error::Error;
use std::fmt;
use std::io;

use nats_proto::UrlError;

/// Why a proxy opened no connection to the server: what
/// [`ConnectError::Unreachable`](crate::ConnectError::Unreachable) has inside.
///
/// ```
/// # fn example(error: nats_tokio::ConnectError) {
/// use nats_tokio::{ConnectError, ProxyError};
///
/// if let ConnectError::Unreachable(error) = error
///     && let Some(ProxyError::Credentials) =
///         error.get_ref().and_then(|inner| inner.downcast_ref())
/// {
///     eprintln!("the password of the proxy has changed");
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy could not be connected to.
    Unreachable(io::Error),
    /// The connection to the proxy was lost before it had answered.
    Lost(io::Error),
    /// It wants credentials, or others than these: 407 of HTTP, no method or a refusal of SOCKS5.
    Credentials,
    /// It does not want to: its words.
    Refused(String),
    /// It could not connect to the server, or says so: its words. Those are 502, 503 and 504 of HTTP.
    ServerUnreachable(String),
    /// What answered is no proxy of this kind.
    Malformed,
    /// The head of its answer is longer than 8 KiB, or has more than 100 headers.
    TooLong,
    /// The server's name is longer than SOCKS5 can say: 255 bytes.
    NameTooLong,
}

impl From<ProxyError> for io::Error {
    fn from(error: ProxyError) -> Self {
        let kind = match &error {
            ProxyError::Unreachable(error) | ProxyError::Lost(error) => error.kind(),
            ProxyError::Credentials | ProxyError::Refused(_) => io::ErrorKind::PermissionDenied,
            ProxyError::ServerUnreachable(_) => io::ErrorKind::HostUnreachable,
            ProxyError::Malformed | ProxyError::TooLong => io::ErrorKind::InvalidData,
            ProxyError::NameTooLong => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(_) => f.write_str("proxy unreachable"),
            Self::Lost(_) => f.write_str("the proxy closed the connection without an answer"),
            Self::Credentials => f.write_str("proxy authentication required"),
            Self::Refused(text) => write!(f, "the proxy refused: {text}"),
            Self::ServerUnreachable(text) => {
                write!(f, "the proxy could not reach the server: {text}")
            }
            Self::Malformed => f.write_str("malformed answer: not a proxy of this kind"),
            Self::TooLong => f.write_str("the proxy's answer is too long"),
            Self::NameTooLong => f.write_str("the server's name is too long for SOCKS5"),
        }
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(error) | Self::Lost(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a text is no proxy's address. Credentials that it has are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// The scheme is none of `http`, `socks5` and `socks5h`, or missing.
    Scheme,
    /// What follows the scheme is no address.
    Address(UrlError),
    /// There is something behind host and port.
    Path,
    /// The credentials cannot be told to this kind of proxy: they are not UTF-8, or a password
    /// without a user; for HTTP, the user's name has a colon in it; for SOCKS5, there is no password,
    /// or one of the two is longer than 255 bytes.
    Credentials,
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the scheme is none of http, socks5 and socks5h",
            Self::Address(_) => "malformed host or port",
            Self::Path => "unexpected text after host and port",
            Self::Credentials => "credentials that this kind of proxy cannot take",
        })
    }
}

impl Error for ProxyUrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            _ => None,
        }
    }
}
