//! Requests and their replies.

use core::task::Context;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::wire::Publish;

use crate::client::subscriber::Message;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::memory::Memory;
use crate::state::State;
use crate::state::delivery::ReplyState;
use crate::state::requests::NO_SLOT;
use crate::state::requests::Reply;
use crate::state::shared::Publisher;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::time::wake_at;

/// A request in the table. Dropped, it gives up all that it has.
pub(crate) struct RequestGuard<'d, R: Memory<'d>> {
    publisher: Publisher<'d, R>,
    pub(crate) request_id: RequestId,
}

impl<'d, R: Memory<'d>> RequestGuard<'d, R> {
    /// A request to a subject, for the reply to which there is this slot.
    fn open(
        state: &mut State<'d, R>,
        shared: &'d Shared<'d, R>,
        subject: &str,
        slot: usize,
    ) -> Result<Self, RequestError> {
        // The future watches the time.
        let request_id =
            state.delivery.requests.open(Reply::new(slot, subject), Instant::from_millis(u64::MAX));
        let request_id = request_id.map_err(|_| RequestError::TooMany)?;
        Ok(Self { publisher: Publisher::new(shared), request_id })
    }

    /// A request whose replies go to a subscription.
    pub(crate) fn of_several(
        shared: &'d Shared<'d, R>,
        subject: &str,
    ) -> Result<Self, RequestError> {
        shared.lock(|state| {
            state.check_open()?;
            Self::open(state, shared, subject, NO_SLOT)
        })
    }

    /// Publishes a request with several replies.
    pub(crate) fn poll_publish(
        &mut self,
        message: &Publish<'_>,
        deadline: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RequestError>> {
        if let Poll::Ready(error) = self.poll_failure(cx) {
            return Poll::Ready(Err(error));
        }
        let late = self.publisher.shared.lock(|state| state.late());
        match self.publisher.poll_request(self.request_id, message, true, cx) {
            Poll::Pending if now() >= deadline => Poll::Ready(Err(late)),
            Poll::Pending => {
                wake_at(deadline, cx);
                Poll::Pending
            }
            ready => ready,
        }
    }

    /// Ready when it is known that there will be no more replies.
    pub(crate) fn poll_failure(&self, cx: &Context<'_>) -> Poll<RequestError> {
        self.publisher.shared.lock(|state| match state.delivery.requests.get_mut(self.request_id) {
            Some(reply) if reply.state == ReplyState::Waiting => {
                reply.requester.register(cx.waker());
                Poll::Pending
            }
            Some(reply) => Poll::Ready(reply.state.failure()),
            None => Poll::Ready(RequestError::Disconnected),
        })
    }

    /// Why there are no more replies, if the subscription for them is over.
    pub(crate) fn failure(&self) -> RequestError {
        self.publisher.shared.lock(|state| {
            let reply = state.delivery.requests.get_mut(self.request_id);
            match reply.map(|reply| reply.state) {
                Some(ReplyState::Waiting) | None => state.without_inbox().failure(),
                Some(failed) => failed.failure(),
            }
        })
    }
}

impl<'d, R: Memory<'d>> Drop for RequestGuard<'d, R> {
    fn drop(&mut self) {
        self.publisher.shared.lock(|state| {
            if let Some(reply) = state.delivery.requests.close(self.request_id) {
                state.delivery.slots.close_reply(reply.slot);
            }
        });
    }
}

/// A request with one reply, from its first moment to its last.
pub(crate) struct Request<'d, R: Memory<'d>> {
    ticket: RequestGuard<'d, R>,
    deadline: Instant,
}

impl<'d, R: Memory<'d>> Request<'d, R> {
    /// A request to this subject, with all that it needs.
    pub(crate) fn open(
        shared: &'d Shared<'d, R>,
        subject: &str,
        deadline: Instant,
    ) -> Result<Self, RequestError> {
        let ticket = shared.lock(|state| {
            state.open_inbox()?;
            let slot = state.delivery.slots.open_reply().ok_or(RequestError::TooMany)?;
            let ticket = RequestGuard::open(state, shared, subject, slot);
            ticket.inspect_err(|_| state.delivery.slots.close_reply(slot))
        })?;
        Ok(Self { ticket, deadline })
    }

    /// Publishes the request, and waits for the reply.
    pub(crate) fn poll(
        &mut self,
        message: &Publish<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message<'d, R>, RequestError>> {
        let RequestGuard { publisher, request_id } = &mut self.ticket;
        let (shared, deadline) = (publisher.shared, self.deadline);
        let polled = shared.lock(|state| {
            let late = state.late();
            let Some(reply) = state.delivery.requests.get_mut(*request_id) else {
                return Err(late);
            };
            match reply.state {
                ReplyState::Waiting if now() >= deadline => Err(late),
                ReplyState::Waiting => {
                    reply.requester.register(cx.waker());
                    Ok((reply.is_sent, None))
                }
                ReplyState::Answered => {
                    let frame = state
                        .delivery
                        .slots
                        .take_from(reply.slot, state.inbox_sid.unwrap_or(Sid(0)));
                    Ok((true, Some(frame.ok_or(RequestError::ReplyTooLong)?)))
                }
                failed => Err(failed.failure()),
            }
        });
        let (is_sent, frame) = match polled {
            Ok(polled) => polled,
            Err(error) => return Poll::Ready(Err(error)),
        };
        if let Some(frame) = frame {
            return Poll::Ready(Ok(Message::new(shared, frame)));
        }
        if !is_sent
            && let Poll::Ready(Err(error)) = publisher.poll_request(*request_id, message, false, cx)
        {
            return Poll::Ready(Err(error));
        }
        wake_at(deadline, cx);
        Poll::Pending
    }
}

impl<'d, R: Sizes<'d>> Publisher<'d, R> {
    /// Ready when the request is published, or will not be. Its replies may be `several`.
    pub(crate) fn poll_request(
        &mut self,
        request_id: RequestId,
        message: &Publish<'_>,
        several: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RequestError>> {
        let published =
            self.poll(cx, |state, turn| state.publish_request(request_id, message, several, turn));
        published.map_err(|error| match error {
            PublishError::Closed => RequestError::Closed,
            error => RequestError::Publish(error),
        })
    }
}
