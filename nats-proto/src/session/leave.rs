//! Leaving a server that is about to shut down, in good order (ADR-5).
//!
//! ```text
//!  INFO ldm ─▶ Planned ─▶ Unsubscribing ─▶ Arriving ─▶ Flushing ─▶ lost on purpose, next server
//!              jitter     UNSUB for all    PING PONG   PING PONG, nothing is published
//! ```

use super::Ended;
use super::Event;
use super::Lost;
use super::Session;
use super::State;
use super::Timer;
use crate::store::Store;
use crate::time::Instant;

/// How far leaving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Planned,
    Unsubscribing,
    /// What the server sent before it had read the last UNSUB comes until that PONG.
    Arriving {
        until: u32,
    },
    /// What was published is with the server at that PONG.
    Flushing {
        until: u32,
    },
}

impl<S: Store> Session<S> {
    /// The server is about to shut down.
    pub(super) fn plan_to_leave(&mut self, now: Instant) {
        if let (Some(within), None) = (self.config.leave_within, self.leaving) {
            self.leaving = Some(Leaving::Planned);
            self.timers.set(Timer::Leave, now + self.rng.up_to(within));
        }
    }

    pub(super) fn handle_leave_timeout(&mut self, now: Instant) -> Option<Event<'static>> {
        if self.leaving != Some(Leaving::Planned) {
            return self.lost(Lost::LameDuck, None, now);
        }
        if self.pool.len() < 2 || !self.config.reconnect || self.draining.is_some() {
            // There is nowhere to go, that would be the end, or there is no need to.
            self.leaving = None;
            return None;
        }
        self.leaving = Some(Leaving::Unsubscribing);
        self.subscriptions.leave();
        self.timers.set(Timer::Leave, now + self.config.drain_timeout);
        None
    }

    /// Lines were written, perhaps the last UNSUB among them.
    pub(super) fn note_unsubscribed(&mut self) {
        if self.leaving == Some(Leaving::Unsubscribing) {
            self.leaving = Some(Leaving::Arriving { until: self.pings.request() });
        }
    }

    /// A PONG came.
    pub(super) fn check_left(&mut self, now: Instant) -> Option<Event<'static>> {
        match self.leaving {
            Some(Leaving::Arriving { until } | Leaving::Flushing { until })
                if !self.pings.is_answered(until) =>
            {
                None
            }
            Some(Leaving::Arriving { .. } | Leaving::Flushing { .. })
                if self.draining.is_some() =>
            {
                // Somebody wants to drain, and that has come as far now.
                self.leaving = None;
                self.timers.stop(Timer::Leave);
                self.subscriptions.link_down(Ended::Drained);
                self.subscriptions.drain_all();
                None
            }
            Some(Leaving::Arriving { .. }) => {
                self.leaving = Some(Leaving::Flushing { until: self.pings.request() });
                None
            }
            Some(Leaving::Flushing { .. }) => self.lost(Lost::LameDuck, None, now),
            _ => None,
        }
    }

    /// Whether the server has been asked for nothing more.
    pub(super) fn has_left(&self) -> bool {
        self.state == State::Ready
            && matches!(
                self.leaving,
                Some(Leaving::Unsubscribing | Leaving::Arriving { .. } | Leaving::Flushing { .. })
            )
    }
}
