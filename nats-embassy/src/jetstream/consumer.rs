//! A durable consumer, as a task fetches from it.

use core::fmt;
use core::task::Context as Task;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::PullId;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::pulled_size;

use super::context::Context;
use super::fetch_error::FetchError;
use super::goal::Goal;
use super::message::Message;
use super::puller::Puller;
use crate::client::Client;
use crate::error::SubscribeError;
use crate::memory::Memory;
use crate::state::State;
use crate::state::attempt::Attempts;
use crate::state::pulled::NumberedStatus;
use crate::state::pulled::Pulled;
use crate::state::shared::look_again;
use crate::state::slots::PendingLimits;
use crate::time::now;
use crate::time::wake_at;

/// What becomes of messages that are longer than a slot. Either way they are
/// [counted](Consumer::oversized).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Oversized {
    /// They come again after the consumer's `ack_wait`, to whichever client asks then.
    Leave,
    /// They are terminated: never delivered again. Those that do not fit into `RX` either are left, since
    /// nothing is known of where to say it.
    Terminate,
}

/// A durable consumer, made by [`Context::consumer`]. It has a queue, and slots of its own.
///
/// It asks for no more messages than there are free slots, so none is ever dropped.
pub struct Consumer<'d, R: Memory<'d>> {
    client: Client<'d, R>,
    puller: Puller<'d>,
    /// How many messages in slots are of an inbox before.
    stale: u32,
}

impl<'d, R: Memory<'d>> Context<'d, R> {
    /// A durable consumer of a stream, by their names, with `depth` slots for messages. Nothing is sent:
    /// whether it exists is found out when something is fetched.
    ///
    /// It takes `depth` of the `SLOTS` and one of the `SUBS` of [`Resources`](crate::Resources); of the
    /// `SUBS`, another one for a moment after a pull that the server said nothing about.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory};
    /// use core::time::Duration;
    /// use nats_embassy::jetstream::{ConsumerName, Oversized, StreamName};
    ///
    /// # async fn device<'d, R: Memory<'d>>(
    /// #     client: Client<'d, R>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// let (stream, name) = (StreamName::new("JOBS")?, ConsumerName::new("sensor-7")?);
    /// let mut jobs = client.jetstream().consumer(stream, name, 2, Oversized::Terminate)?;
    /// while let Some(job) = jobs.next(Duration::from_secs(30)).await? {
    ///     let what = job.payload();
    /// #   let _ = what;
    ///     job.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SubscribeError::NoSlots`] if there are too few free slots for messages.
    pub fn consumer(
        &self,
        stream: StreamName<'d>,
        name: ConsumerName<'d>,
        depth: usize,
        oversized: Oversized,
    ) -> Result<Consumer<'d, R>, SubscribeError> {
        let owner = self.client.shared.lock(|state| {
            let slots = &mut state.delivery.slots;
            let owner = slots.open(PendingLimits::drop_newest(depth))?;
            let terminates = oversized == Oversized::Terminate;
            slots.queue(owner)?.pulled = Pulled { read: Some(read), terminates, ..Pulled::NONE };
            Some(owner)
        });
        let owner = owner.ok_or(SubscribeError::NoSlots)?;
        let puller = Puller::new(self.prefix, stream, name, owner);
        Ok(Consumer { client: self.client, puller, stale: 0 })
    }
}

