//! The requests in flight, and who waits for them. What becomes of one is the core's to say.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use nats_proto::Full;
use nats_proto::GrowableRequests;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::Refusal;
use nats_proto::RequestId;
use nats_proto::Subject;
use nats_proto::Then;
use nats_proto::fingerprint;
use nats_proto::session::EndReason;

use crate::error::PublishError;
use crate::error::RequestError;
use crate::message::Message;
use crate::state::batch::Refused;
use crate::sync::remember;

/// The longest subject for a reply.
pub(crate) const MAX_INBOX: usize = 256;

/// The requests in flight.
pub(crate) struct RequestTable {
    table: GrowableRequests<Waiting>,
    /// The number of the last message that was lost, if requests are to fail for that.
    lost: u64,
    /// Which requests have a subject, once the server has refused one.
    index: Option<Index>,
}

/// Who waits for a request.
#[derive(Default)]
pub(crate) struct Waiting {
    /// The number of the message that it was; zero if it is not sent yet.
    number: u64,
    /// The fingerprint of the subject.
    subject: u32,
    /// Who is to be woken.
    waker: Option<Waker>,
    /// The first reply.
    reply: Option<Message>,
    /// Why the server that there is now does not take the request.
    refused: Option<PublishError>,
}

impl RequestTable {
    pub(crate) const fn new(max: usize) -> Self {
        Self { table: GrowableRequests::with_max(max), lost: 0, index: None }
    }

    pub(crate) fn open(
        &mut self,
        subject: Subject<'_>,
        deadline: Instant,
        waker: Waker,
    ) -> Result<RequestId, Full> {
        let waiting = Waiting::new(subject, Some(waker));
        let fingerprint = waiting.subject;
        let id = self.table.open(waiting, subject, deadline)?;
        self.note_subject(fingerprint, id);
        Ok(id)
    }

    /// A request with a subscription of its own for its replies. The waiting stream watches the
    /// time.
    pub(crate) fn open_many(&mut self, subject: Subject<'_>) -> Result<RequestId, Full> {
        let waiting = Waiting::new(subject, None);
        let fingerprint = waiting.subject;
        let id = self.table.open_many(waiting, subject, Instant::from_millis(u64::MAX))?;
        self.note_subject(fingerprint, id);
        Ok(id)
    }

    fn note_subject(&mut self, subject: u32, id: RequestId) {
        let most = 2 * self.table.len();
        // One that is mostly about requests that are gone is made anew when it is needed.
        if let Some(index) = &mut self.index
            && !index.note(subject, id, most)
        {
            self.index = None;
        }
    }

    /// The request is the message of that number.
    pub(crate) fn note_sent(&mut self, id: RequestId, number: u64) {
        if number <= self.lost {
            // So soon.
            self.table.end(id, Outcome::Disconnected);
        } else if let Some(waiting) = self.table.get_mut(id) {
            waiting.number = number;
            self.table.note_sent(id);
        }
    }

    /// A reply came. Later ones to the same request are dropped.
    pub(crate) fn answer(&mut self, id: RequestId, reply: Message) -> Option<Waker> {
        let (waiting, _) = self.table.handle_reply(id, reply.as_inner())?;
        waiting.reply = Some(reply);
        waiting.waker.take()
    }

    /// Ends the requests that are late, and returns their wakers. Without a
    /// connection, `handed_over` is the number of the last message that went to one.
    pub(crate) fn expire(&mut self, now: Instant, handed_over: Option<u64>, wake: &mut Vec<Waker>) {
        let is_connected = handed_over.is_none();
        self.table.handle_time(
            now,
            |waiting, _| {
                let is_sent = handed_over.is_some_and(|last| !waiting.is_unsent(last));
                Outcome::of_time(is_sent, is_connected)
            },
            told(wake),
        );
    }

    /// Ends one request, and returns its waker.
    pub(crate) fn end(&mut self, id: RequestId, outcome: Outcome) -> Option<Waker> {
        self.table.end(id, outcome)?.waker.take()
    }

    /// Ends all requests, and returns their wakers.
    pub(crate) fn end_all(&mut self, outcome: Outcome, wake: &mut Vec<Waker>) {
        let ids: Vec<_> = self.table.iter_mut().map(|(id, _)| id).collect();
        wake.extend(ids.into_iter().filter_map(|id| self.end(id, outcome)));
    }

    /// Ends the requests whose replies come to this table, and returns their wakers.
    pub(crate) fn handle_inbox_ended(&mut self, how: EndReason, wake: &mut Vec<Waker>) {
        self.table.handle_inbox_ended(how, told(wake));
    }

    /// Ends the requests up to the message of that number, which went to a connection that is lost.
    pub(crate) fn handle_disconnected(&mut self, number: u64, wake: &mut Vec<Waker>) {
        self.lost = number;
        self.table.handle_disconnected(|waiting| waiting.number <= number, told(wake));
    }

