//! The events of a connection, for those who listen.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use futures_core::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::client::Client;
use crate::event::Event;

/// The events of a connection from now on; see [`Client::events`](crate::Client::events).
///
/// Up to 128 events wait for a listener. Nothing waits for it: if there are more, the oldest are
/// dropped, and counted.
///
/// A `Stream` as well, which ends where [`next`](Self::next) says `None`.
pub struct Events {
    next: Next,
    is_over: bool,
}

/// The receiver, and what it received; taken apart while it waits.
type Next = Pin<Box<dyn Future<Output = (Result<Event, RecvError>, Receiver)> + Send + Sync>>;

type Receiver = broadcast::Receiver<Event>;

async fn receive(mut receiver: Receiver) -> (Result<Event, RecvError>, Receiver) {
    (receiver.recv().await, receiver)
}

impl Client {
    /// The events of the connection from now on.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut events = client.events();
    /// tokio::spawn(async move {
    ///     while let Some(event) = events.next().await {
    ///         println!("{event:?}");
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn events(&self) -> Events {
        let shared = &self.handle.shared;
        Events::new(shared.events.subscribe(), shared.is_over())
    }
}

impl Events {
    /// Those that `receiver` gets; none if the connection is over.
    fn new(receiver: Receiver, is_over: bool) -> Self {
        Self { next: Box::pin(receive(receiver)), is_over }
    }

    /// The next event; `None` when the connection is closed and all was told.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let (received, receiver) = ready!(self.next.as_mut().poll(cx));
        self.next = Box::pin(receive(receiver));
        Poll::Ready(match received {
            Ok(event) => {
                self.is_over = matches!(event, Event::Closed { .. });
                Some(event)
            }
            Err(RecvError::Lagged(count)) => Some(Event::Missed(count)),
            Err(RecvError::Closed) => None,
        })
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
