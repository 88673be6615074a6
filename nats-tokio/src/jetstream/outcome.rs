//! Where the outcome of a published message is awaited.
//!
//! A place for an outcome is used again once nobody awaits it any more. That a message is stored is one
//! number that is written and read without a lock; everything else is behind one.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use super::publish_error::PublishError;
use crate::sync::lock;
use crate::sync::remember;

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

/// What became of a message of a [`Publisher`](super::Publisher).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishOutcome {
    /// The message's [number](super::Sent::number).
    pub number: u64,
    /// What became of it.
    pub result: Result<PublishAck, PublishError>,
}

/// What became of a message.
pub(super) type Outcome = Result<PublishAck, PublishError>;

/// How many places are kept for later.
const KEPT: usize = 1024;

/// Nothing is known.
const OPEN: u64 = 0;
/// The same, and there is somebody to wake.
const WAITING: u64 = 1;
/// Stored: the rest is the sequence number. Without one, the outcome is behind the lock.
const STORED: u64 = 2;
const DUPLICATE: u64 = 3;
/// How many bits these take.
const TAG: u32 = 2;

#[derive(Debug)]
struct Cell {
    word: AtomicU64,
    slow: Mutex<Slow>,
    /// The stream that it is stored in, if `word` says that it is.
    names: Names,
}

#[derive(Debug, Default)]
struct Slow {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

/// A stream, and the server's domain.
#[derive(Clone, Debug)]
struct Names {
    stream: Arc<str>,
    domain: Arc<str>,
}

impl Names {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stream, &other.stream) && Arc::ptr_eq(&self.domain, &other.domain)
    }

    fn ack(&self, sequence: u64, is_duplicate: bool) -> PublishAck {
        let Self { stream, domain } = self.clone();
        PublishAck { stream, sequence, is_duplicate, domain }
    }
}

/// Places for the outcomes of a window.
#[derive(Debug)]
pub(super) struct OutcomeCells {
    /// Those that were told, the first in front.
    told: VecDeque<Arc<Cell>>,
    /// The stream and the domain that answered last.
    names: Names,
}

/// The end that says what became of it.
#[derive(Debug)]
pub(super) struct Teller(Arc<Cell>);

/// The end that waits for it; nothing once it was told.
#[derive(Debug)]
pub(super) struct Listener(Option<Arc<Cell>>);

impl OutcomeCells {
    pub(super) fn new() -> Self {
        let names = Names { stream: "".into(), domain: "".into() };
        Self { told: VecDeque::new(), names }
    }

    /// Both ends.
    pub(super) fn begin(&mut self) -> (Teller, Listener) {
        let cell = self.reuse().unwrap_or_else(|| {
            let names = self.names.clone();
            Arc::new(Cell { word: AtomicU64::new(OPEN), slow: Mutex::default(), names })
        });
        (Teller(Arc::clone(&cell)), Listener(Some(cell)))
    }

    fn reuse(&mut self) -> Option<Arc<Cell>> {
        let mut cell = self.told.pop_front()?;
        // If its outcome is not taken yet, the next one's may be.
        let Cell { word, slow, names } = Arc::get_mut(&mut cell)?;
        let before = std::mem::replace(word.get_mut(), OPEN);
        // A number leaves nothing behind.
        if before <= DUPLICATE {
            *slow.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) = Slow::default();
        }
        if !names.is(&self.names) {
            names.clone_from(&self.names);
        }
        Some(cell)
    }

    /// The stream and the domain that answer now.
    pub(super) fn set_names(&mut self, stream: &str, domain: &str) {
        let names = &mut self.names;
        for (known, name) in [(&mut names.stream, stream), (&mut names.domain, domain)] {
            if **known != *name {
                *known = name.into();
            }
        }
    }

    /// The acknowledgement of the stream that answers now.
    pub(super) fn ack(&self, sequence: u64, is_duplicate: bool) -> PublishAck {
        self.names.ack(sequence, is_duplicate)
    }

    /// Says that a message is in the stream that answers now. Returns who is to be woken.
    pub(super) fn tell_stored(
        &mut self,
        Teller(cell): Teller,
        sequence: u64,
        is_duplicate: bool,
    ) -> Option<Waker> {
        let tag = if is_duplicate { DUPLICATE } else { STORED };
        let is_short = sequence > 0 && sequence >> (u64::BITS - TAG) == 0;
        let waker = if is_short && cell.names.is(&self.names) {
            cell.settle(sequence << TAG | tag)
        } else {
            cell.settle_slowly(Ok(self.names.ack(sequence, is_duplicate)))
        };
        self.keep(cell);
        waker
    }

    /// Says what became of a message. Returns who is to be woken.
    pub(super) fn tell(&mut self, Teller(cell): Teller, outcome: Outcome) -> Option<Waker> {
        let waker = cell.settle_slowly(outcome);
        self.keep(cell);
        waker
    }

    /// Nobody will be told.
    pub(super) fn take_back(&mut self, Teller(cell): Teller) {
        self.keep(cell);
    }

    fn keep(&mut self, cell: Arc<Cell>) {
        if self.told.len() < KEPT {
            self.told.push_back(cell);
        }
    }
}

