//! Routing: which client gets which message.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
use nats_proto::Unsubscribe;
use nats_proto::wire::Deliver;
use nats_proto::wire::SubscribeArgs;
use nats_proto::wire::matches;

use super::mailbox::Mailbox;
use super::mailbox::Wake;

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
    /// The filter of each, by which it is found.
    filters: HashMap<(u64, Sid), Vec<u8>>,
    literal: HashMap<Vec<u8>, Vec<Subscription>>,
    wildcard: Vec<Subscription>,
    /// Picks members of queue groups.
    turn: usize,
    /// Mailboxes whose owners are to be woken.
    woken: Vec<Arc<Mailbox>>,
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
        lock(&self.subscriptions).insert(subscription);
    }

    pub(super) fn unsubscribe(&self, args: Unsubscribe, client: u64) {
        lock(&self.subscriptions).unsubscribe(args, client);
    }

    pub(super) fn forget(&self, client: u64) {
        lock(&self.subscriptions).retain(|subscription| subscription.client != client);
    }

    /// Delivers a message to all who are to have it, and to one member of each queue group. Tells
    /// the publisher of a request if there are no recipients.
    pub(super) fn publish(&self, message: &Message<&[u8]>, publisher: Publisher) {
        let woken = {
            let mut subscriptions = lock(&self.subscriptions);
            let is_heard = subscriptions.deliver(message, publisher);
            if let Some(reply) = message.reply_bytes().filter(|_| !is_heard)
                && publisher.wants_no_responders
            {
                subscriptions.deliver_no_responders(reply, publisher.client);
            }
            std::mem::take(&mut subscriptions.woken)
        };
        for mailbox in woken {
            mailbox.wake();
        }
    }
}

impl Subscriptions {
    fn insert(&mut self, subscription: Subscription) {
        let Entry::Vacant(entry) = self.filters.entry((subscription.client, subscription.sid))
        else {
            return;
        };
        entry.insert(subscription.filter.clone());
        self.list(&subscription.filter.clone()).push(subscription);
    }

    fn unsubscribe(&mut self, args: Unsubscribe, client: u64) {
        let Some(filter) = self.filters.get(&(client, args.sid)).cloned() else { return };
        let list = self.list(&filter);
        let at = list.iter().position(|known| known.client == client && known.sid == args.sid);
        let Some(subscription) = at.and_then(|at| list.get_mut(at)) else { return };
        subscription.max = args.max;
        if args.max.is_none() || subscription.is_over() {
            self.filters.remove(&(client, args.sid));
            let list = self.list(&filter);
            at.map(|at| list.remove(at));
            if list.is_empty() {
                self.literal.remove(&filter);
            }
        }
    }

    fn deliver(&mut self, message: &Message<&[u8]>, publisher: Publisher) -> bool {
        let subject = message.subject_bytes();
        let is_for = |subscription: &&mut Subscription| {
            (publisher.wants_echo || subscription.client != publisher.client)
                && matches(&subscription.filter, subject)
        };
        let message = Deliver {
            subject,
            sid: Sid(0),
            reply: message.reply_bytes(),
            headers: message.headers(),
            payload: message.payload(),
        };
        let literal = self.literal.get_mut(subject).into_iter().flatten();
        let mut groups: HashMap<Vec<u8>, Vec<&mut Subscription>> = HashMap::new();
        let mut is_heard = false;
        let mut is_over = false;
        for subscription in literal.chain(&mut self.wildcard).filter(is_for) {
            is_heard = true;
            match &subscription.queue {
                Some(queue) => groups.entry(queue.clone()).or_default().push(subscription),
                None => is_over |= subscription.take(&message, &mut self.woken),
            }
        }
        for mut members in groups.into_values() {
            self.turn = self.turn.wrapping_add(1);
            let turn = self.turn % members.len();
            if let Some(member) = members.get_mut(turn) {
                is_over |= member.take(&message, &mut self.woken);
            }
        }
        if is_over {
            self.retain(|subscription| !subscription.is_over());
        }
        is_heard
    }

    /// As every other message, it counts.
    fn deliver_no_responders(&mut self, reply: &[u8], client: u64) {
        let message = Deliver {
            subject: reply,
            sid: Sid(0),
            reply: None,
            headers: NO_RESPONDERS,
            payload: &[],
        };
        let literal = self.literal.get_mut(reply).into_iter().flatten();
        let mut is_over = false;
        for subscription in literal.chain(&mut self.wildcard) {
            if subscription.client == client && matches(&subscription.filter, reply) {
                is_over |= subscription.take(&message, &mut self.woken);
            }
        }
        if is_over {
            self.retain(|subscription| !subscription.is_over());
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

    fn retain(&mut self, keep: impl Fn(&Subscription) -> bool) {
        let filters = &mut self.filters;
        let mut keep = |subscription: &mut Subscription| {
            let is_kept = keep(subscription);
            if !is_kept {
                filters.remove(&(subscription.client, subscription.sid));
            }
            is_kept
        };
        self.literal.retain(|_, list| {
            list.retain_mut(&mut keep);
            !list.is_empty()
        });
        self.wildcard.retain_mut(keep);
    }
}

impl Subscription {
    /// Takes a message, and says whether it was the last one.
    fn take(&mut self, message: &Deliver<'_>, woken: &mut Vec<Arc<Mailbox>>) -> bool {
        self.delivered += 1;
        if self.mailbox.deliver(&Deliver { sid: self.sid, ..*message }) == Wake::Writer {
            woken.push(Arc::clone(&self.mailbox));
        }
        self.is_over()
    }

    fn is_over(&self) -> bool {
        self.max.is_some_and(|max| self.delivered >= max.get())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
