//! The client, as tasks have it.

pub(crate) mod link;
pub(crate) mod new;
mod publishing;
mod receiving;
pub(crate) mod replies;
pub(crate) mod request;
pub(crate) mod subscriber;

use core::fmt;

use embassy_time::Duration;
use embassy_time::Instant;
use nats_proto::session::CloseReason;
use nats_proto::session::Flush;

use crate::error::FlushError;
use crate::event::Event;
use crate::event::Statistics;
use crate::server::ServerInfo;
use crate::state::State;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;

/// A client, to be copied to every task that needs one. It does nothing by itself: a
/// [`Runner`](crate::Runner) has to be running.
pub struct Client<'d, R: Sizes<'d>> {
    pub(crate) shared: &'d Shared<'d, R>,
}

impl<'d, R: Sizes<'d>> Client<'d, R> {
    pub(crate) const fn new(shared: &'d Shared<'d, R>) -> Self {
        Self { shared }
    }

    // The connection -----------------------------------------------------------------------------

    /// Waits until the server has processed everything that was published before.
    ///
    /// Takes no longer than it takes to find out that the connection is dead. Waits for a connection, unless [`Config::offline`](crate::Config::offline) says
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
        let mut flush = Flush::new();
        self.shared.wait(move |state| state.flush(&mut flush))
    }

    /// How long a message takes to the server and back. Waits like [`flush`](Self::flush), for room
    /// and for a connection, but that does not count.
    ///
    /// ```
    /// # use nats_embassy::{Client, FlushError, Memory};
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), FlushError> {
    /// let millis = client.rtt().await?.as_millis();
    /// # let _ = millis;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`FlushError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub fn rtt(&self) -> impl Future<Output = Result<Duration, FlushError>> {
        let (mut flush, mut at) = (Flush::new(), Instant::MIN);
        self.shared.wait(move |state| {
            let now = Instant::now();
            if !flush.has_begun() {
                at = now;
            }
            let flushed = state.flush(&mut flush)?;
            Some(flushed.map(|()| now.saturating_duration_since(at)))
        })
    }

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
    pub fn connected(&self) -> impl Future<Output = Result<(), CloseReason>> {
        let attempt = |state: &mut State<'d, R>| match state.stopped() {
            Some(stop) => Some(Err(stop)),
            None => state.session.is_connected().then_some(Ok(())),
        };
        self.shared.wait(attempt)
    }

    /// Waits for the next event; `None` when the client is over. Up to 6 events are queued, for the
    /// task that asks first.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory};
    /// use nats_embassy::Event;
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) {
    /// while let Some(event) = client.next_event().await {
    ///     if let Event::Disconnected(why) = event {
    ///         // `event` and `why` have `Display`.
    /// #       let _ = why;
    ///     }
    /// }
    /// # }
    /// ```
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

    /// What the server said about itself last; `None` without a connection.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory};
    /// # fn device<'d, R: Memory<'d>>(client: Client<'d, R>) {
    /// if let Some(server) = client.server_info() {
    ///     let longest = server.max_payload;
    /// #   let _ = longest;
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn server_info(&self) -> Option<ServerInfo> {
        self.shared.lock(|state| ServerInfo::of(&state.session))
    }

    /// What was counted so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.lock(|state| state.statistics)
    }

    /// Disconnects, and connects again at once: for devices that know more of their network.
    pub fn force_reconnect(&self) {
        let now = now();
        self.shared.lock(|state| {
            let event = state.session.force_reconnect(now);
            state.handle_events(event);
            state.wake_runner();
        });
    }

    /// Ends all subscriptions when what is on its way has come and was processed, then the
    /// connection when the server has everything. Subscribing and requests fail from now on, publishing
    /// in the end. Takes up to [`drain_timeout`](nats_proto::session::Config::drain_timeout).
    ///
    /// # Errors
    ///
    /// Why it ended in another way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the draining.
    pub async fn drain(&self) -> Result<(), CloseReason> {
        self.shared.lock(|state| {
            let now = now();
            state.change(|session| session.drain(now));
        });
        self.stopped().await
    }

    /// Ends all subscriptions and requests now, and the connection when the server has everything that
    /// was published. Messages that wait for subscribers are not waited for, and without a connection
    /// it ends at once, unless a message was [kept](crate::Offline::KeepLatest) for one. Takes up
    /// to [`flush_timeout`](nats_proto::session::Config::flush_timeout).
    ///
    /// # Errors
    ///
    /// Why it ended in another way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the closing.
    pub async fn close(&self) -> Result<(), CloseReason> {
        self.shared.lock(|state| state.close(now()));
        self.stopped().await
    }

    fn stopped(&self) -> impl Future<Output = Result<(), CloseReason>> {
        self.shared.wait(|state| match state.stopped()? {
            CloseReason::Drained | CloseReason::Closed => Some(Ok(())),
            stop => Some(Err(stop)),
        })
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
