//! A consumer's messages on their way from the server to the application.
//!
//! The machine says what to ask for, the driver of the connection lets it: so it goes on whether or not
//! the application waits for messages.

mod jobs;
mod state;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
pub(super) use jobs::JobId;
use nats_proto::Instant;
use nats_proto::RngSeed;
use nats_proto::Subject;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::PullEndReason;
use nats_proto::jetstream::PullEvent;
use nats_proto::jetstream::PullInbox;
use nats_proto::wire::Violation;
use state::State;

use super::machine::End;
use super::machine::Machine;
use crate::Message;
use crate::state::control::Control;
use crate::state::extension::Extension;
use crate::state::extension::ExtensionId;
use crate::state::extension::Incoming;
use crate::state::extension::Io;
use crate::state::extension::Next;
use crate::state::shared::Shared;
use crate::sync::lock;

/// What a machine needs to know of its consumer, and the group that it pulls for.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The subject of a pull.
    pub(super) next: String,
    /// The subject of CONSUMER.INFO.
    pub(super) info: String,
    pub(super) group: String,
    pub(super) min_pending: u64,
    pub(super) min_ack_pending: u64,
    pub(super) priority: u8,
}

/// A message that waits for the application.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message: Message,
    /// How many bytes of a pull's limit it takes.
    pub(super) size: u32,
    /// When it came.
    pub(super) came: Instant,
}

/// A machine on a connection.
pub(super) struct Pulling {
    shared: Arc<Shared>,
    id: OnceLock<ExtensionId>,
    state: Mutex<State>,
}

/// What there is for the application.
pub(super) enum Taken {
    /// Messages, which are the caller's.
    Messages,
    Event(PullEvent),
    End(End),
    Closed,
}

impl Pulling {
    /// Puts a machine on a client's connection.
    pub(super) fn start(
        shared: &Arc<Shared>,
        mut machine: Machine,
        names: Names,
        seed: RngSeed,
    ) -> Option<Arc<Self>> {
        let prefix = Subject::new(&shared.options.inbox_prefix).ok()?;
        let inbox = PullInbox::new(prefix, seed).ok()?;
        let mut control = lock(&shared.control);
        if control.stopped().is_some() {
            return None;
        }
        if control.session.is_connected() {
            machine.handle_connected();
        }
        let state = State::new(machine, names, inbox);
        let pulling = Arc::new(Self {
            shared: Arc::clone(shared),
            id: OnceLock::new(),
            state: Mutex::new(state),
        });
        let id = control.extensions.add(Arc::clone(&pulling) as Arc<dyn Extension>);
        // Nobody else has it yet.
        let _ = pulling.id.set(id);
        shared.poll_extension(&mut control, id);
        Some(pulling)
    }

    /// Tells the machine something, and lets it do what follows.
    pub(super) fn tell(&self, tell: impl FnOnce(&mut Machine, Instant)) {
        let now = self.shared.now();
        let mut control = lock(&self.shared.control);
        tell(&mut lock(&self.state).machine, now);
        self.poll_locked(&mut control);
    }

    /// The application is done with messages. Most of the time, nothing follows from that.
    pub(super) fn release(&self, messages: u32, bytes: u32) {
        let mut state = lock(&self.state);
        state.machine.release(messages, bytes);
        let has_demand = state.machine.has_demand();
        drop(state);
        if has_demand {
            self.poll_locked(&mut lock(&self.shared.control));
        }
    }

