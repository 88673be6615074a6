//! What follows from replies and from their absence.

use super::LastMessage;
use super::MayBeStored;
use super::NONE;
use super::NotSent;
use super::NotStored;
use super::Outcome;
use super::PublishReply;
use super::PublishWindow;
use super::Settled;
use super::State;
use super::WindowSlot;
use super::slot::ANY_TIME;
use crate::inbox::Token;
use crate::jetstream::error::ApiError;
use crate::jetstream::error::ErrorClass;
use crate::jetstream::error::ErrorCode;
use crate::jetstream::pause::Jitter;
use crate::jetstream::pause::doubled;
use crate::jetstream::publish_ack::PublishResponse;
use crate::store::Table;
use crate::time::Instant;
use crate::time::Millis;

/// When to ask again what became of a message that is being stored, or whose reply was none.
const AGAIN: Millis = Millis(100);

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

    fn extend(&mut self, until: Instant) {
        self.hold = Some(self.hold.map_or(until, |hold| hold.max(until)));
    }
}

/// 250 ms twice, then doubling up to a second.
fn refusal_pause(before: u8) -> Millis {
    doubled(250, before.saturating_sub(1), 1_000)
}

/// 50 ms, doubling up to two seconds.
fn jam_pause(before: u8) -> Millis {
    doubled(50, before, 2_000)
}

impl<T> WindowSlot<T> {
    /// The outcome if nothing else is heard of the message.
    pub(super) const fn outcome_in_time(&self) -> Outcome {
        if self.is_clouded || self.is_sent() {
            return Outcome::MayBeStored(MayBeStored::TimedOut);
        }
        match self.refusal {
            Some(refusal) => Outcome::NotStored(refusal),
            None => Outcome::NotSent(NotSent::TimedOut),
        }
    }

    /// The outcome of a message that is refused for good.
    const fn refused_for_good(&self, refusal: NotStored) -> Outcome {
        if !self.is_clouded {
            return Outcome::NotStored(refusal);
        }
        Outcome::MayBeStored(match refusal {
            NotStored::NoResponders => MayBeStored::NoResponders,
            NotStored::TooBusy => MayBeStored::Rejected(ErrorCode::TOO_MANY_REQUESTS),
            NotStored::Unavailable(code) | NotStored::Rejected(code) => MayBeStored::Rejected(code),
        })
    }
}

impl<T, L: Table<WindowSlot<T>>> PublishWindow<T, L> {
    /// A reply came to the reply subject made of `token`. `None` if it settles nothing: the message is
    /// sent again later, or the token is nobody's any more.
    pub fn handle_reply(
        &mut self,
        token: Token,
        reply: PublishReply<'_>,
        now: Instant,
    ) -> Option<Settled<T>> {
        let at = self.find(token)?;
        if let PublishReply::Response(PublishResponse::Stored(ack)) = reply {
            // Whatever else is known of the message: it is there.
            let outcome =
                Outcome::Stored { sequence: ack.sequence, is_duplicate: ack.is_duplicate };
            return self.settled(at, outcome);
        }
        // What is said a second time, or too late, is not said about a later attempt.
        if !self.slots.get(at)?.is_sent() {
            return None;
        }
        match reply {
            PublishReply::NoResponders => self.refuse(at, NotStored::NoResponders, now),
            PublishReply::TooManyRequests => self.refuse(at, NotStored::TooBusy, now),
            PublishReply::Response(PublishResponse::Rejected(error)) => self.reject(at, error, now),
            PublishReply::Response(PublishResponse::Stored(_)) | PublishReply::NotAnAck => {
                self.cloud(at, MayBeStored::NotAnAck, now)
            }
        }
    }

