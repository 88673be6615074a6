//! A client for a single task, which borrows messages where they were received.

mod requesting;

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::pin::pin;
use core::task::Context;
use core::task::Poll;

use nats_proto::Filter;
use nats_proto::Message;
use nats_proto::QueueGroup;
use nats_proto::Sid;
use nats_proto::SubjectError;
use nats_proto::session::CloseReason;

use crate::client::Client;
use crate::error::SubscribeError;
use crate::memory::Divide;
use crate::state::borrowed::Borrowed;
use crate::state::delivery::BorrowedFrame;
use crate::state::sizes::Sizes;
use crate::state::slot_owner::SlotOwner;

/// What [`LinkResources`](crate::LinkResources) are, whatever their sizes.
pub trait LinkMemory<'d>: Divide<'d> + Sizes<'d, Delivery = Borrowed<'d>> {}

impl<'d, R: Divide<'d> + Sizes<'d, Delivery = Borrowed<'d>>> LinkMemory<'d> for R {}

/// A message where it was received, which borrows the [`Link`].
pub type BorrowedMessage<'a> = Message<&'a [u8]>;

/// The minimal client, for tiny devices: everything in a single task, and no memory for messages that
/// wait.
///
/// It moves the bytes itself, connects and connects again, as long as one of its futures is
/// polled, and at no other time: come back to [`recv`](Self::recv) soon. Subscribing, and whatever
/// of the [`Client`] does not wait, takes effect then.
///
/// ```no_run
/// use core::pin::pin;
/// use nats_embassy::{Config, Connector, Link, LinkResources};
///
/// # async fn device(connector: impl Connector) -> Result<(), Box<dyn std::error::Error>> {
/// # let entropy = [0; 32];
/// let mut resources = LinkResources::<512, 512, 2>::new();
/// let config = Config::new("nats://10.0.0.1");
/// let (client, mut runner) = nats_embassy::new(config, connector, &mut resources, entropy)?;
/// let running = pin!(runner.run());
/// let mut link = Link::new(client, running);
/// link.subscribe("lab.lamp")?;
/// loop {
///     let command = link.recv().await?;
///     let is_on = command.payload() == b"on";
///     // Without waiting: `command` borrows the link.
///     client.try_respond(&command, if is_on { "is on" } else { "is off" })?;
/// }
/// # }
/// ```
pub struct Link<'r, 'd, R: LinkMemory<'d>> {
    client: Client<'d, R>,
    running: Pin<&'r mut dyn Future<Output = CloseReason>>,
    /// Why it is over.
    stop: Option<CloseReason>,
    /// The message that was borrowed last.
    borrowed: Option<BorrowedFrame<'d>>,
}

