//! What a link asks for.

use core::cell::Cell;
use core::task::Context;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::RepliesEndReason;
use nats_proto::ReplyLimits;
use nats_proto::RequestId;
use nats_proto::RequestMany;
use nats_proto::Sid;
use nats_proto::wire::Publish;

use super::BorrowedMessage;
use super::Link;
use super::LinkMemory;
use crate::client::Client;
use crate::client::replies::take;
use crate::error::RequestError;
use crate::state::delivery::BorrowedFrame;
use crate::state::delivery::Delivery;
use crate::state::requests::Progress;
use crate::state::shared::Publisher;
use crate::state::slot_owner::SlotOwner;
use crate::time::NEVER;
use crate::time::Timeout;
use crate::time::now;
use crate::time::wake_at;

impl<'d, R: LinkMemory<'d>> Link<'_, 'd, R> {
    /// Publishes a request, waits for the first reply, no longer than `timeout` in all, and returns
    /// it borrowed. Other messages that come before it go to `other`. `timeout` is a `Duration` of
    /// `embassy-time` or of `core`.
    ///
    /// # Errors
    ///
    /// [`RequestError`], as soon as it is known that there will be no reply.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up. It may have been published.
    pub async fn request(
        &mut self,
        message: &Publish<'_>,
        timeout: impl Into<Timeout>,
        other: impl FnMut(BorrowedMessage<'_>),
    ) -> Result<BorrowedMessage<'_>, RequestError> {
        let deadline = timeout.into().deadline();
        let mut request =
            OpenRequest::begin(self.client, message, SlotOwner::REQUEST, Some(deadline))?;
        self.until(|link, cx| link.poll_reply(&mut request, message, cx), other).await?;
        drop(request);
        self.borrowed.as_ref().map(BorrowedFrame::message).ok_or(RequestError::Disconnected)
    }

    fn poll_reply(
        &mut self,
        request: &mut OpenRequest<'d, R>,
        message: &Publish<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RequestError>> {
        if self.take_message(true, cx) {
            return Poll::Ready(Ok(()));
        }
        match request.poll(message, false, cx) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Publishes a request that may get several replies (ADR-47), and passes each of them to `reply`,
    /// until `limits` say that these are all. Other messages that come meanwhile go to `other`.
    ///
    /// It has a subscription of its own, which ends with it.
    ///
    /// ```
    /// # use nats_embassy::{Link, LinkMemory, RequestError};
    /// use core::time::Duration;
    /// use nats_embassy::{Publish, ReplyLimits, Subject};
    ///
    /// # async fn device<'d, R: LinkMemory<'d>>(
    /// #     link: &mut Link<'_, 'd, R>,
    /// # ) -> Result<(), RequestError> {
    /// let message = Publish::new(Subject::from_static("who"), b"");
    /// let limits = ReplyLimits::within(Duration::from_secs(2)).max_messages(3);
    /// let mut count = 0;
    /// let ended = link.request_many(&message, limits, |_| count += 1, |_| {}).await?;
    /// # let _ = ended;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RequestError`] if it is not known whether these are all, or there were no responders.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up. It may have been published; replies that went to
    /// `reply` are processed.
    pub async fn request_many(
        &mut self,
        message: &Publish<'_>,
        limits: ReplyLimits,
        mut reply: impl FnMut(BorrowedMessage<'_>),
        mut other: impl FnMut(BorrowedMessage<'_>),
    ) -> Result<RepliesEndReason, RequestError> {
        let request = RequestMany::new(limits, now());
        if let Some(ended) = request.ended() {
            return Ok(ended);
        }
        let mut open =
            OpenRequest::begin(self.client, message, SlotOwner::READER, request.poll_timeout())?;
        let (sid, request, mut has_any) = (open.sid, Cell::new(request), false);
        let taken = |message: BorrowedMessage<'_>| {
            if message.sid() != sid {
                return other(message);
            }
            let mut state = request.get();
            if take(&mut state, &message) {
                has_any = true;
                reply(message);
            }
            request.set(state);
        };
        let poll = |_: &mut Self, cx: &mut Context<'_>| open.poll_several(&request, message, cx);
        let ended = self.until(poll, taken).await?;
        match ended {
            RepliesEndReason::NoResponders if !has_any => Err(RequestError::NoResponders),
            ended => Ok(ended),
        }
    }
}

/// A request of a link, given up when it is dropped.
struct OpenRequest<'d, R: LinkMemory<'d>> {
    publisher: Publisher<'d, R>,
    request_id: RequestId,
    /// The subscription for several replies, or to the inbox.
    sid: Sid,
    deadline: Instant,
}

impl<'d, R: LinkMemory<'d>> OpenRequest<'d, R> {
    /// A request for one reply, or with a subscription of its own if replies are the `owner`'s.
    fn begin(
        client: Client<'d, R>,
        message: &Publish<'_>,
        owner: SlotOwner,
        deadline: Option<Instant>,
    ) -> Result<Self, RequestError> {
        let subject = message.subject;
        let (request_id, sid) = client.shared.lock(|state| {
            let is_many = owner != SlotOwner::REQUEST;
            state.check_open()?;
            let id = state.delivery.open_request(subject, is_many);
            let sid = match is_many {
                true => state.subscribe_to_replies(id, owner),
                false => state.open_inbox(),
            };
            Ok::<_, RequestError>((id, sid.inspect_err(|_| state.delivery.close_request())?))
        })?;
        let deadline = deadline.unwrap_or(NEVER);
        Ok(Self { publisher: Publisher::new(client.shared), request_id, sid, deadline })
    }

    /// Publishes the request, and says what else became of it but a reply.
    fn poll(
        &mut self,
        message: &Publish<'_>,
        several: bool,
        cx: &mut Context<'_>,
    ) -> Result<(), RequestError> {
        let id = self.request_id;
        let progress =
            self.publisher.shared.lock(|state| state.progress(id, self.deadline, now()))?;
        match progress {
            // The answer was lost with the connection.
            Progress::Answered => return Err(RequestError::Disconnected),
            Progress::Unsent => {
                if let Poll::Ready(Err(error)) =
                    self.publisher.poll_request(id, message, several, cx)
                {
                    return Err(error);
                }
            }
            Progress::Sent => {}
        }
        wake_at(self.deadline, cx);
        Ok(())
    }

    /// Publishes the request, and says when there are no more replies.
    fn poll_several(
        &mut self,
        request: &Cell<RequestMany>,
        message: &Publish<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RepliesEndReason, RequestError>> {
        let (shared, sid, id) = (self.publisher.shared, self.sid, self.request_id);
        let (is_sent, is_over) = shared.lock(|state| {
            let is_sent = !state.delivery.is_unsent(id);
            (is_sent, state.session.recipient_mut(sid).is_none().then(|| state.without_inbox()))
        });
        let mut state = request.get();
        if is_sent {
            state.handle_timeout(now());
            request.set(state);
        }
        if let Some(ended) = state.ended() {
            return Poll::Ready(Ok(ended));
        }
        self.poll(message, true, cx)?;
        if let Some(without) = is_over {
            return Poll::Ready(Err(without));
        }
        if let Some(deadline) = state.poll_timeout() {
            wake_at(deadline, cx);
        }
        // Also for the end of the subscription.
        shared.poll(cx, |_| None)
    }
}

impl<'d, R: LinkMemory<'d>> Drop for OpenRequest<'d, R> {
    fn drop(&mut self) {
        let sid = self.sid;
        self.publisher.shared.lock(|state| {
            state.delivery.close_request();
            if sid != state.inbox_sid {
                state.change(|session| session.unsubscribe(sid, None));
            }
        });
    }
}