    /// A stream refused a message of a chain since its last message is another one than expected
    /// ([`ErrorCode::WRONG_LAST_MESSAGE_ID`]).
    ///
    /// That settles nothing if the predecessor is still under way, or was not stored: the message is sent
    /// again, behind the right one, when that is known or after a pause of 20 ms, doubling to a second.
    pub fn handle_chain_conflict(
        &mut self,
        token: Token,
        last: LastMessage,
        now: Instant,
    ) -> Option<Settled<T>> {
        const REFUSAL: NotStored = NotStored::Rejected(ErrorCode::WRONG_LAST_MESSAGE_ID);
        let at = self.find(token)?;
        let slot = self.slots.get(at).filter(|slot| slot.is_sent())?;
        let (number, is_clouded) = (slot.number, slot.is_clouded);
        let follows_another = self.slots.before(at).is_some();
        let is_ours = match last {
            _ if follows_another => !matches!(last, LastMessage::Foreign),
            LastMessage::WithoutId => {
                self.last_stored = None;
                true
            }
            LastMessage::Own(last) if last < number => {
                self.last_stored = Some(last);
                true
            }
            LastMessage::Own(_) | LastMessage::Foreign => false,
        };
        if is_ours && (!is_clouded || self.may_resend(at, now)) {
            let slot = self.slots.get_mut(at)?;
            slot.refusal = Some(REFUSAL);
            let pause = doubled(20, slot.conflicts, 1_000);
            slot.conflicts = slot.conflicts.saturating_add(1);
            self.wait(at, now + pause);
            return None;
        }
        let slot = self.slots.get(at)?;
        let outcome = slot.refused_for_good(REFUSAL);
        self.settled(at, outcome)
    }

    fn reject(&mut self, at: u32, error: ApiError<'_>, now: Instant) -> Option<Settled<T>> {
        match error.class() {
            ErrorClass::Unavailable => self.refuse(at, NotStored::Unavailable(error.code), now),
            ErrorClass::TooBusy => self.refuse(at, NotStored::TooBusy, now),
            ErrorClass::InProcess => self.cloud(at, MayBeStored::InProcess, now),
            _ => {
                let slot = self.slots.get(at)?;
                let outcome = slot.refused_for_good(NotStored::Rejected(error.code));
                self.settled(at, outcome)
            }
        }
    }

    /// Nobody has this copy of the message, and nobody can take it at present.
    fn refuse(&mut self, at: u32, refusal: NotStored, now: Instant) -> Option<Settled<T>> {
        let is_jam = refusal == NotStored::TooBusy;
        let slot = self.slots.get_mut(at)?;
        let before = slot.refused;
        if slot.retries < u8::MAX && before >= slot.retries {
            let outcome = slot.refused_for_good(refusal);
            return self.settled(at, outcome);
        }
        slot.refusal = Some(refusal);
        slot.refused = before.saturating_add(1);
        if !self.config.is_ordered {
            let pause = if is_jam { jam_pause(before) } else { refusal_pause(before) };
            let pause = self.pace.jitter.spread(pause);
            self.wait(at, now + pause);
            return None;
        }
        let pace = &mut self.pace;
        let pause = if is_jam {
            pace.limit = (pace.limit / 2).max(1);
            pace.jams = pace.jams.saturating_add(1);
            jam_pause(pace.jams - 1)
        } else {
            pace.is_probing = true;
            pace.refusals = pace.refusals.saturating_add(1);
            refusal_pause(pace.refusals - 1)
        };
        let until = now + pace.jitter.spread(pause);
        pace.extend(until);
        self.wait(at, ANY_TIME);
        None
    }

    /// It is not known what became of this copy of the message.
    fn cloud(&mut self, at: u32, reason: MayBeStored, now: Instant) -> Option<Settled<T>> {
        self.slots.get_mut(at)?.is_clouded = true;
        if self.may_resend(at, now) {
            self.wait(at, now + AGAIN);
            return None;
        }
        self.settled(at, Outcome::MayBeStored(reason))
    }

    /// Whether a message whose fate is not known may be sent again.
    pub(super) fn may_resend(&self, at: u32, now: Instant) -> bool {
        self.slots
            .get(at)
            .is_some_and(|slot| slot.has_id && now < slot.deadline && now < self.resend_until(slot))
    }

