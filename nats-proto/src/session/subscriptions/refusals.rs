//! Subscriptions that a server refuses.
//!
//! A server reads SUBs in their order, and refuses them in that order, between its PONGs. A refusal with
//! a sid names its subscription; one with a filter means the first unconfirmed subscription with that
//! filter. Both are found in constant time. Any other refusal means a subscription between two PINGs. If
//! there is only one, that is it. If there are several, the PONG shows whether all of them were refused;
//! from then on a PING follows every SUB, so that the subscription is always known.

use super::Subscriptions;
use super::entry::ListKind;
use crate::message::Sid;
use crate::session::EndReason;
use crate::session::pings::Pings;
use crate::session::store::Store;
use crate::storage::SlotIndex;
use crate::wire::Action;
use crate::wire::Violation;

/// What is not known about refusals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubts {
    /// How many refusals since the last PONG did not say which subscription they mean.
    count: u32,
    /// The PING after the last SUB whose subscription was forgotten before it was confirmed: that
    /// may be the one that is meant.
    forgotten: Option<u32>,
    /// Whether a PING follows every SUB.
    confirms_each: bool,
}

impl Doubts {
    /// What is to be known of the next connection begins anew. That servers refuse does not.
    pub(super) const fn forget_connection(&mut self) {
        self.count = 0;
        self.forgotten = None;
    }

    pub(super) const fn confirms_each(self) -> bool {
        self.confirms_each
    }
}

impl<S: Store> Subscriptions<S> {
    /// SUB was written.
    pub(super) fn note_written(&mut self, key: u64) {
        self.push_back(ListKind::Written, key);
        if self.unconfirmed.is_none() {
            self.unconfirmed = SlotIndex::of(key);
        }
    }

    /// A subscription is about to leave the table.
    pub(super) fn forget_written(&mut self, key: u64) {
        let index = SlotIndex::of(key);
        let Some(subscription) = self.table.get_mut(key).filter(|one| one.is_written) else {
            return;
        };
        let (number, next) = (subscription.confirmed_by, subscription.written.next);
        if !subscription.is_confirmed {
            self.doubts.forgotten = Some(number);
        }
        if self.unconfirmed == index {
            self.unconfirmed = next;
        }
        self.unlink(ListKind::Written, key);
    }

    /// The server refused a subscription for want of a permission.
    pub(in crate::session) fn refuse(&mut self, violation: &Violation<'_>) {
        if violation.action != Action::Subscribe {
            return;
        }
        let found = match violation.sid {
            Some(sid) => self.table.get_mut(sid.0).filter(|one| one.is_sent).map(|_| sid.0),
            None => self.find_refused(violation),
        };
        if let Some(key) = found {
            self.end_refused(key, EndReason::NotPermitted);
        }
    }

    /// The first one of that name of which it is not known that the server took it. Otherwise one
    /// that it took, and does not permit any more.
    fn find_refused(&mut self, violation: &Violation<'_>) -> Option<u64> {
        let mut index = self.unconfirmed;
        while let Some((key, subscription)) = self.table.at_mut(index) {
            if subscription.is_of(violation) {
                // Those before it were read before, and not refused like this.
                self.settle(|_, at| at == index);
                self.confirm_first();
                return Some(key);
            }
            index = subscription.written.next;
        }
        if self.doubts.forgotten.is_some() {
            return None;
        }
        index = self.written.first;
        while let Some((key, subscription)) = self.table.at_mut(index) {
            if subscription.is_sent && subscription.is_of(violation) {
                return Some(key);
            }
            index = subscription.written.next;
        }
        None
    }

    /// The server refused a subscription, and did not say which.
    pub(in crate::session) fn refuse_any(&mut self, pings: &mut Pings) {
        let awaited = pings.awaited();
        let candidates = {
            let mut candidates = self.between_pings(awaited);
            (candidates.next(), candidates.next())
        };
        let (Some(key), other) = candidates else {
            return;
        };
        let is_only = other.is_none();
        self.doubts.confirms_each = true;
        if is_only && self.doubts.forgotten.is_none() {
            self.confirm_first();
            self.end_refused(key, EndReason::Refused);
        } else {
            self.doubts.count = self.doubts.count.saturating_add(1);
            pings.request();
        }
    }

    /// Those of which one was refused, and it is not known which.
    pub(in crate::session) fn maybe_refused(
        &self,
        pings: &Pings,
    ) -> impl Iterator<Item = (Sid, &[u8])> {
        let awaited = (self.doubts.count > 0).then(|| pings.awaited());
        let keys = awaited.into_iter().flat_map(|awaited| self.between_pings(awaited));
        keys.filter_map(|key| Some((Sid(key), self.table.get(key)?.text.as_ref())))
    }

    /// Those that are not confirmed, and will be by the PONG of that PING.
    fn between_pings(&self, awaited: u32) -> impl Iterator<Item = u64> {
        let mut index = self.unconfirmed;
        core::iter::from_fn(move || {
            let (key, subscription) = self.table.at(index)?;
            index = subscription.written.next;
            (subscription.confirmed_by == awaited).then_some(key)
        })
    }

    /// A PONG came: the server has read what was written before its PING.
    pub(super) fn confirm(&mut self, is_answered: &impl Fn(u32) -> bool) {
        self.settle(|number, _| !is_answered(number));
        if self.doubts.forgotten.is_some_and(is_answered) {
            self.doubts.forgotten = None;
        }
    }

    /// The server has read the SUBs before the first one for which `is_after` is true. If as many were
    /// refused as there are, all of them were.
    fn settle(&mut self, is_after: impl Fn(u32, SlotIndex) -> bool) {
        let doubts = core::mem::take(&mut self.doubts.count);
        let from = self.unconfirmed;
        let mut count = 0;
        while let Some((_, subscription)) = self.table.at(self.unconfirmed)
            && !is_after(subscription.confirmed_by, self.unconfirmed)
        {
            self.confirm_first();
            count += 1;
        }
        if count == 0 || count > doubts || self.doubts.forgotten.is_some() {
            return;
        }
        let mut index = from;
        while index != self.unconfirmed
            && let Some((key, subscription)) = self.table.at_mut(index)
        {
            index = subscription.written.next;
            self.end_refused(key, EndReason::Refused);
        }
    }

    /// The server does not know of it any more.
    fn end_refused(&mut self, key: u64, how: EndReason) {
        if let Some(subscription) = self.table.get_mut(key) {
            subscription.is_sent = false;
        }
        if self.live(Sid(key)).is_some() {
            self.end(key, how);
        }
    }

    /// The server has read the first SUB that was not confirmed.
    fn confirm_first(&mut self) {
        if let Some((_, subscription)) = self.table.at_mut(self.unconfirmed) {
            subscription.is_confirmed = true;
            self.unconfirmed = subscription.written.next;
        }
    }
}
