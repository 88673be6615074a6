//! A clock for each test, which jumps to the next deadline when nothing else is to be done.

use std::cell::Cell;
use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    static SLEEPERS: RefCell<Vec<(u64, Waker)>> = const { RefCell::new(Vec::new()) };
}

struct Clock;

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        NOW.get()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        SLEEPERS.with_borrow_mut(|sleepers| {
            sleepers.retain(|(due, other)| !(other.will_wake(waker) && *due >= at));
            sleepers.push((at, waker.clone()));
        });
    }
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock);

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// The time in milliseconds.
pub(crate) fn now() -> u64 {
    NOW.get()
}

/// Lets time pass in which nobody gets a turn: somebody is busy.
pub(crate) fn pass(millis: u64) {
    NOW.set(NOW.get() + millis);
}

/// Runs a future to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    for _ in 0..10_000_000 {
        if flag.0.swap(false, SeqCst) {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
        } else {
            jump();
        }
    }
    panic!("it goes on for ever");
}

/// To the next deadline.
pub(crate) fn jump() {
    let due = SLEEPERS.with_borrow_mut(|sleepers| {
        let at = sleepers.iter().map(|(at, _)| *at).min().expect("nothing will ever happen");
        NOW.set(at.max(NOW.get()));
        let (due, later) = sleepers.drain(..).partition::<Vec<_>, _>(|(due, _)| *due <= at);
        *sleepers = later;
        due
    });
    due.into_iter().for_each(|(_, waker)| waker.wake());
}
