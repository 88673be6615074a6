//! Requests, and the inbox that their replies come to, in one value.

use core::fmt;

use super::Event;
use super::Phase;
use super::Released;
use super::Session;
use super::SubscribeError;
use super::pending_requests::Outcome;
use super::pending_requests::PendingRequest;
use super::pending_requests::PendingRequests;
use super::pending_requests::Then;
use super::store::Store;
use crate::error::Full;
use crate::inbox::Inbox;
use crate::inbox::RequestId;
use crate::message::Message;
use crate::message::Sid;
use crate::storage::Slot;
use crate::storage::Table;
use crate::subject::Subject;
use crate::time::Instant;
use crate::wire::Buffer;
use crate::wire::Oversized;

/// The requests of a client, the inbox that their replies come to, and the subscription to that: what a
/// driver needs that has all of them under one lock.
///
/// Each request has one [`Outcome`], told together with the `R` that stands for whoever waits, and its
/// place is free then.
///
/// ```
/// # use nats_proto::{Fixed, FixedRequests, Inbox, Instant, RngSeed, Subject};
/// # use nats_proto::session::{Config, Session};
/// # use nats_proto::wire::ArrayBuf;
/// use nats_proto::{Outcome, RequestInbox};
/// # let mut session = Session::<Fixed<(), 4, 1, 64>>::new(Config::DEFAULT, RngSeed([0; 16]));
/// # let (now, deadline) = (Instant::from_millis(0), Instant::from_millis(5));
/// # const TIME: Subject<'static> = Subject::from_static("time");
///
/// let inbox = session.new_inbox::<ArrayBuf<64>>(Inbox::DEFAULT_PREFIX)?;
/// let mut requests = RequestInbox::new(inbox, FixedRequests::<&str, 4>::default());
///
/// let mut text = ArrayBuf::<64>::new();
/// let (id, reply) = requests.open(&mut session, "first", TIME, deadline, (), &mut text)?;
/// // Published with this reply subject, and then:
/// requests.note_sent(id);
///
/// // After every call that may have changed something:
/// requests.settle(&session, now, |_, who, outcome| println!("{who}: {outcome:?}"));
/// # assert_eq!(requests.poll_timeout(&session), Some(deadline));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// `P` is the table: [`FixedRequests`](crate::FixedRequests), or with feature `alloc` `GrowableRequests`;
/// `T` is the storage for the inbox's name: [`ArrayBuf`](crate::wire::ArrayBuf), or `Vec<u8>`.
#[derive(Clone, Debug)]
pub struct RequestInbox<P, T> {
    pending: P,
    inbox: Inbox<T>,
    /// The subscription to the inbox, once there was a request.
    sid: Option<Sid>,
    /// The connection that requests were sent to.
    connection: u32,
    /// Whether some are over, and that is still to be told.
    is_untold: bool,
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestError {
    /// There is no subscription for its reply.
    Inbox(SubscribeError),
    /// There are too many, or the reply's subject does not fit.
    Full,
}

impl<R, T: Buffer, L: Table<Slot<PendingRequest<R>>>> RequestInbox<PendingRequests<R, L>, T> {
    /// No requests, in this table, with replies to this inbox.
    pub const fn new(inbox: Inbox<T>, pending: PendingRequests<R, L>) -> Self {
        Self { pending, inbox, sid: None, connection: 0, is_untold: false }
    }

    /// Enters a request to `subject` that has until `deadline`, writes where its reply is to go into
    /// `text`, and subscribes to the inbox, if that is not done. `recipient` is for that: what
    /// [`Session::deliver`] returns for replies.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; nothing is entered then.
    pub fn open<'t, S: Store, B: Buffer>(
        &mut self,
        session: &mut Session<S>,
        owner: R,
        subject: Subject<'_>,
        deadline: Instant,
        recipient: S::Recipient,
        text: &'t mut B,
    ) -> Result<(RequestId, Subject<'t>), RequestError> {
        self.sid = Some(session.reply_inbox(self.sid, &self.inbox, recipient)?);
        if self.pending.is_empty() {
            self.connection = session.connection();
        }
        let id = self.pending.open(owner, subject, deadline)?;
        match self.inbox.reply(id, text) {
            Ok(reply) => Ok((id, reply)),
            Err(Full) => {
                self.pending.close(id);
                Err(RequestError::Full)
            }
        }
    }

