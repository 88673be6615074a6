//! Receiving messages.

use core::fmt;
use core::future::poll_fn;
use core::ops::Deref;
use core::task::Context;
use core::task::Poll;

use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::session::EndReason;

use crate::error::PublishError;
use crate::memory::Memory;
use crate::state::shared::Shared;
use crate::state::slot_owner::SlotOwner;
use crate::state::slots::TakenFrame;

/// The messages of a subscription. Dropping it unsubscribes.
///
/// It goes on over any number of connections. Messages that are published between two of them do
/// not reach it.
pub struct Subscriber<'d, R: Memory<'d>> {
    shared: &'d Shared<'d, R>,
    owner: SlotOwner,
    sid: Sid,
}

/// A message that was received. It keeps its slot until it is dropped.
pub struct Message<'d, R: Memory<'d>> {
    shared: &'d Shared<'d, R>,
    slot: usize,
    message: nats_proto::Message<Frame<'d>>,
}

/// A message's bytes.
pub struct Frame<'d> {
    memory: &'d mut [u8],
    len: usize,
}

impl<'d, R: Memory<'d>> Subscriber<'d, R> {
    pub(crate) const fn new(shared: &'d Shared<'d, R>, owner: SlotOwner, sid: Sid) -> Self {
        Self { shared, owner, sid }
    }

    /// Waits for the next message; `None` when the subscription is over and all messages were taken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[expect(clippy::should_implement_trait, reason = "it returns a future")]
    pub fn next(&mut self) -> impl Future<Output = Option<Message<'d, R>>> {
        poll_fn(|cx| self.poll_next(cx))
    }

    /// Like [`next`](Self::next), for hand-written futures.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message<'d, R>>> {
        let (owner, sid) = (self.owner, self.sid);
        let frame = self.shared.lock(|state| {
            if let Some(frame) = state.delivery.slots.take_next(owner) {
                return Poll::Ready(Some(frame));
            }
            // The server may not know of the end yet.
            if !matches!(state.session.recipient_and_end_mut(sid), Some((_, None))) {
                return Poll::Ready(None);
            }
            if let Some(queue) = state.delivery.slots.queue(owner) {
                queue.reader.register(cx.waker());
            }
            Poll::Pending
        });
        frame.map(|frame| Some(Message::new(self.shared, frame?)))
    }

    /// The next message, if it is there.
    pub fn try_next(&mut self) -> Option<Message<'d, R>> {
        let owner = self.owner;
        let frame = self.shared.lock(|state| state.delivery.slots.take_next(owner))?;
        Some(Message::new(self.shared, frame))
    }

    /// Ends the subscription when it has got `max` messages in its whole life, in all. Zero, or what it
    /// has got already, ends it at once; messages that wait can still be taken. A maximum that was set before can be lowered, not raised.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory, SubscribeError};
    /// use nats_embassy::PendingLimits;
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), SubscribeError> {
    /// let mut settings = client.subscribe("lab.settings", PendingLimits::drop_newest(1))?;
    /// settings.unsubscribe_after(1);
    /// let first = settings.next().await;
    /// # let _ = first;
    /// # Ok(())
    /// # }
    /// ```
    pub fn unsubscribe_after(&mut self, max: u64) {
        let sid = self.sid;
        self.shared.lock(|state| state.unsubscribe_after(sid, max));
    }

    /// Ends the subscription when the messages that are on their way have come.
    pub fn drain(&mut self) {
        let sid = self.sid;
        self.shared.lock(|state| state.change(|session| session.drain_subscription(sid)));
    }

    /// The number by which events name the subscription.
    #[must_use]
    pub const fn sid(&self) -> Sid {
        self.sid
    }

    /// How many messages were dropped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        let owner = self.owner;
        self.shared.lock(|state| state.delivery.slots.queue(owner).map_or(0, |queue| queue.dropped))
    }

    /// How many messages were skipped because they were too long.
    #[must_use]
    pub fn oversized(&self) -> u32 {
        let owner = self.owner;
        self.shared
            .lock(|state| state.delivery.slots.queue(owner).map_or(0, |queue| queue.oversized))
    }

    /// Why the subscription is over, if it is. Messages may still be waiting.
    #[must_use]
    pub fn ended(&self) -> Option<EndReason> {
        let (owner, sid) = (self.owner, self.sid);
        self.shared.lock(|state| match state.session.recipient_and_end_mut(sid) {
            Some((_, how)) => how,
            None => state.delivery.slots.queue(owner).and_then(|queue| queue.ended()),
        })
    }
}

impl<'d, R: Memory<'d>> Drop for Subscriber<'d, R> {
    fn drop(&mut self) {
        let (owner, sid) = (self.owner, self.sid);
        self.shared.lock(|state| {
            state.delivery.slots.close(owner);
            state.change(|session| session.unsubscribe(sid, None));
        });
    }
}

impl<'d, R: Memory<'d>> Message<'d, R> {
    pub(crate) const fn new(shared: &'d Shared<'d, R>, frame: TakenFrame<'d>) -> Self {
        let TakenFrame { memory, slot, sid, layout } = frame;
        let frame = Frame { memory, len: layout.wire_len() };
        Self { shared, slot, message: nats_proto::Message::from_frame(frame, sid, layout) }
    }

    /// Where an answer is to be published; `None` if nowhere, or if that is no subject.
    #[must_use]
    pub fn reply_subject(&self) -> Option<Subject<'_>> {
        reply_subject(&self.message).ok()
    }
}

/// Where an answer is to be published.
pub(crate) fn reply_subject<B: AsRef<[u8]>>(
    request: &nats_proto::Message<B>,
) -> Result<Subject<'_>, PublishError> {
    // One that is not UTF-8 is invalid, as an empty one.
    let reply = request.reply_bytes().ok_or(PublishError::NoReply)?;
    Ok(Subject::new(core::str::from_utf8(reply).unwrap_or_default())?)
}

impl<'d, R: Memory<'d>> Deref for Message<'d, R> {
    type Target = nats_proto::Message<Frame<'d>>;

    fn deref(&self) -> &Self::Target {
        &self.message
    }
}

impl AsRef<[u8]> for Frame<'_> {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl<'d, R: Memory<'d>> Drop for Message<'d, R> {
    fn drop(&mut self) {
        let nothing = Frame { memory: &mut [], len: 0 };
        let (sid, layout) = (self.message.sid(), self.message.layout());
        let empty = nats_proto::Message::from_frame(nothing, sid, layout);
        let memory = core::mem::replace(&mut self.message, empty).into_frame().memory;
        let slot = self.slot;
        self.shared.lock(|state| {
            state.delivery.slots.give_back(slot, memory);
            if state.session.is_draining() {
                // It may have been the last one.
                state.change(|_| {});
            }
        });
    }
}

impl<'d, R: Memory<'d>> fmt::Debug for Message<'d, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl<'d, R: Memory<'d>> fmt::Debug for Subscriber<'d, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("sid", &self.sid).finish_non_exhaustive()
    }
}
