//! The clock of `embassy-time`: each test's thread has its own, which the checklist moves.

use std::task::Waker;
use std::time::Duration;

use nats_testkit::Clock;

thread_local! {
    static CLOCK: Clock = Clock::new();
}

struct TestClock;

impl embassy_time_driver::Driver for TestClock {
    fn now(&self) -> u64 {
        CLOCK.with(|clock| clock.now().as_millis().try_into().unwrap())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        CLOCK.with(|clock| clock.wake_at(Duration::from_millis(at), waker));
    }
}

embassy_time_driver::time_driver_impl!(static DRIVER: TestClock = TestClock);

/// The clock of this thread.
pub(crate) fn clock() -> Clock {
    CLOCK.with(Clock::clone)
}