impl<'d, R: Memory<'d>> Consumer<'d, R> {
    /// How many messages were skipped because they were too long.
    #[must_use]
    pub fn oversized(&self) -> u32 {
        let owner = self.puller.owner;
        self.client
            .shared
            .lock(|state| state.delivery.slots.queue(owner).map_or(0, |queue| queue.oversized))
    }

    /// The next message of a fetch, or `None` at its end.
    pub(super) fn poll_goal(
        &mut self,
        goal: &mut Goal,
        cx: &mut Task<'_>,
    ) -> Poll<Result<Option<Message<'d, R>>, FetchError>> {
        let (shared, now) = (self.client.shared, now());
        let (polled, looks_again) = shared.lock(|state| {
            let polled = self.advance(state, goal, now);
            let waits = matches!(polled, Ok(Next::Pending));
            if let Some(queue) = state.delivery.slots.queue(self.puller.owner).filter(|_| waits) {
                queue.reader.register(cx.waker());
            }
            // For a connection, or for room.
            let is_idle = waits && self.puller.needs_room();
            (polled, is_idle && !state.waiters.register(cx.waker()))
        });
        match polled? {
            Next::Frame(frame) => {
                let message = crate::client::subscriber::Message::new(shared, frame);
                Poll::Ready(Ok(Some(Message::new(shared, message))))
            }
            Next::End => Poll::Ready(Ok(None)),
            Next::Pending => {
                wake_at(goal.wakes_at(self.puller.machine.poll_timeout()), cx);
                if looks_again {
                    look_again(cx);
                }
                Poll::Pending
            }
        }
    }

    fn advance(
        &mut self,
        state: &mut State<'d, R>,
        goal: &mut Goal,
        now: Instant,
    ) -> Result<Next<'d>, FetchError> {
        let owner = self.puller.owner;
        if self.puller.note_connection(state) {
            self.stale = state.delivery.slots.count(owner).0;
        }
        if goal.left == 0 {
            return Ok(Next::End);
        }
        if let Some(frame) = state.delivery.slots.take_next(owner) {
            self.count(&frame, now);
            goal.left -= 1;
            return Ok(Next::Frame(frame));
        }
        self.handle_news(state, now);
        let free = state.delivery.slots.count(owner).1;
        let is_over = self.puller.pump(state, goal, free, now)?;
        Ok(if is_over { Next::End } else { Next::Pending })
    }

    /// Counts a message that was taken out of its slot.
    fn count(&mut self, frame: &crate::state::slots::TakenFrame<'d>, now: Instant) {
        if self.stale > 0 {
            self.stale -= 1;
        } else if let Some(inbox) = self.puller.inbox {
            let size = pulled_size(&frame.message());
            let _ = self.puller.machine.handle_message(inbox, size, now);
        }
    }

    /// Passes on what has come but messages.
    fn handle_news(&mut self, state: &mut State<'d, R>, now: Instant) {
        let Some(queue) = state.delivery.slots.queue(self.puller.owner) else { return };
        let ended = queue.ended();
        let pulled = &mut queue.pulled;
        let Some(inbox) = self.puller.inbox else { return };
        for _ in 0..core::mem::take(&mut pulled.skipped) {
            let _ = self.puller.machine.handle_message(inbox, 0, now);
        }
        let number = Some(pulled.number);
        if core::mem::take(&mut pulled.has_heartbeat) {
            self.puller.machine.handle_status(inbox, number, PullStatus::Heartbeat, now);
        }
        let status = core::mem::replace(&mut pulled.status, PullStatus::Heartbeat);
        if status != PullStatus::Heartbeat {
            self.puller.machine.handle_status(inbox, number, status, now);
        }
        if ended.is_some() {
            self.puller.inbox = None;
            self.puller.machine.handle_not_permitted(now);
        }
    }
}

/// What comes next.
enum Next<'d> {
    Frame(crate::state::slots::TakenFrame<'d>),
    End,
    Pending,
}

impl<'d, R: Memory<'d>> Drop for Consumer<'d, R> {
    /// What waits in its slots, and what still comes, is delivered again.
    fn drop(&mut self) {
        let owner = self.puller.owner;
        self.client.shared.lock(|state| {
            while let Some(frame) = state.delivery.slots.take_next(owner) {
                state.acknowledge(&frame.message(), b"-NAK");
                state.delivery.slots.give_back(frame.slot, frame.memory);
            }
            let sids = state.delivery.inboxes(owner);
            state.delivery.slots.close(owner);
            for sid in sids {
                state.change(|session| session.unsubscribe(sid, None));
            }
        });
    }
}

impl<'d, R: Memory<'d>> fmt::Debug for Consumer<'d, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("stream", &self.puller.stream)
            .field("name", &self.puller.name)
            .finish_non_exhaustive()
    }
}

fn read(message: &nats_proto::Message<&[u8]>) -> Option<NumberedStatus> {
    let status = PullStatus::read(message)?.without_text();
    Some((PullId::number_in(message.subject_bytes()), status))
}
