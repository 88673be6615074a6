//! Where the outcome of a published message is awaited.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use super::publish_error::PublishError;
use crate::sync::lock;

/// The server's word that a message is in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishAck {
    /// The stream.
    pub stream: Arc<str>,
    /// The message's sequence number in the stream; that of the first one, if it is a duplicate.
    pub sequence: u64,
    /// Whether a message with the same id was there already, and this one was not stored.
    pub is_duplicate: bool,
    /// The server's domain; empty if it has none.
    pub domain: Arc<str>,
}

/// What became of a message.
pub(super) type Outcome = Result<PublishAck, PublishError>;

#[derive(Debug, Default)]
struct Cell {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

/// The end that says what became of it.
#[derive(Debug)]
pub(super) struct Teller(Arc<Mutex<Cell>>);

/// The end that waits for it.
#[derive(Debug)]
pub(super) struct Listener(Arc<Mutex<Cell>>);

/// Both ends.
pub(super) fn outcome() -> (Teller, Listener) {
    let cell = Arc::new(Mutex::new(Cell::default()));
    (Teller(Arc::clone(&cell)), Listener(cell))
}

impl Teller {
    /// Says what became of it. Returns who is to be woken.
    pub(super) fn tell(self, outcome: Outcome) -> Option<Waker> {
        let mut cell = lock(&*self.0);
        cell.outcome = Some(outcome);
        cell.waker.take()
    }
}

impl Future for Listener {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut cell = lock(&*self.0);
        if let Some(outcome) = cell.outcome.take() {
            return Poll::Ready(outcome);
        }
        if !cell.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            cell.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
