//! Outcomes that wait for the application, where it reads them as a stream.

use std::collections::VecDeque;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use crate::jetstream::outcome::Outcome;
use crate::jetstream::outcome::PublishOutcome;
use crate::sync::remember;

/// Outcomes that wait for the application. There are never more than the window has places.
#[derive(Debug)]
pub(in crate::jetstream) struct OutcomeQueue {
    /// Which stream it is for.
    id: u64,
    /// The number of the last message that was published before.
    after: u64,
    outcomes: VecDeque<PublishOutcome>,
    waker: Option<Waker>,
}

impl OutcomeQueue {
    /// For the stream of that number, and messages after the one of number `after`.
    pub(super) const fn new(id: u64, after: u64) -> Self {
        Self { id, after, outcomes: VecDeque::new(), waker: None }
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// The outcome of a message is known. Returns whom to wake.
    pub(super) fn push(&mut self, number: u64, outcome: &Outcome) -> Option<Waker> {
        if number <= self.after {
            return None;
        }
        self.outcomes.push_back(PublishOutcome { number, result: outcome.clone() });
        self.waker.take()
    }

    pub(super) const fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// The next outcome; `None` if there is none, and there will be none.
    pub(super) fn poll(
        &mut self,
        is_over: bool,
        task: &Context<'_>,
    ) -> Poll<Option<PublishOutcome>> {
        match self.outcomes.pop_front() {
            Some(outcome) => Poll::Ready(Some(outcome)),
            None if is_over => Poll::Ready(None),
            None => {
                remember(&mut self.waker, task.waker());
                Poll::Pending
            }
        }
    }
}
