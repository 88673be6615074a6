//! Those who wait for room in the queue, and what their waiting means for the others.

use std::task::Waker;

use super::Outbound;
use crate::state::capacity::Ticket;

/// How many of those who need all of the room are called at once when it is free. One would do, but
/// for futures that are not polled: when nothing waits to be written any more, nothing would happen
/// that could call the next one.
const SPARE: usize = 4;

impl Outbound {
    /// A publisher that needs that much room begins to wait.
    pub(crate) fn enter(&mut self, need: usize, wake: &mut Vec<Waker>) -> Ticket {
        let ticket = self.turns.enter(need);
        if self.is_ready && self.is_open {
            self.open_limit = self.open_limit.min(self.waiting);
            self.call(false, wake);
        }
        ticket
    }

    /// Whether the holder of the ticket may try now.
    pub(crate) fn is_turn_of(&self, ticket: Ticket) -> bool {
        let (is_called, may_look) = self.turns.is_called(ticket);
        is_called || (may_look && !(self.is_ready && self.owes))
    }

    /// A publisher has to wait, or to go on waiting.
    pub(crate) fn wait(&mut self, ticket: Ticket, waker: &Waker, wake: &mut Vec<Waker>) {
        self.turns.wait(ticket, waker);
        self.call(false, wake);
    }

    /// A publisher waits no more: its message is queued, or it gave up.
    pub(crate) fn leave(&mut self, ticket: Ticket, is_done: bool, wake: &mut Vec<Waker>) {
        self.turns.leave(ticket);
        self.call(false, wake);
        if is_done || self.turns.is_empty() {
            self.open();
        }
    }

    /// Calls those who wait longest, if there is room for them.
    ///
    /// Not for each message that is written, but when half of the room is free: waking a publisher
    /// takes longer than copying a message. And not before those who were called last have come,
    /// unless something was written: otherwise the first one would be woken again and again.
    pub(super) fn call(&mut self, is_written: bool, wake: &mut Vec<Waker>) {
        if !self.is_ready || self.owes || !self.turns.has_waiting() {
            return;
        }
        let (waiting, limit) = (self.waiting, self.limit);
        let (called, bytes) = self.turns.called();
        let is_too_soon = (called > 0 && !is_written) || waiting.saturating_add(bytes) > limit / 2;
        if waiting > 0 && is_too_soon {
            return;
        }
        self.turns.call(wake, |turns, need, count| {
            let (_, bytes) = turns.called();
            waiting.saturating_add(bytes).saturating_add(need) <= limit
                || (waiting == 0 && count < SPARE)
        });
    }

    /// Sets how much may be published without waiting. A publisher that has waited and published goes on
    /// until his share of the room is used up, and then queues behind the others.
    pub(super) const fn open(&mut self) {
        let (called, bytes) = self.turns.called();
        self.open_limit = if self.owes {
            0
        } else if self.turns.is_empty() {
            self.limit
        } else {
            let room = self.limit.saturating_sub(self.waiting.saturating_add(bytes));
            self.waiting + room / (called + 1)
        };
    }

    /// Something was written: those who wait are next.
    pub(super) fn note_written(&mut self, wake: &mut Vec<Waker>) {
        if !self.turns.is_empty() {
            self.open_limit = 0;
            self.call(true, wake);
        }
    }
}
