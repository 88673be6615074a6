//! Requests in flight: each has exactly one outcome.
//!
//! ```text
//!  open ─▶ waits to be sent ─▶ sent ─▶ over: Answered, NoResponders, ReplyTooLong
//!               │                │          TimedOut, Disconnected, NotPermitted, NoInbox
//!               └────────────────┴────────▶ over: NotConnected, Draining, Closed, …   ─▶ closed
//! ```

#[cfg(test)]
mod tests;

use super::EndReason;
use crate::error::Full;
use crate::inbox::Inbox;
use crate::inbox::RequestId;
use crate::message::Message;
use crate::storage::Slot;
use crate::storage::SlotMap;
use crate::storage::Table;
use crate::subject::Subject;
use crate::time::Instant;
use crate::wire::Action;
use crate::wire::Buffer;
use crate::wire::Violation;

/// The requests in flight, and what becomes of them. A table with a limit:
/// [`FixedRequests`] without an allocator, [`GrowableRequests`] with one.
///
/// Each request comes to one end, whatever happens afterwards: a reply that comes late, a second one,
/// a refusal. Its [`Outcome`] is reported once, together with its owner `R`. The
/// entry then stays until it is [closed](Self::close) by the owner that asks for the
/// [`outcome`](Self::outcome), or goes at once: that is for [`Then`] to say.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::{FixedRequests, Instant, Outcome, Subject, Then};
///
/// const TIME: Subject<'static> = Subject::from_static("time");
/// let now = Instant::from_millis(0);
/// let mut requests = FixedRequests::<&str, 2>::default();
/// let first = requests.open("first", TIME, now + Duration::from_secs(1))?;
/// let second = requests.open("second", TIME, now + Duration::from_secs(2))?;
/// requests.note_sent(first);
///
/// // The connection is lost: the second one was not sent, and waits for the next.
/// requests.handle_disconnected(|_| true, |id, who, outcome| {
///     assert_eq!((id, *who, outcome), (first, "first", Outcome::Disconnected));
///     Then::Remove
/// });
/// requests.handle_time(now + Duration::from_secs(2), |_, _| Outcome::TimedOut, |_, who, outcome| {
///     assert_eq!((*who, outcome), ("second", Outcome::TimedOut));
///     Then::Keep
/// });
/// assert_eq!(requests.outcome(second), Some(Outcome::TimedOut));
/// assert_eq!(requests.close(second), Some("second"));
/// assert!(requests.is_empty());
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Debug)]
pub struct PendingRequests<R, L> {
    entries: SlotMap<PendingRequest<R>, L>,
    /// No deadline is earlier than this.
    earliest: Instant,
}

/// Up to `N` requests, without an allocator.
pub type FixedRequests<R, const N: usize> =
    PendingRequests<R, heapless::Vec<Slot<PendingRequest<R>>, N>>;

/// Requests on the heap, up to a maximum.
#[cfg(feature = "alloc")]
pub type GrowableRequests<R> = PendingRequests<R, crate::storage::Capped<Slot<PendingRequest<R>>>>;

/// A request in the table.
#[derive(Clone, Debug)]
pub struct PendingRequest<R> {
    owner: R,
    deadline: Instant,
    /// The [`fingerprint`] of the subject.
    subject: u32,
    stage: Stage,
    has_own_inbox: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unsent,
    Sent,
    Over(Outcome),
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Outcome {
    /// There is a reply.
    Answered,
    /// The server has said that the request reached no subscription.
    NoResponders,
    /// There is a reply, and it was too long to be taken.
    ReplyTooLong,
    /// There was no reply in time.
    TimedOut,
    /// There was no connection to send it to in time.
    NotConnected,
    /// The connection that it was sent to is lost: it may have been answered, or not.
    Disconnected,
    /// The server does not permit the request, or where its reply is to go.
    NotPermitted,
    /// The subscription for replies is over.
    NoInbox,
    /// The session is draining, and the subscription for replies has ended with that.
    Draining,
    /// The session is over.
    Closed,
}

/// What becomes of the entry of a request that is over.
///
/// Exhaustive on purpose: there is no third way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Then {
    /// It stays until it is [closed](PendingRequests::close): its owner asks for the outcome later.
    Keep,
    /// It goes: its owner knows the outcome.
    Remove,
}

