//! Subscriptions as the application has them.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use futures_core::Stream;
use nats_proto::Filter;
use nats_proto::QueueGroup;
use nats_proto::Sid;
use nats_proto::session::EndReason;
use nats_proto::session::SubscribeError as Refusal;
use tokio::task::coop;

use crate::error::SubscribeError;
use crate::message::Message;
use crate::message::name::Name;
use crate::message::name::Names;
use crate::options::limits::Pending;
use crate::options::limits::PendingLimits;
use crate::state::control::Recipient;
use crate::state::handle::Handle;
use crate::state::queue::Queue;
use crate::state::queue::Taker;
use crate::state::shared::Shared;
use crate::sync::lock;

/// A subscription to make, returned by [`Client::subscribe`](crate::Client::subscribe) and
/// [`queue_subscribe`](crate::Client::queue_subscribe): await it.
///
/// Once it is awaited, the subscription is in front of everything that is published later. The
/// server knows of it after a [`flush`](crate::Client::flush).
///
/// # Errors
///
/// [`SubscribeError`], before anything is sent.
///
/// # Cancel safety
///
/// Dropped before it completes, there is no subscription.
#[must_use = "a subscription is made when it is awaited"]
pub struct Subscribe<'a> {
    handle: &'a Arc<Handle>,
    filter: Name<Filter<'a>>,
    queue: Option<Name<QueueGroup<'a>>>,
    limits: PendingLimits,
    max: Option<u64>,
}

impl<'a> Subscribe<'a> {
    pub(crate) fn new(handle: &'a Arc<Handle>, filter: Name<Filter<'a>>) -> Self {
        let limits = handle.shared.options.pending_limits;
        Self { handle, filter, queue: None, limits, max: None }
    }

    pub(crate) fn in_group(mut self, name: Name<QueueGroup<'a>>) -> Self {
        self.queue = Some(name);
        self
    }

    /// How much may wait before messages are dropped. Default that of the
    /// [options](crate::ConnectOptions::pending_limits).
    pub const fn pending_limits(mut self, limits: PendingLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Ends the subscription after so many messages in all: with zero, at once. Without this call
    /// there is no maximum. Messages that were dropped or skipped count.
    pub const fn max_messages(mut self, max: u64) -> Self {
        self.max = Some(max);
        self
    }

    /// The same without anything borrowed, for [`tokio::spawn`] and for storing: what is borrowed is
    /// copied. It keeps the connection like a clone of the client.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`], when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, there is no subscription.
    pub fn into_owned(
        self,
    ) -> impl Future<Output = Result<Subscriber, SubscribeError>> + Send + 'static + use<> {
        let handle = Arc::clone(self.handle);
        let (filter, queue) =
            (self.filter.into_owned(), self.queue.map(Name::<QueueGroup<'_>>::into_owned));
        let (limits, max) = (self.limits, self.max);
        async move {
            let subscribe = Subscribe { handle: &handle, filter, queue, limits, max };
            subscribe.await
        }
    }

    /// Makes it now.
    pub(crate) fn make(&self) -> Result<Subscriber, SubscribeError> {
        let filter = self.filter.get().map_err(SubscribeError::InvalidSubject)?;
        let name = self.queue.as_ref().map(Name::<QueueGroup<'_>>::get).transpose();
        let name = name.map_err(SubscribeError::InvalidQueue)?;
        let shared = &self.handle.shared;
        let names = Names::new(filter, name);
        let queue = Arc::new(Queue::new(self.limits, names));
        let recipient = Recipient::subscriber(Arc::clone(&queue));
        let mut control = lock(&shared.control);
        let sid =
            control.session.subscribe(filter, name, recipient).map_err(|error| match error {
                Refusal::LineTooLong => SubscribeError::LineTooLong,
                Refusal::Full => SubscribeError::TooMany,
                _ => SubscribeError::Closed,
            })?;
        if let Some(max) = self.max {
            control.end_after(sid, max);
        }
        shared.transmit(&mut control);
        drop(control);
        let subscription = SubscriptionHandle { shared: Arc::clone(shared), queue, sid };
        Ok(Subscriber { handle: Arc::clone(self.handle), subscription, taker: Taker::new(sid) })
    }
}

impl Future for Subscribe<'_> {
    type Output = Result<Subscriber, SubscribeError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // There is nothing to wait for, but a task that subscribes in a loop gives way.
        ready!(coop::poll_proceed(cx)).made_progress();
        Poll::Ready(self.make())
    }
}

/// A subscription: a stream of messages.
///
/// It ends when it is unsubscribed, drained, or has got as many messages as it was to get, and when
/// the connection is closed. Dropping it unsubscribes. Messages are delivered in the order in
/// which the server sent them.
///
/// ```no_run
/// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let mut lights = client.subscribe("home.*.lights").await?;
/// while let Some(message) = lights.next().await {
///     println!("{}: {:?}", message.subject(), message.payload());
/// }
/// # Ok(())
/// # }
/// ```
///
/// What it shares with its [handle](Self::handle), it has from that: `subscriber.drain()`,
/// `subscriber.pending()`.
pub struct Subscriber {
    /// Keeps the connection.
    handle: Arc<Handle>,
    subscription: SubscriptionHandle,
    taker: Taker,
}

impl Subscriber {
    /// The next message; `None` behind the last one.
    ///
    /// It takes part in Tokio's cooperative budget: a task that never has to wait for the next message
    /// gives way to others, and to time-outs around it, after 4096 messages at the latest.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// while let Some(message) = positions.next().await {
    ///     println!("{:?}", message.payload());
    /// }
    /// println!("over: {:?}", positions.ended());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    #[inline]
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next message if there is one now.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// while let Some(message) = positions.try_next() {
    ///     println!("{:?}", message.payload()); // what is here already
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_next(&mut self) -> Option<Message> {
        self.taker.try_next(&self.subscription.queue)
    }

