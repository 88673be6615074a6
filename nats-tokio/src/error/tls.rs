//! Errors of TLS before the handshake.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why TLS cannot even begin: what [`ConnectError::Tls`](crate::ConnectError::Tls) has inside, if
/// it is no error of the connection, nor of rustls.
///
/// ```
/// # fn example(error: nats_tokio::ConnectError) {
/// use nats_tokio::{ConnectError, TlsError};
///
/// if let ConnectError::Tls(error) = error
///     && let Some(TlsError::Unreadable { path, .. }) =
///         error.get_ref().and_then(|inner| inner.downcast_ref())
/// {
///     eprintln!("who has moved {}?", path.display());
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The server or the options want TLS, and the crate was built without it.
    Unsupported,
    /// The crate was built without cryptography, and the application has installed none.
    NoProvider,
    /// There is no root certificate: neither the platform's nor any of the options.
    NoRoots,
    /// A file with certificates or a key cannot be read.
    #[non_exhaustive]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A root certificate is malformed, or missing in a file: where, and why.
    RootCertificate(String),
    /// The client's certificate or its key is malformed or missing, or they do not belong
    /// together: where, and why.
    ClientCertificate(String),
    /// The server sent something between INFO and the start of TLS. An attacker on the path could
    /// have put it there.
    Injected,
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        let kind = match &error {
            TlsError::Unsupported | TlsError::NoProvider => io::ErrorKind::Unsupported,
            TlsError::Unreadable { error, .. } => error.kind(),
            TlsError::Injected => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("TLS required, but nats-tokio was built without it"),
            Self::NoProvider => f.write_str("no TLS crypto provider installed"),
            Self::NoRoots => f.write_str("no root certificates"),
            Self::Unreadable { path, .. } => {
                write!(f, "{}: could not be read", path.display())
            }
            Self::RootCertificate(text) => write!(f, "root certificates: {text}"),
            Self::ClientCertificate(text) => write!(f, "client certificate: {text}"),
            Self::Injected => f.write_str("plain text between INFO and the TLS handshake"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            _ => None,
        }
    }
}
