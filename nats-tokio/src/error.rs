//! Errors: one enum for each operation.
//!
//! Each says in its own words what it knows itself, and returns the rest as its source: a chain of
//! texts has everything, and everything once.

mod auth;
mod connect;
#[cfg(feature = "proxy")]
mod proxy;
mod tls;

use std::error::Error;
use std::fmt;

use nats_proto::HeaderError;
use nats_proto::Outcome;
use nats_proto::SubjectError;
use nats_proto::session::CloseReason;
use nats_proto::wire::PublishError as Refusal;

pub use self::auth::AuthError;
pub use self::auth::CredentialsError;
pub(crate) use self::connect::Chain;
pub use self::connect::ConnectError;
pub(crate) use self::connect::Failure;
pub use self::connect::ServerFailure;
#[cfg(feature = "proxy")]
pub use self::proxy::ProxyError;
#[cfg(feature = "proxy")]
pub use self::proxy::ProxyUrlError;
pub use self::tls::TlsError;

/// Why a message was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The subject, or the reply subject, is invalid.
    InvalidSubject(SubjectError),
    /// A header is invalid: it was left out of a [`HeaderMap`](crate::HeaderMap) that was made of many
    /// at once.
    InvalidHeader(HeaderError),
    /// Headers and payload are longer than the server takes: send it in pieces.
    PayloadTooLarge {
        /// How long they are in bytes.
        len: usize,
        /// How long they may be.
        max: usize,
    },
    /// Subject and reply subject are longer than the server takes.
    LineTooLong {
        /// How long the control line would be in bytes.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// The server does not support headers.
    HeadersUnsupported,
    /// Too much is waiting to be written: wait, or await instead of trying.
    Full,
    /// There is no connection, and as much as may be
    /// [kept](crate::ConnectOptions::reconnect_buffer) for the next one is waiting.
    Disconnected,
    /// The message to be answered has no reply subject: it is no request.
    NoReply,
    /// The connection is closed, or draining.
    Closed,
}

/// Why there is no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The subject is no filter.
    InvalidSubject(SubjectError),
    /// The name of the queue group is invalid.
    InvalidQueue(SubjectError),
    /// Subject and queue are longer than the server takes.
    LineTooLong,
    /// There are as many subscriptions as a client can have, 16 million.
    TooMany,
    /// The connection is closed, or draining.
    Closed,
}

/// Why a request has no reply.
///
/// A request ends as soon as its outcome is known; none waits for the time-out when it is known
/// before.
///
/// | what becomes of it | when | error |
/// |---|---|---|
/// | its subject, headers or length will not do | at once, nothing is sent | [`Publish`](Self::Publish) |
/// | as many are in flight as may be | at once, nothing is sent | [`TooManyInFlight`](Self::TooManyInFlight) |
/// | the client is draining | at once, nothing is sent | [`Draining`](Self::Draining) |
/// | the client is closed, or its connection lost for good | at once, nothing is sent | [`Publish`](Self::Publish) with [`PublishError::Closed`] |
/// | there is no connection, and no room to wait for one | at once, unless the client [waits](crate::ConnectOptions::wait_for_connection) | [`Publish`](Self::Publish) with [`PublishError::Disconnected`] |
/// | no responders | when the server says so | [`NoResponders`](Self::NoResponders) |
/// | the subject may not be published to | when the server says so | [`NotPermitted`](Self::NotPermitted) |
/// | the reply subject may not be used | when the server says so | [`NotPermitted`](Self::NotPermitted) |
/// | replies may not be subscribed to, or there are too many subscriptions | when the server says so | [`NoInbox`](Self::NoInbox) |
/// | the reply is longer than this client takes | when it comes | [`ReplyTooLong`](Self::ReplyTooLong) |
/// | the connection is lost after it was sent | then, unless requests [outlive](crate::ConnectOptions::keep_requests_on_disconnect) connections | [`Disconnected`](Self::Disconnected) |
/// | the client drains while it waits | when replies have ended | [`Draining`](Self::Draining) |
/// | the client is closed while it waits | then | [`Closed`](Self::Closed) |
/// | none of this, and it was sent | when its time is up | [`TimedOut`](Self::TimedOut) |
/// | none of this, and there was no connection | when its time is up | [`NotConnected`](Self::NotConnected) |
/// | its future is dropped | | none; a reply is ignored |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The request could not be published.
    Publish(PublishError),
    /// Too many requests are in flight: wait for some of them.
    TooManyInFlight,
    /// No responders: nothing is subscribed to the subject.
    NoResponders,
    /// No reply came in time. The request may have been dealt with all the same.
    TimedOut,
    /// The time-out passed, and there was no connection to send the request to.
    NotConnected,
    /// The connection was lost. The request may have been dealt with all the same.
    Disconnected,
    /// The server does not permit publishing to the subject, or not with that reply subject.
    NotPermitted,
    /// The server refused the subscription that replies come to. The next request asks for it
    /// again.
    NoInbox,
    /// The reply is longer than this client [takes](crate::ConnectOptions::max_message).
    ReplyTooLong,
    /// The client is [draining](crate::Client::drain): replies do not reach it any more.
    Draining,
    /// The client was closed while the request waited. The request may have been dealt with all
    /// the same. One that is made on a closed client is not sent, which is
    /// [`PublishError::Closed`].
    Closed,
}

