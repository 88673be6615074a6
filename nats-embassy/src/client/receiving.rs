//! What a client receives.

use core::future::poll_fn;

use nats_proto::Filter;
use nats_proto::QueueGroup;
use nats_proto::ReplyLimits;
use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::wire::Publish;

use super::Client;
use crate::client::replies::Replies;
use crate::client::request::Request;
use crate::client::subscriber::Message;
use crate::client::subscriber::Subscriber;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::error::SubscribeError;
use crate::memory::Memory;
use crate::state::slots::PendingLimits;
use crate::time::Timeout;

/// Receiving, where messages wait in [`Resources`](crate::Resources).
impl<'d, R: Memory<'d>> Client<'d, R> {
    /// Subscribes to `filter`, now and on every connection to come.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory, SubscribeError};
    /// use nats_embassy::PendingLimits;
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), SubscribeError> {
    /// let mut commands = client.subscribe("lab.lamp.*", PendingLimits::drop_newest(2))?;
    /// while let Some(command) = commands.next().await {
    ///     let is_on = command.payload() == b"on";
    /// #   let _ = is_on;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SubscribeError`], among others if there are too few slots for messages.
    pub fn subscribe<'a, F>(
        &self,
        filter: F,
        pending_limits: PendingLimits,
    ) -> Result<Subscriber<'d, R>, SubscribeError>
    where
        F: TryInto<Filter<'a>>,
        F::Error: Into<SubjectError>,
    {
        self.subscribe_to(filter.try_into().map_err(Into::into)?, None, pending_limits)
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
        pending_limits: PendingLimits,
    ) -> Result<Subscriber<'d, R>, SubscribeError>
    where
        F: TryInto<Filter<'a>>,
        F::Error: Into<SubjectError>,
        Q: TryInto<QueueGroup<'a>>,
        Q::Error: Into<SubjectError>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.subscribe_to(filter.try_into().map_err(Into::into)?, Some(group), pending_limits)
    }

    fn subscribe_to(
        &self,
        filter: Filter<'_>,
        group: Option<QueueGroup<'_>>,
        pending_limits: PendingLimits,
    ) -> Result<Subscriber<'d, R>, SubscribeError> {
        self.shared.lock(|state| {
            let owner = state.delivery.slots.open(pending_limits).ok_or(SubscribeError::NoSlots)?;
            let subscribed = state.subscribe(filter, group, owner);
            let sid = subscribed.inspect_err(|_| state.delivery.slots.close(owner))?;
            state.delivery.slots.begin(owner, sid);
            Ok(Subscriber::new(self.shared, owner, sid))
        })
    }

    /// Publishes a request and waits for the first reply, no longer than `timeout` in all: a
    /// `Duration` of `embassy-time` or of `core`.
    ///
    /// It ends as soon as it is known that there will be no reply: see [`RequestError`] for what can
    /// become of it.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory, RequestError};
    /// use embassy_time::Duration;
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), RequestError> {
    /// let time = client.request("time", "", Duration::from_secs(2)).await?;
    /// let seconds = time.payload();
    /// # let _ = seconds;
    /// # Ok(())
    /// # }
    /// ```
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
        payload: impl AsRef<[u8]>,
        timeout: impl Into<Timeout>,
    ) -> Result<Message<'d, R>, RequestError>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        let subject = subject.try_into().map_err(|error| PublishError::Subject(error.into()))?;
        let mut request = Request::open(self.shared, subject, timeout.into().deadline())?;
        poll_fn(|cx| request.poll(&Publish::new(subject, payload.as_ref()), cx)).await
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
        timeout: impl Into<Timeout>,
    ) -> Result<Message<'d, R>, RequestError> {
        let subject = message.subject;
        let mut request = Request::open(self.shared, subject, timeout.into().deadline())?;
        poll_fn(|cx| request.poll(message, cx)).await
    }
    /// Publishes a request that may get several replies (ADR-47). `limits` say when these are all;
    /// `pending_limits`, how many of them may wait. The reply subject of `message` does not count.
    ///
    /// It takes a slot for a request, and those of a subscription of its own, which ends with it.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory, RequestError};
    /// use core::time::Duration;
    /// use nats_embassy::PendingLimits;
    /// use nats_embassy::{Publish, ReplyLimits, Subject};
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), RequestError> {
    /// let message = Publish::new(Subject::from_static("who"), b"");
    /// // All replies within two seconds.
    /// let limits = ReplyLimits::within(Duration::from_secs(2));
    /// let mut replies = client.request_many(&message, PendingLimits::drop_newest(2), limits).await?;
    /// while let Some(reply) = replies.next().await? {
    ///     let name = reply.payload();
    /// #   let _ = name;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RequestError`], if it could not be published within the whole time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up. It may have been published.
    pub async fn request_many(
        &self,
        message: &Publish<'_>,
        pending_limits: PendingLimits,
        limits: ReplyLimits,
    ) -> Result<Replies<'d, R>, RequestError> {
        Replies::ask(self.shared, message, pending_limits, limits).await
    }
}
