//! Publishing: on the caller's thread, into the buffer that goes to the socket.

pub(crate) mod batch;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::wire;
use tokio::task::coop;

use crate::client::turn::Turn;
use crate::error::PublishError;
use crate::message::headers::Block;
use crate::message::headers::IntoHeaders;
use crate::message::name::IntoSubject;
use crate::message::name::Name;
use crate::message::payload::Payload;
use crate::state::handle::Handle;
use crate::state::outbound::Outbound;
use crate::sync::lock;

/// How many messages, or how long a one, take a unit of a task's budget, of which Tokio gives 128 for
/// each poll. A task that publishes in a loop gives way after 2048 messages at the latest: with one
/// thread, the driver gets that many to write at once.
const PER_UNIT: u64 = 16;
const LONG: usize = 4096;

/// Takes a unit of the task's budget.
#[cold]
fn spend(cx: &mut Context<'_>) {
    if let Poll::Ready(unit) = coop::poll_proceed(cx) {
        unit.made_progress();
    }
}

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
    turn: Turn<'a>,
}

impl<'a> Publish<'a> {
    #[inline]
    pub(crate) fn new(
        handle: &'a Arc<Handle>,
        subject: Name<Subject<'a>>,
        payload: Payload<'a>,
    ) -> Self {
        let (reply, headers, turn) = (None, Block::NONE, Turn::new(&handle.shared));
        Self { handle, subject, reply, headers, payload, turn }
    }

    /// Sets the reply subject.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.publish("work.7", "begin").reply("work.7.done").await?;
    /// # Ok(())
    /// # }
    /// ```
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
            let turn = Turn::new(&handle.shared);
            Publish { handle: &handle, subject, reply, headers, payload, turn }.await
        }
    }

    /// Queues the message without waiting.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_tokio::PublishError;
    ///
    /// match client.publish("sensor.7", "21.5").try_send() {
    ///     Err(PublishError::Full) => {} // a newer sample will do
    ///     published => published?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`], before anything is sent; [`PublishError::Full`] if too much waits to
    /// be written.
    pub fn try_send(self) -> Result<(), PublishError> {
        let message = message(&self.subject, self.reply.as_ref(), &self.headers, &self.payload)?;
        self.handle.shared.queue(&message, &self.payload)?.wake();
        Ok(())
    }

    /// Goes on waiting.
    #[cold]
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<Result<(), PublishError>> {
        let message = message(&self.subject, self.reply.as_ref(), &self.headers, &self.payload)?;
        let queued = ready!(self.turn.poll(
            cx,
            || message.encoded_len(),
            |outbound, _| { outbound.publish_in_turn(&message, &self.payload) }
        ))?;
        queued.wake();
        Poll::Ready(Ok(()))
    }
}

/// The parts of a message, if they are right.
#[inline]
fn message<'m>(
    subject: &'m Name<Subject<'_>>,
    reply: Option<&'m Name<Subject<'_>>>,
    headers: &'m Block<'_>,
    payload: &'m Payload<'_>,
) -> Result<wire::Publish<'m>, PublishError> {
    let reply = reply.map(Name::<Subject<'_>>::get).transpose();
    Ok(wire::Publish {
        subject: subject.get().map_err(|error| invalid(subject, error))?,
        reply: reply.map_err(PublishError::InvalidSubject)?,
        headers: headers.get().map_err(PublishError::InvalidHeader)?,
        payload: payload.as_bytes(),
    })
}

#[cold]
const fn invalid(subject: &Name<Subject<'_>>, error: SubjectError) -> PublishError {
    match subject {
        Name::NoReply => PublishError::NoReply,
        _ => PublishError::InvalidSubject(error),
    }
}

impl Future for Publish<'_> {
    type Output = Result<(), PublishError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.turn.is_waiting() {
            return this.poll_turn(cx);
        }
        if !coop::has_budget_remaining() {
            // The next poll finds some.
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        let Self { handle, subject, reply, headers, payload, turn } = this;
        let message = message(subject, reply.as_ref(), headers, payload)?;
        let mut outbound = lock(&handle.shared.outbound);
        match outbound.publish(&message, payload) {
            Ok(queued) => {
                drop(outbound);
                if queued.number % PER_UNIT == 0 || payload.as_bytes().len() >= LONG {
                    spend(cx);
                }
                queued.wake();
            }
            Err(refused) => {
                let attempt = |outbound: &mut Outbound| outbound.publish_in_turn(&message, payload);
                ready!(turn.wait(outbound, refused, cx, message.encoded_len(), attempt))?.wake();
            }
        }
        Poll::Ready(Ok(()))
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