    /// The request was handed to the connection there is, and is lost with that.
    pub fn note_sent(&mut self, id: RequestId) {
        self.pending.note_sent(id);
    }

    /// Takes a request back: it could not be published, or nobody waits for it any more.
    pub fn close(&mut self, id: RequestId) -> Option<R> {
        self.pending.close(id)
    }

    /// Whether messages of this subscription are replies: for [`handle_reply`](Self::handle_reply),
    /// or [`handle_oversized`](Self::handle_oversized).
    pub fn is_inbox(&self, sid: Sid) -> bool {
        self.sid == Some(sid)
    }

    /// A message to the inbox: who waits for it, and whether it is a reply, or says why there is none.
    /// `None` if nobody waits, or not any more.
    pub fn handle_reply<B: AsRef<[u8]>>(
        &mut self,
        message: &Message<B>,
    ) -> Option<(RequestId, R, Result<(), Outcome>)> {
        let id = self.inbox.request_id(message.subject_bytes())?;
        let (_, outcome) = self.pending.handle_reply(id, message)?;
        let reply = if outcome == Outcome::Answered { Ok(()) } else { Err(outcome) };
        Some((id, self.pending.close(id)?, reply))
    }

    /// A message to the inbox was too long to be taken. [`settle`](Self::settle) tells.
    pub fn handle_oversized(&mut self, message: &Oversized<'_>) {
        if let Some(id) = self.inbox.request_id(message.subject) {
            self.is_untold |= self.pending.end(id, Outcome::ReplyTooLong).is_some();
        }
    }

    /// An event of the session: ends the requests that the server does not permit.
    /// [`settle`](Self::settle) tells.
    pub fn handle_event(&mut self, event: &Event<'_>) {
        if let Event::ServerError(error) = event
            && let Some(violation) = error.violation()
        {
            self.is_untold = true;
            self.pending.handle_refused(&violation, &self.inbox, |_, _, _| Then::Keep);
        }
    }

    /// What [`Session::poll_released`] hands back, but for the subscription to the inbox: if that is
    /// over, its requests end, and the next one subscribes again.
    pub fn poll_released<S: Store>(
        &mut self,
        session: &mut Session<S>,
    ) -> Option<Released<S::Recipient>> {
        let released = session.poll_released()?;
        if !self.is_inbox(released.sid) {
            return Some(released);
        }
        self.sid = None;
        self.is_untold = true;
        self.pending.handle_inbox_ended(released.ended, |_, _, _| Then::Keep);
        session.poll_released()
    }

    /// Tells how requests ended that have no reply: with their connection, the session or the inbox,
    /// refused, or late. To be called after every call that may have changed something, behind
    /// [`poll_released`](Self::poll_released).
    pub fn settle<S: Store>(
        &mut self,
        session: &Session<S>,
        now: Instant,
        mut told: impl FnMut(RequestId, &mut R, Outcome),
    ) {
        if core::mem::take(&mut self.is_untold) {
            self.pending.close_over(&mut told);
        }
        let mut tell = |id, owner: &mut R, outcome| {
            told(id, owner, outcome);
            Then::Remove
        };
        if matches!(session.phase(), Phase::Closed(_)) {
            self.pending.handle_closed(&mut tell);
        } else if self.connection != session.connection() {
            self.connection = session.connection();
            self.pending.handle_disconnected(|_| true, &mut tell);
        }
        let outcome = |_: &R, is_sent| Outcome::of_time(is_sent, session.is_connected());
        self.pending.handle_time(now, outcome, &mut tell);
    }

    /// The inbox.
    #[must_use]
    pub const fn inbox(&self) -> &Inbox<T> {
        &self.inbox
    }

    /// Until when a driver may wait: when [`Session::handle_timeout`] or [`settle`](Self::settle) have
    /// something to do.
    #[must_use]
    pub fn poll_timeout<S: Store>(&self, session: &Session<S>) -> Option<Instant> {
        let of_session = session.poll_timeout().map(|(at, _)| at);
        [of_session, self.pending.poll_timeout()].into_iter().flatten().min()
    }

    /// How many requests wait for their outcome.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none does.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

impl From<SubscribeError> for RequestError {
    fn from(error: SubscribeError) -> Self {
        Self::Inbox(error)
    }
}

impl From<Full> for RequestError {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbox(_) => "there is no subscription for replies",
            Self::Full => "too many requests at once",
        })
    }
}

impl core::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Inbox(error) => Some(error),
            Self::Full => None,
        }
    }
}
