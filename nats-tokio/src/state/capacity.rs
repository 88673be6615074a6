//! Waiting for room in the queue of what is to be written: first come, first served.

use std::collections::VecDeque;
use std::task::Waker;

use crate::sync::remember;

/// A publisher's number in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Those who wait.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// In the order of their tickets.
    waiters: VecDeque<Waiter>,
    last: u64,
    /// How many there are in each state, those who are gone left out.
    waiting: usize,
    called: usize,
    looking: usize,
    /// How much room those who were called need together.
    called_bytes: usize,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    need: usize,
    state: State,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// There is room: it is its turn.
    Called,
    /// Something changed that may end the wait in another way.
    Looking,
    Gone,
}

impl Turns {
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting + self.called + self.looking == 0
    }

    /// Whether a publisher waits that was not woken.
    pub(crate) const fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// How many were called and did not come yet, and how much room is for them.
    pub(crate) const fn called(&self) -> (usize, usize) {
        (self.called, self.called_bytes)
    }

    /// A publisher arrives that needs that much room.
    pub(crate) fn enter(&mut self, need: usize) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.waiters.push_back(Waiter { ticket, need, state: State::Waiting, waker: None });
        self.waiting += 1;
        ticket
    }

    /// Whether it was called, and whether it may only look.
    pub(crate) fn is_called(&self, ticket: Ticket) -> (bool, bool) {
        let state = self.position(ticket).and_then(|at| self.waiters.get(at)).map(|one| one.state);
        (state == Some(State::Called), state == Some(State::Looking))
    }

    /// It goes on waiting where it was.
    pub(crate) fn wait(&mut self, ticket: Ticket, waker: &Waker) {
        self.set(ticket, State::Waiting);
        if let Some(waiter) = self.position(ticket).and_then(|at| self.waiters.get_mut(at)) {
            remember(&mut waiter.waker, waker);
        }
    }

    /// It has what it waited for, or wants it no more.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        self.set(ticket, State::Gone);
        while self.waiters.front().is_some_and(|first| first.state == State::Gone) {
            self.waiters.pop_front();
        }
        let present = self.waiting + self.called + self.looking;
        if self.waiters.len() > 16 + 2 * present {
            self.waiters.retain(|one| one.state != State::Gone);
        }
    }

    /// Calls one after the other, as long as `fits`, which is told what the next one needs and how
    /// many were called just now.
    pub(crate) fn call(
        &mut self,
        wake: &mut Vec<Waker>,
        mut fits: impl FnMut(&Self, usize, usize) -> bool,
    ) {
        let mut count = 0;
        for at in 0..self.waiters.len() {
            let Some(waiter) = self.waiters.get_mut(at) else { return };
            if waiter.state != State::Waiting {
                continue;
            }
            let (ticket, need) = (waiter.ticket, waiter.need);
            if !fits(self, need, count) {
                return;
            }
            count += 1;
            self.set(ticket, State::Called);
            wake.extend(self.waiters.get_mut(at).and_then(|waiter| waiter.waker.take()));
        }
    }

    /// Lets everybody look at what has changed.
    pub(crate) fn look(&mut self, wake: &mut Vec<Waker>) {
        for waiter in self.waiters.iter_mut().filter(|one| one.state != State::Gone) {
            waiter.state = State::Looking;
            wake.extend(waiter.waker.take());
        }
        self.looking += self.waiting + self.called;
        (self.waiting, self.called, self.called_bytes) = (0, 0, 0);
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |one| one.ticket).ok()
    }

    fn set(&mut self, ticket: Ticket, state: State) {
        let Some(waiter) = self.position(ticket).and_then(|at| self.waiters.get_mut(at)) else {
            return;
        };
        let need = waiter.need;
        let before = std::mem::replace(&mut waiter.state, state);
        if state == State::Gone {
            waiter.waker = None;
        }
        match before {
            State::Waiting => self.waiting -= 1,
            State::Looking => self.looking -= 1,
            State::Gone => {}
            State::Called => {
                self.called -= 1;
                self.called_bytes -= need;
            }
        }
        match state {
            State::Waiting => self.waiting += 1,
            State::Looking => self.looking += 1,
            State::Gone => {}
            State::Called => {
                self.called += 1;
                self.called_bytes += need;
            }
        }
    }
}
