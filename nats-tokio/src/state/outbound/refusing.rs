//! Messages that waited for a server which does not take them.

use std::task::Waker;

use nats_proto::wire::PublishLimits;

use super::Outbound;
use crate::state::batch::Refused;

/// What the messages in the queues may be like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accepted {
    /// The longest headers and payload.
    longest: usize,
    headers: bool,
}

impl Accepted {
    pub(super) fn note(&mut self, len: usize, headers: bool) {
        self.longest = self.longest.max(len);
        self.headers |= headers;
    }
}

impl Outbound {
    /// The server has other limits, or there is another server. What waits and is more than it takes
    /// is dropped: it would close the connection, and what is behind would be lost as well.
    pub(crate) fn set_limits(
        &mut self,
        limits: PublishLimits,
        wake: &mut Vec<Waker>,
    ) -> Vec<Refused> {
        self.note_limits();
        if limits != std::mem::replace(&mut self.limits, limits) {
            // What waits for room may not do any more.
            self.turns.look(wake);
        }
        if self.queued.is_empty() && self.held.is_empty() {
            self.accepted = Accepted::default();
        }
        if self.accepted.longest <= limits.payload && (limits.headers || !self.accepted.headers) {
            return Vec::new();
        }
        self.accepted = Accepted { longest: limits.payload, headers: limits.headers };
        let before = self.queued.message_len() + self.held.message_len();
        let (queued, held) = (self.queued.numbers(), self.held.numbers());
        let first = self.messages - held - queued + 1;
        let mut refused = self.queued.refuse(limits, first, &self.refused);
        refused.extend(self.held.refuse(limits, first + queued, &self.refused));
        self.waiting -= before - self.queued.message_len() - self.held.message_len();
        self.refused.extend(refused.iter().map(|one| one.number));
        self.refused.sort_unstable();
        refused
    }

    /// What is in the queue was accepted by the limits of the connection there is.
    pub(super) fn note_limits(&mut self) {
        if !self.queued.is_empty() || (self.is_ready && !self.held.is_empty()) {
            self.accepted.note(self.limits.payload, self.limits.headers);
        }
    }

    /// Forgets which messages were refused up to that number, and says how many they were.
    pub(super) fn settle_refused(&mut self, number: u64) -> u64 {
        let count = self.refused.partition_point(|refused| *refused <= number);
        self.refused.drain(..count);
        count as u64
    }
}
