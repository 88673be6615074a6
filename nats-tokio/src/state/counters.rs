//! The counters that only the driver writes.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::statistics::Statistics;

/// The counters that only the driver writes.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) in_bytes: Counter,
    pub(crate) out_bytes: Counter,
    pub(crate) in_messages: Counter,
    pub(crate) connects: Counter,
    pub(crate) dropped_messages: Counter,
    pub(crate) unconfirmed_messages: Counter,
    pub(crate) oversized_messages: Counter,
    pub(crate) refused_messages: Counter,
}

impl Counters {
    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            in_bytes: self.in_bytes.get(),
            out_bytes: self.out_bytes.get(),
            in_messages: self.in_messages.get(),
            out_messages: 0,
            connects: self.connects.get(),
            dropped_messages: self.dropped_messages.get(),
            unconfirmed_messages: self.unconfirmed_messages.get(),
            oversized_messages: self.oversized_messages.get(),
            refused_messages: self.refused_messages.get(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
