//! Errors of connecting.

use std::error::Error;
use std::fmt;
use std::io;

use nats_proto::SubjectError;
use nats_proto::UrlError;
use nats_proto::session::DisconnectReason;
use nats_proto::wire::ErrorKind;

use super::AuthError;
use super::CredentialsError;

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// This is no server's address. Credentials that it has are not shown.
    InvalidUrl(UrlError),
    /// The inbox prefix is no subject.
    InvalidInboxPrefix(SubjectError),
    /// The inbox prefix is longer than 220 bytes.
    InboxPrefixTooLong,
    /// The options' credentials are invalid. They are not shown.
    InvalidCredentials(CredentialsError),
    /// There is no server to connect to: no address, or empty ones.
    NoServers,
    /// There is no memory for the addresses of so many servers.
    TooManyServers,
    /// The operating system has no randomness to offer.
    NoEntropy(io::Error),
    /// A client needs a Tokio runtime to be made in.
    NoRuntime,
    /// The server could not be reached. What is inside may be a `ProxyError`, with the feature
    /// `proxy`.
    Unreachable(io::Error),
    /// The server did not answer in time.
    TimedOut,
    /// The server was reached, and did not open a WebSocket; or its address is invalid for one.
    WebSocket(io::Error),
    /// A server was connected to and said nothing, in time or before it closed the connection. NATS
    /// servers speak first, unless they are set to `handshake_first`: then
    /// [`tls_first`](crate::ConnectOptions::tls_first) is needed.
    NoInfo,
    /// TLS failed: the certificates do not do, or the server does not speak it. What is inside may
    /// be a [`TlsError`](crate::TlsError) or rustls's `Error`.
    Tls(io::Error),
    /// The server does not offer TLS, and the options or the URL insist on it.
    TlsUnavailable,
    /// Nothing could be said to the server about who we are.
    Auth(AuthError),
    /// The address is a WebSocket's, and the crate was built without the feature `websocket`.
    WebSocketUnsupported,
    /// This is no HTTP header, or none that can be chosen.
    InvalidWebSocketHeader(String),
    /// The proxy's address is invalid. Credentials in it are not shown.
    #[cfg(feature = "proxy")]
    InvalidProxy(crate::error::ProxyUrlError),
    /// The server said no: other credentials, or another server, may help.
    #[non_exhaustive]
    Refused {
        /// What it is about.
        kind: ErrorKind,
        /// The text of the server.
        text: String,
    },
    /// The connection was lost before it was ready.
    Disconnected(DisconnectReason),
    /// Several servers were tried, and this is what became of each.
    AllFailed(Vec<ServerFailure>),
}

/// What became of one of several servers that were tried.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerFailure {
    /// Its address, without credentials.
    pub server: String,
    /// Why there is no connection to it.
    pub error: ConnectError,
}

impl ConnectError {
    /// What became of each server that was tried, in that order, if there were several; otherwise
    /// nothing, as the error itself says all.
    #[must_use]
    pub fn failures(&self) -> &[ServerFailure] {
        match self {
            Self::AllFailed(failures) => failures,
            _ => &[],
        }
    }

    /// What it means that a server could not be connected to.
    pub(crate) fn from_lost(lost: DisconnectReason, failure: Option<Failure>) -> Self {
        match (lost, failure) {
            (DisconnectReason::Unreachable | DisconnectReason::Io, Some(Failure::Io(error))) => {
                Self::Unreachable(error)
            }
            (DisconnectReason::WebSocket, Some(Failure::Io(error))) => Self::WebSocket(error),
            (DisconnectReason::Server(kind), Some(Failure::Server(text))) => {
                Self::Refused { kind, text }
            }
            (DisconnectReason::Auth, Some(Failure::Login(error))) => Self::Auth(error),
            (DisconnectReason::TimedOut | DisconnectReason::Closed, Some(Failure::NoInfo)) => {
                Self::NoInfo
            }
            (DisconnectReason::TimedOut, _) => Self::TimedOut,
            (DisconnectReason::Tls, Some(Failure::Io(error))) => Self::Tls(error),
            (DisconnectReason::TlsUnavailable, _) => Self::TlsUnavailable,
            (lost, _) => Self::Disconnected(lost),
        }
    }
}

/// An error and what is behind it, but for the words of callbacks that deal with secrets.
pub(crate) struct Chain<'e>(pub(crate) &'e (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut error, is_callbacks) = (self.0, |error: &AuthError| error.is_callbacks());
        write!(f, "{error}")?;
        while let Some(source) = error.source()
            && !error.downcast_ref().is_some_and(is_callbacks)
        {
            write!(f, ": {source}")?;
            error = source;
        }
        Ok(())
    }
}

/// What more is known of the last thing that went wrong.
#[derive(Debug)]
pub(crate) enum Failure {
    Io(io::Error),
    Server(String),
    Login(AuthError),
    /// There is a connection, and no INFO came so far.
    NoInfo,
}

const NO_INFO: &str = "no INFO from the server: if it expects TLS first, set tls_first";

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidUrl(_) => "invalid server URL",
            Self::InvalidInboxPrefix(_) => "invalid inbox prefix",
            Self::InboxPrefixTooLong => "inbox prefix too long",
            Self::InvalidCredentials(_) => "invalid credentials",
            Self::NoServers => "no servers to connect to",
            Self::TooManyServers => "out of memory for so many servers",
            Self::NoEntropy(_) => "no randomness from the operating system",
            Self::NoRuntime => "no Tokio runtime",
            Self::Unreachable(_) => "server unreachable",
            Self::TimedOut => "connect timed out",
            Self::NoInfo => NO_INFO,
            Self::WebSocket(_) => "WebSocket handshake failed",
            Self::Tls(_) => "TLS error",
            Self::TlsUnavailable => "the server does not offer TLS",
            Self::Auth(_) => "could not authenticate",
            Self::WebSocketUnsupported => "nats-tokio was built without the feature websocket",
            Self::InvalidWebSocketHeader(name) => {
                return write!(f, "invalid HTTP header: {name:?}");
            }
            #[cfg(feature = "proxy")]
            Self::InvalidProxy(_) => "invalid proxy URL",
            Self::Refused { text, .. } => {
                return write!(f, "server error: {text}");
            }
            // It has no words of its own.
            Self::Disconnected(lost) => return lost.fmt(f),
            Self::AllFailed(failures) => {
                f.write_str("could not connect to any server: ")?;
                for (at, ServerFailure { server, error }) in failures.iter().enumerate() {
                    let separator = if at == 0 { "" } else { "; " };
                    write!(f, "{separator}{server}: {}", Chain(error))?;
                }
                return Ok(());
            }
        })
    }
}

impl fmt::Display for Failure {
    /// All that is known of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => Chain(error).fmt(f),
            Self::Server(text) => f.write_str(text),
            Self::Login(error) => Chain(error).fmt(f),
            Self::NoInfo => f.write_str(NO_INFO),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidUrl(error) => Some(error),
            Self::InvalidInboxPrefix(error) => Some(error),
            Self::InvalidCredentials(error) => Some(error),
            #[cfg(feature = "proxy")]
            Self::InvalidProxy(error) => Some(error),
            Self::Auth(error) => Some(error),
            Self::NoEntropy(error)
            | Self::Unreachable(error)
            | Self::WebSocket(error)
            | Self::Tls(error) => Some(error),
            Self::Disconnected(lost) => lost.source(),
            _ => None,
        }
    }
}
