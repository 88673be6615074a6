//! Places for messages, and the requests that wait for theirs.

use nats_proto::Message;
use nats_proto::Pending;
use nats_proto::Requests;
use nats_proto::Slot;
use nats_proto::Table;
use nats_proto::Token;
use nats_proto::session::Ended;

use crate::delivery::Delivery;
use crate::delivery::Kept;
use crate::delivery::is_no_responders;
use crate::mailbox::Mailbox;
use crate::mailbox::Owner;
use crate::request::Reply;
use crate::request::ReplyState;

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

impl<'d, L: Table<Slot<Pending<Reply>>> + Default> Delivery<'d> for Places<'d, L> {
    const LENDS: bool = false;

    fn keep(&mut self, owner: Owner, message: &Message<&[u8]>) -> Kept {
        self.mailbox.keep(owner, message)
    }

    fn keep_reply(&mut self, token: Token, message: &Message<&[u8]>) -> Kept {
        let Some(reply) = self.requests.get_mut(token) else { return Kept::Unwanted };
        if reply.state != ReplyState::Waiting {
            return Kept::Unwanted;
        }
        if is_no_responders(message) {
            reply.end(ReplyState::NoResponders);
            return Kept::Yes;
        }
        let kept = self.mailbox.keep_reply(reply.place, message);
        let is_kept = matches!(kept, Kept::Yes);
        reply.end(if is_kept { ReplyState::Answered } else { ReplyState::TooLong });
        kept
    }

    fn note_too_long(&mut self, owner: Owner) {
        if let Some(queue) = self.mailbox.queue(owner) {
            queue.oversized = queue.oversized.wrapping_add(1);
        }
    }

    fn end_reply(&mut self, token: Token, state: ReplyState) {
        if let Some(reply) = self.requests.get_mut(token) {
            reply.end(state);
        }
    }

    fn begins_dropping(&mut self, owner: Owner) -> bool {
        let queue = self.mailbox.queue(owner);
        queue.is_some_and(|queue| !core::mem::replace(&mut queue.is_behind, true))
    }

    fn end_replies(&mut self, state: ReplyState, is_over: impl Fn(bool) -> bool) {
        self.requests.fail(|_, reply| {
            let is_over = is_over(reply.is_sent);
            if is_over {
                reply.end(state);
            }
            is_over
        });
    }

    fn end(&mut self, owner: Owner, how: Ended) -> bool {
        if let Some(queue) = self.mailbox.queue(owner) {
            queue.end(how);
        }
        true
    }

    fn is_dealt_with(&self) -> bool {
        self.mailbox.is_dealt_with()
    }
}
