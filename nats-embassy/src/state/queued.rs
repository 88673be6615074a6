//! Queued for messages, and the requests that wait for theirs.

use core::task::Waker;

use nats_proto::Message;
use nats_proto::Pending;
use nats_proto::RequestId;
use nats_proto::Requests;
use nats_proto::Slot;
use nats_proto::Table;
use nats_proto::session::EndReason;

use crate::state::delivery::Delivered;
use crate::state::delivery::Delivery;
use crate::state::delivery::ReplyState;
use crate::state::delivery::SlotOwner;
use crate::state::requests::NO_SLOT;
use crate::state::requests::Reply;
use crate::state::slots::MessageSlots;

/// Queued for messages, shared out to subscriptions and requests.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Queued<'d, L> {
    pub(crate) slots: MessageSlots<'d>,
    pub(crate) requests: Requests<Reply, L>,
}

impl<'d, L: Table<Slot<Pending<Reply>>> + Default> Queued<'d, L> {
    pub(crate) fn new(slots: MessageSlots<'d>) -> Self {
        Self { slots, requests: Requests::default() }
    }
}

impl<L: Table<Slot<Pending<Reply>>>> Queued<'_, L> {
    /// All requests. Their deadlines are looked at by their futures.
    fn each(&mut self, mut f: impl FnMut(&mut Reply)) {
        self.requests.fail(|_, reply| {
            f(reply);
            false
        });
    }

    fn end_all(&mut self, state: ReplyState, is_over: impl Fn(&Reply) -> bool) {
        self.each(|reply| {
            if is_over(reply) {
                reply.end(state);
            }
        });
        self.slots.has_due = true;
    }
}

impl<'d, L: Table<Slot<Pending<Reply>>> + Default> Delivery<'d> for Queued<'d, L> {
    const BORROWS: bool = false;

    fn deliver(&mut self, owner: SlotOwner, message: &Message<&[u8]>) -> Delivered {
        self.slots.deliver(owner, message)
    }

    fn deliver_reply(&mut self, request_id: RequestId, message: &Message<&[u8]>) -> Delivered {
        let Some(reply) = self.requests.get_mut(request_id) else { return Delivered::Unwanted };
        if reply.state != ReplyState::Waiting || reply.slot == NO_SLOT {
            return Delivered::Unwanted;
        }
        let (state, delivered) = if message.is_no_responders() {
            (ReplyState::NoResponders, Delivered::Stored)
        } else {
            match self.slots.deliver_reply(reply.slot, message) {
                Delivered::Stored => (ReplyState::Answered, Delivered::Stored),
                delivered => (ReplyState::TooLong, delivered),
            }
        };
        reply.end(state);
        self.slots.has_due = true;
        delivered
    }

    fn on_too_long(&mut self, owner: SlotOwner) {
        if let Some(queue) = self.slots.queue(owner) {
            queue.oversized = queue.oversized.wrapping_add(1);
        }
    }

    fn on_sent(&mut self, request_id: RequestId) {
        if let Some(reply) = self.requests.get_mut(request_id) {
            reply.is_sent = true;
        }
    }

    fn end_reply(&mut self, request_id: RequestId, state: ReplyState) {
        if let Some(reply) = self.requests.get_mut(request_id) {
            reply.end(state);
            self.slots.has_due = true;
        }
    }

    fn refuse(&mut self, subject: u32) {
        self.end_all(ReplyState::NotPermitted, |reply| reply.is_sent && reply.subject == subject);
    }

    fn begins_dropping(&mut self, owner: SlotOwner) -> bool {
        let queue = self.slots.queue(owner);
        queue.is_some_and(|queue| !core::mem::replace(&mut queue.is_behind, true))
    }

    fn end_replies(&mut self, state: ReplyState, is_over: impl Fn(bool) -> bool) {
        self.end_all(state, |reply| is_over(reply.is_sent));
    }

    fn end(&mut self, owner: SlotOwner, how: EndReason) -> bool {
        self.slots.end(owner, how);
        true
    }

    fn has_due(&mut self) -> &mut bool {
        &mut self.slots.has_due
    }

    fn take_due(&mut self) -> Option<Waker> {
        let mut due = self.slots.take_due();
        self.each(|reply| {
            if due.is_none() {
                due = reply.requester.take_if(&mut reply.is_due);
            }
        });
        due
    }

    fn is_idle(&self) -> bool {
        self.slots.is_idle()
    }
}
