//! Why nothing more is fetched.

use core::error::Error;
use core::fmt;

use nats_proto::jetstream::FetchEndReason;

use crate::error::PublishError;
use crate::error::SubscribeError;

/// Why a fetch has ended, other than by its number of messages, its time, or for want of more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FetchError {
    /// All slots of the consumer have messages that the application did not drop.
    NoSlots,
    /// The inbox could not be subscribed to.
    Subscribe(SubscribeError),
    /// Messages could not be asked for: with names and prefix, that is longer than half of `TX`, or than
    /// 192 bytes.
    Publish(PublishError),
    /// The server, or its silence, ended it.
    Ended(FetchEndReason),
    /// The client is closed or draining.
    Closed,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlots => "all slots are taken by messages that were not dropped",
            Self::Subscribe(_) => "the inbox could not be subscribed to",
            Self::Publish(_) => "messages could not be asked for",
            Self::Ended(end) => describe(*end),
            Self::Closed => "the client is closed or draining",
        })
    }
}

const fn describe(end: FetchEndReason) -> &'static str {
    match end {
        FetchEndReason::TimedOut => "no answer in time",
        FetchEndReason::Disconnected => "the connection is lost",
        FetchEndReason::Interrupted => "the consumer has moved to another server",
        FetchEndReason::Limited(_) => "the consumer allows less than was asked for",
        FetchEndReason::MaxWaiting => "too many pulls are waiting",
        FetchEndReason::ConsumerDeleted => "there is no such consumer",
        FetchEndReason::PushBased => "the consumer delivers to a subject of its own",
        FetchEndReason::BadRequest => "the server does not understand the pull",
        FetchEndReason::Unsupported => "the server is too old",
        FetchEndReason::NotPermitted => "fetching is not permitted",
        FetchEndReason::NoResponders => "nobody answers for the consumer",
        _ => "the server ended it",
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Subscribe(error) => Some(error),
            Self::Publish(error) => Some(error),
            Self::NoSlots | Self::Ended(_) | Self::Closed => None,
        }
    }
}
