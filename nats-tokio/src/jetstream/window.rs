//! Messages on their way to streams, on a connection.
//!
//! The machine says what to send, and what became of it; the driver of the connection lets it. Publishing
//! takes the lock of the window and that of the send buffer, and nothing else once the inbox is there.

mod denials;
mod extension;
mod kept;
mod outcome_queue;
mod state;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

use kept::Kept;
use kept::Machine;
pub(super) use kept::Parts;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::RngSeed;
use nats_proto::Subject;
use nats_proto::jetstream::ChainIds;
use nats_proto::jetstream::NotAccepted;
use nats_proto::jetstream::NotSent;
use nats_proto::jetstream::PublishHandle;
use nats_proto::jetstream::WindowConfig;
use nats_proto::jetstream::WindowMessage;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishLens;
use nats_proto::wire::PublishLimits;
use outcome_queue::OutcomeQueue;
use state::State;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::outcome::Listener;
use super::outcome::PublishOutcome;
use super::publish_error::InvalidMessage;
use super::publish_error::PublishError;
use crate::state::extension::Extension;
use crate::state::extension::ExtensionId;
use crate::state::shared::Shared;
use crate::sync::lock;

/// On what terms a message is published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) deadline: Instant,
    pub(super) has_id: bool,
    pub(super) retries: u8,
}

/// A message that the window has taken.
pub(super) struct Accepted {
    /// `None` if its outcome is known already.
    pub(super) handle: Option<PublishHandle>,
    pub(super) listener: Listener,
}

/// Why the window has not taken a message.
pub(super) enum Refused {
    /// There is no room at present.
    Full,
    Invalid(InvalidMessage),
}

/// Where a chain begins: the ids of its messages, and the stream's last message.
pub(super) struct ChainStart {
    pub(super) ids: ChainIds<Vec<u8>>,
    /// Its number, if it is the publisher's own, or zero.
    pub(super) number: u64,
    /// Its sequence number.
    pub(super) sequence: u64,
    /// Whether the stream has replicas.
    pub(super) is_replicated: bool,
}

/// A window of messages on a connection.
pub(super) struct Window {
    pub(super) shared: Arc<Shared>,
    id: OnceLock<ExtensionId>,
    state: Mutex<State>,
    inbox: Inbox<Vec<u8>>,
    /// How long a reply subject is at most.
    longest_reply: usize,
    /// How many messages it takes, outcomes that wait for the application included.
    max_messages: u32,
    /// How many bytes of headers a chain adds to a message at most; zero without one.
    chain_len: usize,
    /// How many streams of outcomes there were.
    outcome_streams: AtomicU64,
    /// Until when the driver knows that it has to come back.
    alarm: AtomicU64,
    bell: Arc<Bell>,
}

/// Tells those who wait for the window that it has changed.
#[derive(Debug, Default)]
struct Bell {
    room: Notify,
    settled: Notify,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.room.notify_one();
        self.settled.notify_waiters();
    }
}

impl Window {
    /// Puts a window on a client's connection.
    pub(super) fn start(
        shared: &Arc<Shared>,
        (config, max_messages): (WindowConfig, u32),
        seed: RngSeed,
        chain: Option<ChainStart>,
    ) -> Arc<Self> {
        let prefix = Subject::new(&shared.options.inbox_prefix);
        // It was checked when the client was made, and a vector has room for all of it.
        let inbox = prefix.ok().and_then(|prefix| Inbox::new(prefix, seed).ok());
        let inbox = inbox.unwrap_or_else(|| shared.inbox.clone());
        let mut control = lock(&shared.control);
        let mut machine = Machine::new(config);
        if control.session.is_connected() {
            machine.handle_connected();
        }
        if let Some(ChainStart { number, sequence, is_replicated, .. }) = &chain {
            machine.start_chain(*number, *sequence);
            if *is_replicated {
                machine.expect_sequences();
            }
        }
        let ids = chain.map(|chain| chain.ids);
        let chain_len = ids.as_ref().map_or(0, ChainIds::max_headers_len);
        let state = State::new(machine, ids, control.stopped().is_some());
        let window = Arc::new(Self {
            shared: Arc::clone(shared),
            id: OnceLock::new(),
            state: Mutex::new(state),
            longest_reply: longest_reply(&inbox),
            max_messages,
            chain_len,
            outcome_streams: AtomicU64::new(0),
            inbox,
            alarm: AtomicU64::new(u64::MAX),
            bell: Arc::default(),
        });
        if control.stopped().is_none() {
            let id = control.extensions.add(Arc::clone(&window) as Arc<dyn Extension>);
            // Nobody else has it yet.
            let _ = window.id.set(id);
            shared.poll_extension(&mut control, id);
        }
        window
    }

