//! What can go wrong, by what was wanted.

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
    /// An address is none.
    Url(UrlError),
    /// An address has credentials in it. They belong into [`Config::login`](crate::Config::login).
    CredentialsInUrl,
    /// There are more servers than places, or an address or the inbox' prefix is too long for one.
    TooManyServers,
    /// There is no room for the subjects of replies.
    InboxTooLong,
}

/// Why nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PublishError {
    /// The subject is none.
    Subject(SubjectError),
    /// The server would not take it.
    Refused(wire::PublishError),
    /// It is longer than half of the memory for sending, `TX`.
    TooLong {
        /// The longest frame in bytes, line ends included.
        max: usize,
    },
    /// There is no room now. Only where nothing waits.
    Full,
    /// There is no connection. Only where nothing waits.
    Disconnected,
    /// The client is closed, or about to be.
    Closed,
}

/// Why there is no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter or the queue group is none.
    Subject(SubjectError),
    /// There are no places for so many messages.
    NoSlots,
    /// The session does not take it.
    Session(session::SubscribeError),
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestError {
    /// The request could not be published.
    Publish(PublishError),
    /// There is no subscription for replies.
    Subscribe(SubscribeError),
    /// Too many requests wait for their replies, or there is no place for this one's.
    TooMany,
    /// Nobody listens to the subject.
    NoResponders,
    /// There was no reply in time.
    TimedOut,
    /// The connection was lost before the reply came.
    Disconnected,
    /// The reply is too long for its place.
    ReplyTooLong,
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
        match self {
            Self::Url(error) => error.fmt(f),
            Self::CredentialsInUrl => f.write_str("credentials in an address are not used"),
            Self::TooManyServers => f.write_str("the servers are too many, or an address too long"),
            Self::InboxTooLong => f.write_str("the prefix for replies is too long"),
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(error) => write!(f, "not a subject: {error}"),
            Self::Refused(error) => error.fmt(f),
            Self::TooLong { max } => write!(f, "the message does not fit into {max} bytes"),
            Self::Full => f.write_str("there is no room for the message now"),
            Self::Disconnected => f.write_str("there is no connection"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(error) => write!(f, "not a filter: {error}"),
            Self::NoSlots => f.write_str("there are no places left for so many messages"),
            Self::Session(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish(error) => return error.fmt(f),
            Self::Subscribe(error) => return error.fmt(f),
            Self::TooMany => "too many requests are waiting for replies",
            Self::NoResponders => "nobody listens to the subject",
            Self::TimedOut => "there was no reply in time",
            Self::Disconnected => "the connection was lost before the reply came",
            Self::ReplyTooLong => "the reply is too long for its place",
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

impl core::error::Error for ConfigError {}
impl core::error::Error for PublishError {}
impl core::error::Error for SubscribeError {}
impl core::error::Error for RequestError {}
impl core::error::Error for FlushError {}
