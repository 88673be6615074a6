//! What an application sees: a client that can be cloned, and its subscriptions.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::QueueGroup;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::session::CloseReason;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Refused;
use nats_proto::wire::Publish;
use smol::channel::Receiver;
use smol::channel::bounded;
use smol::future::FutureExt;

use crate::error::Error;
use crate::error::RequestError;
use crate::state::Recipient;
use crate::state::Shared;
use crate::state::State;

/// A message in memory of its own.
pub type Message = nats_proto::Message<Vec<u8>>;

/// How many messages may wait to be taken from a subscription. More are dropped, and counted.
const MAX_PENDING: usize = 1024;

/// A client. Its clones share one connection. When the last of them is dropped, that is over at once;
/// [`close`](Self::close) or [`drain`](Self::drain) it before, so that everything is sent.
#[derive(Clone, Debug)]
pub struct Client {
    _handle: Arc<Handle>,
    shared: Arc<Shared>,
}

/// What clones of a client have in common.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Client {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let handle = Arc::new(Handle { shared: Arc::clone(shared) });
        Self { _handle: handle, shared: Arc::clone(shared) }
    }

    /// Publishes a message, as soon as there is a connection and room to send it. It may be lost with
    /// that connection; [`flush`](Self::flush) says whether the server has it.
    ///
    /// # Errors
    ///
    /// [`Error`], and nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing is published.
    pub async fn publish(&self, subject: &str, payload: &[u8]) -> Result<(), Error> {
        self.send(&Publish::new(Subject::new(subject)?, payload)).await
    }

    /// Answers a request; does nothing if nobody waits for the answer.
    ///
    /// # Errors
    ///
    /// As for [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// As for [`publish`](Self::publish).
    pub async fn respond(&self, request: &Message, payload: &[u8]) -> Result<(), Error> {
        match request.reply() {
            Some(reply) => self.publish(reply, payload).await,
            None => Ok(()),
        }
    }

    /// Publishes a message with all that belongs to one.
    ///
    /// # Errors
    ///
    /// As for [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// As for [`publish`](Self::publish).
    pub async fn send(&self, message: &Publish<'_>) -> Result<(), Error> {
        poll_fn(|cx| self.poll_send(message, None, cx)).await
    }

    fn poll_send(
        &self,
        message: &Publish<'_>,
        request: Option<RequestId>,
        cx: &Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let mut state = self.shared.lock();
        match state.publish(message) {
            Ok(()) => {
                request.into_iter().for_each(|id| state.requests.note_sent(id));
                drop(state);
                self.shared.wake();
                Poll::Ready(Ok(()))
            }
            Err(Refused::Offline | Refused::Full) => {
                state.wait(cx.waker());
                Poll::Pending
            }
            Err(refused) => Poll::Ready(Err(refused.into())),
        }
    }

    /// Publishes a request, as soon as there is a connection, and waits for the first reply.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a reply is dropped when it comes.
    pub async fn request(
        &self,
        subject: &str,
        payload: &[u8],
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let subject = Subject::new(subject).map_err(Error::from)?;
        let deadline = self.shared.now() + timeout;
        let (sender, reply) = bounded(1);
        let mut text = Vec::new();
        let (id, inbox) = self.shared.change(|State { session, requests, .. }| {
            requests.open(session, sender, subject, deadline, Recipient::none(), &mut text)
        })?;
        let _request = OpenRequest { id, shared: &self.shared };
        let message = Publish { reply: Some(inbox), ..Publish::new(subject, payload) };
        // Its time may be up while it still waits for a connection.
        let answered = async { reply.recv().await.map_err(|_| RequestError::Closed) };
        let sent = async {
            poll_fn(|cx| self.poll_send(&message, Some(id), cx)).await?;
            std::future::pending().await
        };
        Ok(answered.or(sent).await??)
    }

    /// Subscribes to a subject, in which there may be wildcards.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn subscribe(&self, filter: &str) -> Result<Subscription, Error> {
        self.subscribe_as(filter, None)
    }

    /// Subscribes as a member of a queue group: each message goes to one of its members.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn queue_subscribe(&self, filter: &str, group: &str) -> Result<Subscription, Error> {
        self.subscribe_as(filter, Some(QueueGroup::new(group)?))
    }

    fn subscribe_as(
        &self,
        filter: &str,
        group: Option<QueueGroup<'_>>,
    ) -> Result<Subscription, Error> {
        let filter = Filter::new(filter)?;
        let (sender, messages) = bounded(MAX_PENDING);
        let dropped = Arc::new(AtomicU64::new(0));
        let recipient = Recipient { messages: Some(sender), dropped: Arc::clone(&dropped) };
        let sid = self.shared.change(|state| state.session.subscribe(filter, group, recipient))?;
        Ok(Subscription { sid, messages, dropped, shared: Arc::clone(&self.shared) })
    }

    /// Ends a subscription, now or when it has got `max` messages in all. What waits can be taken.
    pub fn unsubscribe(&self, sid: Sid, max: Option<NonZeroU64>) {
        self.shared.change(|state| state.session.unsubscribe(sid, max));
    }

    /// Whether the server has everything that was published before. False if the connection was lost
    /// in between, or more than 1024 flushes wait: then it may have it, or not.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn flush(&self) -> bool {
        let (sender, outcome) = bounded(1);
        self.shared.change(|state| {
            // Afterwards there is no driver that would say how it ends.
            if !matches!(state.session.phase(), Phase::Closed(_)) {
                let _ = state.flushes.open(sender);
            }
        });
        outcome.recv().await.unwrap_or(false)
    }

    /// Ends in good order: what is on its way to subscriptions still comes and can be taken, what was
    /// published reaches the server, and then the client is closed.
    ///
    /// # Errors
    ///
    /// If it ended otherwise, how.
    ///
    /// # Cancel safety
    ///
    /// Once the future was polled, the client is drained, whether it is dropped or not.
    pub async fn drain(&self) -> Result<(), CloseReason> {
        let now = self.shared.now();
        self.shared.change(|state| state.session.drain(now));
        match self.closed().await {
            CloseReason::Drained => Ok(()),
            stop => Err(stop),
        }
    }

    /// Ends as soon as the server has what was published, without waiting for subscriptions.
    ///
    /// # Cancel safety
    ///
    /// As for [`drain`](Self::drain).
    pub async fn close(&self) -> CloseReason {
        let now = self.shared.now();
        self.shared.change(|state| state.session.close(Outstanding::NONE, now));
        self.closed().await
    }

    /// Waits until the client is closed, and says how that came.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn closed(&self) -> CloseReason {
        let (sender, closed) = bounded(1);
        let stop = self.shared.change(|state| match state.session.phase() {
            Phase::Closed(stop) => Some(stop),
            _ => {
                state.closing.push(sender);
                None
            }
        });
        match stop {
            Some(stop) => stop,
            None => closed.recv().await.unwrap_or(CloseReason::Closed),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.change(|state| state.session.abort());
    }
}

/// A request whose place is free again when nobody waits for it any more.
struct OpenRequest<'a> {
    id: RequestId,
    shared: &'a Shared,
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.shared.lock().requests.close(self.id);
    }
}

/// A subscription, which ends when it is dropped.
pub struct Subscription {
    sid: Sid,
    messages: Receiver<Message>,
    dropped: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

impl Subscription {
    /// Its number, for [`Client::unsubscribe`].
    #[must_use]
    pub const fn sid(&self) -> Sid {
        self.sid
    }

    /// The next message; `None` if the subscription is over and everything was taken.
    ///
    /// # Cancel safety
    ///
    /// No message is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Message> {
        let message = self.messages.recv().await.ok();
        self.took();
        message
    }

    /// The next message, if there is one already.
    pub fn try_next(&mut self) -> Option<Message> {
        let message = self.messages.try_recv().ok();
        self.took();
        message
    }

    /// How many messages were dropped because too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Draining may have waited for the last one to be taken.
    fn took(&self) {
        if self.messages.is_empty() {
            self.shared.change(|_| {});
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.messages.close();
        self.shared.change(|state| state.session.unsubscribe(self.sid, None));
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("sid", &self.sid).finish_non_exhaustive()
    }
}
