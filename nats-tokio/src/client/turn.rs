//! Waiting for a turn to publish, where there is no room at once.

use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use crate::state::capacity::Ticket;
use crate::state::outbound::NotQueued;
use crate::state::outbound::Outbound;
use crate::state::shared::Shared;
use crate::sync::lock;

/// The place in the queue of a future that may have to wait. It is given up when it is dropped.
pub(crate) struct Turn<'s> {
    pub(crate) shared: &'s Shared,
    ticket: Option<Ticket>,
}

impl<'s> Turn<'s> {
    pub(crate) const fn new(shared: &'s Shared) -> Self {
        Self { shared, ticket: None }
    }

    /// Whether it was necessary to wait, and is not over.
    #[inline]
    pub(crate) const fn is_waiting(&self) -> bool {
        self.ticket.is_some()
    }

    /// Makes `attempt`, which needs that much room, when it is its turn, and as often as it has to
    /// wait for something else.
    #[cold]
    pub(crate) fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        need: usize,
        attempt: impl FnOnce(&mut Outbound) -> Result<T, NotQueued>,
    ) -> Poll<Result<T, NotQueued>> {
        let mut wake = Vec::new();
        let polled = self.poll_locked(cx, need, &mut wake, attempt);
        wake.into_iter().for_each(Waker::wake);
        polled
    }

    /// The same for somebody who holds a lock, and wakes the others later.
    pub(crate) fn poll_locked<T>(
        &mut self,
        cx: &Context<'_>,
        need: usize,
        wake: &mut Vec<Waker>,
        attempt: impl FnOnce(&mut Outbound) -> Result<T, NotQueued>,
    ) -> Poll<Result<T, NotQueued>> {
        let mut outbound = lock(&self.shared.outbound);
        let ticket = match self.ticket {
            Some(ticket) => ticket,
            None => *self.ticket.insert(outbound.enter(need, wake)),
        };
        if outbound.is_turn_of(ticket) {
            let made = attempt(&mut outbound);
            if !self.shared.may_wait(&made) {
                self.ticket = None;
                outbound.leave(ticket, made.is_ok(), wake);
                return Poll::Ready(made);
            }
        }
        outbound.wait(ticket, cx.waker(), wake);
        Poll::Pending
    }

    #[cold]
    fn give_up(&self, ticket: Ticket) {
        let mut wake = Vec::new();
        lock(&self.shared.outbound).leave(ticket, false, &mut wake);
        wake.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.give_up(ticket);
        }
    }
}
