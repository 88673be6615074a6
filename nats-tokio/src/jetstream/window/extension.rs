//! A window as the connection's driver knows it.

use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use nats_proto::Instant;
use nats_proto::Message;
use nats_proto::wire::Action;
use nats_proto::wire::Violation;

use super::Window;
use super::outcome_queue::OutcomeQueue;
use super::state::State;
use crate::state::extension::Extension;
use crate::state::extension::Incoming;
use crate::state::extension::Io;
use crate::state::extension::Next;
use crate::sync::lock;

impl Window {
    /// Whether that is the subscription to the inbox.
    fn is_inbox(&self, violation: &Violation<'_>) -> bool {
        violation.subject.unquoted().eq(self.inbox.filter().as_str().bytes())
    }
}

impl Extension for Window {
    fn handle_messages(
        &self,
        incoming: &[Incoming],
        block: &Bytes,
        now: Instant,
        wake: &mut Vec<Waker>,
    ) {
        let mut state = lock(&self.state);
        for Incoming { sid, entry, .. } in incoming {
            let at = entry.at as usize;
            let frame = block.get(at..at + entry.layout.wire_len()).unwrap_or_default();
            let message = Message::from_frame(frame, *sid, entry.layout);
            state.reply(&message, &self.inbox, now, wake);
        }
        state.denials.handle_answers();
        state.settle_denied(wake);
        wake.push(Waker::from(Arc::clone(&self.bell)));
    }

    fn handle_connected(&self) {
        lock(&self.state).machine.handle_connected();
    }

    fn handle_disconnected(&self, position: u64, now: Instant, wake: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        state.lost = state.sid.take();
        state.denials.clear();
        state.is_inbox_denied = false;
        let State { machine, settling, .. } = &mut *state;
        machine.handle_disconnected(position, now, |one| settling.settle_late(one, wake));
        wake.push(Waker::from(Arc::clone(&self.bell)));
    }

    fn handle_violation(&self, violation: &Violation<'_>, wake: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        match violation.action {
            Action::Publish => {
                state.denials.note(violation.subject.unquoted());
                state.settle_denied(wake);
            }
            Action::Subscribe if self.is_inbox(violation) => {
                state.is_inbox_denied = true;
                let State { machine, settling, .. } = &mut *state;
                machine.handle_inbox_not_permitted(|one| settling.settle_late(one, wake));
            }
            _ => return,
        }
        wake.push(Waker::from(Arc::clone(&self.bell)));
    }

    fn handle_closed(&self, wake: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let State { machine, settling, .. } = &mut *state;
        machine.close(|one| settling.settle_late(one, wake));
        wake.extend(settling.queue.as_mut().and_then(OutcomeQueue::take_waker));
        wake.push(Waker::from(Arc::clone(&self.bell)));
    }

    fn poll(&self, io: &mut dyn Io, now: Instant) -> Next {
        let mut state = lock(&self.state);
        let before = state.machine.len();
        if let Some(sid) = state.lost.take() {
            io.unsubscribe(sid);
        }
        let State { machine, settling, .. } = &mut *state;
        machine.handle_timeout(now, |one| settling.settle_late(one, io.wake()));
        if state.is_dropped && state.machine.is_empty() {
            if let Some(sid) = state.sid.take() {
                io.drain(sid);
            }
            let waker = state.settling.queue.as_mut().and_then(OutcomeQueue::take_waker);
            io.wake().extend(waker);
            return Next::Over;
        }
        if state.sid.is_none() && io.is_connected() {
            state.sid = io.subscribe(self.inbox.filter(), 0);
        }
        if io.is_ready() {
            let mut outbound = lock(&self.shared.outbound);
            let driver = state.transmit(&self.inbox, &mut outbound, now, None, io.wake());
            drop(outbound);
            io.wake().extend(driver);
        }
        if state.machine.len() < before {
            io.wake().push(Waker::from(Arc::clone(&self.bell)));
        }
        // What is due and has no room is done when there is: all are polled then.
        let has_room = !io.is_connected() || io.is_ready();
        let due = state.machine.poll_timeout().filter(|at| has_room || *at > now);
        self.set_alarm(due, now);
        Next::At(due)
    }
}
