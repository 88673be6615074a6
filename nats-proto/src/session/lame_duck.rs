//! Lame duck mode: leaving a server that is about to shut down, without a lost message (ADR-5).
//!
//! ```text
//!  INFO ldm ─▶ Planned ─▶ Unsubscribing ─▶ Flushing ─▶ lost on purpose, next server
//!              jitter     UNSUB for all    PING PONG
//! ```
//!
//! Once it has begun, what is published waits for the next server: it might want an answer that
//! would not find its way any more.

use super::DisconnectReason;
use super::EndReason;
use super::Event;
use super::Session;
use super::Timer;
use super::servers::Pool;
use super::store::Store;
use crate::time::Instant;
use crate::time::Millis;

/// How far leaving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Planned,
    Unsubscribing,
    /// At that PONG, all that was published is with the server, and all that the server sent before
    /// it had read the last UNSUB is here.
    Flushing {
        until: u32,
    },
}

impl<S: Store> Session<S> {
    /// The server is about to shut down.
    pub(super) fn plan_to_leave(&mut self, now: Instant) {
        if Pool::<S>::HAS_CHOICE
            && let (Some(within), None) = (self.settings.lame_duck_jitter, self.leaving)
        {
            self.leaving = Some(Leaving::Planned);
            self.timers.set(Timer::Leave, now + Millis(self.rng.up_to(within.0)));
        }
    }

    pub(super) fn handle_leave_timeout(&mut self, now: Instant) -> Option<Event<'static>> {
        if !Pool::<S>::HAS_CHOICE {
            return None;
        }
        if self.leaving != Some(Leaving::Planned) {
            // It does not even answer PING.
            return self.lost(DisconnectReason::Stale, None, now);
        }
        if self.pool.len() < 2 || !self.settings.reconnect || self.draining.is_some() {
            // There is nowhere to go, that would be the end, or there is no need to.
            self.leaving = None;
            return None;
        }
        self.leaving = Some(Leaving::Unsubscribing);
        self.subscriptions.leave();
        self.timers.set(Timer::Leave, now + self.settings.drain_timeout);
        None
    }

    /// Lines were written, perhaps the last UNSUB among them.
    pub(super) fn note_unsubscribed(&mut self) {
        if Pool::<S>::HAS_CHOICE && self.leaving == Some(Leaving::Unsubscribing) {
            self.leaving = Some(Leaving::Flushing { until: self.pings.request() });
        }
    }

    /// A PONG came.
    pub(super) fn check_left(&mut self, now: Instant) -> Option<Event<'static>> {
        let Some(Leaving::Flushing { until }) = self.leaving else {
            return None;
        };
        if !Pool::<S>::HAS_CHOICE || !self.pings.is_answered(until) {
            return None;
        }
        if self.draining.is_none() {
            return self.lost(DisconnectReason::LameDuckMode, None, now);
        }
        // A drain was started meanwhile, and has come as far now.
        self.leaving = None;
        self.timers.stop(Timer::Leave);
        self.subscriptions.on_disconnected(EndReason::Drained);
        self.subscriptions.drain_all();
        None
    }

    /// Whether leaving has begun.
    pub(super) const fn is_leaving(&self) -> bool {
        Pool::<S>::HAS_CHOICE
            && matches!(self.leaving, Some(Leaving::Unsubscribing | Leaving::Flushing { .. }))
    }
}
