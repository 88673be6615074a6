//! Messages on their way to streams, on a connection.
//!
//! The machine says what to send, and what became of it; the driver of the connection lets it. Publishing
//! takes the lock of the window and that of the send buffer, and nothing else once the inbox is there.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Wake;
use std::task::Waker;

use bytes::Bytes;
use nats_proto::Headers;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::RngSeed;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::jetstream::GrowablePublishWindow;
use nats_proto::jetstream::NotAccepted;
use nats_proto::jetstream::NotSent;
use nats_proto::jetstream::Outcome as Fate;
use nats_proto::jetstream::PublishHandle;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishResponse;
use nats_proto::jetstream::PublishScanner;
use nats_proto::jetstream::Settled;
use nats_proto::jetstream::WindowConfig;
use nats_proto::jetstream::WindowMessage;
use nats_proto::wire::Publish;
use nats_proto::wire::Violation;
use tokio::sync::Notify;

use super::error::ApiError;
use super::outcome::Listener;
use super::outcome::PublishAck;
use super::outcome::Teller;
use super::outcome::outcome;
use super::publish_error::InvalidMessage;
use super::publish_error::PublishError;
use crate::Message;
use crate::message::payload::Payload;
use crate::state::extension::Extension;
use crate::state::extension::ExtensionId;
use crate::state::extension::Incoming;
use crate::state::extension::Io;
use crate::state::extension::Next;
use crate::state::outbound::Outbound;
use crate::state::shared::Shared;
use crate::sync::lock;

/// From here on a payload is kept as it was handed in, and not copied.
const LARGE: usize = 4096;

/// A message that is kept until it is known what became of it.
#[derive(Debug)]
pub(super) struct Kept {
    /// Subject, header block and short payload, one behind the other.
    text: Box<[u8]>,
    subject: u32,
    headers: u32,
    large: Option<Bytes>,
    teller: Option<Teller>,
}

impl Kept {
    pub(super) fn new(subject: Subject<'_>, headers: Headers<'_>, payload: Payload<'_>) -> Self {
        let (subject, headers) = (subject.as_bytes(), headers.as_bytes());
        let is_large = payload.as_bytes().len() >= LARGE;
        let short = if is_large { &[][..] } else { payload.as_bytes() };
        let text = [subject, headers, short].concat().into_boxed_slice();
        // The server takes neither that is longer than this.
        let len = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let (subject, headers) = (len(subject), len(headers));
        let large = is_large.then(|| payload.into_bytes());
        Self { text, subject, headers, large, teller: None }
    }

    fn parts(&self) -> Option<(Subject<'_>, Headers<'_>, Payload<'_>)> {
        let (subject, rest) = self.text.split_at_checked(self.subject as usize)?;
        let (headers, short) = rest.split_at_checked(self.headers as usize)?;
        let subject = std::str::from_utf8(subject).ok()?;
        let payload = match &self.large {
            Some(bytes) => Payload::from(bytes.clone()),
            None => Payload::from(short),
        };
        Some((Subject::new(subject).ok()?, Headers::from_bytes(headers), payload))
    }
}

/// On what terms a message is published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How many bytes it takes of the window.
    pub(super) size: u32,
    pub(super) deadline: Instant,
    pub(super) has_id: bool,
    pub(super) retries: u8,
}

type Machine = GrowablePublishWindow<Kept>;

/// A window of messages on a connection.
pub(super) struct Window {
    pub(super) shared: Arc<Shared>,
    id: OnceLock<ExtensionId>,
    state: Mutex<State>,
    inbox: Inbox<Vec<u8>>,
    longest_reply: String,
    /// Until when the driver knows that it has to come back.
    alarm: AtomicU64,
    bell: Arc<Bell>,
}

/// Tells those who wait for the window that it has changed.
#[derive(Debug, Default)]
struct Bell {
    room: Notify,
    empty: Notify,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.room.notify_one();
        self.empty.notify_waiters();
    }
}

struct State {
    machine: Machine,
    sid: Option<Sid>,
    lost: Option<Sid>,
    scanner: PublishScanner<Vec<u8>>,
    /// The stream and the domain that answered last.
    stream: Arc<str>,
    domain: Arc<str>,
    /// How a reply subject begins, and one of them.
    reply: Vec<u8>,
    is_dropped: bool,
    is_closed: bool,
}

