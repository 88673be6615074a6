//! A clock reading, without a clock.

use core::ops::Add;
use core::time::Duration;

/// A moment on the caller's monotonic clock, in milliseconds since whenever the caller likes.
///
/// The core never asks what time it is: every call that depends on time takes an `Instant`. Any
/// monotonic clock serves (`embassy_time`, `std::time`, a counter in a test). Sums saturate, so no
/// duration is too long.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::Instant;
///
/// let boot = Instant::from_millis(0);
/// let later = boot + Duration::from_secs(2);
/// assert_eq!(later.as_millis(), 2_000);
/// assert_eq!(later.since(boot), Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The moment `millis` milliseconds after the clock's origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Rounds up to a whole millisecond: a deadline is never early.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

/// A length of time in milliseconds. The longest one, 49 days, never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Millis(pub(crate) u32);

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(u32::try_from(millis(duration)).unwrap_or(u32::MAX))
    }
}

impl Add<Millis> for Instant {
    type Output = Self;

    fn add(self, Millis(millis): Millis) -> Self {
        if millis == u32::MAX { Self(u64::MAX) } else { Self(self.0.saturating_add(millis.into())) }
    }
}

/// How many milliseconds that is, rounded up.
///
/// [`Duration::as_millis`] calculates in 128 bits, and a [`Duration`] is made with a division of 64:
/// half a kilobyte of a microcontroller's library. So the core calculates in milliseconds.
fn millis(duration: Duration) -> u64 {
    let part = duration.subsec_nanos().div_ceil(1_000_000);
    let whole = duration.as_secs().min(u64::MAX / 1_000 - 1);
    if whole < duration.as_secs() { u64::MAX } else { whole * 1_000 + u64::from(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_round_up_and_saturate() {
        let start = Instant::from_millis(10);
        assert_eq!(start + Duration::from_nanos(1), Instant::from_millis(11));
        assert_eq!(start + Duration::from_millis(5), Instant::from_millis(15));
        assert_eq!(start + Duration::MAX, Instant::from_millis(u64::MAX));
        assert_eq!(start.since(Instant::from_millis(20)), Duration::ZERO);
        assert_eq!(start + Millis::from(Duration::from_nanos(1)), Instant::from_millis(11));
        assert_eq!(start + Millis::from(Duration::MAX), Instant::from_millis(u64::MAX));
    }
}
