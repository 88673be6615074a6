//! The subscriptions, and what the server knows of them.
//!
//! Lines are not queued. Each subscription has the state from which its next line follows (`SUB`,
//! `UNSUB`, or nothing). Intrusive lists through the table keep the work short: subscriptions with a
//! line due, those that are draining, and those that are over. Another list has the subscriptions whose
//! SUB was written, in their order, for [refusals].

mod entry;
mod refusals;

use core::num::NonZeroU64;

pub use entry::Subscription;

use self::entry::Ending;
use self::entry::Links;
use self::entry::ListKind;
use self::refusals::Doubts;
use super::EndReason;
use super::Released;
use super::pings::Pings;
use super::servers::Pool;
use super::store::Store;
use crate::error::Full;
use crate::message::Sid;
use crate::storage::Sink;
use crate::storage::SlotIndex;
use crate::storage::SlotMap;
use crate::storage::put_all;
use crate::subject::Filter;
use crate::subject::QueueGroup;
use crate::wire::op::Unsubscribe;

/// The first and the last entry of an intrusive list.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    first: SlotIndex,
    last: SlotIndex,
}

impl List {
    const fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

pub(super) struct Subscriptions<S: Store> {
    table: SlotMap<Subscription<S::Recipient, S::Text>, S::Subscriptions>,
    due: List,
    draining: List,
    over: List,
    /// In the order of their SUBs, in which servers refuse them.
    written: List,
    /// The first of those of which the server has not confirmed that it has read SUB.
    unconfirmed: SlotIndex,
    doubts: Doubts,
    connection: Connection,
}

/// Whether there is a server to keep informed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Down,
    Up,
    /// There is one that is being left: it gets UNSUB for whatever it knows of from slot `at` on.
    Leaving {
        at: u32,
        is_done: bool,
    },
}

impl<S: Store> Subscriptions<S> {
    /// Whether a server in lame duck mode is left before it closes: not if there is room for one only.
    const IS_LEFT: bool = Pool::<S>::HAS_CHOICE;

