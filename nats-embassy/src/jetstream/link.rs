//! Fetching with a link: messages are borrowed where they were received.

use core::fmt;
use core::future::poll_fn;
use core::task::Context as Task;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::PullId;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::pulled_size;

use super::context::Context;
use super::fetch_error::FetchError;
use super::goal::Goal;
use super::puller::Puller;
use crate::client::link::BorrowedMessage;
use crate::client::link::Link;
use crate::client::link::LinkMemory;
use crate::state::attempt::Attempts;
use crate::state::shared::look_again;
use crate::state::slot_owner::SlotOwner;
use crate::time::Timeout;
use crate::time::now;
use crate::time::wake_at;

/// A durable consumer that a [`Link`] fetches from, made by [`Context::link_consumer`]. A link has one of
/// them.
pub struct LinkConsumer<'d> {
    puller: Puller<'d>,
}

impl<'d, R: LinkMemory<'d>> Context<'d, R> {
    /// A durable consumer of a stream, by their names, for [`Link::fetch_next`]. Nothing is sent: whether it
    /// exists is found out when something is fetched. It takes one of the `SUBS` of
    /// [`LinkResources`](crate::LinkResources), and another one for a moment after a pull that the server
    /// said nothing about.
    #[must_use]
    pub const fn link_consumer(
        &self,
        stream: StreamName<'d>,
        name: ConsumerName<'d>,
    ) -> LinkConsumer<'d> {
        LinkConsumer { puller: Puller::new(self.prefix, stream, name, SlotOwner::READER) }
    }
}

impl<'d, R: LinkMemory<'d>> Link<'_, 'd, R> {
    /// Fetches one message of a consumer, and waits for it no longer than `max_wait`. It borrows the link;
    /// [`Context::try_ack`] acknowledges it. `None` if there is none. Other messages that come before it go
    /// to `other`.
    ///
    /// It goes on over lost connections, as long as there is time. A message that is longer than `RX` is
    /// skipped, and delivered again.
    ///
    /// ```
    /// # use nats_embassy::{Client, Link, LinkMemory};
    /// use core::time::Duration;
    /// use nats_embassy::jetstream::{AckKind, ConsumerName, StreamName};
    ///
    /// # async fn device<'d, R: LinkMemory<'d>>(
    /// #     link: &mut Link<'_, 'd, R>,
    /// #     client: Client<'d, R>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// let jetstream = client.jetstream();
    /// let (stream, name) = (StreamName::new("JOBS")?, ConsumerName::new("sensor-7")?);
    /// let mut jobs = jetstream.link_consumer(stream, name);
    /// while let Some(job) = link.fetch_next(&mut jobs, Duration::from_secs(30), |_| {}).await? {
    ///     let what = job.payload();
    /// #   let _ = what;
    ///     jetstream.try_ack(&job, AckKind::Ack)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a message that comes for it is the next call's. If
    /// [`recv`](Self::recv) or another call gets it first, it is an ordinary message there, and can be
    /// acknowledged, too.
    pub async fn fetch_next(
        &mut self,
        consumer: &mut LinkConsumer<'d>,
        max_wait: impl Into<Timeout>,
        mut other: impl FnMut(BorrowedMessage<'_>),
    ) -> Result<Option<BorrowedMessage<'_>>, FetchError> {
        let mut goal = Goal::new(1, max_wait.into());
        let polled = poll_fn(|cx| self.poll_fetch(&mut consumer.puller, &mut goal, &mut other, cx));
        let is_there = polled.await?;
        Ok(self.borrowed_message().filter(|_| is_there))
    }

    fn poll_fetch(
        &mut self,
        puller: &mut Puller<'d>,
        goal: &mut Goal,
        other: &mut impl FnMut(BorrowedMessage<'_>),
        cx: &mut Task<'_>,
    ) -> Poll<Result<bool, FetchError>> {
        loop {
            let now = now();
            // What has come goes first.
            if !self.take_message(false, cx) {
                if self.pump(puller, goal, now, cx)? {
                    return Poll::Ready(Ok(false));
                }
                self.poll_running(cx);
                if !self.take_message(false, cx) {
                    // What was received may have changed what is to be done.
                    if self.pump(puller, goal, now, cx)? {
                        return Poll::Ready(Ok(false));
                    }
                    wake_at(goal.wakes_at(puller.machine.poll_timeout()), cx);
                    return Poll::Pending;
                }
            }
            let Some(message) = self.borrowed_message() else { continue };
            match puller.handle(&message, self.inboxes(), now) {
                Kind::Message => return Poll::Ready(Ok(true)),
                Kind::Status => {}
                Kind::Late => {
                    let _ = self.jetstream().try_ack(&message, AckKind::Nak);
                }
                Kind::Other => other(message),
            }
        }
    }

    /// Does what is to be done. Returns whether that is the end.
    fn pump(
        &self,
        puller: &mut Puller<'d>,
        goal: &mut Goal,
        now: Instant,
        cx: &mut Task<'_>,
    ) -> Result<bool, FetchError> {
        let (is_over, looks_again) = self.client().shared.lock(|state| {
            puller.note_connection(state);
            let [inbox, _] = state.delivery.inboxes(SlotOwner::READER);
            if puller.inbox.is_some() && inbox == crate::state::pulled::NO_SID {
                // The server does not let it be subscribed to.
                puller.inbox = None;
                puller.machine.handle_not_permitted(now);
            }
            let is_over = puller.pump(state, goal, 1, now)?;
            Ok((is_over, !state.waiters.register(cx.waker())))
        })?;
        if looks_again {
            look_again(cx);
        }
        Ok(is_over)
    }

    fn jetstream(&self) -> Context<'d, R> {
        self.client().jetstream()
    }

    fn inboxes(&self) -> [nats_proto::Sid; 2] {
        self.client().shared.lock(|state| state.delivery.inboxes(SlotOwner::READER))
    }
}

/// What a message is for a fetch.
enum Kind {
    Message,
    Status,
    /// Of a pull that was given up.
    Late,
    Other,
}

impl Puller<'_> {
    fn handle(
        &mut self,
        message: &BorrowedMessage<'_>,
        [inbox, former]: [nats_proto::Sid; 2],
        now: Instant,
    ) -> Kind {
        let is_current = message.sid() == inbox;
        if !is_current && message.sid() != former {
            return Kind::Other;
        }
        match (PullStatus::read(message), self.inbox) {
            (Some(status), Some(inbox)) if is_current => {
                let number = PullId::number_in(message.subject_bytes());
                self.machine.handle_status(inbox, number, status, now);
                Kind::Status
            }
            (Some(_), _) => Kind::Status,
            (None, Some(inbox)) if is_current => {
                let _ = self.machine.handle_message(inbox, pulled_size(message), now);
                Kind::Message
            }
            (None, _) => Kind::Late,
        }
    }
}

impl fmt::Debug for LinkConsumer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkConsumer")
            .field("stream", &self.puller.stream)
            .field("name", &self.puller.name)
            .finish_non_exhaustive()
    }
}
