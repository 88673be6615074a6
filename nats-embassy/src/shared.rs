//! What the tasks of a client share.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Context;
use core::task::Poll;

use embassy_sync::blocking_mutex::Mutex;
use embassy_time::Timer;
use nats_proto::Instant;

use crate::resources::sealed::Sizes;
use crate::state::State;

/// The state, held for moments only.
pub(crate) struct Shared<'d, R: Sizes<'d>> {
    state: Mutex<R::Raw, RefCell<State<'d, R>>>,
}

impl<'d, R: Sizes<'d>> Shared<'d, R> {
    pub(crate) const fn new(state: State<'d, R>) -> Self {
        Self { state: Mutex::new(RefCell::new(state)) }
    }

    pub(crate) fn lock<T>(&self, f: impl FnOnce(&mut State<'d, R>) -> T) -> T {
        self.state.lock(|state| f(&mut state.borrow_mut()))
    }

    /// Waits until `f` has a result. It is asked whenever something has changed for everybody.
    ///
    /// Not an async fn, which would have `f` twice.
    pub(crate) fn wait<T>(
        &self,
        mut f: impl FnMut(&mut State<'d, R>) -> Option<T>,
    ) -> impl Future<Output = T> {
        poll_fn(move |cx| {
            self.lock(|state| match f(state) {
                Some(value) => Poll::Ready(value),
                None => {
                    state.waiters.register(cx.waker());
                    Poll::Pending
                }
            })
        })
    }
}

/// The time.
pub(crate) fn now() -> Instant {
    Instant::from_millis(embassy_time::Instant::now().as_millis())
}

/// Has the task woken at `deadline`, if not before.
pub(crate) fn wake_at(deadline: Instant, cx: &mut Context<'_>) {
    let deadline = embassy_time::Instant::from_millis(deadline.as_millis());
    // It only schedules, and need not be kept.
    let mut timer = core::pin::pin!(Timer::at(deadline));
    let _ = Future::poll(timer.as_mut(), cx);
}
