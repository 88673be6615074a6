//! When the driver wakes up by itself.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use nats_proto::Instant;
use tokio::time::Sleep;

use crate::state::shared::Shared;
use crate::sync::lock;

/// Looking for late requests takes time in proportion to their number, so it is done no more often
/// than every so many of them take milliseconds.
const REQUESTS_PER_MILLI: usize = 8192;

/// The times that the driver waits for: the session's, those of requests, and when to look whether
/// everything is drained.
pub(super) struct Timers {
    sleep: Pin<Box<Sleep>>,
    /// When `sleep` ends, if it is to be waited for.
    armed: Option<Instant>,
    /// The clock in this turn.
    now: Instant,
    /// When the driver is needed, but for requests.
    deadline: Option<Instant>,
    /// When requests may be looked through next.
    next_sweep: Instant,
}

impl Timers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
            now,
            deadline: None,
            next_sweep: now,
        }
    }

    /// What a turn has found: the time, and when it is needed next.
    pub(super) fn set(&mut self, now: Instant, deadlines: [Option<Instant>; 3]) {
        self.now = now;
        self.deadline = deadlines.into_iter().flatten().min();
    }

    /// Fails the requests that are late. Ready when the time for another turn has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<()> {
        loop {
            self.sweep_requests(shared);
            let deadline = self.deadline.into_iter().chain(self.sweep_due(shared)).min();
            if self.armed == deadline {
                break;
            }
            self.armed = deadline;
            shared.set_armed(deadline);
            if let Some(deadline) = deadline {
                self.sleep.as_mut().reset(shared.sleep_until(deadline));
            }
            // A request may have come before that, and relied on another time.
        }
        if self.armed.is_none() || self.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.armed = None;
        Poll::Ready(())
    }

    /// When requests are to be looked through next.
    fn sweep_due(&self, shared: &Shared) -> Option<Instant> {
        shared.request_deadline().map(|earliest| earliest.max(self.next_sweep))
    }

    fn sweep_requests(&mut self, shared: &Shared) {
        if self.sweep_due(shared).is_none_or(|due| self.now < due) {
            return;
        }
        let mut wake = Vec::new();
        let handed_over = shared.handed_over();
        let mut requests = lock(&shared.requests);
        let pause = u64::try_from(requests.len() / REQUESTS_PER_MILLI).unwrap_or(u64::MAX);
        requests.expire(self.now, handed_over, &mut wake);
        shared.note_request_deadline(requests.poll_timeout());
        drop(requests);
        self.next_sweep = self.now + Duration::from_millis(pause);
        wake.into_iter().for_each(Waker::wake);
    }
}
