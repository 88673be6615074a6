//! The setup of a history.

use std::time::Duration;

use nats_proto::jetstream::DeliverPolicy;
use nats_proto::jetstream::OrderedConsumer;
use nats_proto::jetstream::PullConfig;

use crate::chance::Chance;

/// A reader, its server and what goes wrong. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) max_messages: u32,
    pub(super) policy: DeliverPolicy,
    pub(super) heartbeat: u64,
    pub(super) expires: u64,
    /// How much goes wrong, in percent.
    pub(super) faults: u64,
    pub(super) cuts: u64,
    pub(super) kills: u64,
    pub(super) purges: u64,
    pub(super) leader_changes: u64,
    pub(super) is_busy: bool,
    pub(super) loses_stream: bool,
    /// Whether the server says so where nobody can take a pull.
    pub(super) says_nobody: bool,
    pub(super) latency: u64,
    pub(super) service: u64,
    pub(super) messages: u64,
    pub(super) subjects: u64,
    pub(super) gap: u64,
    pub(super) length: u64,
    /// Whether the application ends it in the middle.
    pub(super) stops: bool,
}

impl Setup {
    pub(super) fn new(chance: &mut Chance<'_>) -> Self {
        let policy = match chance.below(5) {
            0 => DeliverPolicy::New,
            1 => DeliverPolicy::Last,
            2 => DeliverPolicy::LastPerSubject,
            3 => DeliverPolicy::ByStartSequence(5),
            _ => DeliverPolicy::All,
        };
        let heartbeat = chance.of(&[500, 1000, 5000]);
        let is_rough = chance.percent(70);
        let some =
            |chance: &mut Chance<'_>, counts: &[u64]| if is_rough { chance.of(counts) } else { 0 };
        Self {
            max_messages: chance.of(&[1, 2, 5, 50]),
            policy,
            heartbeat,
            expires: chance.of(&[2 * heartbeat, 6 * heartbeat]).max(1000),
            faults: some(chance, &[0, 20, 100]),
            cuts: some(chance, &[0, 2, 20]),
            kills: some(chance, &[0, 1, 5]),
            purges: some(chance, &[0, 3]),
            leader_changes: some(chance, &[0, 3]),
            is_busy: is_rough && chance.percent(30),
            loses_stream: is_rough && chance.percent(10),
            says_nobody: chance.percent(60),
            latency: chance.of(&[1, 10, 200]),
            service: chance.of(&[0, 1, 50]),
            messages: chance.of(&[30, 150, 500]),
            subjects: chance.of(&[1, 5, 1000]),
            gap: chance.of(&[1, 50, 1000]),
            length: chance.of(&[60_000, 120_000]),
            stops: chance.percent(20),
        }
    }

    pub(super) fn machine(&self) -> Option<OrderedConsumer> {
        let config = PullConfig::new(self.max_messages)
            .heartbeat(Duration::from_millis(self.heartbeat))
            .expires(Duration::from_millis(self.expires));
        OrderedConsumer::new(config, self.policy).ok()
    }

    /// Whether nothing goes wrong.
    pub(super) const fn is_calm(&self) -> bool {
        self.faults == 0 && self.cuts == 0 && self.kills == 0 && !self.is_busy && !self.loses_stream
    }
}
