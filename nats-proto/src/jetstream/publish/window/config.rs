//! The configuration of a window, and of a message in it.

use core::time::Duration;

use crate::time::Instant;
use crate::time::Millis;

/// How a [`PublishWindow`](super::PublishWindow) publishes. Times are rounded up to whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WindowConfig {
    pub(super) max_messages: u32,
    pub(super) max_bytes: u32,
    pub(super) ack_wait: Millis,
    /// Within what time of its first attempt a message may be sent again.
    pub(super) resend_within: Millis,
    pub(super) is_ordered: bool,
    pub(super) seed: u32,
}

impl WindowConfig {
    /// 64 messages of one publisher, in order.
    pub const DEFAULT: Self = Self::new(64);

    /// Up to so many messages wait for their outcomes; zero counts as one.
    #[must_use]
    pub const fn new(max_messages: u32) -> Self {
        let max_messages = if max_messages == 0 { 1 } else { max_messages };
        Self {
            max_messages,
            max_bytes: u32::MAX,
            ack_wait: Millis(5_000),
            resend_within: resend_within(Millis(120_000)),
            is_ordered: true,
            seed: 1,
        }
    }

    /// Up to so many bytes of messages wait for their outcomes. No limit by default, but 4 GiB.
    #[must_use]
    pub const fn max_bytes(self, max_bytes: u32) -> Self {
        Self { max_bytes, ..self }
    }

    /// Up to so many messages, with everything else as it is; zero counts as one.
    #[must_use]
    pub const fn max_messages(self, max_messages: u32) -> Self {
        Self { max_messages: if max_messages == 0 { 1 } else { max_messages }, ..self }
    }

    /// How long to wait for an acknowledgement before the message is sent again, if it has an id.
    /// Default 5 s.
    #[must_use]
    pub fn ack_wait(self, ack_wait: Duration) -> Self {
        Self { ack_wait: ack_wait.into(), ..self }
    }

    /// For how long the stream knows an id again (`duplicate_window`). Default 2 min, as nats-server's.
    /// A message is sent again until 10 s before that, or until half of it if that is less than 20 s: it
    /// may be under way for some time. If the stream's window is shorter than what is said here, a message
    /// may be stored twice.
    #[must_use]
    pub fn duplicate_window(self, window: Duration) -> Self {
        Self { resend_within: resend_within(window.into()), ..self }
    }

    /// The messages have nothing to do with each other: each has its own pauses, and one that waits does
    /// not hold up those after it.
    ///
    /// By default, all are for one stream: they are sent in order, and when the stream has no leader or
    /// its server is too busy, all wait.
    #[must_use]
    pub const fn independent(self) -> Self {
        Self { is_ordered: false, ..self }
    }

    /// Where pauses begin to differ from those of other clients. Anything random.
    #[must_use]
    pub const fn seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }
}

const fn resend_within(Millis(window): Millis) -> Millis {
    let margin = if window < 20_000 { window / 2 } else { 10_000 };
    Millis(window - margin)
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A message to publish. `T` is the caller's: the message to send, and the task to notify.
#[derive(Clone, Copy, Debug)]
pub struct WindowMessage<T> {
    pub(super) data: T,
    pub(super) size: u32,
    pub(super) has_id: bool,
    pub(super) deadline: Instant,
    pub(super) retries: u8,
}

impl<T> WindowMessage<T> {
    /// A message of so many bytes, whose outcome is known at `deadline` at the latest. That covers all
    /// of it: waiting for a connection, every attempt, and the answer.
    ///
    /// It is sent once, and not again if it is refused.
    pub const fn new(data: T, size: u32, deadline: Instant) -> Self {
        Self { data, size, has_id: false, deadline, retries: 0 }
    }

    /// The message has an [id](crate::jetstream::PublishHeaders::message_id), so that it is safe to send
    /// it again when its fate is not known: after a lost connection, or without an answer.
    #[must_use]
    pub fn with_id(self) -> Self {
        Self { has_id: true, ..self }
    }

    /// How often to send the message again after the servers have refused it for now: no responders,
    /// there is no leader, or too much to do. The first two times after 250 ms (ADR-22 has that as its
    /// default), then after up to a second. 255 is as often as the deadline allows.
    ///
    /// An election takes five seconds. With a deadline that is longer, and 255, a message survives it.
    #[must_use]
    pub fn retries(self, retries: u8) -> Self {
        Self { retries, ..self }
    }
}
