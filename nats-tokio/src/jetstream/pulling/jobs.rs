//! What the application is working on, of which the server is told from time to time.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use nats_proto::Instant;

/// Which job. None is used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::jetstream) struct JobId(u64);

/// Messages that are being worked on. There are no more of them than the application works on at a time.
#[derive(Debug)]
pub(super) struct Jobs {
    running: Vec<Job>,
    last: JobId,
}

#[derive(Debug)]
struct Job {
    id: JobId,
    reply: Bytes,
    /// When the server was told last, in milliseconds.
    told: Arc<AtomicU64>,
    interval: Duration,
    /// When the server is told next; none to be told at once.
    due: Option<Instant>,
}

impl Jobs {
    pub(super) const fn new() -> Self {
        Self { running: Vec::new(), last: JobId(0) }
    }

    pub(super) fn start(
        &mut self,
        reply: Bytes,
        told: Arc<AtomicU64>,
        interval: Duration,
        now: Instant,
    ) -> JobId {
        self.last.0 += 1;
        let due = Some(now + interval);
        self.running.push(Job { id: self.last, reply, told, interval, due });
        self.last
    }

    pub(super) fn finish(&mut self, id: JobId) {
        self.running.retain(|job| job.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.running.clear();
    }

    /// The servers may have waited in vain, so they are told at once.
    pub(super) fn handle_connected(&mut self) {
        for job in &mut self.running {
            job.due = None;
        }
    }

    /// The reply subject of a message whose time has come.
    pub(super) fn poll(&mut self, now: Instant) -> Option<&Bytes> {
        let is_due = |job: &&mut Job| job.due.is_none_or(|due| due <= now);
        let job = self.running.iter_mut().find(is_due)?;
        job.due = Some(now + job.interval);
        job.told.store(now.as_millis(), Relaxed);
        Some(&job.reply)
    }

    /// When the first of them is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.running.iter().filter_map(|job| job.due).min()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}
