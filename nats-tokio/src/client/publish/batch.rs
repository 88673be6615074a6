//! Publishing several messages at once: all of them, or none.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use nats_proto::wire;
use tokio::task::coop;

use super::PER_UNIT;
use super::Publish;
use super::message;
use super::spend;
use crate::client::Client;
use crate::client::turn::Turn;
use crate::error::PublishError;
use crate::message::payload::Payload;
use crate::state::handle::Handle;
use crate::state::outbound::NotQueued;
use crate::state::outbound::Queued;
use crate::sync::lock;

/// The longest need for room that is told apart from a longer one: several of them can be added.
const LONGEST: usize = usize::MAX / 16;

/// Messages to publish together, made by [`Client::publish_batch`]: await it, or
/// [`try_send`](Self::try_send) it.
///
/// # Errors
///
/// [`BatchError`], before anything is sent.
///
/// # Cancel safety
///
/// The messages are queued together, at the moment at which the future completes. Dropped before,
/// none is sent.
#[must_use = "messages are sent when the batch is awaited, or by `try_send`"]
pub struct PublishBatch<'a> {
    handle: &'a Arc<Handle>,
    messages: Vec<Publish<'a>>,
    turn: Turn<'a>,
}

/// Why nothing of a batch was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchError {
    /// Which message it is about, from 0; `None` if it is about all of them.
    pub index: Option<usize>,
    /// What is wrong.
    pub error: PublishError,
}

impl Client {
    /// Publishes several messages: all of them, in their order and with nothing in between, or none.
    ///
    /// They are encoded under one lock, which is faster than one after the other, and wait for room
    /// together; where they are longer than [`send_buffer`](crate::ConnectOptions::send_buffer), until
    /// nothing else waits. Memory is asked for once a batch, for the list of its messages. All of
    /// them are published by this client, whichever they were made with.
    ///
    /// That is about this client alone: a server may still get the first ones of a batch, and then
    /// the connection be lost.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let rooms = [("room.1", "21.5"), ("room.2", "19.0")];
    /// let messages = rooms.map(|(room, value)| client.publish(room, value).headers([("Unit", "°C")]));
    /// client.publish_batch(messages).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BatchError`], when awaited, before anything is sent: it says which message is refused,
    /// and why.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, none of the messages is sent.
    pub fn publish_batch<'a>(
        &'a self,
        messages: impl IntoIterator<Item = Publish<'a>>,
    ) -> PublishBatch<'a> {
        let (handle, messages) = (&self.handle, messages.into_iter().collect());
        PublishBatch { handle, messages, turn: Turn::new(&handle.shared) }
    }

    /// Publishes several messages without waiting: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`BatchError`], before anything is sent; [`PublishError::Full`] if too much waits to be
    /// written.
    pub fn try_publish_batch<'a>(
        &'a self,
        messages: impl IntoIterator<Item = Publish<'a>>,
    ) -> Result<(), BatchError> {
        self.publish_batch(messages).try_send()
    }
}

impl PublishBatch<'_> {
    /// Queues the messages without waiting.
    ///
    /// # Errors
    ///
    /// [`BatchError`], before anything is sent; [`PublishError::Full`] if too much is waiting
    /// to be written.
    pub fn try_send(self) -> Result<(), BatchError> {
        self.check()?;
        let mut queued = None;
        let result = lock(&self.handle.shared.outbound).publish_all(parts(&self.messages), false);
        result.map(|last| queued = last).map_err(of_batch)?;
        queued.into_iter().for_each(Queued::wake);
        Ok(())
    }

    /// Whether all messages are what they should be.
    fn check(&self) -> Result<(), BatchError> {
        for (index, one) in self.messages.iter().enumerate() {
            let checked = message(&one.subject, one.reply.as_ref(), &one.headers, &one.payload);
            checked.map_err(|error| BatchError { index: Some(index), error })?;
        }
        Ok(())
    }

    fn poll_queue(&mut self, cx: &Context<'_>) -> Poll<Result<Option<Queued>, BatchError>> {
        if !self.turn.is_waiting() {
            self.check()?;
        }
        let Self { messages, turn, .. } = self;
        let lens = || parts(messages).map(|(message, _)| message.encoded_len());
        let need = || lens().fold(0, usize::saturating_add).min(LONGEST);
        // Which one it was is told beside the reason, which says whether to wait.
        let mut index = None;
        let made = ready!(turn.poll(cx, need, |outbound, is_in_turn| {
            outbound.publish_all(parts(messages), is_in_turn).map_err(|(at, error)| {
                index = at;
                error
            })
        }));
        Poll::Ready(made.map_err(|error| of_batch((index, error))))
    }
}

/// The messages, without invalid ones: there are none, once that was checked.
fn parts<'m>(
    messages: &'m [Publish<'_>],
) -> impl Iterator<Item = (wire::Publish<'m>, &'m Payload<'m>)> + Clone {
    messages.iter().filter_map(|one| {
        let parts = message(&one.subject, one.reply.as_ref(), &one.headers, &one.payload);
        Some((parts.ok()?, &one.payload))
    })
}

fn of_batch((index, error): (Option<usize>, NotQueued)) -> BatchError {
    BatchError { index, error: error.into() }
}

impl Future for PublishBatch<'_> {
    type Output = Result<(), BatchError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !coop::has_budget_remaining() {
            // The next poll finds some.
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        let queued = ready!(self.poll_queue(cx))?;
        for _ in 0..=self.messages.len() as u64 / PER_UNIT {
            spend(cx);
        }
        queued.into_iter().for_each(Queued::wake);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for PublishBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishBatch").field("messages", &self.messages).finish_non_exhaustive()
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "message {index} of the batch was not published"),
            None => f.write_str("the batch was not published"),
        }
    }
}

impl Error for BatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
