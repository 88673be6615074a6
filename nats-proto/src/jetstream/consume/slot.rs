//! One pull, counted.

use super::inbox::InboxId;
use super::pull::Pull;
use crate::time::Instant;
use crate::time::Millis;

/// How much longer than a pull lasts to wait for word of its end, and how long to wait for any at least.
const GRACE: Millis = Millis(1_000);

/// An inbox, and at most one pull whose messages come to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Where the pull's messages come to; subscribed to.
    pub(super) inbox: Option<InboxId>,
    /// An inbox to unsubscribe from.
    pub(super) retired: Option<InboxId>,
    pub(super) number: u32,
    /// How many messages may still come; zero if there is no pull.
    pub(super) left: u32,
    /// How many bytes may still come; not looked at where there is no limit.
    pub(super) bytes_left: u32,
    /// How many bytes were asked for; zero where there is no limit.
    pub(super) asked_bytes: u32,
    /// Whether a message came.
    pub(super) has_delivered: bool,
    pub(super) is_pinned: bool,
    pub(super) expires: Millis,
    pub(super) heartbeat: Millis,
    pub(super) asked_at: Instant,
    /// When something came last.
    pub(super) last_sign: Instant,
}

impl Slot {
    pub(super) const EMPTY: Self = Self {
        inbox: None,
        retired: None,
        number: 0,
        left: 0,
        bytes_left: 0,
        asked_bytes: 0,
        has_delivered: false,
        is_pinned: false,
        expires: Millis(0),
        heartbeat: Millis(0),
        asked_at: Instant::from_millis(0),
        last_sign: Instant::from_millis(0),
    };

    pub(super) const fn is_open(&self) -> bool {
        self.left > 0
    }

    pub(super) fn is_at(&self, inbox: InboxId) -> bool {
        self.inbox == Some(inbox)
    }

    pub(super) const fn open(&mut self, pull: &Pull, now: Instant) {
        self.number = pull.id.number;
        self.left = pull.batch;
        self.bytes_left = pull.max_bytes;
        self.asked_bytes = pull.max_bytes;
        self.has_delivered = false;
        self.is_pinned = pull.is_pinned;
        self.expires = pull.expires;
        self.heartbeat = pull.heartbeat;
        self.asked_at = now;
        self.last_sign = now;
    }

    /// When a pull is given up that nothing is heard of.
    pub(super) fn stalls_at(&self) -> Instant {
        // A round trip may take longer than the heartbeat that a server allows.
        self.last_sign + Millis(self.heartbeat.0.saturating_mul(2).max(GRACE.0))
    }

    /// When a pull is given up whose end was not announced.
    pub(super) fn ends_at(&self) -> Instant {
        self.asked_at + self.expires + GRACE
    }

    pub(super) const fn close(&mut self) {
        self.left = 0;
        self.bytes_left = 0;
    }

    /// A message came. The end of a pull is silent if it was its last one, and also if it has used up the
    /// bytes, however many messages are left.
    pub(super) const fn count(&mut self, bytes: u32) {
        if !self.is_open() {
            return;
        }
        self.has_delivered = true;
        self.left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        if self.left == 0 || (self.asked_bytes > 0 && self.bytes_left == 0) {
            self.close();
        }
    }

    /// Gives the inbox up, and the pull with it. The next pull gets another inbox, so nothing that the
    /// server may still do for this one is taken for the next.
    pub(super) const fn retire(&mut self) {
        self.close();
        if self.inbox.is_some() {
            self.retired = self.inbox.take();
        }
    }

    /// The connection is lost, and the pull with it, and the subscriptions.
    pub(super) const fn forget(&mut self) {
        self.close();
        self.inbox = None;
        self.retired = None;
    }
}
