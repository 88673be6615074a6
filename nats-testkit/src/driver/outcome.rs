//! What clients report, in words that all of them have.

use nats_proto::Outcome;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Nobody answers: the server said so.
    NoResponders,
    /// It took too long.
    TimedOut,
    /// The connection was lost, or there is none.
    Disconnected,
    /// The reply is longer than the client takes.
    TooLong,
    /// The server, or the client in its name, does not permit it.
    Refused,
    /// There is no room.
    Full,
    /// The client is closed, or draining.
    Closed,
    /// The client cannot do this.
    Absent,
    /// Something else, in the client's words.
    Other(String),
}

/// Something that happened to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is a connection, be it the first or a later one.
    Connected,
    /// The connection is lost.
    Disconnected(Reason),
    /// A server could not be connected to.
    ConnectFailed(Reason),
    /// The server sent an error, and the connection goes on.
    ServerError,
    /// The server is about to shut down.
    LameDuckMode,
    /// A message was longer than the client takes.
    Oversized,
    /// So many messages may be lost: they were sent on a connection that is lost, and not confirmed.
    PerhapsLost(u64),
    /// The client is closed for good.
    Closed(Reason),
    /// Something else.
    Other,
}

/// Why a connection was lost, or a client closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The server could not be reached.
    Unreachable,
    /// The server closed the connection; or the application closed the client.
    Closed,
    /// Reading or writing failed.
    Io,
    /// Connecting, or draining, took too long.
    TimedOut,
    /// The server does not answer PING.
    Stale,
    /// TLS failed, or cannot be had.
    Tls,
    /// The server does not speak the protocol.
    Protocol,
    /// The server does not accept the credentials.
    Refused,
    /// The server was about to shut down, and has been left gracefully.
    LameDuckMode,
    /// The client was drained, and the server has everything.
    Drained,
    /// Something else.
    Other,
}

impl From<Outcome> for Failure {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NoResponders => Self::NoResponders,
            Outcome::ReplyTooLong => Self::TooLong,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::NotConnected | Outcome::Disconnected => Self::Disconnected,
            Outcome::NotPermitted | Outcome::NoInbox => Self::Refused,
            Outcome::Draining | Outcome::Closed => Self::Closed,
            other => Self::Other(format!("{other:?}")),
        }
    }
}

impl From<DisconnectReason> for Reason {
    fn from(lost: DisconnectReason) -> Self {
        match lost {
            DisconnectReason::Unreachable => Self::Unreachable,
            DisconnectReason::Closed => Self::Closed,
            DisconnectReason::Io => Self::Io,
            DisconnectReason::TimedOut => Self::TimedOut,
            DisconnectReason::Stale => Self::Stale,
            DisconnectReason::Tls | DisconnectReason::TlsUnavailable => Self::Tls,
            DisconnectReason::Protocol(_) | DisconnectReason::Info => Self::Protocol,
            DisconnectReason::Server(_) | DisconnectReason::Auth => Self::Refused,
            DisconnectReason::LameDuckMode => Self::LameDuckMode,
            _ => Self::Other,
        }
    }
}

impl From<CloseReason> for Reason {
    fn from(stop: CloseReason) -> Self {
        match stop {
            CloseReason::Closed => Self::Closed,
            CloseReason::Drained => Self::Drained,
            CloseReason::DrainTimedOut => Self::TimedOut,
            CloseReason::Disconnected(lost) => lost.into(),
            _ => Self::Other,
        }
    }
}
