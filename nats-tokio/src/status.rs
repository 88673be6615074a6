//! How a connection stands.

use std::fmt;
use std::sync::Mutex;

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

/// Shows how a connection stands, until it is closed.
#[derive(Debug)]
pub(crate) struct Board(Mutex<Option<watch::Sender<ConnectionStatus>>>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(watch::channel(ConnectionStatus::Connecting).0)))
    }

    /// Shows what `now` returns. To be called without any lock: somebody may be woken.
    pub(crate) fn show(&self, now: impl Fn() -> ConnectionStatus) {
        let Some(sender) = lock(&self.0).clone() else { return };
        sender.send_if_modified(|status| {
            let now = now();
            std::mem::replace(status, now) != now
        });
        if *sender.borrow() == ConnectionStatus::Closed {
            // Nothing will change any more: whoever waits for something else is told.
            let last = lock(&self.0).take();
            drop(last);
        }
    }

    fn watch(&self) -> watch::Receiver<ConnectionStatus> {
        let sender = lock(&self.0).clone();
        sender.unwrap_or_else(|| watch::channel(ConnectionStatus::Closed).0).subscribe()
    }
}

impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Draining => "draining",
            Self::Closed => "closed",
        })
    }
}

impl Client {
    /// How the connection stands.
    #[must_use]
    pub fn status(&self) -> ConnectionStatus {
        ConnectionStatus::of(&lock(&self.handle.shared.control))
    }

    /// How the connection stands, now and whenever that changes. What changes back before anybody
    /// looks is not seen; [`events`](Self::events) tell everything. Behind
    /// [`Closed`](ConnectionStatus::Closed) the channel ends: waiting for another status is an error
    /// then.
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
        self.handle.shared.status.watch()
    }
}
