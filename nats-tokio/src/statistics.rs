//! Counters.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What went over a client's connections so far (ADR-40).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Bytes read from the socket.
    pub in_bytes: u64,
    /// Bytes written to the socket.
    pub out_bytes: u64,
    /// Messages received, those included that were dropped for being too many or too late.
    pub in_messages: u64,
    /// Messages published, those included that still wait to be written.
    pub out_messages: u64,
    /// Connections made.
    pub connects: u64,
    /// Messages dropped because their subscriber was too slow.
    pub dropped_messages: u64,
    /// Messages that may have been lost with connections, since no server has confirmed that it
    /// processed them.
    pub unconfirmed_messages: u64,
    /// Messages passed over because they were longer than the client takes.
    pub oversized_messages: u64,
    /// Messages dropped because they were accepted, and then longer than the server takes, or had
    /// headers and the server takes none; see [`Event::MessageRefused`](crate::Event::MessageRefused).
    pub refused_messages: u64,
}

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
