//! A stream, and consumers that read it in order, as far as they live.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;

use nats_proto::jetstream::CreateFailure;
use nats_proto::jetstream::DeliverPolicy;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::OrderedInfo;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::SequenceInfo;

use super::Setup;
use crate::chance::Chance;

/// How long a consumer lives that nobody asks for messages.
const INACTIVE: u64 = 120_000;

/// What the server has to tell the client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frame {
    Message { inbox: InboxId, serial: u32, stream: u64, consumer: u64 },
    Status { inbox: InboxId, number: u32, status: Status },
    Created { serial: u32, delivered: SequenceInfo },
    NotCreated { serial: u32, failure: CreateFailure },
    Info { serial: u32, info: OrderedInfo },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    /// With the number of the last delivery.
    Heartbeat(u64),
    RequestTimeout,
    ConsumerDeleted,
    LeadershipChange,
    NoResponders,
}

pub(super) struct Server {
    /// What the stream has: the subject of each message.
    pub(super) stream: BTreeMap<u64, u64>,
    pub(super) last: u64,
    pub(super) consumers: BTreeMap<u32, Consumer>,
    pub(super) subscribed: HashSet<InboxId>,
    pub(super) out: VecDeque<Frame>,
    /// How much goes wrong, in percent.
    pub(super) faults: u64,
    /// Whether the stream is there.
    pub(super) has_stream: bool,
    /// Until when consumers cannot be created.
    pub(super) busy_until: u64,
    says_nobody: bool,
    heartbeat: u64,
    expires: u64,
}

pub(super) struct Consumer {
    policy: DeliverPolicy,
    /// The last message when it was created.
    created_behind: u64,
    /// What is delivered next at the earliest.
    next: u64,
    pub(super) delivered: SequenceInfo,
    /// For the last one of each subject: what is left of the beginning.
    first: Option<VecDeque<u64>>,
    pull: Option<Open>,
    used_at: u64,
}

struct Open {
    inbox: InboxId,
    number: u32,
    left: u32,
    until: u64,
    sign_at: u64,
}

