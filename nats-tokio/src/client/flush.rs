//! Waiting for the server's word.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use nats_proto::session;
use nats_proto::session::CloseReason;
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
    flush: session::Flush,
    watch: Watch<'a>,
    /// Until when, once that is more than a moment.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<'a> Flush<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        let timeout = shared.options.config.flush_timeout;
        Self { shared, timeout, flush: session::Flush::new(), watch: Watch::default(), sleep: None }
    }

    /// How long to wait at the most, from the first time the future is polled. Default that of the
    /// [options](crate::ConnectOptions::flush_timeout).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Asks for a PING as soon as there is a connection, and then for its PONG.
fn check(shared: &Shared, flush: &mut session::Flush) -> Option<Result<(), FlushError>> {
    let mut control = lock(&shared.control);
    let had_begun = flush.has_begun();
    let unsent = !had_begun && lock(&shared.outbound).has_unsent();
    let state = control.session.poll_flush(flush, unsent);
    if flush.has_begun() && !had_begun {
        shared.transmit(&mut control);
    }
    match state {
        FlushState::Done => Some(Ok(())),
        FlushState::Pending if !control.is_over => None,
        _ if !flush.has_begun() => Some(Err(FlushError::Closed)),
        _ => Some(Err(match control.stopped() {
            Some(CloseReason::Closed | CloseReason::Drained | CloseReason::DrainTimedOut) => {
                FlushError::Closed
            }
            _ => FlushError::Disconnected,
        })),
    }
}

impl Future for Flush<'_> {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, timeout, flush, watch, sleep } = self.get_mut();
        let shared = *shared;
        if let Poll::Ready(outcome) = watch.poll(&shared.changed, cx, || check(shared, flush)) {
            return Poll::Ready(outcome);
        }
        let sleep = sleep.get_or_insert_with(|| {
            // Works outside of a runtime, too.
            let _runtime = shared.runtime.enter();
            Box::pin(tokio::time::sleep(*timeout))
        });
        sleep.as_mut().poll(cx).map(|()| {
            Err(if flush.has_begun() { FlushError::TimedOut } else { FlushError::NotConnected })
        })
    }
}

impl std::fmt::Debug for Flush<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flush").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
