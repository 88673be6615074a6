//! The errors of every operation.

use core::error::Error;
use core::fmt;

use nats_proto::SubjectError;
use nats_proto::UrlError;
use nats_proto::session;
use nats_proto::wire;

/// Why there is no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// A server URL is invalid.
    Url(UrlError),
    /// A server URL has credentials in it. They belong into [`Config::auth`](crate::Config::auth).
    CredentialsInUrl,
    /// There are more servers than `SERVERS`.
    TooManyServers,
    /// A server URL is longer than `TEXT`.
    AddressTooLong,
    /// With this [prefix](crate::Config::inbox_prefix), the subjects of replies are longer than the
    /// memory for a text, `TEXT`.
    InboxTooLong,
}

/// Why nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PublishError {
    /// The subject is invalid.
    Subject(SubjectError),
    /// The server would refuse it.
    Refused(wire::PublishError),
    /// It is longer than half of the memory for sending, `TX`.
    TooLong {
        /// The longest frame in bytes, line ends included.
        max: usize,
    },
    /// The send buffer is full, or others wait for space in it. Only from calls that do not wait.
    Full,
    /// There is no connection, and the call does not wait for one.
    Disconnected,
    /// The message to be answered has no reply subject: its publisher wants no answer.
    NoReply,
    /// The client is closed, or about to be.
    Closed,
}

/// Why nothing of a batch was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct BatchError {
    /// Which message it is about, from 0.
    pub index: usize,
    /// Why it was refused.
    pub error: PublishError,
}

/// Why there is no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter or the queue group is invalid.
    Subject(SubjectError),
    /// There are too few free slots for messages.
    NoSlots,
    /// The session does not take it.
    Session(session::SubscribeError),
}

/// Why there is no reply. A request ends as soon as that is known, and no later than its time.
///
/// | what becomes of it | in a client | in a link |
/// |---|---|---|
/// | a reply comes | [`Message`](crate::Message) | [`BorrowedMessage`](crate::BorrowedMessage) |
/// | a reply comes and does not fit | [`ReplyTooLong`](Self::ReplyTooLong): into a slot, or `RX` | the same: into `RX` |
/// | there are no responders | [`NoResponders`](Self::NoResponders) | the same |
/// | no reply comes in time | [`TimedOut`](Self::TimedOut) | the same |
/// | there is no connection when its time is over | [`NotConnected`](Self::NotConnected) | the same |
/// | there is none, and [`Config::offline`](crate::Config::offline) does not wait for one | [`Publish`](Self::Publish)([`Disconnected`](PublishError::Disconnected)) | the same |
/// | the connection is lost after it was published | [`Disconnected`](Self::Disconnected) | the same |
/// | the server does not permit the subject, or the reply subject | [`NotPermitted`](Self::NotPermitted) | the same |
/// | the server refuses the subscription for replies | [`NoInbox`](Self::NoInbox) | the same |
/// | there is no room for that subscription | [`Subscribe`](Self::Subscribe) | the same |
/// | it is too long, or the server would refuse it | [`Publish`](Self::Publish) | the same |
/// | there are too many, or no slot for the reply | [`TooMany`](Self::TooMany) | a link has one at a time |
/// | the client drains, before or meanwhile | [`Draining`](Self::Draining) | the same |
/// | the client is closed, before or meanwhile | [`Closed`](Self::Closed) | the same |
/// | its future is dropped | what was taken for it is free again | the same |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestError {
    /// The request could not be published.
    Publish(PublishError),
    /// There is no subscription for replies.
    Subscribe(SubscribeError),
    /// Too many requests wait for their replies, or there is no slot for this one's.
    TooMany,
    /// There are no responders: no subscription matches the subject.
    NoResponders,
    /// There was no reply in time.
    TimedOut,
    /// There was no connection in all that time, or none any more at its end. Nothing was sent.
    NotConnected,
    /// The connection was lost before the reply came.
    Disconnected,
    /// The server does not permit to publish to the subject, or to ask for replies.
    NotPermitted,
    /// The server refused the subscription for replies. The next request subscribes again.
    NoInbox,
    /// The reply came and is too long for its slot, or for the memory for receiving.
    ReplyTooLong,
    /// The client drains, and would not receive the reply.
    Draining,
    /// The client is closed, or about to be.
    Closed,
}

/// Why it is not known whether the server has everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FlushError {
    /// There is no connection, or it was lost.
    Disconnected,
    /// The client is closed.
    Closed,
}

impl From<UrlError> for ConfigError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

impl From<SubjectError> for PublishError {
    fn from(error: SubjectError) -> Self {
        Self::Subject(error)
    }
}

impl From<wire::PublishError> for PublishError {
    fn from(error: wire::PublishError) -> Self {
        Self::Refused(error)
    }
}

impl From<SubjectError> for SubscribeError {
    fn from(error: SubjectError) -> Self {
        Self::Subject(error)
    }
}

impl From<session::SubscribeError> for SubscribeError {
    fn from(error: session::SubscribeError) -> Self {
        Self::Session(error)
    }
}

impl From<PublishError> for RequestError {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}

impl From<SubscribeError> for RequestError {
    fn from(error: SubscribeError) -> Self {
        Self::Subscribe(error)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url(_) => "invalid server URL",
            Self::CredentialsInUrl => "credentials in a server URL are not used",
            Self::TooManyServers => "more servers than there is memory for",
            Self::AddressTooLong => "a server URL is too long",
            Self::InboxTooLong => "the inbox prefix is too long",
        })
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject(_) => "invalid subject",
            Self::Refused(_) => "the server would refuse the message",
            Self::TooLong { max } => return write!(f, "the message does not fit into {max} bytes"),
            Self::Full => "send buffer full",
            Self::Disconnected => "not connected",
            Self::NoReply => "the message has no reply subject",
            Self::Closed => "the client is closed",
        })
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was published because of message {}", self.index)
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject(_) => "invalid filter or queue group",
            Self::NoSlots => "too few free slots for messages",
            Self::Session(_) => "the session refused the subscription",
        })
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish(_) => "the request could not be published",
            Self::Subscribe(_) => "there is no subscription for replies",
            Self::TooMany => "too many requests are waiting for replies",
            Self::NoResponders => "no responders",
            Self::TimedOut => "request timed out",
            Self::NotConnected => "there was no connection in time",
            Self::Disconnected => "the connection was lost before the reply came",
            Self::NotPermitted => "publishing to the subject is not permitted",
            Self::NoInbox => "the server refused the subscription for replies",
            Self::ReplyTooLong => "the reply is too long for its slot",
            Self::Draining => "the client is draining",
            Self::Closed => "the client is closed",
        })
    }
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "the connection is lost",
            Self::Closed => "the client is closed",
        })
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Subject(error) => Some(error),
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for BatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl Error for SubscribeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Subject(error) => Some(error),
            Self::Session(error) => Some(error),
            Self::NoSlots => None,
        }
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Publish(error) => Some(error),
            Self::Subscribe(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for FlushError {}
