//! The time, in milliseconds here and in ticks there.

use core::task::Context;
use core::time::Duration;

use embassy_time::TICK_HZ;
use embassy_time::Timer;
use nats_proto::Instant;

/// How long to wait, at most: a [`Duration`] of `embassy-time` or of `core`.
///
/// What is longer than the clock can count is forever. Fractions of a millisecond are rounded up.
///
/// ```
/// use nats_embassy::Timeout;
///
/// let second = Timeout::from(embassy_time::Duration::from_secs(1));
/// assert_eq!(second, core::time::Duration::from_secs(1).into());
/// assert_eq!(Timeout::from(embassy_time::Duration::MAX), core::time::Duration::MAX.into());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timeout {
    millis: u64,
}

impl Timeout {
    /// When it is over, if it begins now.
    pub(crate) fn deadline(self) -> Instant {
        self.after(now())
    }

    /// When it is over, if it begins then.
    pub(crate) const fn after(self, start: Instant) -> Instant {
        Instant::from_millis(start.as_millis().saturating_add(self.millis))
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self { millis: (Instant::from_millis(0) + duration).as_millis() }
    }
}

impl From<embassy_time::Duration> for Timeout {
    fn from(duration: embassy_time::Duration) -> Self {
        Self { millis: Rate::<TICK_HZ>::millis_up(duration.as_ticks()) }
    }
}

/// A moment that never comes.
pub(crate) const NEVER: Instant = Instant::from_millis(u64::MAX);

/// The time.
pub(crate) fn now() -> Instant {
    Instant::from_millis(Rate::<TICK_HZ>::millis(embassy_time::Instant::now().as_ticks()))
}

/// Has the task woken at `deadline`, if not before.
pub(crate) fn wake_at(deadline: Instant, cx: &mut Context<'_>) {
    let ticks = Rate::<TICK_HZ>::ticks(deadline.as_millis());
    // It only schedules, and need not be kept.
    let mut timer = core::pin::pin!(Timer::at(embassy_time::Instant::from_ticks(ticks)));
    let _ = Future::poll(timer.as_mut(), cx);
}

/// A clock of so many ticks a second. All that makes one unit into the other is here, and ends at the
/// largest number instead of beginning anew.
struct Rate<const HZ: u64>;

impl<const HZ: u64> Rate<HZ> {
    const COMMON: u64 = common_divisor(HZ, 1000);
    /// So many ticks are so many milliseconds.
    const TICKS: u64 = HZ / Self::COMMON;
    const MILLIS: u64 = 1000 / Self::COMMON;

    /// In ticks, rounded up: woken before its time, a task would look again and again until it comes.
    const fn ticks(millis: u64) -> u64 {
        match millis.checked_mul(Self::TICKS) {
            Some(ticks) => ticks.div_ceil(Self::MILLIS),
            None => u64::MAX,
        }
    }

    /// In milliseconds, of which the last one has begun.
    const fn millis(ticks: u64) -> u64 {
        match ticks.checked_mul(Self::MILLIS) {
            Some(millis) => millis / Self::TICKS,
            None => u64::MAX,
        }
    }

    /// In milliseconds, rounded up.
    const fn millis_up(ticks: u64) -> u64 {
        match ticks.checked_mul(Self::MILLIS) {
            // What never ends does not end in any unit.
            Some(u64::MAX) | None => u64::MAX,
            Some(millis) => millis.div_ceil(Self::TICKS),
        }
    }
}

const fn common_divisor(first: u64, second: u64) -> u64 {
    if second == 0 { first } else { common_divisor(second, first % second) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against numbers of 128 bits.
    fn check<const HZ: u64>() {
        let least = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        let around = [0, 1, 7, 999, 1000, 1001, 32_768, 86_400_000, 1 << 40];
        let edges = (0..64).map(|shift| u64::MAX >> shift);
        let most = [u64::MAX / HZ, u64::MAX / 1000]
            .into_iter()
            .flat_map(|at| at - 2..=at.saturating_add(2));
        for value in around.into_iter().chain(edges).chain(most) {
            let (wide, hz) = (u128::from(value), u128::from(HZ));
            let ticks = Rate::<HZ>::ticks(value);
            let expected = least((wide * hz).div_ceil(1000));
            // It may end sooner than there is need to, never later, and long after any device.
            assert!(ticks == expected || (ticks == u64::MAX && value >= 1 << 44), "{HZ} {value}");
            let millis = Rate::<HZ>::millis(value);
            let expected = least(wide * 1000 / hz);
            assert!(millis == expected || (millis == u64::MAX && value >= 1 << 54), "{HZ} {value}");
            let up = Rate::<HZ>::millis_up(value);
            let expected = least((wide * 1000).div_ceil(hz));
            assert!(up == expected || (up == u64::MAX && value >= 1 << 54), "{HZ} {value}");
            if ticks < u64::MAX {
                assert!(Rate::<HZ>::millis(ticks) >= value, "woken too early: {HZ} {value}");
            }
        }
        assert!(HZ < 1000 || Rate::<HZ>::ticks(u64::MAX) == u64::MAX);
        assert_eq!(Rate::<HZ>::millis_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn no_time_is_too_long_for_any_clock() {
        check::<1>();
        check::<1_000>();
        check::<32_768>();
        check::<1_000_000>();
        check::<1_000_000_000>();
    }

    #[test]
    fn for_ever_is_for_ever() {
        for timeout in [
            Timeout::from(Duration::MAX),
            Timeout::from(Duration::from_millis(u64::MAX)),
            Timeout::from(embassy_time::Duration::MAX),
        ] {
            assert_eq!(timeout.millis, u64::MAX);
        }
    }
}
