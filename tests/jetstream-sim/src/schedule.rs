//! Time, and what is to happen.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Events in order of their times, in milliseconds; those of one time in the order in which they were
/// planned.
#[derive(Debug)]
pub(crate) struct Schedule<E> {
    now: u64,
    planned: u64,
    heap: BinaryHeap<Entry<E>>,
}

#[derive(Debug)]
struct Entry<E> {
    at: u64,
    number: u64,
    event: E,
}

impl<E> Schedule<E> {
    pub(crate) const fn new() -> Self {
        Self { now: 0, planned: 0, heap: BinaryHeap::new() }
    }

    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    /// Plans an event; one in the past happens now.
    pub(crate) fn at(&mut self, at: u64, event: E) {
        self.planned += 1;
        self.heap.push(Entry { at: at.max(self.now), number: self.planned, event });
    }

    /// The next event. Time is its time then.
    pub(crate) fn next(&mut self) -> Option<E> {
        let entry = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// The earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}
