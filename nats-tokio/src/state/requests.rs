//! The requests in flight.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use nats_proto::Full;
use nats_proto::Instant;
use nats_proto::Pending;
use nats_proto::RequestId;
use nats_proto::Requests;
use nats_proto::Slot;

use crate::error::RequestError;
use crate::message::Message;
use crate::state::batch::Refused;
use crate::sync::remember;

/// The longest subject for a reply.
pub(crate) const MAX_INBOX: usize = 256;

/// The requests in flight.
pub(crate) struct RequestTable {
    table: Requests<Waiting, Vec<Slot<Pending<Waiting>>>>,
    max: usize,
    /// The number of the last message that was lost, if requests are to fail for that.
    lost: u64,
    /// Which requests have a subject, once the server has refused one.
    index: Option<Index>,
}

/// How a request stands.
pub(crate) enum Waiting {
    Reply(Sent),
    Answered(Message),
    Failed(RequestError),
}

/// A request that waits for its reply.
#[derive(Default)]
pub(crate) struct Sent {
    /// The number of the message that it was; zero if it is not sent yet.
    number: u64,
    /// The hash of the subject.
    subject: u64,
    /// Whether its replies come to a subscription of its own, and not to this table.
    has_own_inbox: bool,
    /// Who is to be woken.
    waker: Option<Waker>,
}

impl RequestTable {
    pub(crate) fn new(max: usize) -> Self {
        Self { table: Requests::default(), max, lost: 0, index: None }
    }

    pub(crate) fn open(
        &mut self,
        subject: &str,
        deadline: Instant,
        waker: Waker,
    ) -> Result<RequestId, Full> {
        let subject = hash(subject.as_bytes());
        let sent = Sent { number: 0, subject, has_own_inbox: false, waker: Some(waker) };
        self.put(sent, deadline)
    }

    /// A request with a subscription of its own for its replies. Whoever waits for them watches the
    /// time.
    pub(crate) fn open_several(&mut self, subject: &str) -> Result<RequestId, Full> {
        let subject = hash(subject.as_bytes());
        let sent = Sent { number: 0, subject, has_own_inbox: true, waker: None };
        self.put(sent, Instant::from_millis(u64::MAX))
    }

    fn put(&mut self, sent: Sent, deadline: Instant) -> Result<RequestId, Full> {
        if self.table.len() >= self.max {
            return Err(Full);
        }
        let subject = sent.subject;
        let request_id = self.table.open(Waiting::Reply(sent), deadline)?;
        let most = 2 * self.table.len();
        // One that is mostly about requests that are gone is made anew when it is needed.
        if let Some(index) = &mut self.index
            && !index.note(subject, request_id, most)
        {
            self.index = None;
        }
        Ok(request_id)
    }

    /// The request is the message of that number.
    pub(crate) fn note_sent(&mut self, request_id: RequestId, number: u64) {
        if number <= self.lost {
            // So soon.
            if let Some(waiting) = self.table.get_mut(request_id) {
                settle(waiting, Waiting::Failed(RequestError::Disconnected));
            }
        } else if let Some(Waiting::Reply(sent)) = self.table.get_mut(request_id) {
            sent.number = number;
        }
    }

    /// A reply came. Later ones to the same request are dropped.
    pub(crate) fn answer(&mut self, request_id: RequestId, reply: Message) -> Option<Waker> {
        match self.table.get_mut(request_id)? {
            Waiting::Reply(sent) if sent.has_own_inbox => None,
            waiting => settle(waiting, Waiting::Answered(reply)),
        }
    }

    /// Fails the requests that are late, and hands over those who wait for them. Without a
    /// connection, `handed_over` is the number of the last message that went to one.
    pub(crate) fn expire(&mut self, now: Instant, handed_over: Option<u64>, wake: &mut Vec<Waker>) {
        self.table.expire(now, |_, waiting| {
            let error = match (handed_over, &*waiting) {
                (Some(last), Waiting::Reply(sent)) if sent.is_unsent(last) => {
                    RequestError::NotConnected
                }
                _ => RequestError::TimedOut,
            };
            wake.extend(settle(waiting, Waiting::Failed(error)));
        });
    }

    /// Fails one request, and hands over who waits for it.
    pub(crate) fn fail_one(&mut self, request_id: RequestId, error: RequestError) -> Option<Waker> {
        settle(self.table.get_mut(request_id)?, Waiting::Failed(error))
    }

    /// Fails all requests, and hands over those who wait for them.
    pub(crate) fn fail_all(&mut self, error: RequestError, wake: &mut Vec<Waker>) {
        self.fail(wake, error, |_| true);
    }

    /// Fails the requests whose replies come to this table, and hands over those who wait for them.
    pub(crate) fn fail_inbox(&mut self, error: RequestError, wake: &mut Vec<Waker>) {
        self.fail(wake, error, |sent| !sent.has_own_inbox);
    }

    /// Fails the requests up to the message of that number, which went to a connection that is
    /// lost.
    pub(crate) fn fail_lost(&mut self, number: u64, wake: &mut Vec<Waker>) {
        self.lost = number;
        self.fail(wake, RequestError::Disconnected, |sent| {
            sent.number != 0 && sent.number <= number
        });
    }