impl Cell {
    fn settle(&self, word: u64) -> Option<Waker> {
        let before = self.word.swap(word, AcqRel);
        if before == WAITING { lock(&self.slow).waker.take() } else { None }
    }

    #[cold]
    fn settle_slowly(&self, outcome: Outcome) -> Option<Waker> {
        lock(&self.slow).outcome = Some(outcome);
        self.settle(STORED)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Outcome> {
        let mut word = self.word.load(Acquire);
        if word <= WAITING {
            remember(&mut lock(&self.slow).waker, cx.waker());
            match self.word.compare_exchange(OPEN, WAITING, AcqRel, Acquire) {
                Ok(_) | Err(WAITING) => return Poll::Pending,
                Err(told) => {
                    lock(&self.slow).waker = None;
                    word = told;
                }
            }
        }
        if word >> TAG > 0 {
            return Poll::Ready(Ok(self.names.ack(word >> TAG, word & DUPLICATE == DUPLICATE)));
        }
        match lock(&self.slow).outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

impl Future for Listener {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(cell) = &self.0 else { return Poll::Pending };
        let outcome = cell.poll(cx);
        if outcome.is_ready() {
            self.0 = None;
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(listener: &mut Listener) -> Poll<Outcome> {
        Pin::new(listener).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn sequence(listener: &mut Listener) -> (u64, bool, String) {
        match poll(listener) {
            Poll::Ready(Ok(ack)) => (ack.sequence, ack.is_duplicate, ack.stream.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn stored(
        cells: &mut OutcomeCells,
        teller: Teller,
        stream: &str,
        sequence: u64,
        is_duplicate: bool,
    ) -> Option<Waker> {
        cells.set_names(stream, "");
        cells.tell_stored(teller, sequence, is_duplicate)
    }

    #[test]
    fn every_listener_hears_its_own_outcome() {
        let mut cells = OutcomeCells::new();
        let (first, mut one) = cells.begin();
        let (second, mut two) = cells.begin();
        let (third, mut three) = cells.begin();
        assert!(poll(&mut one).is_pending() && poll(&mut one).is_pending());
        assert!(stored(&mut cells, first, "S", 7, false).is_some());
        assert!(stored(&mut cells, second, "S", u64::MAX, true).is_none());
        let closed = PublishError::NotSent(nats_proto::jetstream::NotSent::Closed);
        assert!(cells.tell(third, Err(closed)).is_none());
        assert_eq!(sequence(&mut one), (7, false, "S".to_owned()));
        assert_eq!(sequence(&mut two), (u64::MAX, true, "S".to_owned()));
        assert!(matches!(poll(&mut three), Poll::Ready(Err(PublishError::NotSent(_)))));
        assert!(poll(&mut one).is_pending(), "it is told once");
    }

    #[test]
    fn a_place_is_used_again_when_its_outcome_was_taken() {
        let mut cells = OutcomeCells::new();
        for sequence_number in 1..5 {
            let (teller, mut listener) = cells.begin();
            assert!(poll(&mut listener).is_pending());
            let is_duplicate = sequence_number % 2 == 0;
            stored(&mut cells, teller, "S", sequence_number, is_duplicate);
            assert_eq!(sequence(&mut listener), (sequence_number, is_duplicate, "S".to_owned()));
            assert_eq!(cells.told.len(), 1);
        }
        // One that is not taken keeps its own.
        let (teller, mut late) = cells.begin();
        stored(&mut cells, teller, "S", 9, false);
        let (teller, mut next) = cells.begin();
        stored(&mut cells, teller, "T", 1, false);
        assert_eq!(sequence(&mut late), (9, false, "S".to_owned()));
        assert_eq!(sequence(&mut next), (1, false, "T".to_owned()));
        // One that was given up is free, too.
        let (teller, _) = cells.begin();
        stored(&mut cells, teller, "T", 2, false);
        let (_teller, mut listener) = cells.begin();
        assert!(poll(&mut listener).is_pending());
    }
}
