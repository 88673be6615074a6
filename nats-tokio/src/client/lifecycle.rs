//! Waiting for the connection, and for its end.

use std::future::poll_fn;
use std::time::Duration;

use nats_proto::session::CloseReason;

use crate::client::Client;
use crate::client::flush::Flush;
use crate::client::watch::Watch;
use crate::error::FlushError;
use crate::state::control::Control;
use crate::sync::lock;

impl Client {
    /// Waits until the server has processed everything that was published, subscribed and
    /// unsubscribed before: a PING, and its PONG. Without a connection, waits for the next one. No
    /// longer than the [options](crate::ConnectOptions::flush_timeout) or [`Flush::timeout`] allow.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.publish("greet.sue", "hello").await?;
    /// client.flush().timeout(std::time::Duration::from_secs(1)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`FlushError`]; then the server may have processed it, or not.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing back.
    pub fn flush(&self) -> Flush<'_> {
        Flush::new(&self.handle.shared)
    }

    /// The time that a PING takes to the server and back, behind everything that is waiting to be
    /// written.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// println!("{:?} to the server and back", client.rtt().await?);
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
    /// Dropping the future takes nothing back.
    pub async fn rtt(&self) -> Result<Duration, FlushError> {
        let start = tokio::time::Instant::now();
        self.flush().await?;
        Ok(start.elapsed())
    }

    /// Sends what was published, and closes the connection. Subscriptions get nothing more; what
    /// waits for them can still be taken.
    ///
    /// Waits until the server has everything, but no longer than the
    /// [options](crate::ConnectOptions::flush_timeout) allow, and until the socket is closed.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.publish("service.stopped", "").await?;
    /// client.close().await; // the server has it
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop it.
    pub async fn close(&self) {
        self.handle.shared.finish();
        self.closed().await;
    }

    /// Waits until the connection is closed, and says why.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let watched = client.clone();
    /// tokio::spawn(async move {
    ///     println!("closed: {}", watched.closed().await);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> CloseReason {
        self.wait_for(|control| {
            control.is_over.then(|| control.stopped().unwrap_or(CloseReason::Closed))
        })
        .await
    }

    /// Waits until `check` returns something.
    pub(crate) async fn wait_for<T>(&self, mut check: impl FnMut(&mut Control) -> Option<T>) -> T {
        let shared = &self.handle.shared;
        let mut watch = Watch::default();
        poll_fn(|cx| watch.poll(&shared.changed, cx, || check(&mut lock(&shared.control)))).await
    }
}
