//! A clock that moves when it is told to.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use crate::sync::lock;

/// A clock that stands still until it is moved. Its clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use nats_testkit::Clock;
///
/// let clock = Clock::new();
/// assert_eq!(clock.now(), Duration::ZERO);
/// clock.set(Duration::from_secs(3600));
/// assert_eq!(clock.now(), Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Duration,
    sleepers: Vec<(Duration, Waker)>,
}

impl Clock {
    /// A clock at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time since the clock's beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        lock(&self.0).now
    }

    /// Moves the clock to `now`, and wakes everything that was due until then. Time does not go
    /// backwards: an earlier one changes nothing.
    pub fn set(&self, now: Duration) {
        let mut state = lock(&self.0);
        state.now = state.now.max(now);
        let now = state.now;
        let due: Vec<_> = state.sleepers.extract_if(.., |(at, _)| *at <= now).collect();
        drop(state);
        for (_, waker) in due {
            waker.wake();
        }
    }

    /// Wakes `waker` once it is `at`, which may be now.
    pub fn wake_at(&self, at: Duration, waker: &Waker) {
        let mut state = lock(&self.0);
        if at <= state.now {
            drop(state);
            return waker.wake_by_ref();
        }
        // One that is due earlier wakes the same task.
        state.sleepers.retain(|(due, other)| !(other.will_wake(waker) && *due >= at));
        state.sleepers.push((at, waker.clone()));
    }

    /// Waits until it is `at`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn sleep_until(&self, at: Duration) -> Sleep {
        Sleep { clock: self.clone(), at }
    }

    /// When the next sleeper is to be woken.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        lock(&self.0).sleepers.iter().map(|(at, _)| *at).min()
    }
}

/// A time to come, made by [`Clock::sleep_until`]: await it.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    clock: Clock,
    at: Duration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.at {
            return Poll::Ready(());
        }
        self.clock.wake_at(self.at, cx.waker());
        Poll::Pending
    }
}
