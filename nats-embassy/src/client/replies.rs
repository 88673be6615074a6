//! Requests with several replies (ADR-47).

use core::fmt;
use core::future::poll_fn;
use core::task::Context;
use core::task::Poll;

use nats_proto::RepliesEndReason;
use nats_proto::ReplyLimits;
use nats_proto::RequestId;
use nats_proto::RequestMany;
use nats_proto::Sid;
use nats_proto::wire::Publish;

use crate::client::request::RequestGuard;
use crate::client::subscriber::Message;
use crate::client::subscriber::Subscriber;
use crate::error::RequestError;
use crate::memory::Memory;
use crate::state::State;
use crate::state::shared::Shared;
use crate::state::slot_owner::SlotOwner;
use crate::state::slots::PendingLimits;
use crate::time::NEVER;
use crate::time::now;
use crate::time::wake_at;

/// The replies to a request that may get several. Dropping it gives up those to come.
///
/// It has a subscription of its own for them, which ends as soon as no more are wanted.
pub struct Replies<'d, R: Memory<'d>> {
    request: RequestMany,
    /// Until the replies have ended. Dropped in this order.
    open: Option<(Subscriber<'d, R>, RequestGuard<'d, R>)>,
    has_any: bool,
}

impl<'d, R: Memory<'d>> Replies<'d, R> {
    /// Publishes a request.
    pub(crate) async fn ask(
        shared: &'d Shared<'d, R>,
        message: &Publish<'_>,
        pending_limits: PendingLimits,
        limits: ReplyLimits,
    ) -> Result<Self, RequestError> {
        let request = RequestMany::new(limits, now());
        let mut replies = Self { request, open: None, has_any: false };
        if request.ended().is_some() {
            return Ok(replies);
        }
        let deadline = request.poll_timeout().unwrap_or(NEVER);
        let mut ticket = RequestGuard::of_several(shared, message.subject)?;
        let (owner, sid) =
            shared.lock(|state| state.open_replies(ticket.request_id, pending_limits))?;
        let subscription = Subscriber::new(shared, owner, sid);
        poll_fn(|cx| ticket.poll_publish(message, deadline, cx)).await?;
        replies.open = Some((subscription, ticket));
        Ok(replies)
    }

    /// Waits for the next reply; `None` when all have come that were to come:
    /// [`ended`](Self::ended) says why.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if that is not known, or there were no responders. Nothing comes after that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[expect(clippy::should_implement_trait, reason = "it returns a future")]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<Message<'d, R>>, RequestError>> {
        poll_fn(|cx| self.poll_next(cx))
    }

    /// Like [`next`](Self::next), for hand-written futures.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message<'d, R>>, RequestError>> {
        let Some((subscription, ticket)) = &mut self.open else { return Poll::Ready(Ok(None)) };
        let polled = match subscription.poll_next(cx) {
            Poll::Ready(Some(reply)) => {
                if take(&mut self.request, &reply) {
                    self.has_any = true;
                    Ok(Some(reply))
                } else {
                    Ok(None)
                }
            }
            Poll::Ready(None) => Err(ticket.failure()),
            Poll::Pending => {
                self.request.handle_timeout(now());
                match ticket.poll_failure(NEVER, cx) {
                    _ if self.request.ended().is_some() => Ok(None),
                    Poll::Ready(error) => Err(error),
                    Poll::Pending => {
                        if let Some(deadline) = self.request.poll_timeout() {
                            wake_at(deadline, cx);
                        }
                        return Poll::Pending;
                    }
                }
            }
        };
        let is_unheard =
            self.request.ended() == Some(RepliesEndReason::NoResponders) && !self.has_any;
        let polled = if is_unheard { Err(RequestError::NoResponders) } else { polled };
        if polled.is_err() || self.request.ended().is_some() {
            self.open = None;
        }
        Poll::Ready(polled)
    }

    /// Why there are no more replies, if that is known.
    #[must_use]
    pub const fn ended(&self) -> Option<RepliesEndReason> {
        self.request.ended()
    }

    /// How many replies were lost because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.open.as_ref().map_or(0, |(subscription, _)| subscription.dropped())
    }
}

/// Whether it is a reply that was waited for. The first one that is taken when the time is up is the
/// last: replies that come faster than they are taken do not go on for longer than that.
pub(crate) fn take<B: AsRef<[u8]>>(
    request: &mut RequestMany,
    reply: &nats_proto::Message<B>,
) -> bool {
    let status = reply.status().map(|status| status.code());
    let now = now();
    let is_wanted = request.handle_reply(reply.payload().is_empty(), status, now);
    request.handle_timeout(now);
    is_wanted
}

impl<'d, R: Memory<'d>> State<'d, R> {
    fn open_replies(
        &mut self,
        request_id: RequestId,
        pending_limits: PendingLimits,
    ) -> Result<(SlotOwner, Sid), RequestError> {
        let owner = self.delivery.slots.open(pending_limits).ok_or(RequestError::TooMany)?;
        let sid = self.subscribe_to_replies(request_id, owner);
        let sid = sid.inspect_err(|_| self.delivery.slots.close(owner))?;
        self.delivery.slots.begin(owner, sid);
        Ok((owner, sid))
    }
}

impl<'d, R: Memory<'d>> fmt::Debug for Replies<'d, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("request", &self.request).finish_non_exhaustive()
    }
}
