//! The end of a fetch.

use crate::jetstream::consume::pull::PullLimit;
use crate::jetstream::consume::status::PullStatus;

/// How a fetch ended. What it [received](super::Fetch::received) is good in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FetchEndReason {
    /// All messages came, or as many as the bytes allow.
    Full,
    /// There are no more messages, or none came in time.
    NoMoreMessages,
    /// The server did not say a word in time: neither about the pull, nor whether there is such a consumer.
    TimedOut,
    /// The connection was lost, or there was none.
    Disconnected,
    /// The consumer has moved to another server, or its server shuts down. Fetch again.
    Interrupted,
    /// The next message is larger than what was left of the bytes.
    MessageTooLarge,
    /// The consumer allows less than was asked for.
    Limited(PullLimit),
    /// Too many pulls wait already.
    MaxWaiting,
    /// The consumer or its stream was deleted.
    ConsumerDeleted,
    /// The consumer delivers to a subject of its own.
    PushBased,
    /// The server does not understand the pull (400), or a group is missing or wrong.
    BadRequest,
    /// The server is too old for what was asked for (412).
    Unsupported,
    /// Another client is pinned.
    NotPinned,
    /// The client may not ask for messages, or not subscribe to where they come.
    NotPermitted,
    /// Nobody answers for the consumer: it has no leader at present, or there is none and CONSUMER.INFO is
    /// not answered either.
    NoResponders,
    /// The server said something that is not known here.
    Other,
}

impl FetchEndReason {
    pub(super) const fn new(status: PullStatus<'_>) -> Self {
        match status {
            PullStatus::NoMessages
            | PullStatus::RequestTimeout
            | PullStatus::RequestsPending
            | PullStatus::EndOfBatch => Self::NoMoreMessages,
            PullStatus::BatchCompleted => Self::Full,
            PullStatus::InterestExpired
            | PullStatus::LeadershipChange
            | PullStatus::ServerShutdown => Self::Interrupted,
            PullStatus::MessageTooLarge => Self::MessageTooLarge,
            PullStatus::MaxRequestBatch(most) => Self::Limited(PullLimit::Batch(most)),
            PullStatus::MaxRequestBytes(most) => Self::Limited(PullLimit::Bytes(most)),
            PullStatus::MaxRequestExpires(most) => Self::Limited(PullLimit::ExpiresMillis(most)),
            PullStatus::MaxWaiting => Self::MaxWaiting,
            PullStatus::ConsumerDeleted => Self::ConsumerDeleted,
            PullStatus::PushBased => Self::PushBased,
            PullStatus::BadRequest(_) => Self::BadRequest,
            PullStatus::RequiredApiLevel => Self::Unsupported,
            PullStatus::PinIdMismatch => Self::NotPinned,
            PullStatus::NoResponders | PullStatus::TooManyRequests => Self::NoResponders,
            PullStatus::Heartbeat | PullStatus::Other(_) => Self::Other,
        }
    }
}
