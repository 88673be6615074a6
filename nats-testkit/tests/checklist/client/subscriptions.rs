//! Subscriptions, and who reads them.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use nats_proto::Filter;
use nats_proto::QueueGroup;
use nats_proto::Sid;
use nats_proto::session::SubscribeError;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Pending;
use nats_testkit::Resolver;

use super::Client;

/// Where messages go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Recipient {
    Subscription(u32),
    Inbox,
}

pub(super) struct Subscription {
    sid: Sid,
    messages: VecDeque<Message>,
    is_over: bool,
    next: Option<Resolver<Option<Message>>>,
}

impl Subscription {
    /// Whether no message waits to be taken.
    pub(super) fn is_read(&self) -> bool {
        self.messages.is_empty()
    }

    fn settle(&mut self) {
        if (self.is_over || !self.messages.is_empty())
            && let Some(next) = self.next.take()
        {
            next.resolve(self.messages.pop_front());
        }
    }
}

impl Client {
    pub(crate) fn subscribe(
        &mut self,
        id: u32,
        filter: &str,
        queue: Option<&str>,
    ) -> Result<(), Failure> {
        let queue = queue.map(|queue| QueueGroup::new(queue).unwrap());
        let recipient = Recipient::Subscription(id);
        let sid = self.session.subscribe(Filter::new(filter).unwrap(), queue, recipient);
        let sid = sid.map_err(|error| match error {
            SubscribeError::Full => Failure::Full,
            _ => Failure::Closed,
        })?;
        let (messages, is_over, next) = (VecDeque::new(), false, None);
        self.subscriptions.insert(id, Subscription { sid, messages, is_over, next });
        Ok(())
    }

    pub(crate) fn unsubscribe(&mut self, id: u32, max: Option<u64>) {
        if let Some(subscription) = self.subscriptions.get(&id) {
            self.session.unsubscribe(subscription.sid, max.and_then(NonZeroU64::new));
        }
    }

    pub(crate) fn next(&mut self, id: u32) -> Pending<Option<Message>> {
        let (resolver, pending) = Pending::new();
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            subscription.next = Some(resolver);
            subscription.settle();
        }
        pending
    }

    pub(super) fn deliver(&mut self, message: nats_proto::Message<&[u8]>) {
        match self.session.deliver(message.sid()).copied() {
            Some(Recipient::Subscription(id)) => {
                if let Some(subscription) = self.subscriptions.get_mut(&id) {
                    subscription.messages.push_back(received(&message));
                    subscription.settle();
                }
            }
            Some(Recipient::Inbox) => self.answer(&message),
            None => {}
        }
    }

    /// Ends what belongs to subscriptions that are over.
    pub(super) fn collect(&mut self) {
        while let Some(released) = self.session.poll_released() {
            match released.recipient {
                Recipient::Subscription(id) => {
                    if let Some(subscription) = self.subscriptions.get_mut(&id) {
                        subscription.is_over = true;
                        subscription.settle();
                    }
                }
                Recipient::Inbox => {
                    self.inbox_sid = None;
                    self.end_inbox(released.ended);
                }
            }
        }
    }
}

pub(super) fn received(message: &nats_proto::Message<&[u8]>) -> Message {
    let received = Message::new(message.subject(), message.payload());
    message.reply().into_iter().fold(received, |received, reply| received.reply(reply))
}
