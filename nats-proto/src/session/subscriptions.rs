//! The subscriptions: what the server should know of them, and what it knows.
//!
//! Nothing that is to be sent is queued. A subscription says itself what is due (`SUB`, `UNSUB`, or
//! nothing), and chains through the table keep the work short: of those where something is due, of
//! those that wait for the end of their draining, and of those that are over. Beside them goes the
//! chain of those whose SUB was written, in which [refusals] look.

mod entry;
mod refusals;

use core::num::NonZeroU64;

pub use entry::Subscription;

use self::entry::ChainName;
use self::entry::Ending;
use self::entry::Links;
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

/// The first and the last of those in a chain.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    first: SlotIndex,
    last: SlotIndex,
}

impl Chain {
    const fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

pub(super) struct Subscriptions<S: Store> {
    table: SlotMap<Subscription<S::Recipient, S::Text>, S::Subscriptions>,
    due: Chain,
    draining: Chain,
    over: Chain,
    /// In the order of their SUBs, in which servers refuse them.
    written: Chain,
    /// The first of those of which the server has not confirmed that it has read SUB.
    unconfirmed: SlotIndex,
    doubts: Doubts,
    link: Link,
}

/// Whether there is a server to keep informed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    Up,
    /// There is one that is being left: it gets UNSUB for whatever it knows of from slot `at` on.
    Leaving {
        at: u32,
        is_done: bool,
    },
}

impl<S: Store> Subscriptions<S> {
    /// Whether a server is ever left in good order: not if there is room for one only.
    const IS_LEFT: bool = Pool::<S>::HAS_CHOICE;

