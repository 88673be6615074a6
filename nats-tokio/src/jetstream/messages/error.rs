//! Why there are no messages, or what is worth knowing of them.

use std::error::Error;
use std::fmt;

use nats_proto::jetstream::PullConfigError;
use nats_proto::jetstream::PullEndReason;
use nats_proto::jetstream::PullEvent;
use nats_proto::jetstream::PullLimit;

/// Why there are no messages, or that something is worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessagesError {
    /// How messages are to be asked for is invalid.
    InvalidConfig(PullConfigError),
    /// The consumer or its stream was deleted. Messages end here.
    ConsumerDeleted,
    /// The consumer delivers to a subject of its own, and cannot be pulled from. Messages end here.
    PushBased,
    /// The server does not understand the request, or the priority group is missing or wrong. Messages end
    /// here.
    BadRequest,
    /// The server is too old for what was asked for. Messages end here.
    Unsupported,
    /// The client may not ask for messages, or not subscribe to where they come. Messages end here.
    NotPermitted,
    /// The client is closed. Messages end here.
    Closed,
    /// Nothing is heard of the consumer for two heartbeats, and it was not deleted; it is asked again. Told once
    /// until something is.
    Stalled,
    /// The consumer or its stream was deleted, and its return is waited for. Told once until it is there again.
    AwaitingConsumer,
    /// The next message is larger than all bytes that may be held. It is asked for again every 4 s. Told once
    /// until a message comes.
    MessageTooLarge {
        /// How many bytes may be held.
        max_bytes: u32,
    },
    /// The consumer allows less than was asked for; from now on less is.
    Limited(PullLimit),
    /// The consumer delivers nothing until messages are acknowledged: as many are under way as
    /// `max_ack_pending` allows.
    MaxAckPending,
}

impl MessagesError {
    /// Whether messages end here. If not, they go on.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        !matches!(
            self,
            Self::Stalled
                | Self::AwaitingConsumer
                | Self::MessageTooLarge { .. }
                | Self::Limited(_)
                | Self::MaxAckPending
        )
    }

    pub(super) const fn of_event(event: PullEvent) -> Self {
        match event {
            PullEvent::ConsumerDeleted => Self::AwaitingConsumer,
            PullEvent::MessageTooLarge { max_bytes } => Self::MessageTooLarge { max_bytes },
            PullEvent::Limited(limit) => Self::Limited(limit),
            PullEvent::MaxAckPending => Self::MaxAckPending,
            _ => Self::Stalled,
        }
    }

    pub(super) const fn of_end(end: PullEndReason) -> Self {
        match end {
            PullEndReason::PushBased => Self::PushBased,
            PullEndReason::BadRequest => Self::BadRequest,
            PullEndReason::Unsupported => Self::Unsupported,
            PullEndReason::NotPermitted => Self::NotPermitted,
            PullEndReason::Stopped | PullEndReason::Drained => Self::Closed,
            _ => Self::ConsumerDeleted,
        }
    }
}

impl fmt::Display for MessagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidConfig(_) => "invalid configuration",
            Self::ConsumerDeleted => "the consumer is gone",
            Self::PushBased => "the consumer is push based",
            Self::BadRequest => "the server refuses the request",
            Self::Unsupported => "the server is too old",
            Self::NotPermitted => "asking for messages is not permitted",
            Self::AwaitingConsumer => "the consumer is gone, and its return is waited for",
            Self::Closed => "the client is closed",
            Self::Stalled => "nothing is heard of the consumer",
            Self::MessageTooLarge { max_bytes } => {
                return write!(f, "the next message is larger than max_bytes, {max_bytes}");
            }
            Self::Limited(limit) => return write!(f, "the consumer allows less: {limit}"),
            Self::MaxAckPending => "held up by unacknowledged messages: max_ack_pending is reached",
        })
    }
}

impl Error for MessagesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidConfig(error) => Some(error),
            _ => None,
        }
    }
}
