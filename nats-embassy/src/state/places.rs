//! Places for messages, and the requests that wait for theirs.

use core::task::Waker;

use nats_proto::Message;
use nats_proto::Pending;
use nats_proto::Requests;
use nats_proto::Slot;
use nats_proto::Table;
use nats_proto::Token;
use nats_proto::session::Ended;

use crate::state::delivery::Delivery;
use crate::state::delivery::Kept;
use crate::state::delivery::Owner;
use crate::state::delivery::ReplyState;
use crate::state::requests::NO_PLACE;
use crate::state::requests::Reply;
use crate::state::slots::Mailbox;

/// Places for messages, shared out to subscriptions and requests.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Places<'d, L> {
    pub(crate) mailbox: Mailbox<'d>,
    pub(crate) requests: Requests<Reply, L>,
}

impl<'d, L: Table<Slot<Pending<Reply>>> + Default> Places<'d, L> {
    pub(crate) fn new(mailbox: Mailbox<'d>) -> Self {
        Self { mailbox, requests: Requests::default() }
    }
}

impl<L: Table<Slot<Pending<Reply>>>> Places<'_, L> {
    /// Whoever waits for a reply. Their deadlines are their own business.
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
        self.mailbox.has_due = true;
    }
}

impl<'d, L: Table<Slot<Pending<Reply>>> + Default> Delivery<'d> for Places<'d, L> {
    const LENDS: bool = false;

    fn keep(&mut self, owner: Owner, message: &Message<&[u8]>) -> Kept {
        self.mailbox.keep(owner, message)
    }

    fn keep_reply(&mut self, token: Token, message: &Message<&[u8]>) -> Kept {
        let Some(reply) = self.requests.get_mut(token) else { return Kept::Unwanted };
        if reply.state != ReplyState::Waiting || reply.place == NO_PLACE {
            return Kept::Unwanted;
        }
        let (state, kept) = if message.is_no_responders() {
            (ReplyState::NoResponders, Kept::Yes)
        } else {
            match self.mailbox.keep_reply(reply.place, message) {
                Kept::Yes => (ReplyState::Answered, Kept::Yes),
                kept => (ReplyState::TooLong, kept),
            }
        };
        reply.end(state);
        self.mailbox.has_due = true;
        kept
    }

    fn note_too_long(&mut self, owner: Owner) {
        if let Some(queue) = self.mailbox.queue(owner) {
            queue.oversized = queue.oversized.wrapping_add(1);
        }
    }

    fn note_sent(&mut self, token: Token) {
        if let Some(reply) = self.requests.get_mut(token) {
            reply.is_sent = true;
        }
    }

    fn end_reply(&mut self, token: Token, state: ReplyState) {
        if let Some(reply) = self.requests.get_mut(token) {
            reply.end(state);
            self.mailbox.has_due = true;
        }
    }

    fn refuse(&mut self, subject: u32) {
        self.end_all(ReplyState::NotPermitted, |reply| reply.is_sent && reply.subject == subject);
    }

    fn begins_dropping(&mut self, owner: Owner) -> bool {
        let queue = self.mailbox.queue(owner);
        queue.is_some_and(|queue| !core::mem::replace(&mut queue.is_behind, true))
    }

    fn end_replies(&mut self, state: ReplyState, is_over: impl Fn(bool) -> bool) {
        self.end_all(state, |reply| is_over(reply.is_sent));
    }

    fn end(&mut self, owner: Owner, how: Ended) -> bool {
        self.mailbox.end(owner, how);
        true
    }

    fn has_due(&mut self) -> &mut bool {
        &mut self.mailbox.has_due
    }

    fn take_due(&mut self) -> Option<Waker> {
        let mut due = self.mailbox.take_due();
        self.each(|reply| {
            if due.is_none() {
                due = reply.requester.take_if(&mut reply.is_due);
            }
        });
        due
    }

    fn is_dealt_with(&self) -> bool {
        self.mailbox.is_dealt_with()
    }
}
