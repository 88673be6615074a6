//! A durable consumer, as a task fetches from it.

use core::fmt;
use core::task::Context as Task;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::Store;
use nats_proto::jetstream::ApiPrefix;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::ConsumerState;
use nats_proto::jetstream::Fetch;
use nats_proto::jetstream::FetchConfig;
use nats_proto::jetstream::FetchOutput;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullId;
use nats_proto::jetstream::PullInbox;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::pulled_size;
use nats_proto::wire::ArrayBuf;
use nats_proto::wire::Publish;

use super::context::Context;
use super::fetch::Goal;
use super::fetch_error::FetchError;
use super::message::Message;
use crate::client::Client;
use crate::error::PublishError;
use crate::error::SubscribeError;
use crate::memory::Memory;
use crate::state::State;
use crate::state::delivery::SlotOwner;
use crate::state::pulled::NO_SID;
use crate::state::pulled::NumberedStatus;
use crate::state::pulled::Pulled;
use crate::state::shared::look_again;
use crate::state::slots::PendingLimits;
use crate::time::NEVER;
use crate::time::now;
use crate::time::wake_at;

/// How long the subject of a pull may be, and how long its body, in bytes.
const SUBJECT: usize = 192;
const BODY: usize = 128;

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
    pub(super) client: Client<'d, R>,
    prefix: ApiPrefix<'d>,
    stream: StreamName<'d>,
    name: ConsumerName<'d>,
    owner: SlotOwner,
    machine: Fetch,
    /// The inboxes that are subscribed to.
    inbox: Option<InboxId>,
    former: Option<InboxId>,
    /// A pull for which there was no room yet.
    unsent: Option<Pull>,
    /// How many messages in slots are of an inbox before.
    stale: u32,
    /// Which connection it is about.
    connects: u32,
    is_connected: bool,
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
            let pulled = Pulled::new(read, oversized == Oversized::Terminate);
            slots.queue(owner)?.pulled = Some(pulled);
            Some(owner)
        });
        Ok(Consumer {
            client: self.client,
            prefix: self.prefix,
            stream,
            name,
            owner: owner.ok_or(SubscribeError::NoSlots)?,
            machine: Fetch::new(),
            inbox: None,
            former: None,
            unsent: None,
            stale: 0,
            connects: 0,
            is_connected: false,
        })
    }
}