    pub(super) fn new() -> Self {
        Self {
            table: SlotMap::new(S::Subscriptions::default()),
            due: Chain::default(),
            draining: Chain::default(),
            over: Chain::default(),
            written: Chain::default(),
            unconfirmed: SlotIndex::NONE,
            doubts: Doubts::default(),
            link: Link::Down,
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
            chain: None,
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
        let link = self.link;
        let Some(subscription) = self.live(sid) else {
            return false;
        };
        if subscription.ending.is_some() {
            return true;
        }
        match link {
            Link::Up if subscription.is_sent => {
                subscription.ending = Some(Ending::Draining);
                self.set_due(sid.0);
            }
            // It ends with the connection, and everything that is on its way comes before that.
            Link::Leaving { .. } => subscription.ending = Some(Ending::Draining),
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
    pub(super) fn link_up(&mut self, pings: &mut Pings) {
        self.link = Link::Up;
        let mut at = 0;
        while let Some(key) = self.table.key_at_or_after(&mut at) {
            if self.live(Sid(key)).is_some() {
                self.set_sub_due(key, pings);
            }
        }
    }

    /// The connection is gone: no server knows anything.
    pub(super) fn link_down(&mut self, how: EndReason) {
        self.link = Link::Down;
        self.due = Chain::default();
        self.draining = Chain::default();
        self.written = Chain::default();
        self.unconfirmed = SlotIndex::NONE;
        self.doubts.forget_link();
        let mut at = 0;
        while let Some(key) = self.table.key_at_or_after(&mut at) {
            let Some(subscription) = self.table.get_mut(key) else {
                continue;
            };
            subscription.is_sent = false;
            subscription.is_written = false;
            subscription.is_confirmed = false;
            if subscription.chain == Some(ChainName::Over) {
                continue;
            }
            subscription.chain = None;
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
        self.link = Link::Leaving { at: 0, is_done: false };
        while let Some((key, subscription)) = self.table.at_mut(self.due.first) {
            let ending = subscription.ending;
            self.unchain(ChainName::Due, key);
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
            self.unchain(ChainName::Draining, key);
            self.end(key, how);
        }
    }

    pub(super) const fn has_transmit(&self) -> bool {
        !self.due.is_empty() || matches!(self.link, Link::Leaving { is_done: false, .. })
    }

    /// Writes what is due, as many whole lines as fit.
    pub(super) fn transmit(&mut self, pings: &mut Pings, out: &mut impl Sink) -> Result<(), Full> {
        while let Some((key, subscription)) = self.table.at_mut(self.due.first) {
            let end = Unsubscribe { sid: Sid(key), max: None };
            match subscription.ending {
                None if subscription.is_sent => {
                    subscription.transmit_max(Sid(key), out)?;
                    self.unchain(ChainName::Due, key);
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
                    self.unchain(ChainName::Due, key);
                    self.end(key, how);
                }
                Some(Ending::Draining | Ending::Flushing) => {
                    end.encode(out)?;
                    subscription.is_sent = false;
                    subscription.ending = Some(Ending::Flushing);
                    subscription.until = pings.request();
                    self.unchain(ChainName::Due, key);
                    self.chain(ChainName::Draining, key);
                }
            }
        }
        self.transmit_leave(out)
    }

    fn transmit_leave(&mut self, out: &mut impl Sink) -> Result<(), Full> {
        let (Link::Leaving { mut at, is_done: false }, true) = (self.link, Self::IS_LEFT) else {
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
            self.link = Link::Leaving { at, is_done: false };
        }
        self.link = Link::Leaving { at, is_done: true };
        Ok(())
    }

    /// Takes one that is over out of the table.
    pub(super) fn release(&mut self) -> Option<Released<S::Recipient>> {
        let (key, _) = self.table.at_mut(self.over.first)?;
        self.unchain(ChainName::Over, key);
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
        self.link_down(EndReason::Closed);
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

    /// Stops delivery. The place is free once the server has been told, if it has to be.
    fn end(&mut self, key: u64, how: EndReason) {
        let is_linked = self.link == Link::Up;
        let Some(subscription) = self.table.get_mut(key) else {
            return;
        };
        subscription.ending = Some(Ending::Over(how));
        let is_told = !(is_linked && subscription.is_sent);
        match (subscription.chain, is_told) {
            (Some(ChainName::Over), _) | (Some(ChainName::Due), false) => return,
            // Nothing is due of it any more, and no PONG will tell anything.
            (Some(name), _) => self.unchain(name, key),
            (None, _) => {}
        }
        self.chain(if is_told { ChainName::Over } else { ChainName::Due }, key);
    }

    fn set_due(&mut self, key: u64) {
        let is_chained = self.table.get_mut(key).is_none_or(|entry| entry.chain.is_some());
        if self.link == Link::Up && !is_chained {
            self.chain(ChainName::Due, key);
        }
    }

    /// SUB is due, and perhaps a PING of its own behind it.
    fn set_sub_due(&mut self, key: u64, pings: &mut Pings) {
        if self.link == Link::Up
            && let Some(subscription) = self.table.get_mut(key)
        {
            subscription.has_ping = self.doubts.confirms_each();
            if subscription.has_ping {
                subscription.confirmed_by = pings.request_another();
            }
        }
        self.set_due(key);
    }

    const fn chain_mut(&mut self, name: ChainName) -> &mut Chain {
        match name {
            ChainName::Due => &mut self.due,
            ChainName::Draining => &mut self.draining,
            ChainName::Over => &mut self.over,
            ChainName::Written => &mut self.written,
        }
    }

    /// Puts one at the end of a chain.
    fn chain(&mut self, name: ChainName, key: u64) {
        let place = SlotIndex::of(key);
        let before = core::mem::replace(&mut self.chain_mut(name).last, place);
        if let Some(subscription) = self.table.get_mut(key) {
            subscription.note_chain(name, true);
            *subscription.links_mut(name) = Links { before, behind: SlotIndex::NONE };
        }
        self.set_behind(name, before, place);
    }

    /// Takes one out of the chain that it is in.
    fn unchain(&mut self, name: ChainName, key: u64) {
        let Some(subscription) = self.table.get_mut(key) else {
            return;
        };
        subscription.note_chain(name, false);
        let Links { before, behind } = *subscription.links_mut(name);
        self.set_behind(name, before, behind);
        match self.table.at_mut(behind) {
            Some((_, subscription)) => subscription.links_mut(name).before = before,
            None => self.chain_mut(name).last = before,
        }
    }

    /// Says what follows a subscription in a chain, or the chain's beginning.
    fn set_behind(&mut self, name: ChainName, place: SlotIndex, behind: SlotIndex) {
        match self.table.at_mut(place) {
            Some((_, subscription)) => subscription.links_mut(name).behind = behind,
            None => self.chain_mut(name).first = behind,
        }
    }
}
