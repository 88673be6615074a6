//! The outcomes of all messages of a publisher, as a stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use super::outcome::PublishOutcome;
use super::window::Window;

/// The outcomes of a publisher's messages, as a [`Stream`](futures_core::Stream) and by
/// [`next`](Self::next). Made by [`Publisher::outcomes`](super::Publisher::outcomes).
///
/// Each message that is published from then on is there once, in the order in which outcomes become known.
/// An outcome keeps the place of its message in the window until it is taken: who does not take them is not
/// told less, but waits for room when publishing.
///
/// The stream ends when the publisher is dropped and all was taken, when the client is closed and all was
/// taken, and when another stream of the same publisher begins. Dropped, outcomes are told to the
/// [futures](super::Sent) alone, and their places are free.
pub struct Outcomes {
    window: Arc<Window>,
    id: u64,
}

impl Outcomes {
    pub(super) fn new(window: &Arc<Window>) -> Self {
        Self { window: Arc::clone(window), id: window.open_outcomes() }
    }

    /// The next outcome; `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<PublishOutcome> {
        poll_fn(|task| self.poll(task)).await
    }

    /// The next outcome if there is one now.
    pub fn try_next(&mut self) -> Option<PublishOutcome> {
        match self.poll(&Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => None,
        }
    }

    fn poll(&self, task: &Context<'_>) -> Poll<Option<PublishOutcome>> {
        self.window.poll_outcome(self.id, task)
    }
}

impl futures_core::Stream for Outcomes {
    type Item = PublishOutcome;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<PublishOutcome>> {
        self.poll(task)
    }
}

impl Drop for Outcomes {
    fn drop(&mut self) {
        self.window.close_outcomes(self.id);
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").finish_non_exhaustive()
    }
}