impl Window {
    /// Puts a window on a client's connection.
    pub(super) fn start(shared: &Arc<Shared>, config: WindowConfig, seed: RngSeed) -> Arc<Self> {
        let prefix = Subject::new(&shared.options.inbox_prefix);
        // It was checked when the client was made, and a vector has room for all of it.
        let inbox = prefix.ok().and_then(|prefix| Inbox::new(prefix, seed).ok());
        let inbox = inbox.unwrap_or_else(|| shared.inbox.clone());
        let mut control = lock(&shared.control);
        let mut machine = Machine::new(config);
        if control.session.is_connected() {
            machine.handle_connected();
        }
        let state = State {
            machine,
            sid: None,
            lost: None,
            scanner: PublishScanner::default(),
            stream: "".into(),
            domain: "".into(),
            reply: Vec::new(),
            is_dropped: false,
            is_closed: control.stopped().is_some(),
        };
        let window = Arc::new(Self {
            shared: Arc::clone(shared),
            id: OnceLock::new(),
            state: Mutex::new(state),
            longest_reply: longest_reply(&inbox),
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

    /// Takes a message, and sends it if it can be sent. Hands it back if there is no room.
    pub(super) fn publish(
        &self,
        mut kept: Kept,
        terms: &Terms,
        now: Instant,
    ) -> Result<(Option<PublishHandle>, Listener), NotAccepted<Kept>> {
        let (teller, listener) = outcome();
        let mut state = lock(&self.state);
        if state.is_closed {
            // Nobody waits for it yet.
            let _ = teller.tell(Err(PublishError::NotSent(NotSent::Closed)));
            return Ok((None, listener));
        }
        kept.teller = Some(teller);
        let message = WindowMessage::new(kept, terms.size, terms.deadline).retries(terms.retries);
        let message = if terms.has_id { message.with_id() } else { message };
        let handle = state.machine.publish(message)?;
        let mut outbound = lock(&self.shared.outbound);
        let wake = match state.sid {
            Some(_) => state.transmit(&self.inbox, &mut outbound, now),
            None => None,
        };
        drop(outbound);
        let due = state.machine.poll_timeout().map_or(u64::MAX, Instant::as_millis);
        let needs_driver = state.sid.is_none() || due < self.alarm.load(Relaxed);
        drop(state);
        if let Some(driver) = wake {
            driver.wake();
        }
        if needs_driver {
            self.poll_now();
        }
        Ok((Some(handle), listener))
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

    /// Waits until there may be room, if `try_again` does not find any.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives its turn to the next who waits.
    pub(super) async fn when_room<T>(&self, mut try_again: impl FnMut() -> Option<T>) -> T {
        loop {
            let mut room = std::pin::pin!(self.bell.room.notified());
            room.as_mut().enable();
            if let Some(value) = try_again() {
                // There may be more.
                self.bell.room.notify_one();
                return value;
            }
            room.await;
        }
    }

    /// Waits until every message has its outcome.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn when_empty(&self) {
        loop {
            let mut empty = std::pin::pin!(self.bell.empty.notified());
            empty.as_mut().enable();
            if lock(&self.state).machine.is_empty() {
                return;
            }
            empty.await;
        }
    }

    /// Whether there is nobody any more who publishes: it ends when all has its outcome.
    pub(super) fn let_go(&self) {
        lock(&self.state).is_dropped = true;
        self.poll_now();
    }

    /// A reply subject as long as any is.
    pub(super) fn longest_reply(&self) -> Subject<'_> {
        Subject::new(&self.longest_reply).unwrap_or(const { Subject::from_static("_") })
    }

    /// How many messages have no outcome yet.
    pub(super) fn len(&self) -> u32 {
        lock(&self.state).machine.len()
    }
}

impl State {
    /// Sends what is to be sent. Returns the connection's driver, if it is to be woken.
    fn transmit(
        &mut self,
        inbox: &Inbox<Vec<u8>>,
        outbound: &mut Outbound,
        now: Instant,
    ) -> Option<Waker> {
        let mut driver = None;
        while outbound.takes_frames() {
            let Some(transmit) = self.machine.poll_transmit(outbound.next_frame(), now) else {
                break;
            };
            let Some((subject, headers, payload)) = transmit.data.parts() else { continue };
            let Ok(reply) = inbox.reply(transmit.request_id, &mut self.reply) else { continue };
            let bytes = payload.as_bytes();
            let publish = Publish { subject, reply: Some(reply), headers, payload: bytes };
            if let Some((_, wake)) = outbound.put_frame(&publish, &payload) {
                driver = driver.or(wake);
            }
        }
        driver
    }

    /// What became of a message, as the application gets it.
    fn settle(
        settled: Settled<Kept>,
        ack: impl FnOnce(u64, bool) -> PublishAck,
        error: Option<ApiError>,
        wake: &mut Vec<Waker>,
    ) {
        let outcome = match settled.outcome {
            Fate::Stored { sequence, is_duplicate } => Ok(ack(sequence, is_duplicate)),
            Fate::NotStored(reason) => Err(PublishError::NotStored { reason, error }),
            Fate::NotSent(reason) => Err(PublishError::NotSent(reason)),
            Fate::MayBeStored(reason) => Err(PublishError::MayBeStored { reason, error }),
        };
        wake.extend(settled.data.teller.and_then(|teller| teller.tell(outcome)));
    }

    fn reply(
        &mut self,
        message: &Message,
        inbox: &Inbox<Vec<u8>>,
        now: Instant,
        wake: &mut Vec<Waker>,
    ) {
        let Some(request_id) = inbox.request_id(message.subject_bytes()) else { return };
        let Self { machine, scanner, stream, domain, .. } = self;
        let reply = PublishReply::read(message.as_proto(), scanner);
        let Some(settled) = machine.handle_reply(request_id, reply, now) else { return };
        if let PublishReply::Response(PublishResponse::Stored(ack)) = reply {
            for (known, name) in [(&mut *stream, ack.stream), (&mut *domain, ack.domain)] {
                if **known != *name {
                    *known = name.into();
                }
            }
        }
        let error = reply.error().map(ApiError::from);
        let ack = |sequence, is_duplicate| PublishAck {
            stream: Arc::clone(stream),
            sequence,
            is_duplicate,
            domain: Arc::clone(domain),
        };
        Self::settle(settled, ack, error, wake);
    }

    /// Those that are settled by time, or by the end of a connection.
    fn settle_late(settled: Settled<Kept>, wake: &mut Vec<Waker>) {
        let ack = |sequence, is_duplicate| PublishAck {
            stream: "".into(),
            sequence,
            is_duplicate,
            domain: "".into(),
        };
        Self::settle(settled, ack, None, wake);
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
            let frame = block.slice(at..at + entry.layout.wire_len());
            state.reply(&Message::new(frame, *sid, entry.layout), &self.inbox, now, wake);
        }
        wake.push(Waker::from(Arc::clone(&self.bell)));
    }

    fn handle_connected(&self) {
        lock(&self.state).machine.handle_connected();
    }

    fn handle_disconnected(&self, position: u64, now: Instant, wake: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        state.lost = state.sid.take();
        state.machine.handle_disconnected(position, now, |one| State::settle_late(one, wake));
        wake.push(Waker::from(Arc::clone(&self.bell)));
    }

    fn handle_violation(&self, _: &Violation<'_>, _: &mut Vec<Waker>) {}

    fn handle_closed(&self, wake: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.machine.close(|one| State::settle_late(one, wake));
        wake.push(Waker::from(Arc::clone(&self.bell)));
    }

    fn poll(&self, io: &mut dyn Io, now: Instant) -> Next {
        let mut state = lock(&self.state);
        let before = state.machine.len();
        if let Some(sid) = state.lost.take() {
            io.unsubscribe(sid);
        }
        state.machine.handle_timeout(now, |one| State::settle_late(one, io.wake()));
        if state.is_dropped && state.machine.is_empty() {
            if let Some(sid) = state.sid.take() {
                io.drain(sid);
            }
            return Next::Over;
        }
        if state.sid.is_none() && io.is_connected() {
            state.sid = io.subscribe(self.inbox.filter(), 0);
        }
        if io.is_ready() {
            let mut outbound = lock(&self.shared.outbound);
            let driver = state.transmit(&self.inbox, &mut outbound, now);
            drop(outbound);
            io.wake().extend(driver);
        }
        if state.machine.len() < before {
            io.wake().push(Waker::from(Arc::clone(&self.bell)));
        }
        let due = state.machine.poll_timeout();
        self.alarm.store(due.map_or(u64::MAX, Instant::as_millis), Relaxed);
        Next::At(due)
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

fn longest_reply(inbox: &Inbox<Vec<u8>>) -> String {
    let mut text = Vec::new();
    let reply = inbox.reply(RequestId(u64::MAX), &mut text);
    reply.map(|reply| reply.as_str().to_owned()).unwrap_or_default()
}

/// A message that is too large for the window, or invalid.
pub(super) const TOO_LARGE: PublishError = PublishError::Invalid(InvalidMessage::TooLarge);
