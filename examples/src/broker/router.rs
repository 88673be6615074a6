//! Who gets which message.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use nats_proto::Headers;
use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::Unsubscription;
use nats_proto::wire::Deliver;
use nats_proto::wire::SubscribeArgs;
use nats_proto::wire::matches;
use tokio::sync::Notify;

const NO_RESPONDERS: Headers<'static> = Headers::from_bytes(b"NATS/1.0 503\r\n\r\n");

/// All subscriptions of all clients.
#[derive(Debug, Default)]
pub struct Router {
    subscriptions: Mutex<Subscriptions>,
    clients: AtomicU64,
}

/// Those without wildcards by subject, the others in a list.
#[derive(Debug, Default)]
struct Subscriptions {
    literal: HashMap<Vec<u8>, Vec<Subscription>>,
    wildcard: Vec<Subscription>,
    /// Picks members of queue groups.
    turn: usize,
}

#[derive(Debug)]
struct Subscription {
    filter: Vec<u8>,
    queue: Option<Vec<u8>>,
    sid: Sid,
    client: u64,
    mailbox: Arc<Mailbox>,
    delivered: u64,
    max: Option<NonZeroU64>,
}

/// What waits to be written to one client.
#[derive(Debug)]
pub(super) struct Mailbox {
    bytes: Mutex<Vec<u8>>,
    limit: usize,
    /// There is something, or too much.
    pub(super) changed: Notify,
}

/// A client did not read its mailbox.
#[derive(Debug)]
pub(super) struct Overflow;

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publisher {
    pub(super) client: u64,
    pub(super) wants_echo: bool,
    pub(super) wants_no_responders: bool,
}

impl Router {
    pub(super) fn new_client(&self) -> u64 {
        self.clients.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn subscribe(&self, args: SubscribeArgs<'_>, client: u64, mailbox: &Arc<Mailbox>) {
        let subscription = Subscription {
            filter: args.subject.to_vec(),
            queue: args.queue.map(<[u8]>::to_vec),
            sid: args.sid,
            client,
            mailbox: Arc::clone(mailbox),
            delivered: 0,
            max: None,
        };
        let mut subscriptions = lock(&self.subscriptions);
        let known = subscriptions.iter().any(|s| s.client == client && s.sid == args.sid);
        if !known {
            subscriptions.list(args.subject).push(subscription);
        }
    }

    pub(super) fn unsubscribe(&self, args: Unsubscription, client: u64) {
        let mut subscriptions = lock(&self.subscriptions);
        subscriptions.retain(|subscription| {
            if subscription.client != client || subscription.sid != args.sid {
                return true;
            }
            subscription.max = args.max;
            args.max.is_some() && !subscription.is_over()
        });
    }

    pub(super) fn forget(&self, client: u64) {
        lock(&self.subscriptions).retain(|subscription| subscription.client != client);
    }

    /// Delivers a message to all who are to have it, and to one member of each queue group. Tells
    /// the publisher of a request if there is nobody.
    pub(super) fn publish(&self, message: &Message<&[u8]>, publisher: Publisher) {
        let mut subscriptions = lock(&self.subscriptions);
        let is_heard = subscriptions.deliver(message, publisher);
        if let Some(reply) = message.reply_bytes().filter(|_| !is_heard)
            && publisher.wants_no_responders
        {
            subscriptions.deliver_no_responders(reply, publisher.client);
        }
    }
}

impl Subscriptions {
    fn deliver(&mut self, message: &Message<&[u8]>, publisher: Publisher) -> bool {
        let subject = message.subject_bytes();
        let is_for = |subscription: &&mut Subscription| {
            (publisher.wants_echo || subscription.client != publisher.client)
                && matches(&subscription.filter, subject)
        };
        let literal = self.literal.get_mut(subject).into_iter().flatten();
        let mut groups: HashMap<Vec<u8>, Vec<&mut Subscription>> = HashMap::new();
        let mut is_heard = false;
        let mut is_over = false;
        for subscription in literal.chain(&mut self.wildcard).filter(is_for) {
            is_heard = true;
            match &subscription.queue {
                Some(queue) => groups.entry(queue.clone()).or_default().push(subscription),
                None => is_over |= subscription.take(message),
            }
        }
        for mut members in groups.into_values() {
            self.turn = self.turn.wrapping_add(1);
            let turn = self.turn % members.len();
            if let Some(member) = members.get_mut(turn) {
                is_over |= member.take(message);
            }
        }
        if is_over {
            self.retain(|subscription| !subscription.is_over());
        }
        is_heard
    }

    fn deliver_no_responders(&self, reply: &[u8], client: u64) {
        for subscription in self.iter() {
            if subscription.client == client && matches(&subscription.filter, reply) {
                subscription.mailbox.deliver(&Deliver {
                    subject: reply,
                    sid: subscription.sid,
                    reply: None,
                    headers: NO_RESPONDERS,
                    payload: &[],
                });
            }
        }
    }

    fn list(&mut self, filter: &[u8]) -> &mut Vec<Subscription> {
        let is_literal = filter.split(|&byte| byte == b'.').all(|t| t != b"*" && t != b">");
        if is_literal {
            self.literal.entry(filter.to_vec()).or_default()
        } else {
            &mut self.wildcard
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.literal.values().flatten().chain(&self.wildcard)
    }

    fn retain(&mut self, mut keep: impl FnMut(&mut Subscription) -> bool) {
        self.literal.retain(|_, list| {
            list.retain_mut(&mut keep);
            !list.is_empty()
        });
        self.wildcard.retain_mut(keep);
    }
}

impl Subscription {
    /// Takes a message, and says whether it was the last one.
    fn take(&mut self, message: &Message<&[u8]>) -> bool {
        self.delivered += 1;
        self.mailbox.deliver(&Deliver {
            subject: message.subject_bytes(),
            sid: self.sid,
            reply: message.reply_bytes(),
            headers: message.headers(),
            payload: message.payload(),
        });
        self.is_over()
    }

    fn is_over(&self) -> bool {
        self.max.is_some_and(|max| self.delivered >= max.get())
    }
}

impl Mailbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Mutex::default(), limit, changed: Notify::new() }
    }

    /// Puts control lines into the mailbox.
    pub(super) fn put(&self, lines: &[u8]) {
        lock(&self.bytes).extend_from_slice(lines);
        self.changed.notify_one();
    }

    fn deliver(&self, message: &Deliver<'_>) {
        let mut bytes = lock(&self.bytes);
        // A full mailbox stays full, so that its owner sees it.
        if bytes.len() <= self.limit {
            // A vector takes what fits into memory.
            let _ = message.encode(&mut *bytes);
        }
        drop(bytes);
        self.changed.notify_one();
    }

    /// Empties the mailbox.
    pub(super) fn take(&self) -> Result<Vec<u8>, Overflow> {
        let mut bytes = lock(&self.bytes);
        if bytes.len() > self.limit {
            return Err(Overflow);
        }
        Ok(std::mem::take(&mut *bytes))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