impl<'d, R: Memory<'d>> Consumer<'d, R> {
    /// How many messages were skipped because they were too long.
    #[must_use]
    pub fn oversized(&self) -> u32 {
        let owner = self.owner;
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
            if let Some(queue) = state.delivery.slots.queue(self.owner).filter(|_| waits) {
                queue.reader.register(cx.waker());
            }
            // For a connection, or for room.
            let is_idle = waits && (!self.is_connected || self.unsent.is_some());
            (polled, is_idle && !state.waiters.register(cx.waker()))
        });
        match polled? {
            Next::Frame(frame) => {
                let message = crate::client::subscriber::Message::new(shared, frame);
                Poll::Ready(Ok(Some(Message::new(shared, message))))
            }
            Next::End => Poll::Ready(Ok(None)),
            Next::Pending => {
                let due = self.machine.poll_timeout().unwrap_or(NEVER);
                wake_at(if goal.waits { due.min(goal.deadline) } else { due }, cx);
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
        self.note_connection(state);
        if goal.left == 0 {
            return Ok(Next::End);
        }
        if let Some(frame) = state.delivery.slots.take_next(self.owner) {
            self.count(&frame, now);
            goal.left -= 1;
            return Ok(Next::Frame(frame));
        }
        if state.check_open().is_err() {
            return Err(FetchError::Closed);
        }
        self.handle_news(state, now);
        self.machine.handle_timeout(now);
        loop {
            if let Some(pull) = self.unsent.take() {
                self.send(state, pull)?;
                if self.unsent.is_some() {
                    return Ok(Next::Pending);
                }
            }
            if let Some(output) = self.machine.poll_output(now) {
                if let Some(next) = self.act(state, goal, output, now)? {
                    return Ok(next);
                }
            } else if self.machine.is_active() {
                break;
            } else {
                self.start(state, goal, now)?;
            }
        }
        // A pull of an earlier call may take longer than this one.
        Ok(if now >= goal.deadline && goal.waits { Next::End } else { Next::Pending })
    }

    /// Counts a message that was taken out of its slot.
    fn count(&mut self, frame: &crate::state::slots::TakenFrame<'d>, now: Instant) {
        if self.stale > 0 {
            self.stale -= 1;
        } else if let Some(inbox) = self.inbox {
            let size = pulled_size(&frame.message());
            let _ = self.machine.handle_message(inbox, size, now);
        }
    }

    /// Finds out what became of the connection.
    fn note_connection(&mut self, state: &State<'d, R>) {
        let connects = state.statistics.connects;
        let is_connected = state.session.is_ready();
        if self.is_connected && (!is_connected || connects != self.connects) {
            self.machine.handle_disconnected();
            (self.inbox, self.former, self.unsent) = (None, None, None);
            self.stale = state.delivery.slots.count(self.owner).0;
        }
        if is_connected {
            self.machine.handle_connected();
        }
        (self.is_connected, self.connects) = (is_connected, connects);
    }

    /// Passes on what has come but messages.
    fn handle_news(&mut self, state: &mut State<'d, R>, now: Instant) {
        let Some(queue) = state.delivery.slots.queue(self.owner) else { return };
        let ended = queue.ended();
        let Some(pulled) = &mut queue.pulled else { return };
        let Some(inbox) = self.inbox else { return };
        for _ in 0..core::mem::take(&mut pulled.skipped) {
            let _ = self.machine.handle_message(inbox, 0, now);
        }
        let number = Some(pulled.number);
        if core::mem::take(&mut pulled.has_heartbeat) {
            self.machine.handle_status(inbox, number, PullStatus::Heartbeat, now);
        }
        if let Some(status) = pulled.status.take() {
            self.machine.handle_status(inbox, number, status, now);
        }
        if ended.is_some() {
            self.inbox = None;
            self.machine.handle_not_permitted(now);
        }
    }

    /// Asks for as many messages as are wanted, and there are slots for.
    fn start(
        &mut self,
        state: &State<'d, R>,
        goal: &mut Goal,
        now: Instant,
    ) -> Result<(), FetchError> {
        let free = state.delivery.slots.count(self.owner).1;
        if free == 0 {
            return Err(FetchError::NoSlots);
        }
        goal.has_started = true;
        let config = FetchConfig::new(goal.left.min(free));
        let config = if goal.waits { config.max_wait(goal.deadline.since(now)) } else { config };
        self.machine.start(config, now);
        Ok(())
    }

    /// Does what the machine wants. Returns whether that is the end.
    fn act(
        &mut self,
        state: &mut State<'d, R>,
        goal: &mut Goal,
        output: FetchOutput,
        now: Instant,
    ) -> Result<Option<Next<'d>>, FetchError> {
        match output {
            FetchOutput::Subscribe(inbox) => self.subscribe(state, inbox)?,
            FetchOutput::Unsubscribe(inbox) => self.unsubscribe(state, inbox),
            FetchOutput::Pull(pull) => self.unsent = Some(pull),
            // It has no memory for the answer.
            FetchOutput::RequestInfo => self.machine.handle_info(ConsumerState::Unknown, now),
            FetchOutput::End(end) if goal.is_over(end, now)? => {
                goal.left = 0;
                return Ok(Some(Next::End));
            }
            _ => {}
        }
        Ok(None)
    }

    fn subscribe(&mut self, state: &mut State<'d, R>, inbox: InboxId) -> Result<(), FetchError> {
        if self.former.is_some() {
            // There is room for one.
            self.drop_former(state);
        }
        let mut text = <R::Store as Store>::Text::default();
        let too_long = SubscribeError::Session(nats_proto::session::SubscribeError::Full);
        let filter = self.inboxes(state).and_then(|inboxes| inboxes.filter(inbox, &mut text).ok());
        let filter = filter.ok_or(FetchError::Subscribe(too_long))?;
        let sid = state.subscribe(filter, None, self.owner).map_err(FetchError::Subscribe)?;
        if let Some(queue) = state.delivery.slots.queue(self.owner) {
            queue.begin_inbox(sid);
        }
        self.former = self.inbox.replace(inbox);
        Ok(())
    }

    fn unsubscribe(&mut self, state: &mut State<'d, R>, inbox: InboxId) {
        let Some(queue) = state.delivery.slots.queue(self.owner) else { return };
        let sid = if self.inbox == Some(inbox) {
            self.inbox = None;
            queue.sid
        } else if self.former == Some(inbox) {
            self.former = None;
            queue.pulled.as_ref().map_or(NO_SID, |pulled| pulled.former)
        } else {
            return;
        };
        state.change(|session| session.drain_subscription(sid));
    }

    fn drop_former(&mut self, state: &mut State<'d, R>) {
        self.former = None;
        let queue = state.delivery.slots.queue(self.owner);
        if let Some(pulled) = queue.and_then(|queue| queue.pulled.as_mut()) {
            let sid = core::mem::replace(&mut pulled.former, NO_SID);
            state.change(|session| session.unsubscribe(sid, None));
        }
    }

    /// Writes a pull, or keeps it if there is no room.
    fn send(&mut self, state: &mut State<'d, R>, pull: Pull) -> Result<(), FetchError> {
        let mut reply = <R::Store as Store>::Text::default();
        let (mut subject, mut body) = (ArrayBuf::<SUBJECT>::new(), ArrayBuf::<BODY>::new());
        let next = ApiSubject::consumer_next(self.stream, self.name);
        let too_long = FetchError::Publish(PublishError::TooLong { max: SUBJECT });
        let subject = next.encode(self.prefix, &mut subject).map_err(|_| too_long)?;
        pull.request().encode(&mut body).map_err(|_| too_long)?;
        let inboxes = self.inboxes(state).ok_or(too_long)?;
        let reply = inboxes.reply(pull.id, &mut reply).map_err(|_| too_long)?;
        let message = Publish { reply: Some(reply), ..Publish::new(subject, &body) };
        match state.publish(&message, None) {
            Ok(()) => {
                let queue = state.delivery.slots.queue(self.owner);
                if let Some(pulled) = queue.and_then(|queue| queue.pulled.as_mut()) {
                    pulled.number = pull.id.number;
                    (pulled.status, pulled.has_heartbeat) = (None, false);
                }
                Ok(())
            }
            Err(PublishError::Full) => {
                self.unsent = Some(pull);
                Ok(())
            }
            Err(PublishError::Closed) => Err(FetchError::Closed),
            Err(error) => Err(FetchError::Publish(error)),
        }
    }

    fn inboxes(&self, state: &State<'d, R>) -> Option<PullInbox<<R::Store as Store>::Text>> {
        PullInbox::beside(&state.inbox, self.owner.0.into()).ok()
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
        let owner = self.owner;
        self.client.shared.lock(|state| {
            while let Some(frame) = state.delivery.slots.take_next(owner) {
                state.acknowledge(&frame.message(), b"-NAK");
                state.delivery.slots.give_back(frame.slot, frame.memory);
            }
            let queue = state.delivery.slots.queue(owner);
            let sids = queue.map_or([NO_SID; 2], |queue| {
                [queue.sid, queue.pulled.as_ref().map_or(NO_SID, |pulled| pulled.former)]
            });
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
            .field("stream", &self.stream)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn read(message: &nats_proto::Message<&[u8]>) -> Option<NumberedStatus> {
    let status = PullStatus::read(message)?.without_text();
    Some((PullId::number_in(message.subject_bytes()), status))
}
