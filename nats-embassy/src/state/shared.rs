//! What the tasks of a client share.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Context;
use core::task::Poll;
use core::time::Duration;

use embassy_sync::blocking_mutex::Mutex;
use nats_proto::wire::Publish;

use crate::error::PublishError;
use crate::state::State;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::time::wake_at;
use crate::wakers::Turn;

/// How long a task sleeps, at most, that waits for something and has no slot.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The state, held for moments only.
pub(crate) struct Shared<'d, R: Sizes<'d>> {
    state: Mutex<R::Raw, RefCell<State<'d, R>>>,
}

impl<'d, R: Sizes<'d>> Shared<'d, R> {
    pub(crate) const fn new(state: State<'d, R>) -> Self {
        Self { state: Mutex::new(RefCell::new(state)) }
    }

    /// Runs `f` with the state locked, then wakes the tasks that it concerns.
    pub(crate) fn lock<T>(&self, f: impl FnOnce(&mut State<'d, R>) -> T) -> T {
        let (value, has_due) = self.state.lock(|state| {
            let mut state = state.borrow_mut();
            (f(&mut state), state.has_due())
        });
        if has_due {
            self.wake_due();
        }
        value
    }

    #[inline(never)]
    fn wake_due(&self) {
        while let Some(waker) = self.state.lock(|state| state.borrow_mut().take_due()) {
            waker.wake();
        }
    }

    /// Ready when `f` has a result. It is called whenever something has changed for all tasks.
    pub(crate) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut State<'d, R>) -> Option<T>,
    ) -> Poll<T> {
        let result = self.lock(|state| f(state).ok_or_else(|| state.waiters.register(cx.waker())));
        match result {
            Ok(value) => Poll::Ready(value),
            Err(is_registered) => {
                if !is_registered {
                    look_again(cx);
                }
                Poll::Pending
            }
        }
    }

    /// Waits until `f` has a result.
    ///
    /// Not an async fn, which would have `f` twice.
    pub(crate) fn wait<T>(
        &self,
        mut f: impl FnMut(&mut State<'d, R>) -> Option<T>,
    ) -> impl Future<Output = T> {
        poll_fn(move |cx| self.poll(cx, &mut f))
    }
}

/// Wakes a task later that has no slot.
#[cold]
#[inline(never)]
pub(crate) fn look_again(cx: &mut Context<'_>) {
    wake_at(now() + LOOK_AGAIN, cx);
}

/// Publishing, which may have to wait.
pub(crate) struct Publisher<'d, R: Sizes<'d>> {
    pub(crate) shared: &'d Shared<'d, R>,
    pub(crate) turn: Option<Turn>,
}

impl<'d, R: Sizes<'d>> Publisher<'d, R> {
    pub(crate) const fn new(shared: &'d Shared<'d, R>) -> Self {
        Self { shared, turn: None }
    }

    pub(crate) fn poll_publish(
        &mut self,
        message: &Publish<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        self.poll(cx, |state, turn| state.publish(message, turn))
    }

    /// Ready when `attempt` has done it, or will not do it.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(&mut State<'d, R>, Option<Turn>) -> Result<(), PublishError>,
    ) -> Poll<Result<(), PublishError>> {
        let Self { shared, turn } = self;
        shared.poll(cx, |state| {
            let result = attempt(state, *turn);
            state.wait_in_turn(result, turn)
        })
    }
}

impl<'d, R: Sizes<'d>> Drop for Publisher<'d, R> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn {
            self.shared.lock(|state| state.leave(turn));
        }
    }
}
