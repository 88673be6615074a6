//! Waiting for a change of the control plane.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A slot among the tasks that are told of changes.
#[derive(Default)]
pub(crate) struct Watch<'n>(Option<Pin<Box<Notified<'n>>>>);

impl<'n> Watch<'n> {
    /// Checks now, and whenever something may have changed, until that returns something.
    pub(crate) fn poll<T>(
        &mut self,
        notify: &'n Notify,
        cx: &mut Context<'_>,
        mut check: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        loop {
            // First listen, then look: what changes in between is not missed.
            let place = self.0.get_or_insert_with(|| Box::pin(notify.notified()));
            if place.as_mut().poll(cx).is_ready() {
                self.0 = None;
                continue;
            }
            if let Some(result) = check() {
                self.0 = None;
                return Poll::Ready(result);
            }
            let place = self.0.get_or_insert_with(|| Box::pin(notify.notified()));
            if place.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.0 = None;
        }
    }
}