    /// Takes a message, and sends it if it can be sent.
    pub(super) fn publish(
        &self,
        parts: &Parts<'_>,
        terms: &Terms,
        now: Instant,
    ) -> Result<Accepted, Refused> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let mut outbound = lock(&self.shared.outbound);
        let size = self.check(parts, outbound.limits()).map_err(Refused::Invalid)?;
        let refusal = if state.is_closed {
            Some(NotSent::Closed)
        } else {
            state.is_inbox_denied.then_some(NotSent::InboxNotPermitted)
        };
        let has_place = state.has_place(self.max_messages);
        if refusal.is_none() && !has_place {
            return Err(Refused::Full);
        }
        let (teller, listener) = state.settling.cells.begin();
        if let Some(reason) = refusal {
            // Nobody waits for it yet.
            let _ = state.settling.cells.tell(teller, Err(PublishError::NotSent(reason)));
            return Ok(Accepted { handle: None, listener });
        }
        let kept = Kept::new(parts, state.settling.spare.take(), teller);
        let message = WindowMessage::new(kept, size, terms.deadline).retries(terms.retries);
        let message = if terms.has_id { message.with_id() } else { message };
        let handle = match state.machine.publish(message) {
            Ok(handle) => handle,
            Err(NotAccepted { data, is_too_large, .. }) => {
                let teller = data.release(&mut state.settling.spare);
                state.settling.cells.take_back(teller);
                let too_large = Refused::Invalid(InvalidMessage::TooLarge);
                return Err(if is_too_large { too_large } else { Refused::Full });
            }
        };
        let mut settled = Vec::new();
        let wake = match state.sid {
            Some(_) => {
                // One that is large is kept as it is, and so sent.
                let new = Some((handle.number(), *parts)).filter(|_| !parts.is_large());
                state.transmit(&self.inbox, &mut outbound, now, new, &mut settled)
            }
            None => None,
        };
        drop(outbound);
        let due = state.machine.poll_timeout().map_or(u64::MAX, Instant::as_millis);
        let needs_driver = state.sid.is_none() || due < self.alarm.load(Relaxed);
        drop(guard);
        wake.into_iter().chain(settled).for_each(Waker::wake);
        if needs_driver {
            self.poll_now();
        }
        Ok(Accepted { handle: Some(handle), listener })
    }

    /// How many bytes a message takes of the window, if the server takes it.
    fn check(&self, parts: &Parts<'_>, limits: PublishLimits) -> Result<u32, InvalidMessage> {
        let message = Publish {
            headers: parts.headers,
            ..Publish::new(parts.subject, parts.payload.as_bytes())
        };
        let mut lens = PublishLens::of(&message);
        // A blank is in front of the reply subject.
        let reply = self.longest_reply + 1;
        lens.line += reply;
        if self.chain_len > 0 {
            lens.body += self.chain_len;
            lens.has_headers = true;
        }
        limits.check_lens(lens).map_err(InvalidMessage::Refused)?;
        let len = message.encoded_len() + reply + self.chain_len;
        Ok(u32::try_from(len).unwrap_or(u32::MAX))
    }

    /// Notes when the driver comes back: as asked now, or earlier as it was asked before.
    fn set_alarm(&self, due: Option<Instant>, now: Instant) {
        let before = self.alarm.load(Relaxed);
        let due = due.map_or(u64::MAX, Instant::as_millis);
        if before <= now.as_millis() || due < before {
            self.alarm.store(due, Relaxed);
        }
    }

    /// Lets the machine do what is due.
    fn poll_now(&self) {
        if let Some(id) = self.id.get() {
            self.shared.poll_extension(&mut lock(&self.shared.control), *id);
        }
    }

    /// Gives up a message whose outcome nobody waits for.
    pub(super) fn abandon(&self, handle: PublishHandle) {
        let given_up = lock(&self.state).machine.cancel(handle);
        if given_up.is_some() {
            Arc::clone(&self.bell).wake();
        }
    }

    /// Waits until there may be room, from the first time on that it is polled.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives its turn to the next who waits.
    pub(super) fn room(&self) -> Notified<'_> {
        self.bell.room.notified()
    }

    /// Passes the turn on: there may be more room.
    pub(super) fn pass_turn(&self) {
        self.bell.room.notify_one();
    }

    /// Waits until every message that was published before has its outcome.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn when_settled(&self) {
        let last = lock(&self.state).machine.last_number();
        loop {
            let mut settled = std::pin::pin!(self.bell.settled.notified());
            settled.as_mut().enable();
            if lock(&self.state).machine.first_open().is_none_or(|first| first > last) {
                return;
            }
            settled.await;
        }
    }

    /// Begins a stream of the outcomes of messages published from now on, in place of one that there is.
    /// Returns its id.
    pub(super) fn open_outcomes(&self) -> u64 {
        let id = self.outcome_streams.fetch_add(1, Relaxed);
        let mut state = lock(&self.state);
        let queue = OutcomeQueue::new(id, state.machine.last_number());
        let before = state.settling.queue.replace(queue);
        drop(state);
        before.and_then(|mut before| before.take_waker()).into_iter().for_each(Waker::wake);
        Arc::clone(&self.bell).wake();
        id
    }

    /// Ends a stream of outcomes.
    pub(super) fn close_outcomes(&self, id: u64) {
        let mut state = lock(&self.state);
        let is_it = state.settling.queue.as_ref().is_some_and(|queue| queue.id() == id);
        let ended = if is_it { state.settling.queue.take() } else { None };
        drop(state);
        if ended.is_some() {
            Arc::clone(&self.bell).wake();
        }
    }

    /// The next outcome of a stream of them.
    pub(super) fn poll_outcome(&self, id: u64, task: &Context<'_>) -> Poll<Option<PublishOutcome>> {
        let mut state = lock(&self.state);
        let State { machine, settling, is_dropped, is_closed, .. } = &mut *state;
        let queue = settling.queue.as_mut().filter(|queue| queue.id() == id);
        let Some(queue) = queue else { return Poll::Ready(None) };
        let outcome = queue.poll(*is_closed || (*is_dropped && machine.is_empty()), task);
        drop(state);
        if outcome.is_ready() {
            self.bell.room.notify_one();
        }
        outcome
    }

    /// Whether there is nobody any more who publishes: it ends when all has its outcome.
    pub(super) fn let_go(&self) {
        lock(&self.state).is_dropped = true;
        self.poll_now();
    }

    /// Whether it numbers its messages.
    pub(super) const fn is_numbered(&self) -> bool {
        self.chain_len > 0
    }

    /// The number of the last message that was taken.
    pub(super) fn last_number(&self) -> u64 {
        lock(&self.state).machine.last_number()
    }

    /// How many messages have no outcome yet.
    pub(super) fn len(&self) -> u32 {
        lock(&self.state).machine.len()
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Window")
            .field("len", &state.machine.len())
            .field("in_flight", &state.machine.in_flight())
            .finish_non_exhaustive()
    }
}

fn longest_reply(inbox: &Inbox<Vec<u8>>) -> usize {
    let mut text = Vec::new();
    inbox.reply(RequestId(u64::MAX), &mut text).map_or(0, |reply| reply.as_str().len())
}
