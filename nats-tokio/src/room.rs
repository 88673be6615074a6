//! Waiting for room in the queue of what is to be written.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A place among those who wait, taken only when it is needed.
#[derive(Default)]
pub(crate) struct Room<'n>(Option<Pin<Box<Notified<'n>>>>);

impl<'n> Room<'n> {
    /// Calls `attempt` now, and whenever there may be room, until it returns something.
    pub(crate) fn poll<T>(
        &mut self,
        notify: &'n Notify,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        loop {
            if let Some(result) = attempt() {
                self.0 = None;
                return Poll::Ready(result);
            }
            match &mut self.0 {
                // Take the place first, and try once more: room may have been made in between.
                None => {
                    let mut place = Box::pin(notify.notified());
                    place.as_mut().enable();
                    self.0 = Some(place);
                }
                Some(place) => {
                    ready!(place.as_mut().poll(cx));
                    self.0 = None;
                }
            }
        }
    }
}
