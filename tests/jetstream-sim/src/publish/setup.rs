//! The setup of a history.

use std::time::Duration;

use nats_proto::jetstream::WindowConfig;

use crate::chance::Chance;

/// A publisher, its stream and what goes wrong. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) window: u32,
    pub(super) max_bytes: u32,
    pub(super) is_ordered: bool,
    /// How many messages have an id, in percent.
    pub(super) ids: u64,
    pub(super) is_chained: bool,
    /// How many messages there were before, all the publisher's own.
    pub(super) earlier: u64,
    pub(super) checks_sequence_first: bool,
    pub(super) is_replicated: bool,
    pub(super) has_foreigner: bool,
    pub(super) forgets: bool,
    pub(super) ack_wait: u64,
    pub(super) duplicate_window: u64,
    /// For how long a leader may hang.
    pub(super) hang: u64,
    pub(super) faults: u64,
    pub(super) cuts: u64,
    pub(super) latency: u64,
    pub(super) messages: u64,
    pub(super) gap: u64,
    /// How long the application waits for an outcome.
    pub(super) patience: u64,
    pub(super) retries: u8,
    /// How many messages the stream takes.
    pub(super) capacity: usize,
    pub(super) abandons: u64,
    pub(super) closes: bool,
}

impl Setup {
    pub(super) fn new(chance: &mut Chance<'_>) -> Self {
        let is_ordered = chance.percent(60);
        let is_chained = is_ordered && chance.percent(40);
        let is_replicated = is_chained && chance.percent(30);
        let window = chance.of(&[1, 4, 64, 256]);
        let duplicate_window = chance.of(&[120_000, 30_000, 8_000, 2_000]);
        Self {
            window: if is_replicated { 1 } else { window },
            is_replicated,
            max_bytes: chance.of(&[u32::MAX, u32::MAX, 1_000]),
            is_ordered,
            ids: if is_chained { 100 } else { chance.of(&[0, 100, 100, 50]) },
            is_chained,
            earlier: if is_chained { chance.of(&[0, 17]) } else { 0 },
            checks_sequence_first: is_chained && !is_replicated && chance.percent(50),
            has_foreigner: is_chained && chance.percent(30),
            forgets: is_chained && chance.percent(30),
            ack_wait: chance.of(&[1_000, 5_000]),
            duplicate_window,
            hang: (duplicate_window / 2).min(8_000) - 500,
            faults: chance.of(&[0, 30, 100]),
            cuts: chance.of(&[0, 1, 4]),
            latency: chance.of(&[0, 1, 20, 200]),
            messages: chance.of(&[20, 100, 300]),
            gap: chance.of(&[0, 1, 50]),
            patience: chance.of(&[2_000, 15_000, 60_000]),
            retries: chance.of(&[0, 2, 255, 255]),
            capacity: chance.of(&[usize::MAX, usize::MAX, 50]),
            abandons: if is_chained { 0 } else { chance.of(&[0, 0, 5]) },
            closes: chance.percent(10),
        }
    }

    pub(super) fn config(&self, trusts: bool) -> WindowConfig {
        let millis = Duration::from_millis;
        let duplicate_window = if trusts { 600_000 } else { self.duplicate_window };
        let config = WindowConfig::new(self.window)
            .max_bytes(self.max_bytes)
            .ack_wait(millis(self.ack_wait))
            .duplicate_window(millis(duplicate_window))
            .seed(7);
        if self.is_ordered { config } else { config.independent() }
    }

    /// Whether nothing goes wrong at all.
    pub(super) const fn is_calm(&self) -> bool {
        self.faults == 0
            && self.cuts == 0
            && self.capacity == usize::MAX
            && !self.closes
            && !self.has_foreigner
    }
}
