//! How long somebody who should be at work was not.

use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

/// Somebody who publishes, or takes messages: how often, and the longest pause.
pub(crate) struct Actor {
    pub(crate) name: &'static str,
    /// How long it waits, by its settings, before it takes silence for an answer.
    pub(crate) patience: Duration,
    pauses: Mutex<Pauses>,
}

struct Pauses {
    last: Instant,
    longest: Duration,
    count: u64,
}

impl Actor {
    pub(crate) fn new(name: &'static str, patience: Duration) -> Self {
        let pauses = Pauses { last: Instant::now(), longest: Duration::ZERO, count: 0 };
        Self { name, patience, pauses: Mutex::new(pauses) }
    }

    /// One more is done.
    pub(crate) fn mark(&self) {
        let mut pauses = self.pauses.lock().expect("no panic");
        let now = Instant::now();
        pauses.longest = pauses.longest.max(now - pauses.last);
        pauses.last = now;
        pauses.count += 1;
    }

    /// What was before does not count.
    pub(crate) fn begin(&self) {
        let mut pauses = self.pauses.lock().expect("no panic");
        pauses.longest = Duration::ZERO;
        pauses.last = Instant::now();
    }

    /// The longest pause since then.
    pub(crate) fn longest(&self) -> Duration {
        let pauses = self.pauses.lock().expect("no panic");
        pauses.longest.max(pauses.last.elapsed())
    }

    /// How many are done.
    pub(crate) fn count(&self) -> u64 {
        self.pauses.lock().expect("no panic").count
    }
}
