//! How a connection stands.

use nats_proto::session::Step;
use tokio::sync::watch;

use crate::client::Client;
use crate::control::Control;
use crate::sync::lock;

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// There was none yet.
    Connecting,
    /// There is one.
    Connected,
    /// There was one, and there will be another.
    Reconnecting,
    /// It is about to be closed.
    Draining,
    /// It is closed for good.
    Closed,
}

impl ConnectionStatus {
    pub(crate) fn of(control: &Control) -> Self {
        let session = &control.session;
        if control.is_over || matches!(session.step(), Step::Stop(_)) {
            Self::Closed
        } else if session.draining().is_some() {
            Self::Draining
        } else if session.is_connected() {
            Self::Connected
        } else if session.was_connected() {
            Self::Reconnecting
        } else {
            Self::Connecting
        }
    }
}

impl Client {
    /// How the connection stands.
    #[must_use]
    pub fn status(&self) -> ConnectionStatus {
        ConnectionStatus::of(&lock(&self.handle.shared.control))
    }

    /// How the connection stands, now and whenever that changes. What changes back before anybody
    /// looks is not seen; [`events`](Self::events) tell everything.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_tokio::ConnectionStatus;
    ///
    /// let mut status = client.watch_status();
    /// status.wait_for(|status| *status == ConnectionStatus::Connected).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<ConnectionStatus> {
        self.handle.shared.status.subscribe()
    }
}
