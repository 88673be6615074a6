//! Sending a request that may get several replies.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;
use std::time::Duration;

use nats_proto::ReplyLimits;
use nats_proto::Subject;
use nats_proto::wire;
use tokio::task::coop;

use crate::client::replies::Replies;
use crate::client::turn::Turn;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::message::headers::Block;
use crate::message::headers::IntoHeaders;
use crate::message::name::Name;
use crate::message::payload::Payload;
use crate::options::limits::PendingLimits;
use crate::state::handle::Handle;
use crate::sync::lock;

/// A request that may get several replies, made by
/// [`Client::request_many`](crate::Client::request_many): await it for the stream of its replies.
///
/// What comes first of these ends them:
///
/// | which are all | set by | default |
/// |---|---|---|
/// | what comes within a time | [`timeout`](Self::timeout) | the client's, 10 s |
/// | the first so many | [`max_messages`](Self::max_messages) | any number |
/// | what comes no later than so long after the one before | [`stall`](Self::stall) | the whole time |
/// | what comes before a reply without payload | [`sentinel`](Self::sentinel) | off |
///
/// It counts as one of the [requests in flight](crate::ConnectOptions::max_requests) until its replies
/// have ended or are dropped, and has a subscription of its own for them.
///
/// # Errors
///
/// [`RequestError`] if it could not be sent: waiting for room to send it takes from its time, too.
///
/// # Cancel safety
///
/// Dropped before it completes, the request is given up: it is not sent if it was not yet, and the
/// subscription for its replies ends.
#[must_use = "a request is sent when it is awaited"]
pub struct RequestMany<'a> {
    handle: &'a Arc<Handle>,
    subject: Name<Subject<'a>>,
    headers: Block<'a>,
    payload: Payload<'a>,
    limits: ReplyLimits,
    pending: PendingLimits,
    turn: Turn<'a>,
    /// While the request waits to be sent.
    replies: Option<Replies>,
}

impl<'a> RequestMany<'a> {
    pub(crate) fn new(
        handle: &'a Arc<Handle>,
        subject: Name<Subject<'a>>,
        payload: Payload<'a>,
    ) -> Self {
        let options = &handle.shared.options;
        Self {
            handle,
            subject,
            headers: Block::NONE,
            payload,
            limits: ReplyLimits::within(options.request_timeout),
            pending: options.pending_limits,
            turn: Turn::new(&handle.shared),
            replies: None,
        }
    }

    /// Adds headers: a [`HeaderMap`](crate::HeaderMap), borrowed or not, an array of names and values,
    /// or those of another message.
    pub fn headers<H: IntoHeaders<'a>>(mut self, headers: H) -> Self {
        self.headers = headers.into_block();
        self
    }

    /// How long to wait for replies in all, from the first time the future is polled. Default that of
    /// the [options](crate::ConnectOptions::request_timeout).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.total = timeout;
        self
    }

    /// Ends the replies when none has come for so long. That counts from the first one on, and from
    /// when it is taken: until then, only the whole time does.
    pub const fn stall(mut self, stall: Duration) -> Self {
        self.limits = self.limits.stall(stall);
        self
    }

    /// Ends the replies after so many in all. With zero they end at once, and nothing is sent. Replies
    /// that were dropped or skipped do not count.
    pub const fn max_messages(mut self, max: u64) -> Self {
        self.limits = self.limits.max_messages(max);
        self
    }

    /// Ends the replies at one without payload, which is not delivered.
    pub const fn sentinel(mut self) -> Self {
        self.limits = self.limits.sentinel();
        self
    }

    /// How many replies may wait before some are dropped. Default that of the
    /// [options](crate::ConnectOptions::pending_limits).
    pub const fn pending_limits(mut self, limits: PendingLimits) -> Self {
        self.pending = limits;
        self
    }

    /// The same without anything borrowed, for [`tokio::spawn`] and for storing: what is borrowed is
    /// copied. It keeps the connection like a clone of the client.
    ///
    /// # Errors
    ///
    /// [`RequestError`], when awaited.
    ///
    /// # Cancel safety
    ///
    /// Like that of the request itself.
    pub fn into_owned(
        self,
    ) -> impl Future<Output = Result<Replies, RequestError>> + Send + 'static + use<> {
        let handle = Arc::clone(self.handle);
        let (subject, headers) = (self.subject.into_owned(), self.headers.into_owned());
        let (payload, limits, pending) = (self.payload.into_owned(), self.limits, self.pending);
        async move {
            let turn = Turn::new(&handle.shared);
            let (handle, replies) = (&handle, None);
            let request =
                RequestMany { handle, subject, headers, payload, limits, pending, turn, replies };
            request.await
        }
    }

    /// Subscribes to the replies to what can be sent.
    fn begin(&self) -> Result<Replies, RequestError> {
        let subject = self.subject.get().map_err(PublishError::InvalidSubject)?;
        let headers = self.headers.get().map_err(PublishError::InvalidHeader)?;
        let payload = self.payload.as_bytes();
        let message = wire::Publish { subject, reply: None, headers, payload };
        let limits = lock(&self.handle.shared.outbound).limits();
        limits.check(&message).map_err(PublishError::from)?;
        Replies::open(self.handle, subject, self.limits, self.pending)
    }

    /// Sends the request when there is room to.
    fn poll_send(&mut self, replies: &Replies, cx: &Context<'_>) -> Poll<Result<(), RequestError>> {
        let Some((token, inbox)) = replies.address() else { return Poll::Ready(Ok(())) };
        let Self { handle, turn, payload, .. } = self;
        let shared = &handle.shared;
        let message = wire::Publish {
            subject: self.subject.get().map_err(PublishError::InvalidSubject)?,
            reply: Some(Subject::new(inbox).map_err(PublishError::InvalidSubject)?),
            headers: self.headers.get().map_err(PublishError::InvalidHeader)?,
            payload: payload.as_bytes(),
        };
        let mut wake = Vec::new();
        // Under the lock, so that the number is found if the connection is lost.
        let mut requests = lock(&shared.requests);
        let need = || message.encoded_len();
        let sent = turn.poll_locked(cx, need, &mut wake, |outbound, is_in_turn| {
            outbound.queue(&message, payload, is_in_turn)
        });
        let sent = sent.map_err(PublishError::from);
        if let Poll::Ready(Ok(queued)) = &sent {
            requests.note_sent(token, queued.number);
        }
        drop(requests);
        wake.into_iter().for_each(Waker::wake);
        ready!(sent)?.wake();
        Poll::Ready(Ok(()))
    }
}

impl Future for RequestMany<'_> {
    type Output = Result<Replies, RequestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut replies = match this.replies.take() {
            Some(replies) => replies,
            None => {
                // A task that asks in a loop gives way.
                ready!(coop::poll_proceed(cx)).made_progress();
                this.begin()?
            }
        };
        let was_waiting = this.turn.is_waiting();
        // What is known already is not sent.
        if was_waiting && let Poll::Ready(error) = replies.poll_unsent(cx) {
            return Poll::Ready(Err(error));
        }
        if this.poll_send(&replies, cx)?.is_ready() {
            return Poll::Ready(Ok(replies));
        }
        if !was_waiting && let Poll::Ready(error) = replies.poll_unsent(cx) {
            return Poll::Ready(Err(error));
        }
        this.replies = Some(replies);
        Poll::Pending
    }
}

impl fmt::Debug for RequestMany<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMany")
            .field("subject", &self.subject)
            .field("headers", &self.headers)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
