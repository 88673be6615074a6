//! The application's view: what it asked for and what it got, in the simplest form.

use std::collections::BTreeMap;

use nats_proto::session;
use nats_proto::session::EndReason;

use crate::body;
use crate::checks::Checks;
use crate::checks::Invariant;

/// What a session keeps for a subscription: its number among all that there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient(usize);

#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) sid: u64,
    pub(crate) filter: &'static str,
    pub(crate) queue: Option<&'static str>,
    pub(crate) delivered: u64,
    pub(crate) max: Option<u64>,
    pub(crate) is_unsubscribed: bool,
    /// The link on which it began to be drained; zero if there was none.
    pub(crate) drained_on: Option<u32>,
    /// Whether a server took it away.
    pub(crate) is_revoked: bool,
    pub(crate) released: Option<EndReason>,
    /// How many messages came on which link, the last one that any came on.
    arrived: (u32, usize),
}

impl Wanted {
    /// How many messages came on that link.
    pub(crate) const fn on_link(&self, link: u32) -> usize {
        if self.arrived.0 == link { self.arrived.1 } else { 0 }
    }

    fn has_max(&self) -> bool {
        self.max.is_some_and(|max| self.delivered >= max)
    }

    /// Whether it is to get no more messages.
    pub(crate) fn is_over(&self) -> bool {
        self.is_unsubscribed || self.has_max() || self.released.is_some()
    }

    /// Whether servers are to know of it.
    pub(crate) fn is_live(&self) -> bool {
        !self.is_over() && self.drained_on.is_none()
    }

    pub(crate) fn begin_to_drain(&mut self, link: u32) {
        if !self.is_over() && self.drained_on.is_none() {
            self.drained_on = Some(link);
        }
    }

    /// Whether a server may have refused it.
    pub(crate) fn is_refusable(&self) -> bool {
        self.is_revoked || !body::is_permitted(self.filter)
    }

    pub(crate) fn left(&self) -> Option<u64> {
        self.max.map(|max| max.saturating_sub(self.delivered))
    }
}

/// A flush that was asked for.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) flush: session::Flush,
    /// The link that it was begun on.
    pub(crate) link: u32,
    /// How many messages were handed to the link before.
    pub(crate) handed: usize,
    /// The subscriptions that there were.
    pub(crate) sids: Vec<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) wanted: Vec<Wanted>,
    by_sid: BTreeMap<u64, usize>,
    pub(crate) flushes: Vec<Flush>,
    pub(crate) has_closed: bool,
    pub(crate) has_drained: bool,
    pub(crate) has_finished: bool,
    pub(crate) messages: u64,
}

impl App {
    /// The route of the next subscription.
    pub(crate) const fn next_recipient(&self) -> Recipient {
        Recipient(self.wanted.len())
    }

    pub(crate) fn subscribed(
        &mut self,
        sid: u64,
        filter: &'static str,
        queue: Option<&'static str>,
        checks: &mut Checks,
    ) {
        let earlier = self.by_sid.insert(sid, self.wanted.len());
        checks.that(Invariant::FreshSid, earlier.is_none(), || format!("{sid} came again"));
        self.wanted.push(Wanted {
            sid,
            filter,
            queue,
            delivered: 0,
            max: None,
            is_unsubscribed: false,
            drained_on: None,
            is_revoked: false,
            released: None,
            arrived: (0, 0),
        });
    }

    pub(crate) fn get(&self, recipient: Recipient) -> Option<&Wanted> {
        self.wanted.get(recipient.0)
    }

    pub(crate) fn get_mut(&mut self, recipient: Recipient) -> Option<&mut Wanted> {
        self.wanted.get_mut(recipient.0)
    }

    pub(crate) fn by_sid(&self, sid: u64) -> Option<&Wanted> {
        self.by_sid.get(&sid).and_then(|index| self.wanted.get(*index))
    }

    pub(crate) fn recipient_of(&self, sid: u64) -> Option<Recipient> {
        self.by_sid.get(&sid).copied().map(Recipient)
    }

    /// One of those that were not handed back, by any number.
    pub(crate) fn pick(&self, number: u8) -> Option<Recipient> {
        let held: Vec<usize> = (0..self.wanted.len())
            .filter(|index| self.wanted.get(*index).is_some_and(|one| one.released.is_none()))
            .collect();
        let index = usize::from(number).checked_rem(held.len())?;
        held.get(index).copied().map(Recipient)
    }

    /// The numbers of those that servers are to know.
    pub(crate) fn live_sids(&self) -> Vec<u64> {
        self.wanted.iter().filter(|wanted| wanted.is_live()).map(|wanted| wanted.sid).collect()
    }

    /// All subscriptions on that connection are to be drained.
    pub(crate) fn begin_to_drain(&mut self, link: u32) {
        self.wanted.iter_mut().for_each(|wanted| wanted.begin_to_drain(link));
    }

    /// A message arrived at a route: message `id` on that link, whose server has sent `sent`.
    pub(crate) fn delivered(
        &mut self,
        recipient: Recipient,
        sid: u64,
        (link, id): (u32, u64),
        sent: &[u64],
        checks: &mut Checks,
    ) {
        self.messages += 1;
        let Some(wanted) = self.get_mut(recipient) else {
            return checks.fail(Invariant::DeliveredOnce, || format!("no {recipient:?}"));
        };
        checks.that(Invariant::DeliveredOnce, wanted.sid == sid, || {
            format!("a message for {sid} came to {}", wanted.sid)
        });
        let is_too_many = wanted.has_max();
        checks.that(Invariant::AtMostMax, !is_too_many, || format!("{wanted:?} got another one"));
        checks.that(Invariant::DeliveredWhileLive, is_too_many || !wanted.is_over(), || {
            format!("{wanted:?} got a message")
        });
        wanted.delivered += 1;
        let before = wanted.on_link(link);
        checks.that(Invariant::DeliveredOnce, sent.get(before) == Some(&id), || {
            format!("message {id} came as number {before} of {sent:?} to {wanted:?}")
        });
        wanted.arrived = (link, before + 1);
    }

    /// A message arrived, and the session has no recipient for it.
    pub(crate) fn dropped(&self, sid: u64, checks: &mut Checks) {
        let wanted = self.by_sid(sid);
        checks.that(Invariant::DeliveredWhileLive, wanted.is_some_and(Wanted::is_over), || {
            format!("{wanted:?} missed a message")
        });
    }

    /// A route is handed back. Where the reason is not the application's, somebody else knows whether
    /// it is true.
    pub(crate) fn released(
        &mut self,
        recipient: Recipient,
        sid: u64,
        ended: EndReason,
        is_true: bool,
        checks: &mut Checks,
    ) {
        let Some(wanted) = self.get_mut(recipient) else {
            return checks.fail(Invariant::ReleasedOnce, || format!("no {recipient:?}"));
        };
        let is_first = wanted.released.is_none() && wanted.sid == sid;
        checks.that(Invariant::ReleasedOnce, is_first, || format!("{wanted:?} again as {sid}"));
        let is_true = is_true
            && match ended {
                // What was on its way to a draining one may have been lost.
                EndReason::Unsubscribed => wanted.is_unsubscribed || wanted.drained_on.is_some(),
                EndReason::MaxReached => wanted.has_max(),
                EndReason::Drained => wanted.drained_on.is_some(),
                EndReason::NotPermitted => wanted.is_refusable(),
                EndReason::Refused | EndReason::Closed => true,
                _ => false,
            };
        checks.that(Invariant::ReleasedRightly, is_true, || format!("{wanted:?} as {ended:?}"));
        wanted.released = Some(ended);
    }
}