impl Server {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            stream: BTreeMap::new(),
            last: 0,
            consumers: BTreeMap::new(),
            subscribed: HashSet::new(),
            out: VecDeque::new(),
            faults: setup.faults,
            has_stream: true,
            busy_until: 0,
            says_nobody: setup.says_nobody,
            heartbeat: setup.heartbeat,
            expires: setup.expires,
        }
    }

    pub(super) fn store(&mut self, subject: u64) -> u64 {
        self.last += 1;
        self.stream.insert(self.last, subject);
        self.last
    }

    pub(super) fn create(
        &mut self,
        serial: u32,
        policy: DeliverPolicy,
        now: u64,
        chance: &mut Chance<'_>,
    ) {
        if chance.percent(self.faults / 4) {
            return; // silence, and none is made
        }
        let is_refused = now < self.busy_until || chance.percent(self.faults / 4);
        if !self.has_stream || is_refused || self.consumers.contains_key(&serial) {
            let failure = if self.has_stream {
                CreateFailure::Unavailable
            } else {
                CreateFailure::StreamNotFound
            };
            return self.out.push_back(Frame::NotCreated { serial, failure });
        }
        let mut last: HashMap<u64, u64> = HashMap::new();
        let start = match policy {
            DeliverPolicy::New => self.last,
            DeliverPolicy::Last => self.last.saturating_sub(1),
            DeliverPolicy::ByStartSequence(first) => first.saturating_sub(1),
            _ => 0,
        };
        let first = (policy == DeliverPolicy::LastPerSubject).then(|| {
            last.extend(self.stream.iter().map(|(sequence, subject)| (*subject, *sequence)));
            let mut first: Vec<_> = last.values().copied().collect();
            first.sort_unstable();
            first.into()
        });
        let next = if first.is_some() { self.last + 1 } else { start + 1 };
        let delivered = SequenceInfo::new(0, start);
        let created_behind = self.last;
        let consumer =
            Consumer { policy, created_behind, next, delivered, first, pull: None, used_at: now };
        self.consumers.insert(serial, consumer);
        if !chance.percent(self.faults / 4) {
            self.out.push_back(Frame::Created { serial, delivered });
        }
    }

    pub(super) fn inform(&mut self, serial: u32, chance: &mut Chance<'_>) {
        if chance.percent(self.faults / 4) {
            return;
        }
        let info = match self.consumers.get(&serial) {
            Some(consumer) => OrderedInfo::Exists(consumer.delivered),
            None => OrderedInfo::NotFound,
        };
        self.out.push_back(Frame::Info { serial, info });
    }

    pub(super) fn pull(&mut self, serial: u32, pull: &Pull, now: u64) {
        let id = pull.id;
        let Some(consumer) = self.consumers.get_mut(&serial) else {
            if self.says_nobody {
                let status = Status::NoResponders;
                self.out.push_back(Frame::Status { inbox: id.inbox, number: id.number, status });
            }
            return;
        };
        consumer.used_at = now;
        consumer.pull = Some(Open {
            inbox: id.inbox,
            number: id.number,
            left: pull.batch,
            until: now + self.expires,
            sign_at: now,
        });
    }

    /// Delivers what there is, and says what is over.
    pub(super) fn serve(&mut self, now: u64, chance: &mut Chance<'_>) {
        for (serial, consumer) in &mut self.consumers {
            while let Some(pull) = &mut consumer.pull {
                if !self.subscribed.contains(&pull.inbox) {
                    consumer.pull = None;
                    break;
                }
                let Some(stream) = next_of(&mut consumer.first, consumer.next, &self.stream) else {
                    break;
                };
                consumer.next = consumer.next.max(stream + 1);
                consumer.delivered.consumer_sequence += 1;
                consumer.delivered.stream_sequence = stream;
                consumer.used_at = now;
                pull.sign_at = now;
                pull.left -= 1;
                let (inbox, consumer_sequence) = (pull.inbox, consumer.delivered.consumer_sequence);
                let is_over = pull.left == 0;
                if is_over {
                    consumer.pull = None;
                }
                // It may be lost between servers.
                if !chance.percent(self.faults / 20) {
                    let (serial, consumer) = (*serial, consumer_sequence);
                    self.out.push_back(Frame::Message { inbox, serial, stream, consumer });
                }
            }
        }
    }

    pub(super) fn tick(&mut self, now: u64, chance: &mut Chance<'_>) {
        let (heartbeat, faults) = (self.heartbeat, self.faults);
        for consumer in self.consumers.values_mut() {
            let delivered = consumer.delivered.consumer_sequence;
            let Some(pull) = &mut consumer.pull else { continue };
            consumer.used_at = now;
            let (inbox, number) = (pull.inbox, pull.number);
            let is_over = pull.until <= now;
            let status = if is_over {
                Status::RequestTimeout
            } else if pull.sign_at + heartbeat <= now {
                pull.sign_at = now;
                Status::Heartbeat(delivered)
            } else {
                continue;
            };
            if is_over {
                consumer.pull = None;
            }
            if !chance.percent(faults / 4) {
                self.out.push_back(Frame::Status { inbox, number, status });
            }
        }
        self.consumers.retain(|_, consumer| consumer.used_at + INACTIVE > now);
    }

    /// A consumer's server dies, or somebody deletes the consumer.
    pub(super) fn kill(&mut self, is_told: bool) {
        while let Some((_, consumer)) = self.consumers.pop_first() {
            if let (Some(Open { inbox, number, .. }), true) = (consumer.pull, is_told) {
                let status = Status::ConsumerDeleted;
                self.out.push_back(Frame::Status { inbox, number, status });
            }
        }
    }

    pub(super) fn change_leader(&mut self) {
        for consumer in self.consumers.values_mut() {
            if let Some(Open { inbox, number, .. }) = consumer.pull.take() {
                let status = Status::LeadershipChange;
                self.out.push_back(Frame::Status { inbox, number, status });
            }
        }
    }

    /// The connection is gone, and with it the pulls and what was on its way.
    pub(super) fn cut(&mut self) {
        self.subscribed.clear();
        self.out.clear();
        for consumer in self.consumers.values_mut() {
            consumer.pull = None;
        }
    }
}

impl Consumer {
    pub(super) const fn policy(&self) -> DeliverPolicy {
        self.policy
    }

    pub(super) const fn created_behind(&self) -> u64 {
        self.created_behind
    }
}

/// The next message: of the beginning if that is not over, else the next of the stream.
fn next_of(
    first: &mut Option<VecDeque<u64>>,
    next: u64,
    stream: &BTreeMap<u64, u64>,
) -> Option<u64> {
    while let Some(sequence) = first.as_mut().and_then(VecDeque::pop_front) {
        if stream.contains_key(&sequence) {
            return Some(sequence);
        }
    }
    stream.range(next..).next().map(|(sequence, _)| *sequence)
}
