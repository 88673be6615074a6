//! Waiting for the server's word.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use nats_proto::session::CloseReason;
use nats_proto::session::FlushId;
use nats_proto::session::FlushState;
use tokio::time::Sleep;

use crate::client::watch::Watch;
use crate::error::FlushError;
use crate::state::shared::Shared;
use crate::sync::lock;

/// A flush, made by [`Client::flush`](crate::Client::flush): await it.
///
/// # Errors
///
/// [`FlushError`]; then the server may have processed what was published, or not.
///
/// # Cancel safety
///
/// Dropping the future takes nothing back.
#[must_use = "nothing is waited for unless it is awaited"]
pub struct Flush<'a> {
    shared: &'a Shared,
    timeout: Duration,
    id: Option<FlushId>,
    watch: Watch<'a>,
    /// Until when, once that is more than a moment.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<'a> Flush<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        let timeout = shared.options.config.flush_timeout;
        Self { shared, timeout, id: None, watch: Watch::default(), sleep: None }
    }

    /// How long to wait at the most, from the first time the future is polled. Default that of the
    /// [options](crate::ConnectOptions::flush_timeout).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Asks for a PING as soon as there is a connection, and then for its PONG.
fn check(shared: &Shared, id: &mut Option<FlushId>) -> Option<Result<(), FlushError>> {
    let mut control = lock(&shared.control);
    let stop = control.stopped();
    let Some(known) = *id else {
        if stop.is_some() {
            return Some(Err(FlushError::Closed));
        }
        *id = control.session.flush();
        if id.is_some() {
            shared.transmit(&mut control);
        }
        return None;
    };
    let is_over = match control.session.flush_state(known) {
        FlushState::Done => return Some(Ok(())),
        FlushState::Lost => true,
        FlushState::Pending => control.is_over,
    };
    is_over.then_some(Err(match stop {
        Some(CloseReason::Closed | CloseReason::Drained | CloseReason::DrainTimedOut) => {
            FlushError::Closed
        }
        _ => FlushError::Disconnected,
    }))
}

impl Future for Flush<'_> {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, timeout, id, watch, sleep } = self.get_mut();
        let shared = *shared;
        if let Poll::Ready(outcome) = watch.poll(&shared.changed, cx, || check(shared, id)) {
            return Poll::Ready(outcome);
        }
        let sleep = sleep.get_or_insert_with(|| {
            // Works outside of a runtime, too.
            let _runtime = shared.runtime.enter();
            Box::pin(tokio::time::sleep(*timeout))
        });
        sleep.as_mut().poll(cx).map(|()| {
            Err(if id.is_some() { FlushError::TimedOut } else { FlushError::NotConnected })
        })
    }
}

impl std::fmt::Debug for Flush<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flush").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
