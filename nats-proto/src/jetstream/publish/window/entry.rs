//! One message, and what follows from what is heard of it.

use super::MayBeStored;
use super::NotSent;
use super::NotStored;
use super::Outcome;
use super::PublishReply;
use super::WindowConfig;
use crate::jetstream::error::ErrorClass;
use crate::jetstream::error::ErrorCode;
use crate::jetstream::pause::doubled;
use crate::jetstream::publish::ack::PublishResponse;
use crate::time::Instant;
use crate::time::Millis;

/// When to ask again what became of a message that is being stored, or whose reply was none.
const AGAIN: Millis = Millis(100);
/// Earlier than any time that matters.
pub(super) const ANY_TIME: Instant = Instant::from_millis(0);

/// What is known of a message, without the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) state: State,
    pub(super) deadline: Instant,
    /// When the first attempt was made of those that a duplicate window has to cover.
    first_sent: Instant,
    has_id: bool,
    /// Whether there was an attempt whose fate is not known. Then nothing that is said about a later
    /// one proves that the message is not stored.
    is_clouded: bool,
    /// How often it was refused for now, and may be.
    refused: u8,
    retries: u8,
    /// Why it was refused last.
    refusal: Option<NotStored>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// To be sent, but not before this.
    Waiting { not_before: Instant },
    /// Sent as the connection's message of that number. Until when to wait for the reply.
    Sent { until: Instant, position: u64 },
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Nothing,
    /// That is it.
    Settled(Outcome),
    /// It is sent again, but not before this.
    Again(Instant),
    /// It is sent again after a pause, since no stream takes it at present; how often that was so before.
    Refused { is_jam: bool, before: u8 },
}

/// Whether a message can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Sent,
    Later,
    /// Too late to be sent again.
    Over,
    Now,
}

/// 250 ms twice, then doubling up to a second; or 50 ms, doubling up to two seconds.
pub(super) fn pause(is_jam: bool, before: u8) -> Millis {
    if is_jam { doubled(50, before, 2_000) } else { doubled(250, before.saturating_sub(1), 1_000) }
}

impl Entry {
    pub(super) fn new(deadline: Instant, has_id: bool, retries: u8) -> Self {
        Self {
            state: State::Waiting { not_before: ANY_TIME },
            // A deadline that never comes is still one.
            deadline: deadline.min(Instant::from_millis(u64::MAX - 1)),
            first_sent: ANY_TIME,
            has_id,
            is_clouded: false,
            refused: 0,
            retries,
            refusal: None,
        }
    }

