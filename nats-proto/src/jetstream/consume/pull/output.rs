//! The outputs and events of the state machines for pulls.

use core::fmt;

use crate::jetstream::consume::inbox::InboxId;
use crate::jetstream::consume::inbox::PullId;
use crate::jetstream::consume::request::PullRequest;
use crate::time::Millis;

/// What a [`PullConsumer`](super::PullConsumer) wants done.
///
/// Whatever goes to the server goes on the present connection, and never on the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PullOutput {
    /// Subscribe to the inbox. The pulls that use it follow.
    Subscribe(InboxId),
    /// Unsubscribe from the inbox, and go on passing on what still comes until the server has confirmed
    /// that ([`Session::drain_subscription`](crate::session::Session::drain_subscription)).
    Unsubscribe(InboxId),
    /// Send the pull.
    Pull(Pull),
    /// Send PING, and call [`handle_pong`](super::PullConsumer::handle_pong) at its PONG.
    Ping,
    /// Find out whether the connection is alive, with PING and a short time for PONG: nothing has come
    /// for so long that it may not be.
    Probe,
    /// Ask for the consumer's state (CONSUMER.INFO), and pass the answer to
    /// [`handle_info`](super::PullConsumer::handle_info). No answer is fine.
    RequestInfo,
    /// Pass the event to the application.
    Event(PullEvent),
    /// Nothing will be asked for any more. What was delivered is still good. Emitted once, as the last output.
    End(PullEndReason),
}

/// A pull to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Pull {
    /// What its reply subject is made of.
    pub id: PullId,
    /// How many messages.
    pub batch: u32,
    /// How many bytes; zero is no limit.
    pub max_bytes: u32,
    /// Whether the id of the last pin goes with it.
    pub is_pinned: bool,
    /// Whether it ends when nothing is there.
    pub no_wait: bool,
    pub(in crate::jetstream) expires: Millis,
    pub(in crate::jetstream) heartbeat: Millis,
}

impl Pull {
    /// The body of the request. What belongs to a priority group is up to the caller: the group, and
    /// the id of the pin if [`is_pinned`](Self::is_pinned).
    #[must_use]
    pub const fn request(&self) -> PullRequest<'static> {
        let request = PullRequest::new(self.batch).max_bytes(self.max_bytes);
        let request = request.times(self.expires, self.heartbeat);
        if self.no_wait { request.no_wait() } else { request }
    }

    /// After how many milliseconds it ends in the server; zero is never.
    #[must_use]
    pub const fn expires_millis(&self) -> u32 {
        self.expires.0
    }

    /// After how many milliseconds without a message the server says that it is alive; zero is never.
    #[must_use]
    pub const fn heartbeat_millis(&self) -> u32 {
        self.heartbeat.0
    }
}

/// What to do with a message.
///
/// Exhaustive on purpose: a driver has to act on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Handling {
    /// It is the application's, and counts until it is released.
    Deliver,
    /// It came too late or is one too many: give it back, with a
    /// [`Nak`](crate::jetstream::AckKind::Nak). It does not count.
    Nak,
}

/// What an application may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PullEvent {
    /// Nothing came for twice the heartbeat, so another pull was made, and the consumer was not deleted, as
    /// far as the answer to CONSUMER.INFO says, or its absence for 2 s. Emitted once, until something comes.
    Stalled,
    /// The consumer or its stream was deleted, and is waited for
    /// ([`PullConfig::await_consumer`](super::PullConfig::await_consumer)). Emitted once, until it is there
    /// again.
    ConsumerDeleted,
    /// The next message is larger than all the bytes that may wait. It is asked for every 4 s. Emitted
    /// once, until something comes.
    MessageTooLarge {
        /// How many bytes may wait.
        max_bytes: u32,
    },
    /// The consumer allows less than was asked for, and from now on no more is. Emitted once for each kind
    /// and value.
    Limited(PullLimit),
    /// The consumer delivers nothing until messages are acknowledged (`max_ack_pending`). Emitted once,
    /// until something comes.
    MaxAckPending,
}

/// A limit of a consumer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PullLimit {
    /// So many messages in a pull (`max_batch`).
    Batch(u32),
    /// So many bytes in a pull (`max_bytes`).
    Bytes(u32),
    /// A pull of so many milliseconds (`max_expires`).
    ExpiresMillis(u32),
}

impl fmt::Display for PullLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(most) => write!(f, "max_batch is {most}"),
            Self::Bytes(most) => write!(f, "max_bytes is {most}"),
            Self::ExpiresMillis(most) => write!(f, "max_expires is {most} ms"),
        }
    }
}

/// Why a consumer asks for nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PullEndReason {
    /// [`stop`](super::PullConsumer::stop).
    Stopped,
    /// [`drain`](super::PullConsumer::drain).
    Drained,
    /// The consumer or its stream was deleted.
    ConsumerDeleted,
    /// The consumer delivers to a subject of its own.
    PushBased,
    /// The server does not understand the pull (400), or a group is missing or wrong.
    BadRequest,
    /// The server is too old for what was asked for (412).
    Unsupported,
    /// The client may not ask for messages.
    NotPermitted,
}

/// What an answer to CONSUMER.INFO comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ConsumerState {
    /// There is such a consumer.
    Exists {
        /// Whether it waits for acknowledgements:
        /// [`ConsumerInfo::reached_max_ack_pending`](crate::jetstream::ConsumerInfo::reached_max_ack_pending).
        reached_max_ack_pending: bool,
    },
    /// There is no such consumer, or no such stream
    /// ([`ErrorClass::NotFound`](crate::jetstream::ErrorClass::NotFound)).
    NotFound,
    /// The answer is another error, or none at all.
    Unknown,
    /// The client may not ask. It is not asked to again.
    NotPermitted,
}
