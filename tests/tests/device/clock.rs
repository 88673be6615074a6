//! The clock of tests: Tokio's.

use std::sync::LazyLock;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

struct Clock;

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        u64::try_from(START.elapsed().as_millis()).unwrap()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        let waker = waker.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until((*START + Duration::from_millis(at)).into()).await;
            waker.wake();
        });
    }
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock);
