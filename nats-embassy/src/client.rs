//! The handle that tasks have.

use core::fmt;
use core::time::Duration;

use nats_proto::Filter;
use nats_proto::Message;
use nats_proto::Queue;
use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::session::Stop;
use nats_proto::wire::Publish;

use crate::error::FlushError;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::error::SubscribeError;
use crate::event::Event;
use crate::event::Statistics;
use crate::mailbox::Queueing;
use crate::request;
use crate::resources::Memory;
use crate::resources::sealed::Sizes;
use crate::shared::Shared;
use crate::shared::now;
use crate::state::State;
use crate::subscription::Received;
use crate::subscription::Subscription;
use crate::subscription::reply_subject;

/// A client, to be copied to every task that needs one. It does nothing by itself: a
/// [`Runner`](crate::Runner) has to be running.
pub struct Client<'d, R: Sizes<'d>> {
    pub(crate) shared: &'d Shared<'d, R>,
}

impl<'d, R: Sizes<'d>> Client<'d, R> {
    pub(crate) const fn new(shared: &'d Shared<'d, R>) -> Self {
        Self { shared }
    }

    // Publishing ---------------------------------------------------------------------------------

    /// Publishes a message. It is copied once, to where it is written from.
    ///
    /// Waits for room, and for a connection, unless
    /// [`Config::offline`](crate::Config::offline) says otherwise. What was not written when a
    /// connection is lost, is lost with it: [`flush`](Self::flush) tells.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn publish<'a, S>(
        &self,
        subject: S,
        payload: &[u8],
    ) -> impl Future<Output = Result<(), PublishError>>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        self.publish_if(subject.try_into().map_err(Into::into).map(Some), payload)
    }

    /// Publishes to a subject, if there is one.
    fn publish_if(
        &self,
        subject: Result<Option<Subject<'_>>, SubjectError>,
        payload: &[u8],
    ) -> impl Future<Output = Result<(), PublishError>> {
        self.shared.wait(move |state| match subject {
            Ok(Some(subject)) => state.poll_publish(&Publish::new(subject, payload)),
            Ok(None) => Some(Ok(())),
            Err(error) => Some(Err(error.into())),
        })
    }

    /// Publishes a message with a reply subject, or with headers.
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn publish_message(
        &self,
        message: &Publish<'_>,
    ) -> impl Future<Output = Result<(), PublishError>> {
        self.shared.wait(move |state| state.poll_publish(message))
    }

    /// Publishes a message without waiting.
    ///
    /// # Errors
    ///
    /// [`PublishError`], also if there is no room or no connection now. Nothing is sent then.
    pub fn try_publish(&self, message: &Publish<'_>) -> Result<(), PublishError> {
        self.shared.lock(|state| state.publish(message))
    }

    /// Publishes a payload that is made in place, where it is written from: `payload` gets `max`
    /// bytes of any value and says how many of them it has filled. Nothing is copied.
    ///
    /// The payload of `message` does not count. `payload` is called with all other tasks of the
    /// client locked out, and must not use the client.
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn publish_in_place(
        &self,
        message: &Publish<'_>,
        max: usize,
        payload: impl FnOnce(&mut [u8]) -> usize,
    ) -> impl Future<Output = Result<(), PublishError>> {
        let mut payload = Some(payload);
        let attempt = move |state: &mut State<'d, R>| match state.publish_in_place(
            message,
            max,
            &mut payload,
        ) {
            Err(error) if state.may_wait(error) => None,
            result => Some(result),
        };
        self.shared.wait(attempt)
    }

    /// Answers a request; does nothing if no answer is wanted.
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn respond<B: AsRef<[u8]>>(
        &self,
        request: &Message<B>,
        payload: &[u8],
    ) -> impl Future<Output = Result<(), PublishError>> {
        self.publish_if(Ok(reply_subject(request)), payload)
    }

    /// Answers a request without waiting; does nothing if no answer is wanted.
    ///
    /// # Errors
    ///
    /// Like [`try_publish`](Self::try_publish).
    pub fn try_respond<B: AsRef<[u8]>>(
        &self,
        request: &Message<B>,
        payload: &[u8],
    ) -> Result<(), PublishError> {
        match reply_subject(request) {
            Some(subject) => self.try_publish(&Publish::new(subject, payload)),
            None => Ok(()),
        }
    }

    /// Waits until the server has processed everything that was published before.
    ///
    /// Takes as long as it takes, but no longer than it takes to find out that the connection is
    /// dead. Waits for a connection, unless [`Config::offline`](crate::Config::offline) says
    /// otherwise.
    ///
    /// # Errors
    ///
    /// [`FlushError`]: what was published since the last flush may be lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on what was published.
    pub fn flush(&self) -> impl Future<Output = Result<(), FlushError>> {
        let mut begun = None;
        self.shared.wait(move |state| state.flush(&mut begun))
    }

    // The connection -----------------------------------------------------------------------------

    /// Whether there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.lock(|state| state.session.is_connected())
    }

    /// Waits until there is a connection.
    ///
    /// # Errors
    ///
    /// Why there will be none any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub fn connected(&self) -> impl Future<Output = Result<(), Stop>> {
        let attempt = |state: &mut State<'d, R>| match state.stopped() {
            Some(stop) => Some(Err(stop)),
            None => state.session.is_connected().then_some(Ok(())),
        };
        self.shared.wait(attempt)
    }

    /// Waits for the next event; `None` when the client is over. Up to 6 events wait for whoever
    /// asks first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn next_event(&self) -> impl Future<Output = Option<Event>> {
        let attempt = |state: &mut State<'d, R>| match state.events.pop() {
            Some(event) => Some(Some(event)),
            None => state.stopped().is_some().then_some(None),
        };
        self.shared.wait(attempt)
    }

    /// What was counted so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.lock(|state| state.statistics)
    }

    /// Leaves the server, and connects again at once: for devices that know more of their network.
    pub fn reconnect(&self) {
        self.shared.lock(|state| {
            if let Some(event) = state.session.reconnect(now()) {
                state.handle_event(&event);
            }
            state.settle(now());
            state.runner.wake();
        });
    }

    /// Ends all subscriptions when what is on its way has come and was dealt with, then the
    /// connection when the server has everything. Subscribing fails from now on, publishing in the
    /// end. Takes up to [`drain_timeout`](nats_proto::session::Config::drain_timeout).
    ///
    /// # Errors
    ///
    /// Why it ended in another way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the draining.
    pub async fn drain(&self) -> Result<(), Stop> {
        self.shared.lock(|state| state.change(|session| session.drain(now())));
        self.stopped().await
    }

    /// Ends all subscriptions now, and the connection when the server has everything that was
    /// published. Takes up to [`flush_timeout`](nats_proto::session::Config::flush_timeout).
    ///
    /// # Errors
    ///
    /// Why it ended in another way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the closing.
    pub async fn close(&self) -> Result<(), Stop> {
        self.shared.lock(|state| state.change(|session| session.finish(now())));
        self.stopped().await
    }

    fn stopped(&self) -> impl Future<Output = Result<(), Stop>> {
        self.shared.wait(|state| match state.stopped()? {
            Stop::Drained | Stop::Closed => Some(Ok(())),
            stop => Some(Err(stop)),
        })
    }
}

