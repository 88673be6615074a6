//! The replies to a request that may get several (ADR-47): a subscription of its own, and a place in
//! the table of requests, which knows what else may become of it.

use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use futures_core::Stream;
use nats_proto::Filter;
use nats_proto::Full;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::RepliesEndReason;
use nats_proto::ReplyLimits;
use nats_proto::RequestId;
use nats_proto::RequestMany;
use nats_proto::Subject;
use nats_proto::session::EndReason;
use nats_proto::wire::SendBuf;
use tokio::task::coop;
use tokio::time::Sleep;

use crate::client::subscriber::Subscribe;
use crate::client::subscriber::Subscriber;
use crate::error::RequestError;
use crate::error::SubscribeError;
use crate::message::Message;
use crate::message::name::Name;
use crate::options::limits::PendingLimits;
use crate::state::handle::Handle;
use crate::state::requests::MAX_INBOX;
use crate::state::shared::Shared;
use crate::sync::lock;

/// The replies to a [request](crate::Client::request_many) that may get several: a stream of them, and
/// of an error at the end if it is not known whether these are all.
///
/// It ends as soon as its outcome is known, and its subscription with it: [`ended`](Self::ended) says
/// why. A reply that is here when its time is up is delivered. An error is one of [`RequestError`]:
///
/// | what becomes of it | the stream ends with |
/// |---|---|
/// | one of the [limits](crate::RequestMany) is reached | no error; [`ended`](Self::ended) says which |
/// | no responders, and there was no reply | [`NoResponders`](RequestError::NoResponders) |
/// | a reply without payload has a status | no error, [`RepliesEndReason::Status`]; the reply is not delivered |
/// | the time is up, and there was no connection to send the request to | [`NotConnected`](RequestError::NotConnected) |
/// | the subject may not be published to, or not with that reply subject | [`NotPermitted`](RequestError::NotPermitted) |
/// | the server refuses the subscription for the replies | [`NoInbox`](RequestError::NoInbox) |
/// | the connection is lost after it was sent | [`Disconnected`](RequestError::Disconnected), unless requests [outlive](crate::ConnectOptions::keep_requests_on_disconnect) connections |
/// | the client drains, or is closed | the replies that came, and [`Draining`](RequestError::Draining) or [`Closed`](RequestError::Closed) |
/// | a reply is longer than this client takes | it goes on: that one is skipped, and [`Oversized`](crate::Event::Oversized) says so |
///
/// What waits is bounded by the [limits](crate::RequestMany::pending_limits) of a subscription; replies beyond
/// them are [counted](Self::dropped). Times are checked while the stream is polled.
///
/// Dropping it gives up the replies to come.
pub struct Replies {
    request: RequestMany,
    deadline: Instant,
    /// Until the replies have ended.
    open: Option<Open>,
    has_any: bool,
    /// The reply without payload that has ended them by its status.
    #[cfg(feature = "jetstream")]
    status: Option<Message>,
    /// How many were dropped, once they have ended.
    dropped: u64,
}

struct Open {
    subscriber: Subscriber,
    ticket: Ticket,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether the whole time is over: nothing comes any more, but what is here is delivered.
    is_late: bool,
}

impl Replies {
    /// Subscribes to the replies to a request, which is not sent yet.
    pub(crate) fn open(
        handle: &Arc<Handle>,
        subject: Subject<'_>,
        limits: ReplyLimits,
        pending: PendingLimits,
    ) -> Result<Self, RequestError> {
        let shared = &handle.shared;
        let now = shared.now();
        let request = RequestMany::new(limits, now);
        let deadline = now + limits.total;
        let mut replies = Self {
            request,
            deadline,
            open: None,
            has_any: false,
            #[cfg(feature = "jetstream")]
            status: None,
            dropped: 0,
        };
        if request.ended().is_some() {
            return Ok(replies);
        }
        // In the table first: closing the client either finds it there, or refuses the subscription.
        let ticket = Ticket::open(handle, subject)?;
        let mut memory = [0; MAX_INBOX];
        let mut text = SendBuf::new(&mut memory);
        let inbox = shared.inbox.replies(ticket.request_id, &mut text);
        let inbox: Filter<'_> = inbox.map_err(|Full| RequestError::NoInbox)?.into();
        let subscribe = Subscribe::new(handle, Name::Checked(inbox)).pending_limits(pending);
        let subscriber = subscribe.make().map_err(|error| match error {
            SubscribeError::Closed => shared.closed(),
            _ => RequestError::NoInbox,
        })?;
        replies.open = Some(Open { subscriber, ticket, sleep: None, is_late: false });
        Ok(replies)
    }

    /// The next reply; `None` behind the last one, for which [`ended`](Self::ended) has the reason.
    ///
    /// # Errors
    ///
    /// [`RequestError`], once, if there were no responders or it is not known whether these are all.
    /// Nothing comes after that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no reply.
    pub async fn next(&mut self) -> Option<Result<Message, RequestError>> {
        poll_fn(|cx| self.poll_reply(cx)).await
    }

    /// Why there are no more replies, if they have ended and that is known.
    #[must_use]
    pub const fn ended(&self) -> Option<RepliesEndReason> {
        self.request.ended()
    }

