//! Effects of replies on a window, and of their absence.

use super::ANY_TIME;
use super::NONE;
use super::Outcome;
use super::PublishReply;
use super::PublishWindow;
use super::Settled;
use super::WindowSlot;
use super::entry::Readiness;
use super::entry::State;
use super::entry::Verdict;
use super::entry::pause;
use crate::inbox::RequestId;
use crate::jetstream::pause::Jitter;
use crate::storage::Table;
use crate::time::Instant;

/// How fast messages may go out.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// How many may be under way at once.
    limit: u32,
    max: u32,
    /// Acknowledgements since the limit was raised.
    acks: u32,
    /// Nothing goes out before.
    hold: Option<Instant>,
    /// One message at a time finds out whether there is a leader again.
    is_probing: bool,
    refusals: u8,
    jams: u8,
    jitter: Jitter,
}

impl Pace {
    pub(super) const fn new(max: u32, seed: u32) -> Self {
        Self {
            limit: max,
            max,
            acks: 0,
            hold: None,
            is_probing: false,
            refusals: 0,
            jams: 0,
            jitter: Jitter::new(seed),
        }
    }

    pub(super) const fn reset_hold(&mut self) {
        self.hold = None;
    }

    pub(super) const fn reset_probe(&mut self) {
        self.is_probing = false;
    }

    pub(super) const fn hold(&self) -> Option<Instant> {
        self.hold
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.hold = self.hold.filter(|hold| *hold > now);
    }

    pub(super) fn allows(&mut self, sent: u32, now: Instant) -> bool {
        self.handle_timeout(now);
        self.hold.is_none() && sent < if self.is_probing { 1 } else { self.limit }
    }

    const fn handle_ack(&mut self) {
        self.is_probing = false;
        self.refusals = 0;
        self.jams = 0;
        self.acks += 1;
        if self.acks >= self.limit {
            self.acks = 0;
            if self.limit < self.max {
                self.limit += 1;
            }
        }
    }

    /// The stream cannot take messages at present.
    fn handle_refusal(&mut self, is_jam: bool, now: Instant) {
        let count = if is_jam {
            self.limit = (self.limit / 2).max(1);
            &mut self.jams
        } else {
            self.is_probing = true;
            &mut self.refusals
        };
        let before = *count;
        *count = before.saturating_add(1);
        let until = now + self.jitter.spread(pause(is_jam, before));
        self.hold = Some(self.hold.map_or(until, |hold| hold.max(until)));
    }
}

impl<T, L: Table<WindowSlot<T>>> PublishWindow<T, L> {
    /// A reply came to the reply subject made of `request_id`. `None` if it settles nothing: the message is
    /// sent again later, or the id is not that of a message any more.
    pub fn handle_reply(
        &mut self,
        request_id: RequestId,
        reply: PublishReply<'_>,
        now: Instant,
    ) -> Option<Settled<T>> {
        let at = self.find(request_id)?;
        let slot = self.slots.get_mut(at)?;
        let was_sent = slot.entry.is_sent();
        let verdict = slot.entry.reply(reply, &self.config, now);
        self.follow(at, was_sent, verdict, now)
    }

    pub(super) fn follow(
        &mut self,
        at: u32,
        was_sent: bool,
        verdict: Verdict,
        now: Instant,
    ) -> Option<Settled<T>> {
        match verdict {
            Verdict::Nothing => return None,
            Verdict::Settled(outcome) => return self.settled(at, outcome),
            Verdict::Again(again) => self.earliest = self.earliest.min(again),
            Verdict::Refused { is_jam, before } if !self.config.is_ordered => {
                let not_before = now + self.pace.jitter.spread(pause(is_jam, before));
                self.slots.get_mut(at)?.entry.state = State::Waiting { not_before };
                self.earliest = self.earliest.min(not_before);
            }
            Verdict::Refused { is_jam, .. } => self.pace.handle_refusal(is_jam, now),
        }
        self.requeue(at, was_sent);
        None
    }

    /// A message waits to be sent again.
    pub(super) fn requeue(&mut self, at: u32, was_sent: bool) {
        if was_sent {
            self.sent = self.sent.saturating_sub(1);
        }
        let number = |at| self.slots.get(at).map(|slot| slot.number);
        if number(self.cursor).is_none_or(|cursor| number(at) < Some(cursor)) {
            self.cursor = at;
        }
    }

    /// The first message that may be sent now.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<u32> {
        let mut at = self.cursor;
        self.cursor = NONE;
        while let Some(slot) = self.slots.get(at) {
            let readiness = slot.entry.readiness(&self.config, now);
            if readiness != Readiness::Sent && self.cursor == NONE {
                self.cursor = at;
            }
            match readiness {
                Readiness::Now => return Some(at),
                Readiness::Sent => {}
                Readiness::Later | Readiness::Over => {
                    if readiness == Readiness::Over {
                        // That is an outcome.
                        self.earliest = now;
                    }
                    if self.config.is_ordered {
                        return None;
                    }
                }
            }
            at = self.slots.after(at);
        }
        None
    }

    pub(super) fn find(&self, RequestId(request_id): RequestId) -> Option<u32> {
        let at = u32::try_from(request_id & (1_u64 << self.index_bits).wrapping_sub(1)).ok()?;
        let slot = self.slots.get(at)?;
        (slot.has_attempt && u64::from(slot.generation) == request_id >> self.index_bits)
            .then_some(at)
    }

    pub(super) fn settled(&mut self, at: u32, outcome: Outcome) -> Option<Settled<T>> {
        let number = self.slots.get(at)?.number;
        if let Outcome::Stored { sequence, .. } = outcome {
            self.pace.handle_ack();
            if let Some(chain) = self.chain.as_mut() {
                chain.handle_stored(number, sequence);
            }
        }
        let data = self.remove(at)?;
        Some(Settled { number, data, outcome })
    }

    pub(super) fn settle(
        &mut self,
        at: u32,
        outcome: Outcome,
        settle: &mut impl FnMut(Settled<T>),
    ) {
        if let Some(settled) = self.settled(at, outcome) {
            settle(settled);
        }
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let after = self.slots.after(at);
        if let Some(follower) = self.slots.get_mut(after).filter(|slot| slot.conflicts > 0) {
            // It was waiting for that.
            follower.conflicts = 0;
            if !follower.entry.is_sent() {
                follower.entry.state = State::Waiting { not_before: ANY_TIME };
            }
        }
        let slot = self.slots.get(at)?;
        self.bytes = self.bytes.saturating_sub(slot.size.into());
        if slot.entry.is_sent() {
            self.sent = self.sent.saturating_sub(1);
        }
        if self.cursor == at {
            self.cursor = after;
        }
        self.slots.remove(at)
    }
}
