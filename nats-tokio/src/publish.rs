//! Publishing: on the caller's thread, into the buffer that goes to the socket.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use nats_proto::Subject;
use nats_proto::wire;

use crate::client::Handle;
use crate::error::PublishError;
use crate::headers::Block;
use crate::headers::IntoHeaders;
use crate::name::IntoSubject;
use crate::name::Name;
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
    handle: &'a Arc<Handle>,
    subject: Name<Subject<'a>>,
    reply: Option<Name<Subject<'a>>>,
    headers: Block<'a>,
    payload: Payload<'a>,
    room: Room<'a>,
}

impl<'a> Publish<'a> {
    #[inline]
    pub(crate) fn new(
        handle: &'a Arc<Handle>,
        subject: Name<Subject<'a>>,
        payload: Payload<'a>,
    ) -> Self {
        let (reply, headers, room) = (None, Block::NONE, Room::default());
        Self { handle, subject, reply, headers, payload, room }
    }

    /// Says where answers are to be published.
    pub fn reply<S: IntoSubject<'a>>(mut self, subject: S) -> Self {
        self.reply = Some(subject.into_name());
        self
    }

    /// Adds headers: a [`HeaderMap`](crate::HeaderMap), borrowed or not, an array of names and values,
    /// or those of another message.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), nats_tokio::PublishError> {
    /// client.publish("room.7.temperature", "21.5").headers([("Unit", "°C")]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn headers<H: IntoHeaders<'a>>(mut self, headers: H) -> Self {
        self.headers = headers.into_block();
        self
    }

    /// The same without anything borrowed, for [`tokio::spawn`] and for storing: what is borrowed is
    /// copied. It keeps the connection like a clone of the client.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let room = 7;
    /// let sending = tokio::spawn(client.publish(format!("room.{room}.left"), ()).into_owned());
    /// sending.await??;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`], when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the message is not sent.
    pub fn into_owned(
        self,
    ) -> impl Future<Output = Result<(), PublishError>> + Send + 'static + use<> {
        let handle = Arc::clone(self.handle);
        let (subject, reply) =
            (self.subject.into_owned(), self.reply.map(Name::<Subject<'_>>::into_owned));
        let (headers, payload) = (self.headers.into_owned(), self.payload.into_owned());
        async move {
            let room = Room::default();
            Publish { handle: &handle, subject, reply, headers, payload, room }.await
        }
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
        let reply = self.reply.as_ref().map(Name::<Subject<'_>>::get).transpose();
        let message = wire::Publish {
            subject: self.subject.get().map_err(PublishError::InvalidSubject)?,
            reply: reply.map_err(PublishError::InvalidSubject)?,
            headers: self.headers.get().map_err(PublishError::InvalidHeader)?,
            payload: self.payload.as_bytes(),
        };
        self.handle.shared.publish(&message, &self.payload)
    }

    #[cold]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PublishError>> {
        let mut room = std::mem::take(&mut self.room);
        let shared = &self.handle.shared;
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
            Err(error) if self.handle.shared.may_wait(&error) => self.get_mut().wait(cx),
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
