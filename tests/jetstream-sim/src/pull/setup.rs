//! The setup of a history.

use std::time::Duration;

use nats_proto::jetstream::PullConfig;
use nats_proto::jetstream::PullStatus;

use crate::chance::Chance;

/// A consumer, its server and what goes wrong. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) max_messages: u32,
    pub(crate) max_bytes: u32,
    pub(crate) expires: u64,
    pub(crate) heartbeat: u64,
    pub(crate) slots: u32,
    pub(crate) awaits_consumer: bool,
    /// How much goes wrong, in percent.
    pub(crate) faults: u64,
    pub(crate) cuts: u64,
    pub(crate) latency: u64,
    /// How long the application works on a message on average.
    pub(crate) service: u64,
    /// Whether the server says so where nobody can take a pull, as newer ones do, or says nothing.
    pub(crate) says_nobody: bool,
    pub(crate) max_waiting: usize,
    pub(crate) max_ack_pending: usize,
    /// Whether the server has leaf nodes, and messages are delivered only so many times.
    pub(crate) has_leaves: bool,
    pub(crate) is_pinned: bool,
    /// Whether there is one message that is too large.
    pub(crate) has_large: bool,
    pub(crate) messages: u64,
    /// Between two bursts of messages, on average.
    pub(crate) gap: u64,
    pub(crate) length: u64,
    /// Whether the consumer is deleted.
    pub(crate) deletes: bool,
    /// Whether the application ends it in the middle.
    pub(crate) leaves: bool,
    pub(crate) drains: bool,
    /// A kind of status that the server never sends, while nothing else goes wrong.
    pub(crate) withheld: Option<usize>,
}

/// Kinds of statuses that a server may withhold.
pub(crate) const WITHHELD: &[PullStatus<'static>] = &[
    PullStatus::Heartbeat,
    PullStatus::NoMessages,
    PullStatus::RequestTimeout,
    PullStatus::MessageTooLarge,
    PullStatus::BatchCompleted,
    PullStatus::LeadershipChange,
    PullStatus::ServerShutdown,
    PullStatus::ConsumerDeleted,
    PullStatus::MaxWaiting,
    PullStatus::PinIdMismatch,
    PullStatus::NoResponders,
];

impl Setup {
    pub(crate) fn new(chance: &mut Chance<'_>) -> Self {
        let max_bytes = chance.of(&[0, 0, 0, 100, 250, 1000]);
        let max_messages = chance.of(&[1, 1, 2, 3, 5, 10, 50]);
        let has_leaves = chance.percent(25);
        let heartbeat =
            if has_leaves { chance.of(&[1000, 5000]) } else { chance.of(&[500, 1000, 5000]) };
        let expires = chance.of(&[
            2 * heartbeat,
            3 * heartbeat,
            if heartbeat > 1000 { 30_000 } else { 5000 },
        ]);
        let length = chance.of(&[60_000, 200_000]);
        let mut setup = Self {
            max_messages: if max_bytes > 0 { max_messages.max(10) } else { max_messages },
            max_bytes,
            expires: expires.max(1000),
            heartbeat,
            slots: chance.of(&[1, 2, 2]),
            awaits_consumer: chance.percent(50),
            faults: chance.of(&[0, 20, 100]),
            cuts: chance.of(&[0, 0, 2, 8]),
            latency: chance.of(&[1, 10, 200]),
            service: chance.of(&[0, 1, 50, 1000]),
            says_nobody: chance.percent(60),
            max_waiting: chance.of(&[1, 2, 512]),
            max_ack_pending: chance.of(&[1000, 1000, 1, 4]),
            has_leaves,
            is_pinned: chance.percent(15),
            has_large: max_bytes > 0 && chance.percent(20),
            messages: chance.of(&[30, 150, 150, 1000]),
            gap: chance.of(&[1, 50, 1000, 7000]),
            length,
            deletes: chance.percent(15),
            leaves: chance.percent(30),
            drains: chance.percent(30),
            withheld: None,
        };
        if setup.faults == 0 && chance.percent(50) {
            let kind = chance.below(WITHHELD.len() as u64);
            setup.withheld = usize::try_from(kind).ok();
        }
        setup
    }

    pub(crate) fn config(&self, unlimited: bool) -> PullConfig {
        let millis = Duration::from_millis;
        let mut config = PullConfig::new(self.max_messages)
            .max_bytes(self.max_bytes)
            .expires(millis(self.expires))
            .heartbeat(millis(self.heartbeat))
            .seed(7);
        if self.awaits_consumer {
            config = config.await_consumer();
        }
        if unlimited || !self.has_leaves {
            config = config.unlimited_deliveries();
        }
        config
    }

    /// Whether nothing goes wrong that the server does not say.
    pub(crate) const fn is_calm(&self) -> bool {
        self.faults == 0 && self.cuts == 0 && self.withheld.is_none()
    }
}