const NEVER: Instant = Instant::from_millis(u64::MAX);

impl Outcome {
    /// What a message to a request's reply subject means for it.
    #[inline]
    pub fn of_reply<B: AsRef<[u8]>>(reply: &Message<B>) -> Self {
        if reply.is_no_responders() { Self::NoResponders } else { Self::Answered }
    }

    /// What it means that a request's time is up. One that waits for a connection had none.
    #[must_use]
    pub const fn of_time(is_sent: bool, is_connected: bool) -> Self {
        if is_sent || is_connected { Self::TimedOut } else { Self::NotConnected }
    }

    /// What it means that the subscription for replies is over.
    #[must_use]
    pub const fn of_inbox(ended: EndReason) -> Self {
        match ended {
            EndReason::Closed => Self::Closed,
            EndReason::Drained => Self::Draining,
            _ => Self::NoInbox,
        }
    }
}

impl<R, L: Table<Slot<PendingRequest<R>>> + Default> Default for PendingRequests<R, L> {
    fn default() -> Self {
        Self::new(L::default())
    }
}

#[cfg(feature = "alloc")]
impl<R> GrowableRequests<R> {
    /// Up to `max` requests at a time.
    #[must_use]
    pub const fn with_max(max: usize) -> Self {
        Self::new(crate::storage::Capped::new(max))
    }
}

impl<R, L: Table<Slot<PendingRequest<R>>>> PendingRequests<R, L> {
    const fn new(list: L) -> Self {
        Self { entries: SlotMap::new(list), earliest: NEVER }
    }

    /// Enters a request to `subject` that has until `deadline`, and is not sent yet.
    ///
    /// # Errors
    ///
    /// [`Full`] if too many are in the table; `owner` is dropped then.
    pub fn open(
        &mut self,
        owner: R,
        subject: Subject<'_>,
        deadline: Instant,
    ) -> Result<RequestId, Full> {
        self.insert(owner, subject, deadline, false)
    }

    /// Enters a request whose replies come to a subscription of its own: there may be several, and
    /// they are not for this table. Everything else that can become of it is.
    ///
    /// # Errors
    ///
    /// [`Full`] if too many are in the table; `owner` is dropped then.
    pub fn open_many(
        &mut self,
        owner: R,
        subject: Subject<'_>,
        deadline: Instant,
    ) -> Result<RequestId, Full> {
        self.insert(owner, subject, deadline, true)
    }

    fn insert(
        &mut self,
        owner: R,
        subject: Subject<'_>,
        deadline: Instant,
        has_own_inbox: bool,
    ) -> Result<RequestId, Full> {
        let subject = fingerprint(subject.as_bytes().iter().copied());
        let stage = Stage::Unsent;
        let entry = PendingRequest { owner, deadline, subject, stage, has_own_inbox };
        let key = self.entries.insert(entry)?;
        self.earliest = self.earliest.min(deadline);
        Ok(RequestId(key))
    }

    /// The request was handed to the connection there is, and is lost with that.
    pub fn note_sent(&mut self, id: RequestId) {
        if let Some(entry) = self.entries.get_mut(id.0)
            && entry.stage == Stage::Unsent
        {
            entry.stage = Stage::Sent;
        }
    }

    // What happened ------------------------------------------------------------------------------

