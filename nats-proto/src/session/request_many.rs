//! Requests with more than one reply (ADR-47).

#[cfg(test)]
mod tests;

use core::time::Duration;

use crate::status::StatusCode;
use crate::time::Instant;
use crate::time::Millis;

/// When a request with several replies has got all of them. Whatever comes first ends it.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::ReplyLimits;
///
/// // All replies within two seconds, until there is none for 300 ms.
/// let limits = ReplyLimits::within(Duration::from_secs(2)).stall(Duration::from_millis(300));
/// // The first three.
/// let limits = limits.max_messages(3);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ReplyLimits {
    /// How long to wait in all.
    pub total: Duration,
    /// How long to wait for the next reply, from the first one on; `None` is as long as `total` allows.
    pub stall: Option<Duration>,
    /// How many replies there are to be; `None` is any number, zero ends the request at once.
    pub max_messages: Option<u64>,
    /// Whether a reply without payload says that it was the last one. It is not delivered.
    pub sentinel: bool,
}

impl ReplyLimits {
    /// All replies that come within `total`.
    #[must_use]
    pub const fn within(total: Duration) -> Self {
        Self { total, stall: None, max_messages: None, sentinel: false }
    }

    /// Ends the request when no reply has come for so long. That counts from the first one on: until
    /// then, only the whole time does.
    #[must_use]
    pub const fn stall(mut self, stall: Duration) -> Self {
        self.stall = Some(stall);
        self
    }

    /// Ends the request after so many replies. With zero it ends at once.
    #[must_use]
    pub const fn max_messages(mut self, max: u64) -> Self {
        self.max_messages = Some(max);
        self
    }

    /// Ends the request at a reply without payload, which is not delivered.
    #[must_use]
    pub const fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }
}

/// Why there are no more replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RepliesEndReason {
    /// As many came as were wanted.
    MaxReached,
    /// A reply without payload said that it was the last one.
    Sentinel,
    /// The next one took too long.
    Stalled,
    /// The whole time is over.
    TimedOut,
    /// No responders: the subject has no subscriber.
    NoResponders,
    /// A reply without payload had this status in its headers.
    Status(StatusCode),
}

/// A request with several replies, from when it is sent until it has got all of them.
///
/// It has no clock: it gets the time as an argument, and returns when it needs it next.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::{Instant, RepliesEndReason, ReplyLimits, RequestMany};
///
/// let now = Instant::from_millis(0);
/// let limits = ReplyLimits::within(Duration::from_secs(2)).stall(Duration::from_millis(300));
/// let mut request = RequestMany::new(limits, now);
/// let now = Instant::from_millis(1_000);
/// assert!(request.handle_reply(false, None, now)); // to be delivered
/// let stall = request.poll_timeout().unwrap();
/// assert_eq!(stall, Instant::from_millis(1_300));
/// request.handle_timeout(stall);
/// assert_eq!(request.ended(), Some(RepliesEndReason::Stalled));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestMany {
    deadline: Instant,
    /// From the first reply on.
    stalled: Instant,
    stall: Option<Millis>,
    left: Option<u64>,
    sentinel: bool,
    ended: Option<RepliesEndReason>,
}

/// What never comes.
const NEVER: Instant = Instant::from_millis(u64::MAX);

impl RequestMany {
    /// A request that is made now.
    #[must_use]
    pub fn new(limits: ReplyLimits, now: Instant) -> Self {
        let ReplyLimits { total, stall, max_messages, sentinel } = limits;
        Self {
            deadline: now + total,
            stalled: NEVER,
            stall: stall.map(Millis::from),
            left: max_messages,
            sentinel,
            ended: (max_messages == Some(0)).then_some(RepliesEndReason::MaxReached),
        }
    }

    /// A reply came: whether it `is_empty`, headers not counted, and the status in its headers.
    /// Returns whether it is to be delivered. Ask [`ended`](Self::ended) whether there are more.
    ///
    /// A status in a reply without payload is never from an application, and ends the request.
    /// A reply that is here counts, even if it comes late.
    pub fn handle_reply(
        &mut self,
        is_empty: bool,
        status: Option<StatusCode>,
        now: Instant,
    ) -> bool {
        if self.ended.is_some() {
            return false;
        }
        if is_empty {
            self.ended = match status {
                Some(StatusCode::NO_RESPONDERS) => Some(RepliesEndReason::NoResponders),
                Some(status) => Some(RepliesEndReason::Status(status)),
                None if self.sentinel => Some(RepliesEndReason::Sentinel),
                None => None,
            };
            if self.ended.is_some() {
                return false;
            }
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.ended = Some(RepliesEndReason::MaxReached);
            }
        }
        if let Some(stall) = self.stall {
            self.stalled = now + stall;
        }
        true
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` if it is over, or never times out.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let next = self.deadline.min(self.stalled);
        (self.ended.is_none() && next != NEVER).then_some(next)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        if now >= self.deadline {
            self.ended = Some(RepliesEndReason::TimedOut);
        } else if now >= self.stalled {
            self.ended = Some(RepliesEndReason::Stalled);
        }
    }

    /// Why there are no more replies, if it is over.
    #[must_use]
    pub const fn ended(&self) -> Option<RepliesEndReason> {
        self.ended
    }
}

impl core::fmt::Display for RepliesEndReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::MaxReached => "maximum of replies reached",
            Self::Sentinel => "sentinel received",
            Self::Stalled => "no further reply in time",
            Self::TimedOut => "timed out",
            Self::NoResponders => "no responders",
            Self::Status(status) => return write!(f, "a reply had status {status}"),
        })
    }
}
