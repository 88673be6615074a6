//! The connection's status for `watch_status`.

use std::sync::Mutex;

use tokio::sync::watch;

use crate::status::ConnectionStatus;
use crate::sync::lock;

/// Shows how a connection stands, until it is closed.
#[derive(Debug)]
pub(crate) struct Board(Mutex<Option<watch::Sender<ConnectionStatus>>>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(watch::channel(ConnectionStatus::Connecting).0)))
    }

    /// Shows what `now` returns. To be called without any lock: it may wake tasks.
    pub(crate) fn show(&self, now: impl Fn() -> ConnectionStatus) {
        let Some(sender) = lock(&self.0).clone() else { return };
        sender.send_if_modified(|status| {
            let now = now();
            std::mem::replace(status, now) != now
        });
        if *sender.borrow() == ConnectionStatus::Closed {
            // Nothing will change any more: tasks that wait for another status are told.
            let last = lock(&self.0).take();
            drop(last);
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ConnectionStatus> {
        let sender = lock(&self.0).clone();
        sender.unwrap_or_else(|| watch::channel(ConnectionStatus::Closed).0).subscribe()
    }
}
