//! Events of a session, and its reasons.

use core::fmt;

use crate::error::Full;
use crate::message::Sid;
use crate::url::ServerUrl;
use crate::wire::DecodeError;
use crate::wire::ErrorKind;
use crate::wire::ServerError;

/// What to take into account in CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Challenge<'s> {
    /// The server that wants to know who we are.
    pub server: ServerUrl<'s>,
    /// What to sign with an NKey; empty if there is nothing to sign.
    pub nonce: &'s str,
    /// Whether the server insists on credentials.
    pub auth_required: bool,
    /// Whether the server takes headers; without them there is no status for requests without
    /// responders.
    pub headers: bool,
}

impl<'s> Challenge<'s> {
    /// What to sign with an NKey; `None` if the server does not ask for signatures.
    #[must_use]
    pub const fn nonce(&self) -> Option<&'s str> {
        if self.nonce.is_empty() { None } else { Some(self.nonce) }
    }
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<'b> {
    /// The first connection is ready.
    Connected,
    /// Another connection is ready.
    Reconnected,
    /// The server that was connected to last knows of all subscriptions now.
    Resubscribed,
    /// A server is being tried again.
    #[non_exhaustive]
    Reconnecting {
        /// The number of the attempt since the connection was lost, from 1.
        attempt: u32,
    },
    /// A server could not be connected to.
    #[non_exhaustive]
    ConnectFailed {
        /// Why.
        reason: DisconnectReason,
        /// In the server's words, if it said something.
        error: Option<ServerError<'b>>,
    },
    /// The connection is lost.
    #[non_exhaustive]
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// In the server's words, if it said something.
        error: Option<ServerError<'b>>,
    },
    /// The server refused something; the connection goes on. A subscription that is not permitted
    /// has [ended](EndReason::NotPermitted), and so has one that is [refused](EndReason::Refused) for
    /// another reason, unless it is one of [several](super::Session::maybe_refused).
    ServerError(ServerError<'b>),
    /// INFO came again: limits and servers may have changed.
    InfoChanged,
    /// The server is about to shut down. Unless [`lame_duck_jitter`](super::Config::lame_duck_jitter) says
    /// otherwise, the session moves to another one by itself, if it knows of one.
    LameDuckMode,
}

/// Why there is no connection, or none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server could not be reached: its name has no address, there is no way there, or nobody
    /// listens.
    Unreachable,
    /// The server closed the connection: zero bytes were read.
    Closed,
    /// Reading or writing failed, or zero bytes were written.
    Io,
    /// It took too long to connect.
    TimedOut,
    /// The server did not answer PING.
    Stale,
    /// TLS failed: the handshake, the certificate, or bytes in front of it; or the client has no TLS.
    Tls,
    /// The server does not offer TLS, and this client insists on it. The session says so by itself.
    TlsUnavailable,
    /// The WebSocket was not opened: it was closed before, the server answered otherwise, its address is
    /// not valid for one, or the client has no WebSocket.
    WebSocket,
    /// The server does not speak the protocol: the decoder has an error.
    Protocol(DecodeError),
    /// INFO is malformed.
    Info,
    /// There are no credentials to log in with, or they do not go with what the server asks for: a
    /// [signature](super::NoNonce) that it does not want.
    Auth,
    /// The server said so.
    Server(ErrorKind),
    /// The server was about to shut down, and was left gracefully.
    LameDuckMode,
    /// The application wanted another connection.
    Requested,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// It was closed.
    Closed,
    /// It was drained, and everything published has reached the server.
    Drained,
    /// It took too long to drain.
    DrainTimedOut,
    /// There is no server to connect to.
    NoServers,
    /// The connection is lost, or there never was one, and no server is left to be tried.
    Disconnected(DisconnectReason),
}

/// A subscription that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Released<R> {
    /// Its number.
    pub sid: Sid,
    /// Where its messages went.
    pub recipient: R,
    /// Why it is over.
    pub ended: EndReason,
}

/// Why a subscription is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EndReason {
    /// It was unsubscribed.
    Unsubscribed,
    /// It got as many messages as it was to get.
    MaxReached,
    /// It was drained.
    Drained,
    /// The server does not permit it.
    NotPermitted,
    /// The server does not take it: there are too many, or it does not like the subject.
    Refused,
    /// The session is over.
    Closed,
}

/// Why there is no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SubscribeError {
    /// There are too many subscriptions, or this one's names are too long for the table.
    Full,
    /// The server would not take a line as long as that.
    LineTooLong,
    /// The connection is draining.
    Draining,
    /// The session is over.
    Closed,
}

impl From<Full> for SubscribeError {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "server unreachable",
            Self::Closed => "the server closed the connection",
            Self::Io => "I/O error",
            Self::TimedOut => "connect timed out",
            Self::Stale => "stale connection: PING not answered",
            Self::Tls => "TLS error",
            Self::TlsUnavailable => "the server does not offer TLS",
            Self::WebSocket => "WebSocket handshake failed",
            Self::Protocol(_) => "protocol error",
            Self::Info => "malformed INFO",
            Self::Auth => "no credentials for the server",
            Self::LameDuckMode => "the server is in lame duck mode",
            Self::Requested => "reconnect requested",
            Self::Server(kind) => return write!(f, "server error: {}", kind.name()),
        })
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Drained => "drained",
            Self::DrainTimedOut => "drain timed out",
            Self::NoServers => "no servers to connect to",
            Self::Disconnected(_) => "disconnected",
        })
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many subscriptions",
            Self::LineTooLong => "subject and queue group exceed the control line limit",
            Self::Draining => "the connection is draining",
            Self::Closed => "the connection is closed",
        })
    }
}

impl core::error::Error for DisconnectReason {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            _ => None,
        }
    }
}

impl core::error::Error for CloseReason {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Disconnected(lost) => Some(lost),
            _ => None,
        }
    }
}

impl core::error::Error for SubscribeError {}
