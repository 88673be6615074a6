//! Waiting for the server's word, and the end of a connection.

use std::future::Future;
use std::time::Duration;

use nats_proto::session::FlushState;
use nats_proto::session::Stop;

use crate::client::Client;
use crate::control::Control;
use crate::error::DrainError;
use crate::error::FlushError;
use crate::sync::lock;

impl Client {
    /// Waits until the server has processed everything that was published, subscribed and
    /// unsubscribed before: a PING, and its PONG. Without a connection, waits for the next one.
    ///
    /// # Errors
    ///
    /// [`FlushError`]; then the server may have processed it, or not.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing back.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let shared = &self.handle.shared;
        let flushed = async {
            let id = self.wait_for(|control| {
                if control.stopped().is_some() {
                    return Some(Err(FlushError::Closed));
                }
                let id = control.session.flush()?;
                shared.pump(control);
                Some(Ok(id))
            });
            let id = id.await?;
            self.wait_for(|control| match control.session.flush_state(id) {
                FlushState::Done => Some(Ok(())),
                FlushState::Lost => Some(Err(FlushError::Disconnected)),
                FlushState::Pending => control.is_over.then_some(Err(FlushError::Disconnected)),
            })
            .await
        };
        self.within(shared.settings.flush_timeout, flushed)
            .await
            .unwrap_or(Err(FlushError::TimedOut))
    }

    /// The time that a PING takes to the server and back, behind everything that is waiting to be
    /// written.
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

    /// Ends the connection in good order: first all subscriptions end, when the messages that are
    /// on their way have come and the subscribers have taken them; publishing goes on until then.
    /// Then everything published is sent, and the connection is closed. Without a connection, what
    /// was kept for the next one is sent to that.
    ///
    /// Subscribers must go on to be read, or be dropped.
    ///
    /// # Errors
    ///
    /// [`DrainError`] if the connection is lost in between, or it takes longer than the
    /// [options](crate::ConnectOptions::drain_timeout) allow. It is closed all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop it.
    pub async fn drain(&self) -> Result<(), DrainError> {
        let shared = &self.handle.shared;
        {
            let mut control = lock(&shared.control);
            control.session.drain(shared.now());
            shared.pump(&mut control);
            control.wake_driver();
        }
        match self.closed().await {
            Stop::Drained => Ok(()),
            stop => Err(stop.into()),
        }
    }

    /// Whether the connection is draining.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        lock(&self.handle.shared.control).session.draining().is_some()
    }

    /// Sends what was published, and closes the connection. Subscriptions get nothing more; what
    /// waits for them can still be taken.
    ///
    /// Waits until the server has everything, but no longer than the
    /// [options](crate::ConnectOptions::flush_timeout) allow, and until the socket is closed.
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
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> Stop {
        self.wait_for(|control| control.is_over.then(|| control.stopped().unwrap_or(Stop::Closed)))
            .await
    }

    /// Waits until `check` returns something.
    pub(crate) async fn wait_for<T>(&self, mut check: impl FnMut(&mut Control) -> Option<T>) -> T {
        let shared = &self.handle.shared;
        loop {
            let mut changed = std::pin::pin!(shared.changed.notified());
            // First listen, then look: what changes in between is not missed.
            changed.as_mut().enable();
            if let Some(result) = check(&mut lock(&shared.control)) {
                return result;
            }
            changed.await;
        }
    }

    /// Waits for `future`, but no longer than `timeout`. Works outside of a runtime, too.
    async fn within<T>(&self, timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
        let sleep = {
            let _runtime = self.handle.shared.runtime.enter();
            tokio::time::sleep(timeout)
        };
        let mut sleep = std::pin::pin!(sleep);
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| {
            if let std::task::Poll::Ready(result) = future.as_mut().poll(cx) {
                return std::task::Poll::Ready(Some(result));
            }
            sleep.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
}
