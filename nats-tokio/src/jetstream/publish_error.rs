//! Why a message has no acknowledgement.

use std::error::Error;
use std::fmt;

use nats_proto::HeaderError;
use nats_proto::SubjectError;
use nats_proto::jetstream::MayBeStored;
use nats_proto::jetstream::NameError;
use nats_proto::jetstream::NotSent;
use nats_proto::jetstream::NotStored;
use nats_proto::jetstream::PublishHeaderError;
use nats_proto::wire::PublishError as Refusal;

use super::error::ApiError;

/// Why a message was not acknowledged, which says whether it may be in the stream all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The message is invalid, or longer than the server takes. Nothing was sent.
    Invalid(InvalidMessage),
    /// It was not sent, and will not be.
    NotSent(NotSent),
    /// It is not in the stream, and will not be.
    #[non_exhaustive]
    NotStored {
        /// Why.
        reason: NotStored,
        /// The server's error, if it is one.
        error: Option<ApiError>,
    },
    /// It is not known whether it is in the stream, or still will be. With an
    /// [id](super::Publish::message_id) it is safe to publish it again.
    #[non_exhaustive]
    MayBeStored {
        /// Why.
        reason: MayBeStored,
        /// The server's error, if it is one.
        error: Option<ApiError>,
    },
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidMessage {
    /// The subject is invalid.
    Subject(SubjectError),
    /// The name of the stream that is expected is invalid.
    Stream(NameError),
    /// A header is invalid.
    Header(HeaderError),
    /// Something asked for cannot be written as a header.
    Option(PublishHeaderError),
    /// The server does not take it.
    Refused(Refusal),
    /// It has an id, or expects a last message, and its publisher gives
    /// [both itself](super::PublisherBuilder::exactly_once).
    Numbered,
    /// It is longer than everything that may be under way at once.
    TooLarge,
}

impl PublishError {
    /// Whether the message may be in the stream all the same: publishing it again may store it twice,
    /// unless it has an id.
    #[must_use]
    pub const fn may_be_stored(&self) -> bool {
        matches!(self, Self::MayBeStored { .. })
    }

    /// The server's error, if that is the reason.
    #[must_use]
    pub const fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::NotStored { error, .. } | Self::MayBeStored { error, .. } => error.as_ref(),
            Self::Invalid(_) | Self::NotSent(_) => None,
        }
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
            Self::NotSent(reason) => write!(f, "not sent: {reason}"),
            Self::NotStored { reason, .. } => write!(f, "not stored: {reason}"),
            Self::MayBeStored { reason, .. } => write!(f, "may be stored: {reason}"),
        }
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::NotSent(_) => None,
            Self::NotStored { error, .. } | Self::MayBeStored { error, .. } => {
                error.as_ref().map(|error| error as _)
            }
        }
    }
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject(_) => "invalid subject",
            Self::Stream(_) => "invalid stream name",
            Self::Header(_) | Self::Option(_) => "invalid header",
            Self::Refused(_) => "the server does not take it",
            Self::Numbered => "its publisher gives ids and expectations itself",
            Self::TooLarge => "longer than all that may be under way",
        })
    }
}

impl Error for InvalidMessage {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Subject(error) => Some(error),
            Self::Stream(error) => Some(error),
            Self::Header(error) => Some(error),
            Self::Option(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::Numbered | Self::TooLarge => None,
        }
    }
}