    /// How many replies were dropped because too many were waiting.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.open.as_ref().map_or(self.dropped, |open| open.subscriber.dropped())
    }

    /// The reply without payload that has ended them by its status, for its headers.
    #[cfg(feature = "jetstream")]
    pub(crate) const fn take_status(&mut self) -> Option<Message> {
        self.status.take()
    }

    /// Which request it is, and where the replies are to go to; `None` if none is wanted.
    pub(crate) fn address(&self) -> Option<(RequestId, &str)> {
        self.open.as_ref().map(|open| (open.ticket.request_id, open.subscriber.subject()))
    }

    /// Ready when the request need not be sent any more.
    pub(crate) fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<RequestError> {
        let Some(open) = &mut self.open else { return Poll::Pending };
        loop {
            match open.subscriber.poll_message(cx) {
                // Nothing was sent.
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(open.failure()),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(error) = open.ticket.poll_failure(cx) {
            return Poll::Ready(error);
        }
        ready!(open.poll_time(&mut self.request, cx));
        Poll::Ready(if open.ticket.is_unsent() {
            RequestError::NotConnected
        } else {
            RequestError::TimedOut
        })
    }

    pub(crate) fn poll_reply(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, RequestError>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        if !coop::has_budget_remaining() {
            // Without any, replies that wait would look like none.
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        let now = open.ticket.shared().now();
        if now >= self.deadline && !open.is_late {
            // Otherwise a sender that never stops would not be stopped.
            open.is_late = true;
            open.subscriber.handle().unsubscribe();
        }
        let polled = match open.poll_next(cx) {
            Poll::Ready(Some(Ok(reply))) => {
                let status = reply.status().map(|status| status.code());
                let is_wanted = self.request.handle_reply(reply.payload().is_empty(), status, now);
                self.has_any |= is_wanted;
                #[cfg(feature = "jetstream")]
                if !is_wanted && status.is_some() {
                    self.status = Some(reply.clone());
                }
                is_wanted.then_some(Ok(reply))
            }
            Poll::Ready(_) if open.is_late => {
                self.request.handle_timeout(now);
                None
            }
            Poll::Ready(failed) => failed,
            Poll::Pending => {
                ready!(open.poll_time(&mut self.request, cx));
                None
            }
        };
        let failed = match self.request.ended() {
            Some(RepliesEndReason::NoResponders) if !self.has_any => {
                Some(RequestError::NoResponders)
            }
            Some(RepliesEndReason::TimedOut) if !self.has_any && open.ticket.is_unsent() => {
                Some(RequestError::NotConnected)
            }
            _ => None,
        };
        let polled = failed.map(Err).or(polled);
        if self.request.ended().is_some() || !matches!(polled, Some(Ok(_))) {
            self.dropped = open.subscriber.dropped();
            self.open = None;
        }
        Poll::Ready(polled)
    }
}

impl Open {
    /// The next message, or why there are no more.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, RequestError>>> {
        let next = match self.subscriber.poll_message(cx) {
            Poll::Pending => match self.ticket.poll_failure(cx) {
                // What came before that is there now.
                Poll::Ready(error) => self.subscriber.try_next().ok_or(error),
                Poll::Pending => return Poll::Pending,
            },
            Poll::Ready(next) => next.ok_or_else(|| self.failure()),
        };
        Poll::Ready(Some(next))
    }

    /// Why there are no more replies, if their subscription is over.
    fn failure(&self) -> RequestError {
        let shared = self.ticket.shared();
        // Under this lock they are ended all at once.
        let control = lock(&shared.control);
        let known = lock(&shared.requests).failure(self.ticket.request_id);
        known.unwrap_or_else(|| match self.subscriber.ended() {
            Some(EndReason::NotPermitted | EndReason::Refused) => RequestError::NoInbox,
            _ => control.request_outcome().unwrap_or(Outcome::Closed).into(),
        })
    }

    /// Ready when one of the times of the request is up.
    fn poll_time(&mut self, request: &mut RequestMany, cx: &mut Context<'_>) -> Poll<()> {
        let shared = self.ticket.shared();
        loop {
            request.handle_timeout(shared.now());
            if request.ended().is_some() {
                return Poll::Ready(());
            }
            let Some(due) = request.poll_timeout() else { return Poll::Pending };
            let due = shared.sleep_until(due);
            let sleep = self.sleep.get_or_insert_with(|| {
                // Works outside of a runtime, too.
                let _runtime = shared.runtime.enter();
                Box::pin(tokio::time::sleep_until(due))
            });
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
            ready!(sleep.as_mut().poll(cx));
        }
    }
}

impl Stream for Replies {
    type Item = Result<Message, RequestError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_reply(cx)
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies")
            .field("ended", &self.ended())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// A place in the table of requests, given up when it is dropped.
struct Ticket {
    handle: Arc<Handle>,
    request_id: RequestId,
}

impl Ticket {
    fn open(handle: &Arc<Handle>, subject: Subject<'_>) -> Result<Self, RequestError> {
        let request_id = lock(&handle.shared.requests).open_many(subject);
        let request_id = request_id.map_err(|Full| RequestError::TooManyInFlight)?;
        Ok(Self { handle: Arc::clone(handle), request_id })
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    fn poll_failure(&self, cx: &Context<'_>) -> Poll<RequestError> {
        lock(&self.shared().requests).poll_failure(self.request_id, cx)
    }

    /// Whether there is no connection, and the request was not handed to one.
    fn is_unsent(&self) -> bool {
        let handed_over = self.shared().handed_over();
        handed_over
            .is_some_and(|last| lock(&self.shared().requests).is_unsent(self.request_id, last))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let waiting = lock(&self.shared().requests).close(self.request_id);
        drop(waiting);
    }
}
