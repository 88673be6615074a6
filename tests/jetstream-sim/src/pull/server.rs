//! A consumer of nats-server, as it was seen to behave, that forgets things.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;

use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullId;
use nats_proto::jetstream::PullStatus;

use super::setup::Setup;
use super::setup::WITHHELD;
use crate::chance::Chance;

/// How long the server waits for an acknowledgement.
const ACK_WAIT: u64 = 8000;
/// How long the client that is pinned may be away.
const PRIORITY_TIMEOUT: u64 = 3000;
/// For how long a server with leaf nodes serves a pull whose inbox has no subscriber.
const YOUNG: u64 = 2000;

/// What a server sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frame {
    Message { inbox: InboxId, id: u64, size: u32, pin: Option<u64> },
    Status { inbox: InboxId, number: u32, status: PullStatus<'static> },
}

/// A message in the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(crate) id: u64,
    pub(crate) size: u32,
}

#[derive(Debug)]
struct Waiting {
    inbox: InboxId,
    number: u32,
    /// The connection that it came by.
    epoch: u64,
    left: u32,
    /// `None` is no limit.
    bytes_left: Option<u32>,
    asked_at: u64,
    expires_at: u64,
    heartbeat: u64,
    beats_at: u64,
    pin: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Server {
    says_nobody: bool,
    max_waiting: usize,
    max_ack_pending: usize,
    has_leaves: bool,
    is_pinned: bool,
    pub(crate) faults: u64,
    withheld: Option<PullStatus<'static>>,
    pub(crate) max_batch: u32,
    pub(crate) max_bytes: u32,
    pub(crate) max_expires: u64,
    waiting: VecDeque<Waiting>,
    pub(crate) stream: VecDeque<Stored>,
    /// Delivered, and not acknowledged: until when.
    pub(crate) unacked: HashMap<u64, (Stored, u64)>,
    pub(crate) subscribed: HashSet<InboxId>,
    pub(crate) epoch: u64,
    /// No leader before.
    pub(crate) dead_until: u64,
    pub(crate) paused_until: u64,
    pub(crate) is_deleted: bool,
    pin: Option<u64>,
    last_pin: u64,
    /// When the client that is pinned was seen last.
    pinned_at: u64,
    /// What was delivered to an inbox that a live connection does not listen to.
    pub(crate) wasted: u64,
    /// What to send, and how much later than at once.
    pub(crate) out: Vec<(Frame, u64)>,
}

impl Server {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            says_nobody: setup.says_nobody,
            max_waiting: setup.max_waiting,
            max_ack_pending: setup.max_ack_pending,
            has_leaves: setup.has_leaves,
            is_pinned: setup.is_pinned,
            faults: setup.faults,
            withheld: setup.withheld.and_then(|kind| WITHHELD.get(kind)).copied(),
            max_batch: u32::MAX,
            max_bytes: u32::MAX,
            max_expires: u64::MAX,
            waiting: VecDeque::new(),
            stream: VecDeque::new(),
            unacked: HashMap::new(),
            subscribed: HashSet::new(),
            epoch: 0,
            dead_until: 0,
            paused_until: 0,
            is_deleted: false,
            pin: None,
            last_pin: 0,
            pinned_at: 0,
            wasted: 0,
            out: Vec::new(),
        }
    }

    /// How many messages the waiting pulls of the present connection may still bring.
    pub(crate) fn open(&self) -> u32 {
        let mine = self.waiting.iter().filter(|pull| self.hears(pull));
        mine.map(|pull| pull.left).sum()
    }

    /// Whether something would be delivered to a pull.
    pub(crate) fn has_waiting(&self, now: u64) -> bool {
        let is_there = now >= self.dead_until && now >= self.paused_until && !self.is_deleted;
        let is_free = self.unacked.len() < self.max_ack_pending;
        is_there && is_free && !self.stream.is_empty()
    }

    fn hears(&self, pull: &Waiting) -> bool {
        pull.epoch == self.epoch && self.subscribed.contains(&pull.inbox)
    }

    /// Whether somebody listens; or whether the server takes somebody to.
    fn is_served(&self, pull: &Waiting, now: u64) -> bool {
        self.hears(pull) || (self.has_leaves && now < pull.asked_at + YOUNG)
    }

    fn fault(&self, chance: &mut Chance<'_>, percent: u64) -> bool {
        chance.percent(percent * self.faults / 100)
    }

    /// Says something about a pull, unless it forgets to, or says it twice, or late.
    fn say(&mut self, pull: &Waiting, status: PullStatus<'static>, chance: &mut Chance<'_>) {
        if pull.epoch != self.epoch || self.withheld == Some(status) || self.fault(chance, 30) {
            return;
        }
        let frame = Frame::Status { inbox: pull.inbox, number: pull.number, status };
        let late = if self.fault(chance, 30) { chance.below(3000) } else { 0 };
        self.out.push((frame, late));
        if self.fault(chance, 30) {
            self.out.push((frame, late + chance.below(1000)));
        }
    }

    /// A pull comes, by the present connection.
    pub(crate) fn pull(
        &mut self,
        pull: &Pull,
        pin: Option<u64>,
        now: u64,
        chance: &mut Chance<'_>,
    ) {
        let expires = u64::from(pull.expires_millis());
        let heartbeat = u64::from(pull.heartbeat_millis());
        let pull = Waiting {
            inbox: pull.id.inbox,
            number: pull.id.number,
            epoch: self.epoch,
            left: pull.batch,
            bytes_left: (pull.max_bytes > 0).then_some(pull.max_bytes),
            asked_at: now,
            expires_at: if expires > 0 { now + expires } else { u64::MAX },
            heartbeat,
            beats_at: if heartbeat > 0 { now + heartbeat } else { u64::MAX },
            pin,
        };
        if self.fault(chance, 10) {
            return;
        }
        if now < self.dead_until || self.is_deleted {
            if self.says_nobody {
                self.say(&pull, PullStatus::NoResponders, chance);
            }
            return;
        }
        let refusal = if pull.left > self.max_batch {
            Some(PullStatus::MaxRequestBatch(self.max_batch))
        } else if pull.bytes_left.is_some_and(|bytes| bytes > self.max_bytes) {
            Some(PullStatus::MaxRequestBytes(self.max_bytes))
        } else if expires > self.max_expires {
            let most = u32::try_from(self.max_expires).unwrap_or(u32::MAX);
            Some(PullStatus::MaxRequestExpires(most))
        } else if self.is_pinned && pull.pin.is_some() && pull.pin != self.pin {
            Some(PullStatus::PinIdMismatch)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return self.say(&pull, refusal, chance);
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().filter(|pull| self.is_served(pull, now)).collect();
        if self.waiting.len() >= self.max_waiting {
            if chance.percent(50) {
                self.say(&pull, PullStatus::MaxWaiting, chance);
            }
            return;
        }
        self.waiting.push_back(pull);
        self.serve(now, chance);
    }

    /// What is there came for a pull that does not wait: it is over, and told so. While the consumer
    /// waits for acknowledgements, it is not, and nothing is said.
    pub(crate) fn end_pull(&mut self, id: PullId, chance: &mut Chance<'_>) {
        let is_it = |pull: &Waiting| pull.inbox == id.inbox && pull.number == id.number;
        if self.unacked.len() >= self.max_ack_pending {
            return;
        }
        let Some(at) = self.waiting.iter().position(is_it) else { return };
        if let Some(pull) = self.waiting.remove(at) {
            self.say(&pull, PullStatus::NoMessages, chance);
        }
    }

    /// Delivers what it can, to each pull one message in turn.
    pub(crate) fn serve(&mut self, now: u64, chance: &mut Chance<'_>) {
        if now < self.dead_until || now < self.paused_until || self.is_deleted {
            return;
        }
        let mut passed_over = 0;
        while self.unacked.len() < self.max_ack_pending && passed_over < self.waiting.len() {
            let Some(&message) = self.stream.front() else { break };
            let Some(mut pull) = self.waiting.pop_front() else { break };
            if !self.is_served(&pull, now) {
                continue;
            }
            if pull.expires_at <= now {
                self.say(&pull, PullStatus::RequestTimeout, chance);
                continue;
            }
            if self.is_pinned {
                if pull.pin.is_some() && pull.pin != self.pin {
                    self.say(&pull, PullStatus::PinIdMismatch, chance);
                    continue;
                }
                if self.pin.is_some() && pull.pin.is_none() {
                    // A candidate.
                    self.waiting.push_back(pull);
                    passed_over += 1;
                    continue;
                }
            }
            if let Some(bytes) = pull.bytes_left {
                let Some(left) = bytes.checked_sub(message.size) else {
                    self.say(&pull, PullStatus::MessageTooLarge, chance);
                    continue;
                };
                pull.bytes_left = Some(left);
                if left == 0 {
                    // The end that is not announced.
                    pull.left = 1;
                }
            }
            if self.is_pinned && self.pin.is_none() {
                self.last_pin += 1;
                self.pin = Some(self.last_pin);
                pull.pin = self.pin;
            }
            self.pinned_at = now;
            passed_over = 0;
            self.stream.pop_front();
            self.unacked.insert(message.id, (message, now + ACK_WAIT));
            pull.left -= 1;
            if pull.heartbeat > 0 {
                pull.beats_at = now + pull.heartbeat;
            }
            if self.hears(&pull) {
                let Stored { id, size } = message;
                self.out.push((Frame::Message { inbox: pull.inbox, id, size, pin: pull.pin }, 0));
            } else if pull.epoch == self.epoch {
                self.wasted += 1;
            }
            if pull.left > 0 {
                self.waiting.push_back(pull);
            } else if pull.bytes_left.is_some_and(|left| left > 0) && chance.percent(50) {
                self.say(&pull, PullStatus::BatchCompleted, chance);
            }
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: u64, chance: &mut Chance<'_>) {
        let late = self.unacked.iter().filter(|(_, (_, until))| *until <= now);
        let mut late: Vec<u64> = late.map(|(id, _)| *id).collect();
        late.sort_unstable();
        for id in late {
            self.nak(id);
        }
        let has_pinned = self.waiting.iter().any(|pull| pull.pin.is_some() && self.hears(pull));
        if has_pinned {
            self.pinned_at = now;
        } else if self.pinned_at + PRIORITY_TIMEOUT < now {
            self.pin = None;
        }
        if now < self.dead_until {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for mut pull in waiting {
            if !self.is_served(&pull, now) {
                continue;
            }
            if pull.expires_at <= now {
                self.say(&pull, PullStatus::RequestTimeout, chance);
                continue;
            }
            if pull.beats_at <= now {
                pull.beats_at = now + pull.heartbeat;
                let status = PullStatus::Heartbeat;
                let is_withheld = self.withheld == Some(status);
                if pull.epoch == self.epoch && !is_withheld && !self.fault(chance, 20) {
                    let (inbox, number) = (pull.inbox, pull.number);
                    self.out.push((Frame::Status { inbox, number, status }, 0));
                }
            }
            self.waiting.push_back(pull);
        }
        self.serve(now, chance);
    }

    pub(crate) fn ack(&mut self, id: u64) {
        self.unacked.remove(&id);
    }

    pub(crate) fn nak(&mut self, id: u64) {
        if let Some((message, _)) = self.unacked.remove(&id) {
            self.stream.push_back(message);
        }
    }

    pub(crate) const fn unpin(&mut self) {
        self.pin = None;
    }

    /// Another server leads: it tells those that it hears of, once, or forgets to.
    pub(crate) fn change_leader(&mut self, now: u64, chance: &mut Chance<'_>) {
        self.dead_until = now + chance.below(5000 * self.faults / 100 + 1);
        for pull in std::mem::take(&mut self.waiting) {
            if chance.percent(30) {
                self.say(&pull, PullStatus::ServerShutdown, chance);
            }
            if chance.percent(70) {
                let frame = Frame::Status {
                    inbox: pull.inbox,
                    number: pull.number,
                    status: PullStatus::LeadershipChange,
                };
                let is_withheld = self.withheld == Some(PullStatus::LeadershipChange);
                if pull.epoch == self.epoch && !is_withheld {
                    self.out.push((frame, self.dead_until - now));
                }
            }
        }
    }

    /// The pulls are gone, and the server does not say so.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn delete(&mut self, chance: &mut Chance<'_>) {
        self.is_deleted = true;
        for pull in std::mem::take(&mut self.waiting) {
            self.say(&pull, PullStatus::ConsumerDeleted, chance);
        }
    }

    /// The connection is gone, and with it its subscriptions and pulls; or, as a mistake, they are kept.
    pub(crate) fn cut(&mut self, keeps: bool) {
        if keeps {
            self.epoch += 1;
            let epoch = self.epoch;
            self.waiting.iter_mut().for_each(|pull| pull.epoch = epoch);
            return;
        }
        self.epoch += 1;
        self.subscribed.clear();
        let epoch = self.epoch;
        self.waiting.retain(|pull| pull.epoch == epoch);
    }
}