    /// Until when the stream certainly knows the first copy of a message by its id.
    fn resend_until(&self, slot: &WindowSlot<T>) -> Instant {
        slot.first_sent + self.config.resend_within
    }

    /// The outcome of a message that it is time for; or what else it is time for.
    pub(super) fn expire(&mut self, at: u32, now: Instant) -> Option<Outcome> {
        let slot = self.slots.get_mut(at)?;
        if slot.deadline <= now {
            return Some(slot.outcome_in_time());
        }
        let is_late = matches!(slot.state, State::Sent { until, .. } if until <= now);
        if is_late {
            slot.is_clouded = true;
        }
        let is_waiting = !slot.is_sent() && slot.is_clouded;
        if !is_late && !is_waiting {
            return None;
        }
        if self.may_resend(at, now) {
            if is_late {
                self.wait(at, ANY_TIME);
            }
            return None;
        }
        Some(Outcome::MayBeStored(if is_late {
            MayBeStored::TimedOut
        } else {
            MayBeStored::WindowOver
        }))
    }

    /// When something is due for a message, in the future.
    pub(super) fn due_at(&self, at: u32, now: Instant) -> Option<Instant> {
        let slot = self.slots.get(at)?;
        let state = match slot.state {
            State::Sent { until, .. } => until,
            State::Waiting { not_before } if not_before > now => not_before,
            State::Waiting { .. } => slot.deadline,
        };
        let is_over_at = self.resend_until(slot);
        let over = if slot.is_clouded && !slot.is_sent() { is_over_at } else { slot.deadline };
        Some(slot.deadline.min(state).min(over))
    }

    /// The first message that may be sent now.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<u32> {
        let mut at = self.cursor;
        let mut is_first = true;
        while let Some(slot) = self.slots.get(at) {
            if let State::Waiting { not_before } = slot.state {
                if is_first {
                    self.cursor = at;
                    is_first = false;
                }
                let is_over = slot.is_clouded && !self.may_resend(at, now);
                if not_before <= now && !is_over {
                    return Some(at);
                }
                if is_over {
                    // That is an outcome.
                    self.earliest = now;
                }
                if self.config.is_ordered {
                    return None;
                }
            }
            at = self.slots.after(at);
        }
        if is_first {
            self.cursor = NONE;
        }
        None
    }

    /// A message waits to be sent again.
    fn wait(&mut self, at: u32, not_before: Instant) {
        let cursor = self.slots.get(self.cursor).map(|slot| slot.number);
        let Some(slot) = self.slots.get_mut(at) else { return };
        if slot.is_sent() {
            self.sent = self.sent.saturating_sub(1);
        }
        slot.state = State::Waiting { not_before };
        if cursor.is_none_or(|cursor| slot.number < cursor) {
            self.cursor = at;
        }
        if not_before > ANY_TIME {
            self.earliest = self.earliest.min(not_before);
        }
    }

    fn find(&self, Token(token): Token) -> Option<u32> {
        let stride = u64::from(self.config.max_messages);
        let at = u32::try_from(token.checked_rem(stride)?).ok()?;
        let generation = token.checked_div(stride)?;
        let slot = self.slots.get(at)?;
        (u64::from(slot.generation) == generation && generation > 0 && slot.has_attempt)
            .then_some(at)
    }

    fn settled(&mut self, at: u32, outcome: Outcome) -> Option<Settled<T>> {
        let number = self.slots.get(at)?.number;
        if outcome.is_stored() {
            self.pace.handle_ack();
            self.last_stored = self.last_stored.max(Some(number));
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
            if !follower.is_sent() {
                follower.state = State::Waiting { not_before: ANY_TIME };
            }
        }
        let slot = self.slots.get(at)?;
        self.bytes = self.bytes.saturating_sub(slot.size.into());
        if slot.is_sent() {
            self.sent = self.sent.saturating_sub(1);
        }
        if self.cursor == at {
            self.cursor = after;
        }
        self.slots.remove(at)
    }
}