    pub(super) fn new() -> Self {
        Self {
            table: SlotMap::new(S::Subscriptions::default()),
            due: List::default(),
            draining: List::default(),
            over: List::default(),
            written: List::default(),
            unconfirmed: SlotIndex::NONE,
            doubts: Doubts::default(),
            connection: Connection::Down,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.table.len()
    }

    /// The number that the next subscription will have.
    pub(super) fn next_sid(&self) -> Sid {
        Sid(self.table.next_key())
    }

    pub(super) fn insert(
        &mut self,
        filter: Filter<'_>,
        queue: Option<QueueGroup<'_>>,
        recipient: S::Recipient,
        pings: &mut Pings,
    ) -> Result<Sid, Full> {
        let mut text = S::Text::default();
        let (separator, queue) = queue.map_or(("", ""), |queue| (" ", queue.as_str()));
        let parts = [filter.as_str(), separator, queue].map(str::as_bytes);
        put_all(&parts, &mut text)?;
        let key = self.table.insert(Subscription {
            text,
            recipient,
            delivered: 0,
            delivered_before: 0,
            max: None,
            is_sent: false,
            is_max_due: false,
            ending: None,
            until: 0,
            list: None,
            links: Links::default(),
            confirmed_by: 0,
            has_ping: false,
            is_confirmed: false,
            is_written: false,
            written: Links::default(),
        })?;
        self.set_sub_due(key, pings);
        Ok(Sid(key))
    }

    /// Gives a message, which counts as delivered, to the recipient: one look-up.
    #[inline]
    pub(super) fn deliver_with<T>(
        &mut self,
        sid: Sid,
        give: impl FnOnce(&mut S::Recipient) -> T,
    ) -> Option<T> {
        let subscription = self.table.get_mut(sid.0)?;
        if matches!(subscription.ending, Some(Ending::Over(_))) {
            return None;
        }
        let given = give(&mut subscription.recipient);
        subscription.delivered += 1;
        if subscription.max.is_some_and(|max| subscription.delivered >= max.get()) {
            // The server counts along, and has forgotten the subscription by now; unless it was
            // not told.
            subscription.is_sent &= subscription.is_max_due;
            self.end(sid.0, EndReason::MaxReached);
        }
        Some(given)
    }

    pub(super) fn get_mut(&mut self, sid: Sid) -> Option<&mut S::Recipient> {
        self.table.get_mut(sid.0).map(|subscription| &mut subscription.recipient)
    }

    /// Where messages went, and why none come any more, if that is so.
    pub(super) fn ended_mut(&mut self, sid: Sid) -> Option<(&mut S::Recipient, Option<EndReason>)> {
        self.table.get_mut(sid.0).map(|subscription| {
            let ended = match subscription.ending {
                Some(Ending::Over(how)) => Some(how),
                _ => None,
            };
            (&mut subscription.recipient, ended)
        })
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Sid, &mut S::Recipient)> {
        self.table.iter_mut().map(|(key, subscription)| (Sid(key), &mut subscription.recipient))
    }

    /// Ends a subscription now, or after `max` messages in its whole life.
    pub(super) fn unsubscribe(&mut self, sid: Sid, max: Option<NonZeroU64>) -> bool {
        let Some(subscription) = self.live(sid) else {
            return false;
        };
        match max {
            // The server may have acted on a lower maximum before it learns of a higher one.
            Some(max) if subscription.max.is_some_and(|lower| lower <= max) => {}
            Some(max) if subscription.delivered < max.get() => {
                subscription.max = Some(max);
                subscription.is_max_due = true;
                self.set_due(sid.0);
            }
            Some(_) => self.end(sid.0, EndReason::MaxReached),
            None => self.end(sid.0, EndReason::Unsubscribed),
        }
        true
    }

    /// Ends a subscription after the messages that are on their way.
    pub(super) fn drain(&mut self, sid: Sid) -> bool {
        let connection = self.connection;
        let Some(subscription) = self.live(sid) else {
            return false;
        };
        if subscription.ending.is_some() {
            return true;
        }
        match connection {
            Connection::Up if subscription.is_sent => {
                subscription.ending = Some(Ending::Draining);
                self.set_due(sid.0);
            }
            // It ends with the connection, and everything that is on its way comes before that.
            Connection::Leaving { .. } => subscription.ending = Some(Ending::Draining),
            // The server does not know of it: nothing is on its way.
            _ => self.end(sid.0, EndReason::Drained),
        }
        true
    }

    pub(super) fn drain_all(&mut self) {
        let mut at = 0;
        while let Some(key) = self.table.key_at_or_after(&mut at) {
            self.drain(Sid(key));
        }
    }

    /// Whether nothing is due, and nothing waits for a PONG.
    pub(super) const fn is_drained(&self) -> bool {
        self.due.is_empty() && self.draining.is_empty()
    }

    /// There is a connection: the server is to know everything.
    pub(super) fn on_connected(&mut self, pings: &mut Pings) {
        self.connection = Connection::Up;
        let mut at = 0;
        while let Some(key) = self.table.key_at_or_after(&mut at) {
            if self.live(Sid(key)).is_some() {
                self.set_sub_due(key, pings);
            }
        }
    }

    /// The connection is gone: no server knows anything.
    pub(super) fn on_disconnected(&mut self, how: EndReason) {
        self.connection = Connection::Down;
        self.due = List::default();
        self.draining = List::default();
        self.written = List::default();
        self.unconfirmed = SlotIndex::NONE;
        self.doubts.forget_connection();
        let mut at = 0;
        while let Some(key) = self.table.key_at_or_after(&mut at) {
            let Some(subscription) = self.table.get_mut(key) else {
                continue;
            };
            subscription.is_sent = false;
            subscription.is_written = false;
            subscription.is_confirmed = false;
            if subscription.list == Some(ListKind::Over) {
                continue;
            }
            subscription.list = None;
            match subscription.ending {
                Some(Ending::Over(how)) => self.end(key, how),
                // What was on its way is lost.
                Some(Ending::Draining | Ending::Flushing) => self.end(key, how),
                None => {}
            }
        }
    }

    /// The server is to be left: it is to know of nothing any more, and of nothing new.
    pub(super) fn leave(&mut self) {
        self.connection = Connection::Leaving { at: 0, is_done: false };
        while let Some((key, subscription)) = self.table.at_mut(self.due.first) {
            let ending = subscription.ending;
            self.unlink(ListKind::Due, key);
            if let Some(Ending::Over(how)) = ending {
                self.end(key, how);
            }
        }
    }

    /// A PONG of that number came.
    pub(super) fn handle_pong(&mut self, is_answered: impl Fn(u32) -> bool) {
        self.confirm(&is_answered);
        while let Some((key, subscription)) = self.table.at_mut(self.draining.first) {
            let how = match subscription.ending {
                Some(Ending::Flushing) if !is_answered(subscription.until) => return,
                Some(Ending::Over(how)) => how,
                _ => EndReason::Drained,
            };
            self.unlink(ListKind::Draining, key);
            self.end(key, how);
        }
    }

    pub(super) const fn has_transmit(&self) -> bool {
        !self.due.is_empty()
            || matches!(self.connection, Connection::Leaving { is_done: false, .. })
    }

    /// Writes what is due, as many whole lines as fit.
    pub(super) fn transmit(&mut self, pings: &mut Pings, out: &mut impl Sink) -> Result<(), Full> {
        while let Some((key, subscription)) = self.table.at_mut(self.due.first) {
            let end = Unsubscribe { sid: Sid(key), max: None };
            match subscription.ending {
                None if subscription.is_sent => {
                    subscription.transmit_max(Sid(key), out)?;
                    self.unlink(ListKind::Due, key);
                }
                // What else is due of it follows.
                None => {
                    if subscription.has_ping {
                        pings.transmit_before(subscription.confirmed_by, out)?;
                    } else {
                        subscription.confirmed_by = pings.next();
                    }
                    subscription.transmit_sub(Sid(key), out)?;
                    self.note_written(key);
                }
                Some(Ending::Over(how)) => {
                    if subscription.is_sent {
                        end.encode(out)?;
                        subscription.is_sent = false;
                    }
                    self.unlink(ListKind::Due, key);
                    self.end(key, how);
                }
                Some(Ending::Draining | Ending::Flushing) => {
                    end.encode(out)?;
                    subscription.is_sent = false;
                    subscription.ending = Some(Ending::Flushing);
                    subscription.until = pings.request();
                    self.unlink(ListKind::Due, key);
                    self.push_back(ListKind::Draining, key);
                }
            }
        }
        self.transmit_leave(out)
    }

    fn transmit_leave(&mut self, out: &mut impl Sink) -> Result<(), Full> {
        let (Connection::Leaving { mut at, is_done: false }, true) =
            (self.connection, Self::IS_LEFT)
        else {
            return Ok(());
        };
        while let Some(key) = self.table.key_at_or_after(&mut at) {
            let Some(subscription) = self.table.get_mut(key) else {
                continue;
            };
            if subscription.is_sent {
                Unsubscribe { sid: Sid(key), max: None }.encode(out)?;
                subscription.is_sent = false;
            }
            self.connection = Connection::Leaving { at, is_done: false };
        }
        self.connection = Connection::Leaving { at, is_done: true };
        Ok(())
    }

    /// Takes one that is over out of the table.
    pub(super) fn release(&mut self) -> Option<Released<S::Recipient>> {
        let (key, _) = self.table.at_mut(self.over.first)?;
        self.unlink(ListKind::Over, key);
        self.forget_written(key);
        let subscription = self.table.remove(key)?;
        let ended = match subscription.ending {
            Some(Ending::Over(how)) => how,
            _ => EndReason::Unsubscribed,
        };
        Some(Released { sid: Sid(key), recipient: subscription.recipient, ended })
    }

    /// Everything is over.
    pub(super) fn end_all(&mut self) {
        self.on_disconnected(EndReason::Closed);
        let mut at = 0;
        while let Some(key) = self.table.key_at_or_after(&mut at) {
            if self.live(Sid(key)).is_some() {
                self.end(key, EndReason::Closed);
            }
        }
    }

    /// One that still gets messages.
    fn live(&mut self, sid: Sid) -> Option<&mut Subscription<S::Recipient, S::Text>> {
        let subscription = self.table.get_mut(sid.0)?;
        (!matches!(subscription.ending, Some(Ending::Over(_)))).then_some(subscription)
    }

    /// Stops delivery. The slot is free once UNSUB is written, if it has to be.
    fn end(&mut self, key: u64, how: EndReason) {
        let is_connected = self.connection == Connection::Up;
        let Some(subscription) = self.table.get_mut(key) else {
            return;
        };
        subscription.ending = Some(Ending::Over(how));
        let is_known = !(is_connected && subscription.is_sent);
        match (subscription.list, is_known) {
            (Some(ListKind::Over), _) | (Some(ListKind::Due), false) => return,
            // No line is due any more, and no PONG matters.
            (Some(name), _) => self.unlink(name, key),
            (None, _) => {}
        }
        self.push_back(if is_known { ListKind::Over } else { ListKind::Due }, key);
    }

    fn set_due(&mut self, key: u64) {
        let is_in_list = self.table.get_mut(key).is_none_or(|entry| entry.list.is_some());
        if self.connection == Connection::Up && !is_in_list {
            self.push_back(ListKind::Due, key);
        }
    }

    /// SUB is due, and perhaps a PING of its own after it.
    fn set_sub_due(&mut self, key: u64, pings: &mut Pings) {
        if self.connection == Connection::Up
            && let Some(subscription) = self.table.get_mut(key)
        {
            subscription.has_ping = self.doubts.confirms_each();
            if subscription.has_ping {
                subscription.confirmed_by = pings.request_another();
            }
        }
        self.set_due(key);
    }

    const fn list_mut(&mut self, kind: ListKind) -> &mut List {
        match kind {
            ListKind::Due => &mut self.due,
            ListKind::Draining => &mut self.draining,
            ListKind::Over => &mut self.over,
            ListKind::Written => &mut self.written,
        }
    }

    /// Appends a subscription to a list.
    fn push_back(&mut self, kind: ListKind, key: u64) {
        let index = SlotIndex::of(key);
        let prev = core::mem::replace(&mut self.list_mut(kind).last, index);
        if let Some(subscription) = self.table.get_mut(key) {
            subscription.note_list(kind, true);
            *subscription.links_mut(kind) = Links { prev, next: SlotIndex::NONE };
        }
        self.set_next(kind, prev, index);
    }

    /// Removes a subscription from a list.
    fn unlink(&mut self, kind: ListKind, key: u64) {
        let Some(subscription) = self.table.get_mut(key) else {
            return;
        };
        subscription.note_list(kind, false);
        let Links { prev, next } = *subscription.links_mut(kind);
        self.set_next(kind, prev, next);
        match self.table.at_mut(next) {
            Some((_, subscription)) => subscription.links_mut(kind).prev = prev,
            None => self.list_mut(kind).last = prev,
        }
    }

    /// Sets the entry after `index`, or the first one of the list.
    fn set_next(&mut self, kind: ListKind, index: SlotIndex, next: SlotIndex) {
        match self.table.at_mut(index) {
            Some((_, subscription)) => subscription.links_mut(kind).next = next,
            None => self.list_mut(kind).first = next,
        }
    }
}