/// Why it is not known whether the server has processed what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushError {
    /// The server did not answer in time.
    TimedOut,
    /// The time-out passed, and there was no connection: the request was not sent.
    NotConnected,
    /// The connection was lost: what was published may have been processed, or not.
    Disconnected,
    /// The client is closed.
    Closed,
}

/// Why draining did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrainError {
    /// It took too long: a subscriber did not take its messages, or the server did not answer.
    TimedOut,
    /// The connection was lost for good, before or while it was drained.
    Closed,
    /// The application had closed the client.
    ClientClosed,
}

impl From<SubjectError> for PublishError {
    fn from(error: SubjectError) -> Self {
        Self::InvalidSubject(error)
    }
}

impl From<SubjectError> for SubscribeError {
    fn from(error: SubjectError) -> Self {
        Self::InvalidSubject(error)
    }
}

impl From<SubjectError> for RequestError {
    fn from(error: SubjectError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<Refusal> for PublishError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::PayloadTooLarge { len, max } => Self::PayloadTooLarge { len, max },
            Refusal::LineTooLong { len, max } => Self::LineTooLong { len, max },
            _ => Self::HeadersUnsupported,
        }
    }
}

impl From<PublishError> for RequestError {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}

impl From<Outcome> for RequestError {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NoResponders => Self::NoResponders,
            Outcome::ReplyTooLong => Self::ReplyTooLong,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::NotConnected => Self::NotConnected,
            Outcome::Disconnected => Self::Disconnected,
            Outcome::NotPermitted => Self::NotPermitted,
            Outcome::NoInbox => Self::NoInbox,
            Outcome::Draining => Self::Draining,
            _ => Self::Closed,
        }
    }
}

impl From<CloseReason> for DrainError {
    fn from(stop: CloseReason) -> Self {
        match stop {
            CloseReason::DrainTimedOut => Self::TimedOut,
            CloseReason::Closed | CloseReason::Drained => Self::ClientClosed,
            _ => Self::Closed,
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::InvalidSubject(_) => f.write_str("invalid subject"),
            Self::InvalidHeader(_) => f.write_str("invalid header"),
            Self::PayloadTooLarge { len, max } => Refusal::PayloadTooLarge { len, max }.fmt(f),
            Self::LineTooLong { len, max } => Refusal::LineTooLong { len, max }.fmt(f),
            Self::HeadersUnsupported => Refusal::HeadersUnsupported.fmt(f),
            Self::Full => f.write_str("send buffer full"),
            Self::Disconnected => f.write_str("not connected, and the reconnect buffer is full"),
            Self::NoReply => f.write_str("the message has no reply subject"),
            Self::Closed => f.write_str("the connection is closed"),
        }
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidSubject(_) => f.write_str("invalid subject"),
            Self::InvalidQueue(_) => f.write_str("invalid queue group"),
            Self::LineTooLong => {
                f.write_str("subject and queue group exceed the control line limit")
            }
            Self::TooMany => f.write_str("too many subscriptions"),
            Self::Closed => f.write_str("the connection is closed"),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish(_) => f.write_str("request not sent"),
            Self::TooManyInFlight => f.write_str("too many requests in flight"),
            Self::NoResponders => f.write_str("no responders"),
            Self::NotPermitted => f.write_str("not permitted to publish the request"),
            Self::TimedOut => f.write_str("request timed out"),
            Self::NotConnected => f.write_str("request timed out, not connected"),
            Self::Disconnected => f.write_str("connection lost"),
            Self::NoInbox => f.write_str("the server refused the inbox subscription"),
            Self::ReplyTooLong => f.write_str("the reply exceeds max_message"),
            Self::Draining => f.write_str("the client is draining"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "flush timed out",
            Self::NotConnected => "flush timed out, not connected",
            Self::Disconnected => "connection lost",
            Self::Closed => "the connection is closed",
        })
    }
}

impl fmt::Display for DrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "drain timed out",
            Self::Closed => "connection lost before it was drained",
            Self::ClientClosed => "the client is closed",
        })
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Publish(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidSubject(error) => Some(error),
            Self::InvalidHeader(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for SubscribeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidSubject(error) | Self::InvalidQueue(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for FlushError {}
impl Error for DrainError {}
