//! Messages that wait in slots, and requests that wait for theirs.

use core::task::Waker;

use nats_proto::Inbox;
use nats_proto::Message;
use nats_proto::Outcome;
use nats_proto::PendingRequest;
use nats_proto::PendingRequests;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::Slot;
#[cfg(feature = "jetstream")]
use nats_proto::Subject;
use nats_proto::Table;
use nats_proto::Then;
use nats_proto::session::EndReason;
use nats_proto::wire::Buffer;
use nats_proto::wire::Violation;

#[cfg(feature = "jetstream")]
use crate::state::attempt::Attempt;
#[cfg(feature = "jetstream")]
use crate::state::attempt::Attempts;
#[cfg(not(feature = "jetstream"))]
use crate::state::delivery::Attempts;
use crate::state::delivery::Delivered;
use crate::state::delivery::Delivery;
use crate::state::requests::NO_SLOT;
use crate::state::requests::Requester;
use crate::state::slot_owner::SlotOwner;
use crate::state::slots::MessageSlots;
#[cfg(feature = "jetstream")]
use crate::time::NEVER;

/// Slots for messages, divided among subscriptions and requests.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Queued<'d, L> {
    pub(crate) slots: MessageSlots<'d>,
    pub(crate) requests: PendingRequests<Requester, L>,
}

impl<'d, L: Table<Slot<PendingRequest<Requester>>> + Default> Queued<'d, L> {
    pub(crate) fn new(slots: MessageSlots<'d>) -> Self {
        Self { slots, requests: PendingRequests::default() }
    }
}

impl<'d, L: Table<Slot<PendingRequest<Requester>>> + Default> Delivery<'d> for Queued<'d, L> {
    const BORROWS: bool = false;

    fn deliver(&mut self, owner: SlotOwner, message: &Message<&[u8]>) -> Delivered {
        self.slots.deliver(owner, message)
    }

    fn deliver_reply(&mut self, id: RequestId, message: &Message<&[u8]>) -> Delivered {
        let is_over = self.requests.outcome(id).is_some();
        #[cfg(feature = "jetstream")]
        if !is_over && let Some(attempt) = self.attempt_mut(id) {
            attempt.handle_reply(message);
            self.end_request(id, Outcome::Answered);
            return Delivered::Stored;
        }
        let slot = self.requests.get_mut(id).map_or(NO_SLOT, |requester| requester.slot);
        if is_over || slot == NO_SLOT {
            return Delivered::Unwanted;
        }
        let (outcome, delivered) = match Outcome::of_reply(message) {
            Outcome::Answered => match self.slots.deliver_reply(slot, message) {
                Delivered::Stored => (Outcome::Answered, Delivered::Stored),
                delivered => (Outcome::ReplyTooLong, delivered),
            },
            outcome => (outcome, Delivered::Stored),
        };
        self.end_request(id, outcome);
        delivered
    }

    fn on_too_long(&mut self, owner: SlotOwner) {
        if let Some(queue) = self.slots.queue(owner) {
            queue.oversized = queue.oversized.wrapping_add(1);
            #[cfg(feature = "jetstream")]
            if queue.pulled.is_used() {
                queue.pulled.skipped += 1;
                queue.is_due = true;
                self.slots.has_due = true;
            }
        }
    }

    fn outcome(&self, id: RequestId) -> Option<Outcome> {
        self.requests.outcome(id)
    }

    fn is_unsent(&self, id: RequestId) -> bool {
        self.requests.is_unsent(id)
    }

    fn on_sent(&mut self, id: RequestId) {
        self.requests.note_sent(id);
    }

    fn end_request(&mut self, id: RequestId, outcome: Outcome) {
        if let Some(requester) = self.requests.end(id, outcome) {
            requester.is_due = true;
            self.slots.has_due = true;
        }
    }

    fn on_disconnected(&mut self, written: u64) {
        #[cfg(feature = "jetstream")]
        for (_, requester) in self.requests.iter_mut() {
            if let Some(attempt) = &mut requester.attempt {
                attempt.handle_disconnected(written);
            }
        }
        let _ = written;
        self.requests.handle_disconnected(|_| true, wake);
        self.slots.has_due = true;
    }

    fn on_refused<T: Buffer>(&mut self, violation: &Violation<'_>, inbox: &Inbox<T>) {
        self.requests.handle_refused(violation, inbox, wake);
        self.slots.has_due = true;
    }

    fn on_inbox_ended(&mut self, how: EndReason) {
        self.requests.handle_inbox_ended(how, wake);
        self.slots.has_due = true;
    }

    fn on_closed(&mut self) {
        self.requests.handle_closed(wake);
        self.slots.has_due = true;
    }

    fn begins_dropping(&mut self, owner: SlotOwner) -> bool {
        let queue = self.slots.queue(owner);
        queue.is_some_and(|queue| !core::mem::replace(&mut queue.is_behind, true))
    }

    fn end(&mut self, owner: SlotOwner, sid: Sid, how: EndReason) -> bool {
        self.slots.end(owner, sid, how);
        true
    }

    fn has_due(&mut self) -> &mut bool {
        &mut self.slots.has_due
    }

    fn take_due(&mut self) -> Option<Waker> {
        let mut requesters = self.requests.iter_mut().map(|(_, requester)| requester);
        self.slots.take_due().or_else(|| {
            requesters.find_map(|requester| requester.waker.take_if(&mut requester.is_due))
        })
    }

    fn is_idle(&self) -> bool {
        self.slots.is_idle()
    }
}

#[cfg(feature = "jetstream")]
impl<L: Table<Slot<PendingRequest<Requester>>> + Default> Attempts for Queued<'_, L> {
    fn open_attempt(&mut self, subject: Subject<'_>, attempt: Attempt) -> Option<RequestId> {
        let requester = Requester { attempt: Some(attempt), ..Requester::new(NO_SLOT) };
        // The future watches the time.
        self.requests.open(requester, subject, NEVER).ok()
    }

    fn attempt_mut(&mut self, id: RequestId) -> Option<&mut Attempt> {
        self.requests.get_mut(id)?.attempt.as_mut()
    }

    fn register_attempt(&mut self, id: RequestId, waker: &Waker) {
        if let Some(requester) = self.requests.get_mut(id) {
            requester.waker.register(waker);
        }
    }

    fn close_attempt(&mut self, id: RequestId) {
        self.requests.close(id);
    }

    fn begin_inbox(&mut self, owner: SlotOwner, sid: Sid) {
        if let Some(queue) = self.slots.queue(owner) {
            queue.begin_inbox(sid);
        }
    }

    fn begin_pull(&mut self, owner: SlotOwner, number: u32) {
        if let Some(queue) = self.slots.queue(owner) {
            queue.pulled.begin(number);
        }
    }

    fn inboxes(&self, owner: SlotOwner) -> [Sid; 2] {
        self.slots.inboxes(owner)
    }

    fn take_inbox(&mut self) -> Option<Sid> {
        self.slots.take_inbox()
    }

    fn terminates(&self, owner: SlotOwner) -> bool {
        self.slots.terminates(owner)
    }
}

#[cfg(not(feature = "jetstream"))]
impl<L> Attempts for Queued<'_, L> {}

/// The outcome of a request is known: its future closes it when it is woken.
const fn wake(_: RequestId, requester: &mut Requester, _: Outcome) -> Then {
    requester.is_due = true;
    Then::Keep
}
