//! Requests and their replies.

use core::task::Context;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::Subject;
use nats_proto::wire::Publish;

use crate::client::subscriber::Message;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::memory::Memory;
use crate::state::State;
use crate::state::requests::NO_SLOT;
use crate::state::requests::Progress;
use crate::state::requests::Requester;
use crate::state::shared::Publisher;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::NEVER;
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
        subject: Subject<'_>,
        slot: usize,
    ) -> Result<Self, RequestError> {
        let requests = &mut state.delivery.requests;
        // The future watches the time.
        let request_id = if slot == NO_SLOT {
            requests.open_many(Requester::new(slot), subject, NEVER)
        } else {
            requests.open(Requester::new(slot), subject, NEVER)
        };
        let request_id = request_id.map_err(|_| RequestError::TooMany)?;
        Ok(Self { publisher: Publisher::new(shared), request_id })
    }

    /// A request whose replies go to a subscription.
    pub(crate) fn of_several(
        shared: &'d Shared<'d, R>,
        subject: Subject<'_>,
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
        if let Poll::Ready(error) = self.poll_failure(deadline, cx) {
            return Poll::Ready(Err(error));
        }
        wake_at(deadline, cx);
        self.publisher.poll_request(self.request_id, message, true, cx)
    }

    /// Ready when it is known that there will be no more replies.
    pub(crate) fn poll_failure(&self, deadline: Instant, cx: &Context<'_>) -> Poll<RequestError> {
        let id = self.request_id;
        self.publisher.shared.lock(|state| match state.progress(id, deadline, now()) {
            Ok(_) => {
                state.register_requester(id, cx);
                Poll::Pending
            }
            Err(error) => Poll::Ready(error),
        })
    }

    /// Why there are no more replies, if the subscription for them is over.
    pub(crate) fn failure(&self) -> RequestError {
        self.publisher.shared.lock(|state| match state.delivery.requests.outcome(self.request_id) {
            Some(outcome) => RequestError::of(outcome),
            None => state.without_inbox(),
        })
    }
}

impl<'d, R: Memory<'d>> State<'d, R> {
    /// The future of a request waits.
    fn register_requester(&mut self, id: RequestId, cx: &Context<'_>) {
        if let Some(requester) = self.delivery.requests.get_mut(id) {
            requester.waker.register(cx.waker());
        }
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
        subject: Subject<'_>,
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
        let id = *request_id;
        let polled = shared.lock(|state| {
            let progress = state.progress(id, deadline, now())?;
            if progress != Progress::Answered {
                state.register_requester(id, cx);
                return Ok((progress, None));
            }
            let slot = state.delivery.requests.get_mut(id).map_or(NO_SLOT, |found| found.slot);
            let frame = state.delivery.slots.take_from(slot, state.inbox_sid);
            Ok((progress, Some(frame.ok_or(RequestError::ReplyTooLong)?)))
        });
        match polled {
            Err(error) => return Poll::Ready(Err(error)),
            Ok((_, Some(frame))) => return Poll::Ready(Ok(Message::new(shared, frame))),
            Ok((Progress::Unsent, None)) => {
                if let Poll::Ready(Err(error)) = publisher.poll_request(id, message, false, cx) {
                    return Poll::Ready(Err(error));
                }
            }
            Ok(_) => {}
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