/// Receiving, where messages wait in [`Resources`](crate::Resources).
impl<'d, R: Memory<'d>> Client<'d, R> {
    /// Subscribes to `filter`, now and on every connection to come.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`], among others if there are too few places for messages.
    pub fn subscribe<'a, F>(
        &self,
        filter: F,
        queueing: Queueing,
    ) -> Result<Subscription<'d, R>, SubscribeError>
    where
        F: TryInto<Filter<'a>>,
        F::Error: Into<SubjectError>,
    {
        self.subscribe_to(filter.try_into().map_err(Into::into)?, None, queueing)
    }

    /// Subscribes to `filter` and shares the messages with the others in the same queue group.
    ///
    /// # Errors
    ///
    /// Like [`subscribe`](Self::subscribe).
    pub fn queue_subscribe<'a, F, Q>(
        &self,
        filter: F,
        group: Q,
        queueing: Queueing,
    ) -> Result<Subscription<'d, R>, SubscribeError>
    where
        F: TryInto<Filter<'a>>,
        F::Error: Into<SubjectError>,
        Q: TryInto<Queue<'a>>,
        Q::Error: Into<SubjectError>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.subscribe_to(filter.try_into().map_err(Into::into)?, Some(group), queueing)
    }

    fn subscribe_to(
        &self,
        filter: Filter<'_>,
        group: Option<Queue<'_>>,
        queueing: Queueing,
    ) -> Result<Subscription<'d, R>, SubscribeError> {
        self.shared.lock(|state| {
            let owner = state.delivery.mailbox.open(queueing).ok_or(SubscribeError::NoSlots)?;
            let subscribed = state.subscribe(filter, group, owner);
            let sid = subscribed.inspect_err(|_| state.delivery.mailbox.close(owner))?;
            if let Some(queue) = state.delivery.mailbox.queue(owner) {
                queue.sid = sid;
                queue.is_live = true;
            }
            Ok(Subscription::new(self.shared, owner, sid))
        })
    }

    /// Publishes a request and waits for the first reply, no longer than `timeout` in all.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up. It may have been published.
    pub async fn request<'a, S>(
        &self,
        subject: S,
        payload: &[u8],
        timeout: Duration,
    ) -> Result<Received<'d, R>, RequestError>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        let subject = subject.try_into().map_err(|error| PublishError::Subject(error.into()))?;
        let message = Publish { payload, ..Publish::new(subject, &[]) };
        request::request(self.shared, &message, timeout).await
    }

    /// Like [`request`](Self::request), with headers. The reply subject of `message` does not
    /// count.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up. It may have been published.
    pub async fn request_message(
        &self,
        message: &Publish<'_>,
        timeout: Duration,
    ) -> Result<Received<'d, R>, RequestError> {
        request::request(self.shared, message, timeout).await
    }
}

impl<'d, R: Sizes<'d>> Clone for Client<'d, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'d, R: Sizes<'d>> Copy for Client<'d, R> {}

impl<'d, R: Sizes<'d>> fmt::Debug for Client<'d, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.lock(|state| {
            f.debug_struct("Client").field("session", &state.session).finish_non_exhaustive()
        })
    }
}
