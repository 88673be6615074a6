//! Publishing: on the caller's thread, into the buffer that goes to the socket.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use nats_proto::Headers;
use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::wire;

use crate::error::PublishError;
use crate::outbound::NotQueued;
use crate::outbound::Queued;
use crate::payload::Payload;
use crate::room::Room;
use crate::shared::Shared;
use crate::sync::lock;

/// A message to publish, made by [`Client::publish`](crate::Client::publish): await it, or
/// [`try_send`](Self::try_send) it.
///
/// # Errors
///
/// [`PublishError`], before anything is sent.
///
/// # Cancel safety
///
/// The message is queued whole, at the moment at which the future completes. Dropped before, it is
/// not sent at all.
#[must_use = "a message is sent when it is awaited, or by `try_send`"]
pub struct Publish<'a> {
    shared: &'a Shared,
    subject: Result<Subject<'a>, SubjectError>,
    reply: Result<Option<Subject<'a>>, SubjectError>,
    headers: Headers<'a>,
    payload: Payload<'a>,
    room: Room<'a>,
}

impl<'a> Publish<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        subject: Result<Subject<'a>, SubjectError>,
        payload: Payload<'a>,
    ) -> Self {
        Self {
            shared,
            subject,
            reply: Ok(None),
            headers: Headers::NONE,
            payload,
            room: Room::default(),
        }
    }

    /// Says where answers are to be published.
    pub fn reply<S>(mut self, subject: S) -> Self
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        self.reply = subject.try_into().map(Some).map_err(Into::into);
        self
    }

    /// Adds headers: a [`HeaderMap`](crate::HeaderMap), or those of another message.
    pub fn headers(mut self, headers: impl Into<Headers<'a>>) -> Self {
        self.headers = headers.into();
        self
    }

    /// Queues the message without waiting.
    ///
    /// # Errors
    ///
    /// [`PublishError`], before anything is sent; [`PublishError::Full`] if too much is waiting to
    /// be written.
    pub fn try_send(self) -> Result<(), PublishError> {
        self.attempt()
    }

    #[inline]
    fn attempt(&self) -> Result<(), PublishError> {
        let message = wire::Publish {
            subject: self.subject.map_err(PublishError::InvalidSubject)?,
            reply: self.reply.map_err(PublishError::InvalidSubject)?,
            headers: self.headers,
            payload: self.payload.as_bytes(),
        };
        self.shared.publish(&message, &self.payload)
    }

    #[cold]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PublishError>> {
        let mut room = std::mem::take(&mut self.room);
        let shared = self.shared;
        let sent = shared.poll_room(&mut room, cx, || self.attempt());
        self.room = room;
        sent
    }
}

impl Future for Publish<'_> {
    type Output = Result<(), PublishError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.attempt() {
            Err(error) if self.shared.may_wait(&error) => self.get_mut().wait(cx),
            result => Poll::Ready(result),
        }
    }
}

impl std::fmt::Debug for Publish<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publish")
            .field("subject", &self.subject)
            .field("reply", &self.reply)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Queues a message, and wakes the driver if it was idle.
    #[inline]
    fn publish(
        &self,
        message: &wire::Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<(), PublishError> {
        self.queue(message, payload).map(Queued::wake)
    }

    /// Queues a message. Somebody has to wake the driver.
    #[inline]
    pub(crate) fn queue(
        &self,
        message: &wire::Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<Queued, PublishError> {
        let queued = lock(&self.outbound).publish(message, payload);
        queued.map_err(|refused| match refused {
            NotQueued::Full => PublishError::Full,
            NotQueued::Disconnected => PublishError::Disconnected,
            NotQueued::Closed => PublishError::Closed,
            NotQueued::Refused(refusal) => refusal.into(),
        })
    }

    /// Makes `attempt` now, and whenever there may be room, as long as waiting may help.
    pub(crate) fn poll_room<'s, T>(
        &'s self,
        room: &mut Room<'s>,
        cx: &mut Context<'_>,
        attempt: impl Fn() -> Result<T, PublishError>,
    ) -> Poll<Result<T, PublishError>> {
        room.poll(&self.room, cx, || match attempt() {
            Err(error) if self.may_wait(&error) => None,
            result => Some(result),
        })
    }

    /// Whether an attempt to publish that failed is to be made again when there is room.
    pub(crate) const fn may_wait(&self, error: &PublishError) -> bool {
        match error {
            PublishError::Full => true,
            PublishError::Disconnected => self.settings.waits_for_connection,
            _ => false,
        }
    }
}
