//! Requests and their replies.

use core::future::poll_fn;
use core::task::Context;
use core::task::Poll;
use core::time::Duration;

use embassy_sync::waitqueue::WakerRegistration;
use nats_proto::Instant;
use nats_proto::Token;
use nats_proto::wire::Publish;

use crate::error::PublishError;
use crate::error::RequestError;
use crate::places::Places;
use crate::resources::Memory;
use crate::shared::Shared;
use crate::shared::now;
use crate::shared::wake_at;
use crate::state::State;
use crate::subscription::Received;

/// A request that waits for its reply.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Reply {
    /// Where the reply is put.
    pub(crate) place: usize,
    pub(crate) state: ReplyState,
    /// Whether the request is published.
    pub(crate) is_sent: bool,
    waker: WakerRegistration,
}

#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyState {
    Waiting,
    Answered,
    NoResponders,
    TooLong,
    Disconnected,
    Closed,
}

impl Reply {
    /// There is something to tell the requester.
    pub(crate) fn end(&mut self, state: ReplyState) {
        if self.state == ReplyState::Waiting {
            self.state = state;
            self.waker.wake();
        }
    }
}

/// Publishes a request and waits for the reply.
pub(crate) async fn request<'d, R: Memory<'d>>(
    shared: &'d Shared<'d, R>,
    message: &Publish<'_>,
    timeout: Duration,
) -> Result<Received<'d, R>, RequestError> {
    let deadline = now() + timeout;
    let token = shared.lock(|state| open(state, deadline))?;
    // Gives up the place, whatever comes.
    let request = Request { shared, token };
    poll_fn(|cx| request.poll(message, deadline, cx)).await
}

/// A request from its first moment to its last.
struct Request<'d, R: Memory<'d>> {
    shared: &'d Shared<'d, R>,
    token: Token,
}

impl<'d, R: Memory<'d>> Request<'d, R> {
    fn poll(
        &self,
        message: &Publish<'_>,
        deadline: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received<'d, R>, RequestError>> {
        let loan = self.shared.lock(|state| {
            let Some(reply) = state.delivery.requests.get_mut(self.token) else {
                return Poll::Ready(Err(RequestError::TimedOut));
            };
            let place = reply.place;
            let failure = match reply.state {
                ReplyState::Answered => {
                    let loan = state.delivery.mailbox.lend_from(place, state.inbox_sid);
                    return Poll::Ready(loan.ok_or(RequestError::ReplyTooLong));
                }
                ReplyState::Waiting if now() >= deadline => RequestError::TimedOut,
                ReplyState::Waiting => {
                    reply.waker.register(cx.waker());
                    if reply.is_sent {
                        return Poll::Pending;
                    }
                    return self.publish(state, message, cx);
                }
                ReplyState::NoResponders => RequestError::NoResponders,
                ReplyState::TooLong => RequestError::ReplyTooLong,
                ReplyState::Disconnected => RequestError::Disconnected,
                ReplyState::Closed => RequestError::Publish(PublishError::Closed),
            };
            Poll::Ready(Err(failure))
        });
        if loan.is_pending() {
            wake_at(deadline, cx);
        }
        loan.map_ok(|loan| Received::new(self.shared, loan))
    }

    fn publish<T>(
        &self,
        state: &mut State<'d, R>,
        message: &Publish<'_>,
        cx: &Context<'_>,
    ) -> Poll<Result<T, RequestError>> {
        match state.publish_request(self.token, message) {
            Ok(()) => {
                if let Some(reply) = state.delivery.requests.get_mut(self.token) {
                    reply.is_sent = true;
                }
                Poll::Pending
            }
            Err(error) if state.may_wait(error) => {
                state.waiters.register(cx.waker());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

impl<'d, R: Memory<'d>> Drop for Request<'d, R> {
    fn drop(&mut self) {
        self.shared.lock(|state| {
            if let Some(reply) = state.delivery.requests.close(self.token) {
                state.delivery.mailbox.close_reply(reply.place);
            }
        });
    }
}

/// Takes all that a request needs.
fn open<'d, R: Memory<'d>>(
    state: &mut State<'d, R>,
    deadline: Instant,
) -> Result<Token, RequestError> {
    state.open_inbox()?;
    let Places { mailbox, requests } = &mut state.delivery;
    let place = mailbox.open_reply().ok_or(RequestError::TooMany)?;
    let reply = Reply {
        place,
        state: ReplyState::Waiting,
        is_sent: false,
        waker: WakerRegistration::new(),
    };
    requests.open(reply, deadline).map_err(|_| {
        mailbox.close_reply(place);
        RequestError::TooMany
    })
}