    /// Unsubscribes; pending messages are dropped.
    pub fn unsubscribe(self) {}

    /// A handle that can end the subscription from elsewhere.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// let handle = positions.handle();
    /// tokio::spawn(async move {
    ///     tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    ///     handle.unsubscribe();
    /// });
    /// while let Some(message) = positions.next().await {
    ///     println!("{:?}", message.payload());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn handle(&self) -> SubscriptionHandle {
        self.subscription.clone()
    }

    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let next = self.taker.poll_next(&self.subscription.queue, cx);
        if matches!(next, Poll::Ready(None)) {
            self.handle.shared.note_done();
        }
        next
    }
}

impl Stream for Subscriber {
    type Item = Message;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_message(cx)
    }
}

impl Deref for Subscriber {
    type Target = SubscriptionHandle;

    fn deref(&self) -> &SubscriptionHandle {
        &self.subscription
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let SubscriptionHandle { shared, queue, sid } = &self.subscription;
        queue.abandon();
        let mut control = lock(&shared.control);
        control.session.unsubscribe(*sid, None);
        shared.transmit(&mut control);
        control.wake_if_draining();
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("subject", &self.subject())
            .field("queue", &self.queue())
            .field("sid", &self.sid)
            .field("pending", &self.pending())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// Watches and ends a subscription, also from outside of the task that takes its messages. Cheap to clone;
/// does not keep the subscription or the connection.
#[derive(Clone)]
pub struct SubscriptionHandle {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    sid: Sid,
}

impl SubscriptionHandle {
    /// Ends the subscription now. What waits can still be taken.
    pub fn unsubscribe(&self) {
        self.change(|control| control.session.unsubscribe(self.sid, None));
    }

    /// Ends the subscription after `max` messages in all, counted from its beginning; now, if it has
    /// got them already, or `max` is zero. What waits can still be taken. Can be repeated with lower
    /// numbers, not with higher ones. Messages that were dropped or skipped count.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// positions.unsubscribe_after(10);
    /// while let Some(message) = positions.next().await {
    ///     println!("{:?}", message.payload()); // ten of them at the most
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn unsubscribe_after(&self, max: u64) {
        self.change(|control| control.end_after(self.sid, max));
    }

    /// Ends the subscription when the messages that are on their way have come: the stream goes on
    /// until then.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// positions.drain();
    /// while let Some(message) = positions.next().await {
    ///     println!("{:?}", message.payload()); // what was on its way
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn drain(&self) {
        self.change(|control| control.session.drain_subscription(self.sid));
    }

    /// Why nothing comes any more; `None` while something may come. What waits can still be taken.
    #[must_use]
    pub fn ended(&self) -> Option<EndReason> {
        self.queue.ended()
    }

    /// How many messages wait, and how many bytes they have.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// let watched = positions.handle();
    /// let pending = watched.pending();
    /// println!("{} messages of {} bytes wait", pending.messages, pending.bytes);
    /// # let _ = positions.try_next();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pending(&self) -> Pending {
        self.queue.pending()
    }

    /// How many messages were dropped because too many were waiting.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// while let Some(_message) = positions.next().await {}
    /// println!("lost, because this was too slow: {}", positions.dropped());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Changes how much may wait. What waits already stays.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut positions = client.subscribe("truck.*.position").await?;
    /// use nats_tokio::PendingLimits;
    ///
    /// positions.set_pending_limits(PendingLimits::DEFAULT.messages(10));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_pending_limits(&self, limits: PendingLimits) {
        self.queue.set_pending_limits(limits);
    }

    /// The subject that it was made for, wildcards included.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.queue.names.subject()
    }

    /// The queue group that it is a member of, if it is of one.
    #[must_use]
    pub fn queue(&self) -> Option<&str> {
        self.queue.names.queue()
    }

    /// The number by which the connection names the subscription.
    #[must_use]
    pub const fn sid(&self) -> Sid {
        self.sid
    }

    fn change(&self, change: impl FnOnce(&mut crate::state::control::Control) -> bool) {
        let mut control = lock(&self.shared.control);
        if change(&mut control) {
            self.shared.transmit(&mut control);
            control.end_if_over(self.sid);
            control.wake_if_draining();
        }
    }
}

impl fmt::Debug for SubscriptionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionHandle")
            .field("subject", &self.subject())
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}