    /// Fails the requests among messages that a server does not take, in the order of their numbers.
    pub(crate) fn fail_refused(&mut self, refused: &[Refused], wake: &mut Vec<Waker>) {
        self.table.fail(|_, waiting| {
            let Waiting::Reply(sent) = waiting else { return false };
            let found = refused.binary_search_by_key(&sent.number, |message| message.number);
            let Some(message) = found.ok().and_then(|at| refused.get(at)) else { return false };
            let error = RequestError::Publish(message.reason.into());
            wake.extend(settle(waiting, Waiting::Failed(error)));
            true
        });
    }

    /// Fails the requests to a subject that the server does not permit. Takes no more time for many
    /// refusals than for one, and as many more steps as there are requests to the subject.
    pub(crate) fn fail_not_permitted(&mut self, subject: &[u8], wake: &mut Vec<Waker>) {
        if self.table.is_empty() {
            return;
        }
        let table = &mut self.table;
        let index = self.index.get_or_insert_with(|| Index::of(table));
        for request_id in index.take(hash(subject)) {
            let failed = Waiting::Failed(RequestError::NotPermitted);
            wake.extend(self.table.get_mut(request_id).and_then(|waiting| settle(waiting, failed)));
        }
    }

    fn fail(
        &mut self,
        wake: &mut Vec<Waker>,
        error: RequestError,
        concerns: impl Fn(&Sent) -> bool,
    ) {
        self.table.fail(|_, waiting| {
            let fails = matches!(waiting, Waiting::Reply(sent) if concerns(sent));
            if fails {
                wake.extend(settle(waiting, Waiting::Failed(error)));
            }
            fails
        });
    }

    /// Gives a request up.
    pub(crate) fn close(&mut self, request_id: RequestId) -> Option<Waiting> {
        let waiting = self.table.close(request_id);
        if self.table.is_empty() {
            self.index = None;
        }
        waiting
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        self.table.poll_timeout()
    }

    pub(crate) const fn len(&self) -> usize {
        self.table.len()
    }

    /// The outcome of a request, or a place to be woken from.
    pub(crate) fn poll(
        &mut self,
        request_id: RequestId,
        cx: &Context<'_>,
    ) -> Poll<Result<Message, RequestError>> {
        if let Some(Waiting::Reply(sent)) = self.table.get_mut(request_id) {
            sent.wake_later(cx);
            return Poll::Pending;
        }
        Poll::Ready(match self.close(request_id) {
            Some(Waiting::Answered(reply)) => Ok(reply),
            Some(Waiting::Failed(error)) => Err(error),
            Some(Waiting::Reply(_)) | None => Err(RequestError::Disconnected),
        })
    }
}

/// Requests with several replies.
impl RequestTable {
    /// Why there are no more replies, or a place to be woken from.
    pub(crate) fn poll_failure(
        &mut self,
        request_id: RequestId,
        cx: &Context<'_>,
    ) -> Poll<RequestError> {
        if let Some(Waiting::Reply(sent)) = self.table.get_mut(request_id) {
            sent.wake_later(cx);
            return Poll::Pending;
        }
        Poll::Ready(self.failure(request_id).unwrap_or(RequestError::Disconnected))
    }

    /// Why there are no more replies, if that is known here.
    pub(crate) fn failure(&mut self, request_id: RequestId) -> Option<RequestError> {
        match self.table.get_mut(request_id)? {
            Waiting::Failed(error) => Some(*error),
            _ => None,
        }
    }

    /// Whether a request was not handed to a connection, if `handed_over` is the number of the last
    /// message that was.
    pub(crate) fn is_unsent(&mut self, request_id: RequestId, handed_over: u64) -> bool {
        matches!(self.table.get_mut(request_id), Some(Waiting::Reply(sent)) if sent.is_unsent(handed_over))
    }
}

impl Sent {
    const fn is_unsent(&self, handed_over: u64) -> bool {
        self.number == 0 || self.number > handed_over
    }

    fn wake_later(&mut self, cx: &Context<'_>) {
        remember(&mut self.waker, cx.waker());
    }
}

/// Settles a request that is not settled yet.
fn settle(waiting: &mut Waiting, outcome: Waiting) -> Option<Waker> {
    match waiting {
        Waiting::Reply(sent) => {
            let waker = sent.waker.take();
            *waiting = outcome;
            waker
        }
        _ => None,
    }
}

/// FNV-1a: a few nanoseconds for a subject. It tells subjects apart that are not made to be
/// mistaken, and those are the application's own.
fn hash(subject: &[u8]) -> u64 {
    subject.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The requests by the hashes of their subjects.
#[derive(Default)]
struct Index {
    request_ids: HashMap<u64, Vec<RequestId>>,
    /// How many there are, those included that are gone.
    len: usize,
}

impl Index {
    /// With fewer than these, those that are gone do not matter.
    const FEW: usize = 64;

    fn of(table: &mut Requests<Waiting, Vec<Slot<Pending<Waiting>>>>) -> Self {
        let mut index = Self::default();
        table.fail(|request_id, waiting| {
            if let Waiting::Reply(sent) = waiting {
                index.put(sent.subject, request_id);
            }
            false
        });
        index
    }

    fn put(&mut self, subject: u64, request_id: RequestId) {
        self.len += 1;
        self.request_ids.entry(subject).or_default().push(request_id);
    }

    /// Notes another request, unless there are more than `most`.
    fn note(&mut self, subject: u64, request_id: RequestId, most: usize) -> bool {
        self.put(subject, request_id);
        self.len <= most.max(Self::FEW)
    }

    fn take(&mut self, subject: u64) -> Vec<RequestId> {
        let request_ids = self.request_ids.remove(&subject).unwrap_or_default();
        self.len -= request_ids.len();
        request_ids
    }
}