    /// A reply came to the inbox. The first one is the [outcome](Outcome::of_reply), with whoever
    /// waits for it; any other is for nobody.
    #[inline]
    pub fn handle_reply<B: AsRef<[u8]>>(
        &mut self,
        id: RequestId,
        reply: &Message<B>,
    ) -> Option<(&mut R, Outcome)> {
        let entry = self.entries.get_mut(id.0)?;
        if entry.has_own_inbox || entry.is_over() {
            return None;
        }
        let outcome = Outcome::of_reply(reply);
        entry.stage = Stage::Over(outcome);
        Some((&mut entry.owner, outcome))
    }

    /// Something else has become of one request: the reply was [too long](Outcome::ReplyTooLong), or
    /// the request could not be published. Returns whoever waits, unless it is over already.
    pub fn end(&mut self, id: RequestId, outcome: Outcome) -> Option<&mut R> {
        let entry = self.entries.get_mut(id.0)?;
        if entry.is_over() {
            return None;
        }
        entry.stage = Stage::Over(outcome);
        Some(&mut entry.owner)
    }

    /// The connection is lost: ends the requests that were sent to it. `is_lost` is asked of those that
    /// were [sent](Self::note_sent), for a driver that finds out later whether they were written; for
    /// all others, `|_| true`.
    pub fn handle_disconnected(
        &mut self,
        mut is_lost: impl FnMut(&R) -> bool,
        mut told: impl FnMut(RequestId, &mut R, Outcome) -> Then,
    ) {
        self.end_each(
            &mut |_, entry| {
                let is_it = entry.stage == Stage::Sent && is_lost(&entry.owner);
                is_it.then_some(Outcome::Disconnected)
            },
            &mut told,
        );
    }

    /// The server has refused something: ends the requests that are meant, which are those to a
    /// subject, or the one with that reply subject. Of a subject, only a [`fingerprint`] is kept.
    ///
    /// Takes time in proportion to the table.
    pub fn handle_refused<T: Buffer>(
        &mut self,
        violation: &Violation<'_>,
        inbox: &Inbox<T>,
        mut told: impl FnMut(RequestId, &mut R, Outcome) -> Then,
    ) {
        match Refusal::of(violation, inbox) {
            Refusal::Subject(subject) => self.end_each(
                &mut |_, entry| {
                    let is_it = entry.stage == Stage::Sent && entry.subject == subject;
                    is_it.then_some(Outcome::NotPermitted)
                },
                &mut told,
            ),
            Refusal::Request(id) => {
                if let Some(owner) = self.end(id, Outcome::NotPermitted)
                    && told(id, owner, Outcome::NotPermitted) == Then::Remove
                {
                    self.close(id);
                }
            }
            Refusal::None => {}
        }
    }

    /// The subscription for replies is over: ends the requests whose replies would come to it.
    pub fn handle_inbox_ended(
        &mut self,
        how: EndReason,
        mut told: impl FnMut(RequestId, &mut R, Outcome) -> Then,
    ) {
        let outcome = Outcome::of_inbox(how);
        self.end_each(&mut |_, entry| (!entry.has_own_inbox).then_some(outcome), &mut told);
    }

    /// The session is over, or was closed: ends all requests.
    pub fn handle_closed(&mut self, mut told: impl FnMut(RequestId, &mut R, Outcome) -> Then) {
        self.end_each(&mut |_, _| Some(Outcome::Closed), &mut told);
    }

    /// Time has passed: ends the requests that are late. `outcome` says how, given whoever waits and
    /// whether the request was [sent](Self::note_sent): see [`Outcome::of_time`].
    ///
    /// Takes time in proportion to the table; call it no more often than the precision needs.
    pub fn handle_time(
        &mut self,
        now: Instant,
        mut outcome: impl FnMut(&R, bool) -> Outcome,
        mut told: impl FnMut(RequestId, &mut R, Outcome) -> Then,
    ) {
        if now < self.earliest {
            return;
        }
        let mut earliest = NEVER;
        self.end_each(
            &mut |_, entry| {
                if entry.deadline <= now {
                    return Some(outcome(&entry.owner, entry.stage == Stage::Sent));
                }
                earliest = earliest.min(entry.deadline);
                None
            },
            &mut told,
        );
        self.earliest = earliest;
    }