    /// Takes what there is: all messages that wait into `messages`; else an event; else the end.
    pub(super) fn take(
        &self,
        messages: &mut VecDeque<Waiting>,
        waker: Option<&Waker>,
    ) -> Option<Taken> {
        let mut state = lock(&self.state);
        if !state.waiting.is_empty() {
            std::mem::swap(messages, &mut state.waiting);
            return Some(Taken::Messages);
        }
        if let Some(event) = state.events.pop_front() {
            return Some(Taken::Event(event));
        }
        if let Some(end) = state.end {
            return Some(Taken::End(end));
        }
        if state.is_closed {
            return Some(Taken::Closed);
        }
        if let Some(waker) = waker
            && !state.waker.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            state.waker = Some(waker.clone());
        }
        None
    }

    /// Begins another fetch, and forgets how the last one ended.
    pub(super) fn restart(&self, names: Names, start: impl FnOnce(&mut Machine, Instant)) {
        {
            let mut state = lock(&self.state);
            state.names = names;
            state.end = None;
            state.waiting.clear();
        }
        self.tell(start);
    }

    /// The application works on a message, and until it has [finished](Self::finish_job), the server is told so
    /// every `interval`.
    /// `told` is set to when that was, in milliseconds.
    pub(super) fn start_job(
        &self,
        message: &Message,
        told: Arc<AtomicU64>,
        interval: Duration,
    ) -> JobId {
        let reply = message.reply_bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let now = self.shared.now();
        let mut control = lock(&self.shared.control);
        let id = lock(&self.state).jobs.start(reply, told, interval, now);
        self.poll_locked(&mut control);
        id
    }

    /// The application is done with a message, whose place is free.
    pub(super) fn finish_job(&self, id: JobId, size: u32) {
        let mut control = lock(&self.shared.control);
        {
            let mut state = lock(&self.state);
            state.jobs.finish(id);
            state.machine.release(1, size);
        }
        self.poll_locked(&mut control);
    }

    fn poll_locked(&self, control: &mut Control) {
        if let Some(id) = self.id.get() {
            self.shared.poll_extension(control, *id);
        }
    }

    /// Stops: gives back what waits, and `messages`, and what still comes.
    pub(super) fn stop(&self, messages: &mut VecDeque<Waiting>, is_dropped: bool) {
        let now = self.shared.now();
        let mut control = lock(&self.shared.control);
        let mut state = lock(&self.state);
        state.is_dropped |= is_dropped;
        if is_dropped {
            state.jobs.clear();
        }
        state.machine.stop(now);
        let waiting = std::mem::take(&mut state.waiting);
        for one in messages.drain(..).chain(waiting) {
            state.machine.release(1, one.size);
            state.give_back(&one.message);
        }
        drop(state);
        self.poll_locked(&mut control);
    }
}

impl Extension for Pulling {
    fn handle_messages(
        &self,
        incoming: &[Incoming],
        block: &Bytes,
        now: Instant,
        wake: &mut Vec<Waker>,
    ) {
        let mut state = lock(&self.state);
        for Incoming { tag, sid, entry, .. } in incoming {
            let at = entry.at as usize;
            let frame = block.slice(at..at + entry.layout.wire_len());
            state.handle(InboxId(*tag), Message::new(frame, *sid, entry.layout), now);
        }
        if !state.waiting.is_empty() {
            wake.extend(state.waker.take());
        }
    }

    fn handle_connected(&self) {
        let mut state = lock(&self.state);
        state.machine.handle_connected();
        state.jobs.handle_connected();
    }

    fn handle_disconnected(&self, _: u64, _: Instant, _: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        state.machine.handle_disconnected();
        let lost: Vec<_> = state.subscribed.drain(..).map(|(_, sid)| sid).collect();
        state.lost.extend(lost);
        state.ping = None;
        state.wants_info = false;
    }

    fn handle_violation(&self, violation: &Violation<'_>, _: &mut Vec<Waker>) {
        lock(&self.state).handle_violation(violation, self.shared.now());
    }

    fn handle_closed(&self, wake: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        wake.extend(state.waker.take());
    }

    fn poll(&self, io: &mut dyn Io, now: Instant) -> Next {
        let mut state = lock(&self.state);
        state.poll(io, now);
        if state.end.is_some() || !state.events.is_empty() {
            let waker = state.waker.take();
            io.wake().extend(waker);
        }
        let is_over = state.end.is_some()
            && state.returned.is_empty()
            && state.jobs.is_empty()
            && matches!(state.machine, Machine::Pull(_));
        if is_over {
            return Next::Over;
        }
        let timeout = state.machine.poll_timeout();
        if state.is_dropped && timeout.is_none() && matches!(state.machine, Machine::Fetch(_)) {
            // Nothing is under way; what is left is the subscription that the next one would use.
            for (_, sid) in std::mem::take(&mut state.subscribed) {
                io.drain(sid);
            }
            return Next::Over;
        }
        let progress = state.jobs.due().filter(|_| io.is_connected());
        let next = [timeout, progress, state.ends_at()].into_iter().flatten().min();
        // What is due and has no room is done when there is: all are polled then.
        let has_room = !io.is_connected() || io.is_ready();
        Next::At(next.filter(|at| has_room || *at > now))
    }
}

impl fmt::Debug for Pulling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulling")
            .field("machine", &lock(&self.state).machine)
            .finish_non_exhaustive()
    }
}

/// Whether an end is what the application has asked for.
pub(super) const fn is_wanted(end: PullEndReason) -> bool {
    matches!(end, PullEndReason::Stopped | PullEndReason::Drained)
}
