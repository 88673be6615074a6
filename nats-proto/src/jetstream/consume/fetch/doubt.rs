//! What a fetch does when the server says nothing, or that nobody answers.

use super::ConsumerState;
use super::Fetch;
use super::FetchEndReason;
use super::FetchOutput;
use super::Info;
use super::NO_WAIT;
use super::Phase;
use crate::jetstream::consume::pull::INFO_TIMEOUT;
use crate::jetstream::pause::doubled;
use crate::time::Instant;
use crate::time::Millis;

/// How long to wait before another pull where nobody answers for the consumer, at first and at most.
const FIRST_PAUSE: u32 = 250;
const MAX_PAUSE: u32 = 1_000;

impl Fetch {
    /// An answer to [`FetchOutput::RequestInfo`].
    pub fn handle_info(&mut self, state: ConsumerState, now: Instant) {
        if !matches!(self.info, Info::Asked { .. }) {
            return;
        }
        self.info = Info::Idle;
        match state {
            ConsumerState::NotFound => self.end(FetchEndReason::ConsumerDeleted, now),
            ConsumerState::Exists { .. } => self.handle_presence(now),
            ConsumerState::Unknown => self.handle_silence(now),
            ConsumerState::NotPermitted => {
                self.info = Info::Forbidden;
                self.handle_silence(now);
            }
        }
    }

    /// The server has refused a pull, or the subscription to where its messages come, as one that the client
    /// may not make.
    pub fn handle_not_permitted(&mut self, now: Instant) {
        self.end(FetchEndReason::NotPermitted, now);
    }

    /// Another fetch begins.
    pub(super) fn begin(&mut self) {
        self.is_alive = false;
        self.refusals = 0;
        self.hold = Instant::from_millis(0);
        if self.info != Info::Forbidden {
            self.info = Info::Idle;
        }
    }

    /// The caller's time is over.
    pub(super) fn give_up(&mut self, now: Instant) {
        let end = if !self.is_connected {
            FetchEndReason::Disconnected
        } else if self.refusals > 0 && self.phase == Phase::Due {
            FetchEndReason::NoResponders
        } else if self.is_alive {
            FetchEndReason::NoMoreMessages
        } else {
            FetchEndReason::TimedOut
        };
        self.end(end, now);
    }

    /// Nobody answers for the consumer: there is none, or it has no leader at present.
    pub(super) fn handle_no_responders(&mut self, now: Instant) {
        if self.info == Info::Forbidden {
            self.phase = Phase::Ended(FetchEndReason::NoResponders);
            return;
        }
        self.hold = now + doubled(FIRST_PAUSE, self.refusals, MAX_PAUSE);
        self.refusals = self.refusals.saturating_add(1);
        self.want_info();
        self.phase = Phase::Due;
    }

    /// When silence becomes suspicious: after two heartbeats; where there are none, when the server should
    /// have said that the pull has expired, or half of the time is over.
    pub(super) fn doubts_at(&self) -> Option<Instant> {
        if self.was_doubted || self.phase != Phase::Open {
            return None;
        }
        if self.slot.heartbeat > Millis(0) {
            return Some(self.slot.stalls_at());
        }
        if self.info == Info::Forbidden || self.received > 0 {
            return None;
        }
        if self.slot.expires == Millis(0) {
            return Some(self.slot.asked_at + Millis(NO_WAIT.0 / 2));
        }
        let expired = self.slot.asked_at + self.slot.expires;
        let rest = self.deadline.as_millis().saturating_sub(expired.as_millis());
        Some(Instant::from_millis(expired.as_millis() + rest / 2))
    }

    pub(super) fn doubt_in_time(&mut self, now: Instant) {
        if matches!(self.info, Info::Asked { until } if until <= now) {
            self.info = Info::Idle;
            self.handle_silence(now);
        }
        if self.doubts_at().is_some_and(|at| at <= now) {
            self.was_doubted = true;
            if self.info == Info::Forbidden || self.received > 0 {
                self.handle_silence(now);
            } else {
                self.want_info();
            }
        }
    }

    pub(super) fn poll_doubt(&mut self, now: Instant) -> Option<FetchOutput> {
        let is_active = matches!(self.phase, Phase::Open | Phase::Due) && self.is_connected;
        if !is_active || self.info != Info::Wanted {
            return None;
        }
        self.info = Info::Asked { until: now + INFO_TIMEOUT };
        Some(FetchOutput::RequestInfo)
    }

    /// The consumer is there.
    fn handle_presence(&mut self, now: Instant) {
        let waits = self.config.max_wait > Millis(0);
        match self.phase {
            // Its leader is being elected.
            Phase::Due if !waits => self.end(FetchEndReason::NoResponders, now),
            Phase::Due => {}
            // It has nothing, or waits for acknowledgements, of which it says nothing.
            Phase::Open if !waits => self.end(FetchEndReason::NoMoreMessages, now),
            Phase::Open if self.is_silent(now) && self.received == 0 => {
                // The server has forgotten the pull.
                self.abandon(now);
                self.phase = Phase::Due;
            }
            // Messages came, and then nothing more.
            _ => self.handle_silence(now),
        }
        self.is_alive = true;
    }

    /// There is no answer to CONSUMER.INFO either, or none that helps.
    fn handle_silence(&mut self, now: Instant) {
        match self.phase {
            Phase::Due if self.refusals > 0 => self.end(FetchEndReason::NoResponders, now),
            Phase::Open if self.is_silent(now) => self.end(FetchEndReason::TimedOut, now),
            _ => {}
        }
    }

    /// Whether heartbeats are missing.
    fn is_silent(&self, now: Instant) -> bool {
        self.slot.heartbeat > Millis(0) && self.slot.stalls_at() <= now
    }

    fn end(&mut self, end: FetchEndReason, now: Instant) {
        if self.phase == Phase::Open {
            self.abandon(now);
        }
        if matches!(self.phase, Phase::Open | Phase::Due) {
            self.phase = Phase::Ended(end);
        }
    }

    fn want_info(&mut self) {
        if self.info == Info::Idle {
            self.info = Info::Wanted;
        }
    }
}
