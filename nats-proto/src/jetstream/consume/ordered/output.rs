//! What goes into an ordered consumer and what comes out of it.

use crate::jetstream::consume::info::SequenceInfo;
use crate::jetstream::consume::pull::PullEndReason;
use crate::jetstream::consume::pull::PullOutput;
use crate::jetstream::time::Timestamp;

/// With which message a consumer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DeliverPolicy {
    /// The first one of the stream.
    All,
    /// The last one.
    Last,
    /// The last one of each subject.
    LastPerSubject,
    /// The first one that is stored after the consumer was created.
    New,
    /// The first one with this sequence number or a higher one.
    ByStartSequence(u64),
    /// The first one that was stored at this time or later.
    ByStartTime(Timestamp),
}

/// What an [`OrderedConsumer`](super::OrderedConsumer) wants done.
///
/// Whatever goes to the server goes on the present connection, and never on the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OrderedOutput {
    /// Create a consumer (CONSUMER.CREATE), and pass the answer to
    /// [`handle_created`](super::OrderedConsumer::handle_created) or
    /// [`handle_create_failed`](super::OrderedConsumer::handle_create_failed).
    Create {
        /// Its number, for its name.
        serial: u32,
        /// Where it begins.
        policy: DeliverPolicy,
    },
    /// Delete a consumer (CONSUMER.DELETE). The answer is of no account.
    Delete {
        /// Its number.
        serial: u32,
    },
    /// Ask for the consumer's state (CONSUMER.INFO), and pass the answer to
    /// [`handle_info`](super::OrderedConsumer::handle_info). No answer is fine.
    RequestInfo {
        /// Its number.
        serial: u32,
    },
    /// What the present consumer's pulls want: an inbox, a pull, a probe, or an event.
    Pull(PullOutput),
    /// Another consumer will be created.
    Event(OrderedEvent),
    /// Nothing will be asked for any more. What was handed out is still good. Emitted once, as the last
    /// output.
    End(OrderedEndReason),
}

/// Why another consumer is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OrderedEvent {
    /// A delivery did not arrive.
    Gap,
    /// The consumer is gone.
    ConsumerDeleted,
    /// Nothing is heard of the consumer.
    Stalled,
}

/// Why nothing is asked for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OrderedEndReason {
    /// [`stop`](super::OrderedConsumer::stop).
    Stopped,
    /// The stream was deleted, and the end was wished for in that case.
    StreamDeleted,
    /// The server has refused to create the first consumer, or does not understand a pull.
    Refused,
    /// The server is too old for what was asked for.
    Unsupported,
    /// The client may not create consumers, or not ask for messages.
    NotPermitted,
}

impl OrderedEndReason {
    pub(super) const fn of_pull(reason: PullEndReason) -> Self {
        match reason {
            PullEndReason::Unsupported => Self::Unsupported,
            PullEndReason::NotPermitted => Self::NotPermitted,
            PullEndReason::Stopped | PullEndReason::Drained => Self::Stopped,
            _ => Self::Refused,
        }
    }
}

/// What to do with a message.
///
/// Exhaustive on purpose: a driver has to act on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum OrderedHandling {
    /// It is the application's, and counts until it is released.
    Deliver,
    /// It is not the next one. It does not count.
    Drop,
}

/// Why a consumer could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CreateFailure {
    /// There is no such stream.
    StreamNotFound,
    /// Not now: no answer, no leader, no JetStream, too many consumers, a name that is in use.
    Unavailable,
    /// The configuration is invalid.
    Refused,
    /// The client may not ask.
    NotPermitted,
}

/// What an answer to CONSUMER.INFO comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OrderedInfo {
    /// There is such a consumer, and it has delivered so much.
    Exists(SequenceInfo),
    /// There is no such consumer.
    NotFound,
    /// The answer is another error.
    Unknown,
    /// The client may not ask.
    NotPermitted,
}