    /// Ends those that are not over, and for which there is an outcome. Compiled once for each table.
    fn end_each(
        &mut self,
        outcome: &mut dyn FnMut(RequestId, &PendingRequest<R>) -> Option<Outcome>,
        told: &mut dyn FnMut(RequestId, &mut R, Outcome) -> Then,
    ) {
        let mut at = 0;
        while let Some(key) = self.entries.key_at_or_after(&mut at) {
            let Some(entry) = self.entries.get_mut(key).filter(|entry| !entry.is_over()) else {
                continue;
            };
            let Some(outcome) = outcome(RequestId(key), entry) else { continue };
            entry.stage = Stage::Over(outcome);
            if told(RequestId(key), &mut entry.owner, outcome) == Then::Remove {
                self.entries.remove(key);
            }
        }
    }

    /// Tells of requests that are over and were not closed, and closes them.
    pub(super) fn close_over(&mut self, mut told: impl FnMut(RequestId, &mut R, Outcome)) {
        let mut at = 0;
        while let Some(key) = self.entries.key_at_or_after(&mut at) {
            if let Some(entry) = self.entries.get_mut(key)
                && let Stage::Over(outcome) = entry.stage
            {
                told(RequestId(key), &mut entry.owner, outcome);
                self.entries.remove(key);
            }
        }
    }

    // What is true -------------------------------------------------------------------------------

    /// What became of a request; `None` if that is still to come, or it was [closed](Self::close).
    pub fn outcome(&self, id: RequestId) -> Option<Outcome> {
        match self.entries.get(id.0)?.stage {
            Stage::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether a request waits to be sent.
    pub fn is_unsent(&self, id: RequestId) -> bool {
        self.entries.get(id.0).is_some_and(|entry| entry.stage == Stage::Unsent)
    }

    /// Who waits for a request, as long as it is not closed.
    pub fn get_mut(&mut self, id: RequestId) -> Option<&mut R> {
        self.entries.get_mut(id.0).map(|entry| &mut entry.owner)
    }

    /// All requests that are not closed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (RequestId, &mut R)> {
        self.entries.iter_mut().map(|(key, entry)| (RequestId(key), &mut entry.owner))
    }

    /// Takes a request out of the table: its outcome is known, or nobody waits for it any more. What
    /// comes for it from now on finds nothing.
    pub fn close(&mut self, id: RequestId) -> Option<R> {
        self.entries.remove(id.0).map(|entry| entry.owner)
    }

    /// How many requests are in the table, those included that are over and not closed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no request is in the table.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When to call [`handle_time`](Self::handle_time) next. It may turn out to be too early, since
    /// an answered request takes no time to look for the next deadline.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        if self.earliest.as_millis() == NEVER.as_millis() { None } else { Some(self.earliest) }
    }
}

impl<R> PendingRequest<R> {
    const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }
}

/// Which requests a server has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal {
    /// Those that were sent to the subject with this [`fingerprint`].
    Subject(u32),
    /// The one with this reply subject.
    Request(RequestId),
    /// None.
    None,
}

impl Refusal {
    /// What a violation means for requests whose replies come to `inbox`.
    #[must_use]
    pub fn of<T: Buffer>(violation: &Violation<'_>, inbox: &Inbox<T>) -> Self {
        match violation.action {
            Action::Publish => Self::Subject(fingerprint(violation.subject.unquoted())),
            // The subject is that of the reply, and needs no quoting.
            Action::PublishReply => {
                inbox.request_id(violation.subject.as_bytes()).map_or(Self::None, Self::Request)
            }
            Action::Subscribe => Self::None,
        }
    }
}

/// What a subject is known by where there is no room for all of it: FNV-1a. Another one has the same
/// in one of four billion cases.
pub fn fingerprint(subject: impl Iterator<Item = u8>) -> u32 {
    subject.fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
