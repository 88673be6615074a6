//! The configuration of a pull consumer.

use core::fmt;
use core::time::Duration;

use crate::time::Millis;

/// How a [`PullConsumer`](super::PullConsumer) asks for messages. Times are rounded up to whole
/// milliseconds.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::jetstream::{PullConfig, PullConfigError};
///
/// assert_eq!(PullConfig::new(100).heartbeat(Duration::from_secs(2)).check(), Ok(()));
/// assert_eq!(PullConfig::new(0).check(), Err(PullConfigError::NoMessages));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PullConfig {
    pub(super) max_messages: u32,
    /// Zero is no limit.
    pub(super) max_bytes: u32,
    pub(super) expires: Millis,
    pub(super) heartbeat: Millis,
    pub(super) awaits_consumer: bool,
    pub(super) unlimited_deliveries: bool,
    pub(in crate::jetstream) seed: u32,
}

/// Why a [`PullConfig`] cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PullConfigError {
    /// No message may come.
    NoMessages,
    /// A pull ends in less than a second.
    ExpiresTooSoon,
    /// The heartbeat is not between a millisecond and half of the time after which a pull ends.
    Heartbeat,
}

impl PullConfig {
    /// At most 500 messages.
    pub const DEFAULT: Self = Self::new(500);

    /// At most so many messages wait for the application, are being worked on, or may still come:
    /// whatever was not [released](super::PullConsumer::release). Half of them, rounded up, have to be
    /// free before more are asked for, unless nothing is to come any more.
    #[must_use]
    pub const fn new(max_messages: u32) -> Self {
        Self {
            max_messages,
            max_bytes: 0,
            expires: Millis(30_000),
            heartbeat: Millis(5_000),
            awaits_consumer: false,
            unlimited_deliveries: false,
            seed: 1,
        }
    }

    /// At most so many bytes, and as many messages as fit into them, up to a million (ADR-37).
    #[must_use]
    pub const fn of_bytes(max_bytes: u32) -> Self {
        Self::new(1_000_000).max_bytes(max_bytes)
    }

    /// At most so many messages, with everything else as it is.
    #[must_use]
    pub const fn max_messages(self, max_messages: u32) -> Self {
        Self { max_messages, ..self }
    }

    /// At most so many bytes wait, or may still come, of [`pulled_size`](crate::jetstream::pulled_size)
    /// each message. A message that is larger cannot be received. Zero, the default, is no limit.
    #[must_use]
    pub const fn max_bytes(self, max_bytes: u32) -> Self {
        Self { max_bytes, ..self }
    }

    /// After how long a pull ends in the server and is made anew; at least a second. Default 30 s.
    #[must_use]
    pub fn expires(self, after: Duration) -> Self {
        Self { expires: after.into(), ..self }
    }

    /// How often the server says that it is alive where there are no messages; after twice as long, and
    /// at least a second, a pull is given up. At most half of [`expires`](Self::expires). Default 5 s, instead of the 15 s
    /// of ADR-37, so that the end of a consumer is noticed after 10 s even if the server does not announce it.
    #[must_use]
    pub fn heartbeat(self, interval: Duration) -> Self {
        Self { heartbeat: interval.into(), ..self }
    }

    /// When the consumer is deleted, wait until there is one by its name again, and ask once a second.
    /// By default, that is [the end](super::PullEndReason::ConsumerDeleted).
    #[must_use]
    pub const fn await_consumer(self) -> Self {
        Self { awaits_consumer: true, ..self }
    }

    /// The consumer delivers a message as often as it takes (`max_deliver` is -1), so that stopping
    /// need not wait for it.
    ///
    /// Where a server has leaf nodes, it serves a pull of the last two seconds without a subscriber to
    /// its replies any more. That uses up deliveries, so a pull that young is not left alone unless this
    /// is set.
    #[must_use]
    pub const fn unlimited_deliveries(self) -> Self {
        Self { unlimited_deliveries: true, ..self }
    }

    /// Where pauses begin to differ from those of other clients. Anything random.
    #[must_use]
    pub const fn seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// The first that cannot be.
    pub const fn check(&self) -> Result<(), PullConfigError> {
        let Self { expires: Millis(expires), heartbeat: Millis(heartbeat), .. } = *self;
        if self.max_messages == 0 {
            return Err(PullConfigError::NoMessages);
        }
        if expires < 1_000 {
            return Err(PullConfigError::ExpiresTooSoon);
        }
        if heartbeat == 0 || heartbeat > expires / 2 {
            return Err(PullConfigError::Heartbeat);
        }
        Ok(())
    }
}

impl Default for PullConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for PullConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMessages => "no room for a message",
            Self::ExpiresTooSoon => "a pull expires in less than a second",
            Self::Heartbeat => {
                "the idle heartbeat is not between 1 ms and half of the expiry of a pull"
            }
        })
    }
}

impl core::error::Error for PullConfigError {}
