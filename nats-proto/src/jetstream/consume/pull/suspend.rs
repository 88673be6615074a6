//! Changing the consumer behind a machine.

use super::Info;
use super::NO_HOLD;
use super::Notice;
use super::PullConsumer;
use crate::jetstream::consume::inbox::InboxId;
use crate::jetstream::consume::slot::Slot;

impl<const SLOTS: usize> PullConsumer<SLOTS> {
    /// Gives all pulls up, and asks for nothing until [`resume`](Self::resume). Inboxes up to the one
    /// that is returned are those of consumers so far.
    pub(in crate::jetstream) fn suspend(&mut self) -> InboxId {
        self.slots.iter_mut().for_each(Slot::retire);
        self.is_connected = false;
        self.wants_probe = false;
        InboxId(self.last_inbox)
    }

    /// Asks for messages, of another consumer maybe.
    pub(in crate::jetstream) const fn resume(&mut self) {
        self.is_connected = true;
        self.hold = NO_HOLD;
        self.pauses.reset();
        self.notices.stalled = Notice::Nothing;
    }

    /// Whether there is a pull of this number whose messages come to this inbox.
    pub(in crate::jetstream) fn has_pull(&self, inbox: InboxId, number: Option<u32>) -> bool {
        let is_it =
            |slot: &Slot| slot.is_at(inbox) && slot.is_open() && Some(slot.number) == number;
        self.slots.iter().any(is_it)
    }

    /// Nobody asks for the consumer's state.
    pub(in crate::jetstream) const fn forbid_info(&mut self) {
        self.info = Info::Forbidden;
    }
}
