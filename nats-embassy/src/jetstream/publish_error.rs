//! Why a message has no acknowledgement.

use core::error::Error;
use core::fmt;

use nats_proto::SubjectError;
use nats_proto::jetstream::MayBeStored;
use nats_proto::jetstream::NotSent;
use nats_proto::jetstream::NotStored;
use nats_proto::jetstream::PublishHeaderError;

use crate::error::SubscribeError;

/// Why a message was not acknowledged, which says whether it may be in the stream all the same.
///
/// | what becomes of it | with an id | without |
/// |---|---|---|
/// | it is stored, and acknowledged | [`PublishAck`](super::PublishAck) | the same |
/// | it is invalid, or does not fit | [`Invalid`](Self::Invalid) | the same |
/// | there are too many requests | [`TooMany`](Self::TooMany) | the same |
/// | there is no room for the subscription to acknowledgements | [`Subscribe`](Self::Subscribe) | the same |
/// | the stream refuses it | [`NotStored`](Self::NotStored) | the same |
/// | there are no responders, or too many requests | sent again as often as [`retries`](super::Publishing::retries) says, then [`NotStored`](Self::NotStored) | the same |
/// | there is no connection, or no room, in time | [`NotSent`](Self::NotSent) | the same |
/// | the connection is lost before it left | sent again on the next one | the same |
/// | the connection is lost, or there is no answer | sent again, then [`MayBeStored`](Self::MayBeStored) | [`MayBeStored`](Self::MayBeStored) |
/// | the server does not permit the subject | [`NotStored`](Self::NotStored) | the same |
/// | the client drains or is closed | [`NotSent`](Self::NotSent) or [`MayBeStored`](Self::MayBeStored) | the same |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PublishError {
    /// The message is invalid, or longer than what can be sent. Nothing was sent.
    Invalid(InvalidMessage),
    /// Too many requests wait for their replies: a message that is published to a stream is one of the
    /// `REQS` of [`Resources`](crate::Resources), and a [`Link`](crate::Link) has one at a time. Nothing was
    /// sent.
    TooMany,
    /// There is no subscription for acknowledgements. Nothing was sent.
    Subscribe(SubscribeError),
    /// It was not sent, and will not be.
    NotSent(NotSent),
    /// It is not in the stream, and will not be.
    NotStored(NotStored),
    /// It is not known whether it is in the stream, or still will be. With an
    /// [id](super::Publishing::message_id) it is safe to publish it again.
    MayBeStored(MayBeStored),
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InvalidMessage {
    /// The subject is invalid.
    Subject(SubjectError),
    /// The id is invalid, or is longer with the other headers than 256 bytes.
    MessageId(PublishHeaderError),
    /// It cannot be published.
    Publish(crate::error::PublishError),
}

impl PublishError {
    /// Whether the message may be in the stream all the same: publishing it again may store it twice,
    /// unless it has an id.
    #[must_use]
    pub const fn may_be_stored(self) -> bool {
        matches!(self, Self::MayBeStored(_))
    }
}

impl From<InvalidMessage> for PublishError {
    fn from(error: InvalidMessage) -> Self {
        Self::Invalid(error)
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(_) => f.write_str("invalid message"),
            Self::TooMany => f.write_str("too many requests are waiting for replies"),
            Self::Subscribe(_) => f.write_str("there is no subscription for acknowledgements"),
            Self::NotSent(reason) => write!(f, "not sent: {reason}"),
            Self::NotStored(reason) => write!(f, "not stored: {reason}"),
            Self::MayBeStored(reason) => write!(f, "may be stored: {reason}"),
        }
    }
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject(_) => "invalid subject",
            Self::MessageId(_) => "invalid message id",
            Self::Publish(_) => "it cannot be published",
        })
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Subscribe(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for InvalidMessage {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Subject(error) => Some(error),
            Self::MessageId(error) => Some(error),
            Self::Publish(error) => Some(error),
        }
    }
}