    /// Ends the requests among messages that a server does not take, in the order of their numbers.
    pub(crate) fn handle_not_taken(&mut self, refused: &[Refused], wake: &mut Vec<Waker>) {
        let reason_of = |number: u64| {
            let found = refused.binary_search_by_key(&number, |message| message.number);
            Some(refused.get(found.ok()?)?.reason.into())
        };
        let mut ids = Vec::new();
        for (id, waiting) in self.table.iter_mut() {
            if let Some(reason) = reason_of(waiting.number) {
                waiting.refused = Some(reason);
                ids.push(id);
            }
        }
        wake.extend(ids.into_iter().filter_map(|id| self.end(id, Outcome::NotPermitted)));
    }

    /// Ends the requests that the server does not permit. Takes no more time for many refusals than
    /// for one, and as many more steps as there are requests to the subject.
    pub(crate) fn handle_refused(&mut self, refusal: Refusal, wake: &mut Vec<Waker>) {
        match refusal {
            Refusal::Subject(subject) if !self.table.is_empty() => {
                let table = &mut self.table;
                let index = self.index.get_or_insert_with(|| Index::of(table));
                for id in index.take(subject) {
                    wake.extend(self.end(id, Outcome::NotPermitted));
                }
            }
            Refusal::Request(id) => wake.extend(self.end(id, Outcome::NotPermitted)),
            Refusal::Subject(_) | Refusal::None => {}
        }
    }

    /// Gives a request up.
    pub(crate) fn close(&mut self, id: RequestId) -> Option<Waiting> {
        let waiting = self.table.close(id);
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
        id: RequestId,
        cx: &Context<'_>,
    ) -> Poll<Result<Message, RequestError>> {
        let Some(outcome) = self.table.outcome(id) else { return self.wait(id, cx).map(Err) };
        Poll::Ready(match self.close(id) {
            Some(Waiting { reply: Some(reply), .. }) if outcome == Outcome::Answered => Ok(reply),
            Some(waiting) => Err(waiting.error(outcome)),
            None => Err(RequestError::Disconnected),
        })
    }

    /// Waits for the outcome of a request, which is lost if it is not in the table any more.
    fn wait(&mut self, id: RequestId, cx: &Context<'_>) -> Poll<RequestError> {
        match self.table.get_mut(id) {
            Some(waiting) => {
                remember(&mut waiting.waker, cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(RequestError::Disconnected),
        }
    }
}

/// Requests with several replies.
impl RequestTable {
    /// Why there are no more replies, or a place to be woken from.
    pub(crate) fn poll_failure(&mut self, id: RequestId, cx: &Context<'_>) -> Poll<RequestError> {
        match self.failure(id) {
            Some(error) => Poll::Ready(error),
            None => self.wait(id, cx),
        }
    }

    /// Why there are no more replies, if that is known here.
    pub(crate) fn failure(&mut self, id: RequestId) -> Option<RequestError> {
        let outcome = self.table.outcome(id)?;
        self.table.get_mut(id).map(|waiting| waiting.error(outcome))
    }

    /// Whether a request was not handed to a connection, if `handed_over` is the number of the last
    /// message that was.
    pub(crate) fn is_unsent(&mut self, id: RequestId, handed_over: u64) -> bool {
        self.table.outcome(id).is_none()
            && self.table.get_mut(id).is_some_and(|waiting| waiting.is_unsent(handed_over))
    }
}

impl Waiting {
    fn new(subject: Subject<'_>, waker: Option<Waker>) -> Self {
        let subject = fingerprint(subject.as_bytes().iter().copied());
        Self { subject, waker, ..Self::default() }
    }

    const fn is_unsent(&self, handed_over: u64) -> bool {
        self.number == 0 || self.number > handed_over
    }

    /// Why there is no reply.
    fn error(&self, outcome: Outcome) -> RequestError {
        self.refused.map_or_else(|| outcome.into(), RequestError::Publish)
    }
}

/// Hands over those who wait for requests that are over. They ask for the outcome themselves.
fn told(wake: &mut Vec<Waker>) -> impl FnMut(RequestId, &mut Waiting, Outcome) -> Then {
    |_, waiting, _| {
        wake.extend(waiting.waker.take());
        Then::Keep
    }
}

/// The requests by their subjects. It tells subjects apart that are not made to be mistaken, and
/// those are the application's own.
#[derive(Default)]
struct Index {
    ids: HashMap<u32, Vec<RequestId>>,
    /// How many there are, those included that are gone.
    len: usize,
}

impl Index {
    /// With fewer than these, those that are gone do not matter.
    const FEW: usize = 64;

    fn of(table: &mut GrowableRequests<Waiting>) -> Self {
        let mut index = Self::default();
        for (id, waiting) in table.iter_mut() {
            index.put(waiting.subject, id);
        }
        index
    }

    fn put(&mut self, subject: u32, id: RequestId) {
        self.len += 1;
        self.ids.entry(subject).or_default().push(id);
    }

    /// Notes another request, unless there are more than `most`.
    fn note(&mut self, subject: u32, id: RequestId, most: usize) -> bool {
        self.put(subject, id);
        self.len <= most.max(Self::FEW)
    }

    fn take(&mut self, subject: u32) -> Vec<RequestId> {
        let ids = self.ids.remove(&subject).unwrap_or_default();
        self.len -= ids.len();
        ids
    }
}
