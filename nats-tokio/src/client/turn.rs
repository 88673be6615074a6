//! Waiting for a turn to publish, where there is no room at once.

use std::sync::MutexGuard;
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

    /// Makes `attempt` when it is its turn, which it is at once unless others wait; and again after
    /// it had to wait. It is told whether it was called, and needs as much room as `need` says.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        need: impl FnOnce() -> usize,
        attempt: impl FnMut(&mut Outbound, bool) -> Result<T, NotQueued>,
    ) -> Poll<Result<T, NotQueued>> {
        let mut wake = Vec::new();
        let polled = self.poll_locked(cx, need, &mut wake, attempt);
        wake.into_iter().for_each(Waker::wake);
        polled
    }

    /// The same for a caller that holds a lock, and wakes the others later.
    pub(crate) fn poll_locked<T>(
        &mut self,
        cx: &Context<'_>,
        need: impl FnOnce() -> usize,
        wake: &mut Vec<Waker>,
        mut attempt: impl FnMut(&mut Outbound, bool) -> Result<T, NotQueued>,
    ) -> Poll<Result<T, NotQueued>> {
        let mut outbound = lock(&self.shared.outbound);
        let ticket = match self.ticket {
            Some(ticket) => ticket,
            None => match attempt(&mut outbound, false) {
                Err(refused) if self.shared.may_wait(refused) => {
                    *self.ticket.insert(outbound.enter(need(), wake))
                }
                made => return Poll::Ready(made),
            },
        };
        self.poll_turn(&mut outbound, ticket, cx, wake, |outbound| attempt(outbound, true))
    }

    /// Waits, after an attempt was refused under the lock that is still held.
    #[cold]
    pub(crate) fn wait<T>(
        &mut self,
        mut outbound: MutexGuard<'_, Outbound>,
        refused: NotQueued,
        cx: &Context<'_>,
        need: usize,
        attempt: impl FnOnce(&mut Outbound) -> Result<T, NotQueued>,
    ) -> Poll<Result<T, NotQueued>> {
        if !self.shared.may_wait(refused) {
            return Poll::Ready(Err(refused));
        }
        let mut wake = Vec::new();
        let ticket = *self.ticket.insert(outbound.enter(need, &mut wake));
        let polled = self.poll_turn(&mut outbound, ticket, cx, &mut wake, attempt);
        drop(outbound);
        wake.into_iter().for_each(Waker::wake);
        polled
    }

    /// Makes `attempt` if it is its turn, and waits on otherwise.
    fn poll_turn<T>(
        &mut self,
        outbound: &mut Outbound,
        ticket: Ticket,
        cx: &Context<'_>,
        wake: &mut Vec<Waker>,
        attempt: impl FnOnce(&mut Outbound) -> Result<T, NotQueued>,
    ) -> Poll<Result<T, NotQueued>> {
        if outbound.is_turn_of(ticket) {
            let made = attempt(outbound);
            if !made.as_ref().is_err_and(|refused| self.shared.may_wait(*refused)) {
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
