//! Effects of the statuses that a server sends for a pull.

use super::MAX_PAUSE;
use super::Notice;
use super::Phase;
use super::PullConsumer;
use super::PullEndReason;
use crate::jetstream::consume::inbox::InboxId;
use crate::jetstream::consume::slot::Slot;
use crate::jetstream::consume::status::PullStatus;
use crate::jetstream::pause::Jitter;
use crate::jetstream::pause::doubled;
use crate::time::Instant;
use crate::time::Millis;

/// How long to wait before a message is asked for again that is larger than all that may wait.
const TOO_LARGE_PAUSE: Millis = Millis(4_000);
/// A pull that ends sooner than this without a message has ended soon.
const SOON: u32 = 250;
/// How many pulls in a row may end soon before there is a pause.
const SOON_IN_A_ROW: u8 = 2;

/// How long a consumer may be without a leader as a rule: servers wait 4 to 9 s before they elect one
/// (nats-server, raft.go).
const ELECTION: u32 = 10_000;
/// Stalls are no shorter than this, as far as pauses go.
const SHORTEST_STALL: u32 = 1_000;

/// How often in a row something went wrong, and so how long to wait.
#[derive(Clone, Debug)]
pub(super) struct Pauses {
    /// Pulls that were refused, or ended soon.
    refusals: u8,
    /// Pulls that nothing was heard of.
    stalls: u8,
    jitter: Jitter,
}

impl Pauses {
    pub(super) const fn new(seed: u32) -> Self {
        Self { refusals: 0, stalls: 0, jitter: Jitter::new(seed) }
    }

    pub(super) const fn reset(&mut self) {
        self.refusals = 0;
        self.stalls = 0;
    }

    /// The server has answered, if not with a message.
    pub(super) const fn handle_alive(&mut self) {
        self.stalls = 0;
    }

    /// None at first, and while an election may be the reason; then twice the heartbeat, doubling.
    pub(super) fn after_stall(&mut self, heartbeat: Millis) -> Millis {
        // Each stall has taken twice the heartbeat.
        let without = ELECTION / heartbeat.0.saturating_mul(2).max(SHORTEST_STALL);
        let without = u8::try_from(without).unwrap_or(u8::MAX).max(1);
        let pause = match self.stalls.checked_sub(without) {
            None => Millis(0),
            Some(more) => doubled(heartbeat.0, more.saturating_add(1), MAX_PAUSE),
        };
        self.stalls = self.stalls.saturating_add(1);
        pause
    }

    fn after_refusal(&mut self, first: u32, most: u32) -> Millis {
        let pause = doubled(first, self.refusals, most);
        self.refusals = self.refusals.saturating_add(1);
        pause
    }
}

impl<const SLOTS: usize> PullConsumer<SLOTS> {
    /// A status came to an inbox, for the pull of that number
    /// ([`PullId::number_in`](crate::jetstream::PullId::number_in) its subject). One for another pull
    /// than the open one comes too late, and is of no account.
    pub fn handle_status(
        &mut self,
        inbox: InboxId,
        number: Option<u32>,
        status: PullStatus<'_>,
        now: Instant,
    ) {
        let is_it =
            |slot: &&mut Slot| slot.is_at(inbox) && slot.is_open() && Some(slot.number) == number;
        let Some(slot) = self.slots.iter_mut().find(is_it) else { return };
        slot.last_sign = now;
        if status == PullStatus::Heartbeat {
            self.pauses.handle_alive();
            return self.handle_sign();
        }
        let asked = *slot;
        slot.close();
        if self.phase == Phase::Running {
            self.handle_end_of(&asked, status, now);
        }
    }

    fn handle_end_of(&mut self, asked: &Slot, status: PullStatus<'_>, now: Instant) {
        match status {
            PullStatus::RequestTimeout
            | PullStatus::RequestsPending
            | PullStatus::InterestExpired
            | PullStatus::NoMessages
            | PullStatus::EndOfBatch
            | PullStatus::BatchCompleted
            | PullStatus::ServerShutdown
            | PullStatus::LeadershipChange => self.handle_expiry(asked, now),
            PullStatus::MessageTooLarge => self.handle_too_large(asked, now),
            PullStatus::MaxRequestBatch(most) => {
                let is_news = 0 < most && most < asked.left;
                if is_news {
                    self.caps.messages = most;
                    self.notices.batch = Notice::Due;
                }
                self.handle_limit(is_news, now);
            }
            PullStatus::MaxRequestBytes(most) => {
                let is_news = 0 < most && most < asked.asked_bytes;
                if is_news {
                    self.caps.bytes = most;
                    self.too_small = 0;
                    self.notices.bytes = Notice::Due;
                }
                self.handle_limit(is_news, now);
            }
            PullStatus::MaxRequestExpires(most) => {
                let is_news = 1 < most && most < asked.expires.0;
                if is_news {
                    self.caps.expires = Millis(most);
                    self.caps.heartbeat = Millis(self.caps.heartbeat.0.min(most / 2));
                    self.notices.expires = Notice::Due;
                }
                self.handle_limit(is_news, now);
            }
            PullStatus::MaxWaiting => {
                let most = (self.caps.expires.0 / 2).max(SOON);
                let pause = self.pauses.after_refusal(500, most);
                self.hold = now + self.pauses.jitter.spread(pause);
            }
            // Without an id, no pull is refused because of it.
            PullStatus::PinIdMismatch if asked.is_pinned => self.is_pinned = false,
            PullStatus::ConsumerDeleted => self.handle_absence(now),
            PullStatus::PushBased => self.end(PullEndReason::PushBased),
            PullStatus::BadRequest(_) => self.end(PullEndReason::BadRequest),
            PullStatus::RequiredApiLevel => self.end(PullEndReason::Unsupported),
            // No leader at present, or no such consumer; or a status that is not known, which may mean anything.
            _ => {
                let pause = self.pauses.after_refusal(250, 1_000);
                self.hold = now + pause;
                self.want_info();
            }
        }
    }

    /// A pull is over, and another one may follow at once, unless that goes on and on.
    fn handle_expiry(&mut self, asked: &Slot, now: Instant) {
        let soon = Millis(SOON.min(self.caps.expires.0 / 2));
        if asked.has_delivered || now >= asked.asked_at + soon {
            self.pauses.refusals = 0;
        } else if self.pauses.refusals < SOON_IN_A_ROW {
            self.pauses.refusals += 1;
        } else {
            self.hold = now + self.pauses.after_refusal(SOON / 4, 1_000);
        }
    }

    /// The next message does not fit into what is left of a pull's bytes.
    fn handle_too_large(&mut self, asked: &Slot, now: Instant) {
        if asked.has_delivered {
            return;
        }
        if asked.asked_bytes < self.config.max_bytes.min(self.caps.bytes) {
            // It may fit when there is more room.
            self.too_small = asked.asked_bytes;
        } else {
            self.notices.too_large.note();
            self.hold = now + TOO_LARGE_PAUSE;
        }
    }

    fn handle_limit(&mut self, is_news: bool, now: Instant) {
        if !is_news {
            let pause = self.pauses.after_refusal(1_000, MAX_PAUSE);
            self.hold = now + pause;
        }
    }
}