    pub(super) const fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent { .. })
    }

    pub(super) const fn is_clouded(&self) -> bool {
        self.is_clouded
    }

    pub(super) fn readiness(&self, config: &WindowConfig, now: Instant) -> Readiness {
        match self.state {
            State::Sent { .. } => Readiness::Sent,
            State::Waiting { .. } if self.is_clouded && !self.may_resend(config, now) => {
                Readiness::Over
            }
            State::Waiting { not_before } if not_before > now => Readiness::Later,
            State::Waiting { .. } => Readiness::Now,
        }
    }

    /// It is sent now. Until when to wait for the reply.
    pub(super) fn send(&mut self, position: u64, config: &WindowConfig, now: Instant) -> Instant {
        let until = now + config.ack_wait;
        self.state = State::Sent { until, position };
        // A copy that reached no stream does not count for the stream's duplicate window.
        if !self.is_clouded {
            self.first_sent = now;
        }
        until
    }

    /// The connection is lost, and the server may have its messages up to `position`.
    pub(super) fn lose(
        &mut self,
        position: u64,
        config: &WindowConfig,
        now: Instant,
    ) -> Option<Outcome> {
        let State::Sent { position: sent, .. } = self.state else { return None };
        self.state = State::Waiting { not_before: ANY_TIME };
        if sent > position {
            return None;
        }
        self.is_clouded = true;
        let is_over = !self.may_resend(config, now);
        is_over.then_some(Outcome::MayBeStored(MayBeStored::Disconnected))
    }

    /// A reply to the last attempt.
    pub(super) fn reply(
        &mut self,
        reply: PublishReply<'_>,
        config: &WindowConfig,
        now: Instant,
    ) -> Verdict {
        if let PublishReply::Response(PublishResponse::Stored(ack)) = reply {
            // Whatever else is known of the message: it is there.
            let (sequence, is_duplicate) = (ack.sequence, ack.is_duplicate);
            return Verdict::Settled(Outcome::Stored { sequence, is_duplicate });
        }
        // What is said a second time, or too late, is not said about a later attempt.
        if !self.is_sent() {
            return Verdict::Nothing;
        }
        let error = match reply {
            PublishReply::Response(PublishResponse::Rejected(error)) => error,
            PublishReply::NoResponders => return self.refuse(NotStored::NoResponders),
            PublishReply::TooManyRequests => return self.refuse(NotStored::TooBusy),
            _ => return self.cloud(MayBeStored::NotAnAck, config, now),
        };
        match error.class() {
            ErrorClass::Unavailable => self.refuse(NotStored::Unavailable(error.code)),
            ErrorClass::TooBusy => self.refuse(NotStored::TooBusy),
            ErrorClass::InProcess => self.cloud(MayBeStored::InProcess, config, now),
            _ => Verdict::Settled(self.refused_for_good(NotStored::Rejected(error.code))),
        }
    }

    /// It came before its predecessor in a chain, and may be sent again at that time.
    pub(super) fn conflict(
        &mut self,
        again: Option<Instant>,
        code: ErrorCode,
        config: &WindowConfig,
        now: Instant,
    ) -> Verdict {
        let refusal = NotStored::Rejected(code);
        match again {
            Some(again) if !self.is_clouded || self.may_resend(config, now) => {
                self.refusal = Some(refusal);
                self.state = State::Waiting { not_before: again };
                Verdict::Again(again)
            }
            _ => Verdict::Settled(self.refused_for_good(refusal)),
        }
    }

    /// The outcome, if it is time for it. Else it may be time to send it again.
    pub(super) fn expire(&mut self, config: &WindowConfig, now: Instant) -> Option<Outcome> {
        if self.deadline <= now {
            return Some(self.outcome_in_time());
        }
        let reason = match self.state {
            State::Sent { until, .. } if until <= now => {
                self.is_clouded = true;
                self.state = State::Waiting { not_before: ANY_TIME };
                MayBeStored::TimedOut
            }
            State::Waiting { .. } if self.is_clouded => MayBeStored::WindowOver,
            _ => return None,
        };
        if self.may_resend(config, now) { None } else { Some(Outcome::MayBeStored(reason)) }
    }

    /// When something is due, in the future.
    pub(super) fn due_at(&self, config: &WindowConfig, now: Instant) -> Instant {
        let state = match self.state {
            State::Sent { until, .. } => until,
            State::Waiting { not_before } if not_before > now => not_before,
            State::Waiting { .. } => self.deadline,
        };
        let due = self.deadline.min(state);
        if self.is_clouded && !self.is_sent() { due.min(self.resend_until(config)) } else { due }
    }

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

    /// The outcome of a message that cannot be sent any more, and is not under way.
    pub(super) const fn outcome_unsent(&self, reason: NotSent) -> Outcome {
        match self.refusal {
            _ if self.is_clouded => Outcome::MayBeStored(MayBeStored::Disconnected),
            Some(refusal) => Outcome::NotStored(refusal),
            None => Outcome::NotSent(reason),
        }
    }

    /// The outcome of a message whose last attempt was not permitted.
    pub(super) const fn outcome_not_permitted(&self) -> Outcome {
        self.refused_for_good(NotStored::NotPermitted)
    }

    /// The outcome of a message if no acknowledgement can come.
    pub(super) const fn outcome_if_inbox_not_permitted(&self) -> Outcome {
        if self.is_sent() {
            return Outcome::MayBeStored(MayBeStored::InboxNotPermitted);
        }
        self.outcome_unsent(NotSent::InboxNotPermitted)
    }

    /// The outcome if the client is closed now.
    pub(super) const fn outcome_if_closed(&self) -> Outcome {
        match self.outcome_in_time() {
            Outcome::NotSent(_) => Outcome::NotSent(NotSent::Closed),
            Outcome::MayBeStored(_) => Outcome::MayBeStored(MayBeStored::Closed),
            outcome => outcome,
        }
    }

    /// This copy reached no stream, and no stream can take it at present.
    const fn refuse(&mut self, refusal: NotStored) -> Verdict {
        let before = self.refused;
        if self.retries < u8::MAX && before >= self.retries {
            return Verdict::Settled(self.refused_for_good(refusal));
        }
        self.refusal = Some(refusal);
        self.refused = before.saturating_add(1);
        self.state = State::Waiting { not_before: ANY_TIME };
        Verdict::Refused { is_jam: matches!(refusal, NotStored::TooBusy), before }
    }

    /// It is not known what became of this copy of the message.
    fn cloud(&mut self, reason: MayBeStored, config: &WindowConfig, now: Instant) -> Verdict {
        self.is_clouded = true;
        if !self.may_resend(config, now) {
            return Verdict::Settled(Outcome::MayBeStored(reason));
        }
        let again = now + AGAIN;
        self.state = State::Waiting { not_before: again };
        Verdict::Again(again)
    }

    /// The outcome of a message that is refused for good.
    const fn refused_for_good(&self, refusal: NotStored) -> Outcome {
        if !self.is_clouded {
            return Outcome::NotStored(refusal);
        }
        Outcome::MayBeStored(match refusal {
            NotStored::NoResponders => MayBeStored::NoResponders,
            NotStored::NotPermitted => MayBeStored::NotPermitted,
            NotStored::TooBusy => MayBeStored::Rejected(ErrorCode::TOO_MANY_REQUESTS),
            NotStored::Unavailable(code) | NotStored::Rejected(code) => MayBeStored::Rejected(code),
        })
    }

    /// Whether the message may be sent again though its fate is not known.
    fn may_resend(&self, config: &WindowConfig, now: Instant) -> bool {
        self.has_id && now < self.deadline && now < self.resend_until(config)
    }

    /// Until when the stream certainly knows the first copy by its id.
    fn resend_until(&self, config: &WindowConfig) -> Instant {
        self.first_sent + config.resend_within
    }
}