impl<'r, 'd, R: LinkMemory<'d>> Link<'r, 'd, R> {
    /// A link of the two that [`new`](crate::new) makes: `running` is the future of
    /// [`Runner::run`](crate::Runner::run), and nothing else may poll it.
    #[must_use]
    pub const fn new(
        client: Client<'d, R>,
        running: Pin<&'r mut dyn Future<Output = CloseReason>>,
    ) -> Self {
        Self { client, running, stop: None, borrowed: None }
    }

    // Receiving ----------------------------------------------------------------------------------

    /// Waits for the next message, which borrows the link. Nothing is copied: it is where it was
    /// received, and nothing else is received as long as it is borrowed.
    ///
    /// # Errors
    ///
    /// Why the client is over; the connection was closed gracefully by then. No message is left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing, whatever the transport.
    pub async fn recv(&mut self) -> Result<BorrowedMessage<'_>, CloseReason> {
        let stop = poll_fn(|cx| {
            // One that came while this was not polled goes first: it is lost with the connection.
            if self.take_message(false, cx) {
                return Poll::Ready(None);
            }
            let stop = self.poll_running(cx);
            if self.take_message(false, cx) {
                return Poll::Ready(None);
            }
            stop.map_or(Poll::Pending, |stop| Poll::Ready(Some(stop)))
        });
        match stop.await {
            Some(stop) => Err(stop),
            None => self.borrowed.as_ref().map(BorrowedFrame::message).ok_or(CloseReason::Closed),
        }
    }

    /// Moves bytes while it waits for `future`: for whatever a [`Client`] waits for. Messages that
    /// come before it is ready go to `other`.
    ///
    /// ```
    /// # use nats_embassy::{Link, LinkMemory, Client, PublishError};
    /// # async fn publish<'d, R: LinkMemory<'d>>(
    /// #     link: &mut Link<'_, 'd, R>,
    /// #     client: Client<'d, R>,
    /// # ) -> Result<(), PublishError> {
    /// link.drive(client.publish("lab.temperature", b"21"), |_| {}).await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Like that of `future`. Messages that went to `other` are processed.
    pub async fn drive<F: Future>(
        &mut self,
        future: F,
        other: impl FnMut(BorrowedMessage<'_>),
    ) -> F::Output {
        let mut future = pin!(future);
        self.until(|_, cx| future.as_mut().poll(cx), other).await
    }

    // Subscriptions ------------------------------------------------------------------------------

    /// Subscribes to `filter`, now and on every connection to come. Messages have its
    /// [`sid`](Message::sid).
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub fn subscribe<'a, F>(&mut self, filter: F) -> Result<Sid, SubscribeError>
    where
        F: TryInto<Filter<'a>>,
        F::Error: Into<SubjectError>,
    {
        self.subscribe_to(filter.try_into().map_err(Into::into)?, None)
    }

    /// Subscribes to `filter` and shares the messages with the others in the same queue group.
    ///
    /// # Errors
    ///
    /// Like [`subscribe`](Self::subscribe).
    pub fn queue_subscribe<'a, F, Q>(&mut self, filter: F, group: Q) -> Result<Sid, SubscribeError>
    where
        F: TryInto<Filter<'a>>,
        F::Error: Into<SubjectError>,
        Q: TryInto<QueueGroup<'a>>,
        Q::Error: Into<SubjectError>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.subscribe_to(filter.try_into().map_err(Into::into)?, Some(group))
    }

    fn subscribe_to(
        &self,
        filter: Filter<'_>,
        group: Option<QueueGroup<'_>>,
    ) -> Result<Sid, SubscribeError> {
        self.client.shared.lock(|state| state.subscribe(filter, group, SlotOwner::READER))
    }

    /// Ends a subscription now. Returns whether it was still going.
    pub fn unsubscribe(&mut self, sid: Sid) -> bool {
        self.client.shared.lock(|state| state.change(|session| session.unsubscribe(sid, None)))
    }

    /// Ends a subscription when it has got `max` messages in its whole life, in all. Zero, or what it
    /// has got already, ends it at once. Returns whether it was still going. A maximum that was set
    /// before can be lowered, not raised.
    pub fn unsubscribe_after(&mut self, sid: Sid, max: u64) -> bool {
        self.client.shared.lock(|state| state.unsubscribe_after(sid, max))
    }

    /// Ends a subscription when the messages that are on their way have come. Returns whether it
    /// was still going.
    pub fn drain_subscription(&mut self, sid: Sid) -> bool {
        self.client.shared.lock(|state| state.change(|session| session.drain_subscription(sid)))
    }

    // Moving bytes -------------------------------------------------------------------------------

    /// Moves bytes until `ready` has a result. Messages that come before go to `other`.
    async fn until<T>(
        &mut self,
        mut ready: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
        mut other: impl FnMut(BorrowedMessage<'_>),
    ) -> T {
        self.give_back();
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(value) = ready(self, cx) {
                    return Poll::Ready(value);
                }
                if !self.take_message(false, cx) {
                    self.poll_running(cx);
                    if !self.take_message(false, cx) {
                        return Poll::Pending;
                    }
                }
                if let Some(frame) = &self.borrowed {
                    other(frame.message());
                }
                self.give_back();
            }
        })
        .await
    }

    #[cfg(feature = "jetstream")]
    pub(crate) const fn client(&self) -> &Client<'d, R> {
        &self.client
    }

    /// The message that was taken last.
    #[cfg(feature = "jetstream")]
    pub(crate) fn borrowed_message(&self) -> Option<BorrowedMessage<'_>> {
        self.borrowed.as_ref().map(BorrowedFrame::message)
    }

    /// Does what there is to do. Says why that was all, if it was.
    pub(crate) fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        if self.stop.is_none()
            && let Poll::Ready(stop) = self.running.as_mut().poll(cx)
        {
            self.stop = Some(stop);
        }
        self.stop
    }

    /// Gives the borrowed message back, then takes the next one, if there is one.
    pub(crate) fn take_message(&mut self, is_reply: bool, cx: &Context<'_>) -> bool {
        self.give_back();
        self.client.shared.lock(|state| {
            state.delivery.reader.register(cx.waker());
            if let Some(frame) = state.delivery.take(is_reply) {
                self.borrowed = Some(frame);
            }
        });
        self.borrowed.is_some()
    }

    fn give_back(&mut self) {
        if let Some(frame) = self.borrowed.take() {
            self.client.shared.lock(|state| {
                state.delivery.give_back(frame.memory);
                if state.session.is_draining() {
                    // That may have waited for it.
                    state.change(|_| {});
                }
            });
        }
    }
}

impl<'d, R: LinkMemory<'d>> Drop for Link<'_, 'd, R> {
    /// The memory for receiving goes back, for another link of the same client.
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<'d, R: LinkMemory<'d>> fmt::Debug for Link<'_, 'd, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("client", &self.client).finish_non_exhaustive()
    }
}
