//! A consumer's messages on their way from the server to the application.
//!
//! The machine says what to ask for, the driver of the connection lets it: so it goes on whether or not
//! the application waits for messages.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::task::Waker;

use bytes::Bytes;
use nats_proto::Instant;
use nats_proto::RngSeed;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::ConsumerScanner;
use nats_proto::jetstream::ConsumerState;
use nats_proto::jetstream::DeliveryInfo;
use nats_proto::jetstream::ErrorClass;
use nats_proto::jetstream::Handling;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullEndReason;
use nats_proto::jetstream::PullEvent;
use nats_proto::jetstream::PullId;
use nats_proto::jetstream::PullInbox;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::header;
use nats_proto::jetstream::pulled_size;
use nats_proto::session::Flush;
use nats_proto::wire::Action;
use nats_proto::wire::Publish;
use nats_proto::wire::Violation;

use super::machine::End;
use super::machine::Machine;
use super::machine::Output;
use crate::Message;
use crate::message::payload::Payload;
use crate::state::extension::Extension;
use crate::state::extension::ExtensionId;
use crate::state::extension::Incoming;
use crate::state::extension::Io;
use crate::state::extension::Next;
use crate::state::shared::Shared;
use crate::sync::lock;

/// The end of the reply subject that answers to CONSUMER.INFO come to: no number of a pull.
const INFO: &str = "_";

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
}

/// A machine on a connection.
pub(super) struct Pulling {
    shared: Arc<Shared>,
    id: OnceLock<ExtensionId>,
    state: Mutex<State>,
}

struct State {
    machine: Machine,
    names: Names,
    inbox: PullInbox<Vec<u8>>,
    /// The inboxes that are subscribed to.
    subscribed: Vec<(InboxId, Sid)>,
    /// Subscriptions that ended with their connection.
    lost: Vec<Sid>,
    waiting: VecDeque<Waiting>,
    events: VecDeque<PullEvent>,
    end: Option<End>,
    /// Whether the application has let go of it: it ends as soon as the server knows.
    is_dropped: bool,
    is_closed: bool,
    waker: Option<Waker>,
    /// The id of the pin that the last message with one had.
    pin: String,
    /// Messages to give back, by their reply subjects.
    returned: Vec<Bytes>,
    ping: Option<Flush>,
    wants_info: bool,
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
        let state = State {
            machine,
            names,
            inbox,
            subscribed: Vec::new(),
            lost: Vec::new(),
            waiting: VecDeque::new(),
            events: VecDeque::new(),
            end: None,
            is_dropped: false,
            is_closed: false,
            waker: None,
            pin: String::new(),
            returned: Vec::new(),
            ping: None,
            wants_info: false,
        };
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
        if let Some(id) = self.id.get() {
            self.shared.poll_extension(&mut control, *id);
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

    /// Stops: gives back what waits, and `messages`, and what still comes.
    pub(super) fn stop(&self, messages: &mut VecDeque<Waiting>, is_dropped: bool) {
        let now = self.shared.now();
        let mut control = lock(&self.shared.control);
        let mut state = lock(&self.state);
        state.is_dropped |= is_dropped;
        state.machine.stop(now);
        let waiting = std::mem::take(&mut state.waiting);
        for one in messages.drain(..).chain(waiting) {
            state.machine.release(1, one.size);
            state.give_back(&one.message);
        }
        drop(state);
        if let Some(id) = self.id.get() {
            self.shared.poll_extension(&mut control, *id);
        }
    }
}

impl State {
    fn give_back(&mut self, message: &Message) {
        if let Some(reply) = message.reply_bytes() {
            self.returned.push(Bytes::copy_from_slice(reply));
        }
    }

    fn handle(&mut self, inbox: InboxId, message: Message, now: Instant) {
        if let Some(status) = PullStatus::read(message.as_proto()) {
            let subject = message.subject_bytes();
            if subject.ends_with(INFO.as_bytes()) {
                // Nobody answers: there is no JetStream to say whether there is a consumer.
                return self.machine.handle_info(ConsumerState::Unknown, now);
            }
            return self.machine.handle_status(inbox, PullId::number_in(subject), status, now);
        }
        let is_delivery = message.reply_bytes().is_some_and(DeliveryInfo::is_reply);
        if !is_delivery {
            if message.subject_bytes().ends_with(INFO.as_bytes()) {
                self.machine.handle_info(consumer_state(message.payload()), now);
            }
            return;
        }
        if !self.names.group.is_empty()
            && let Some(pin) = message.headers().get(header::PIN_ID)
        {
            pin.clone_into(&mut self.pin);
            self.machine.handle_pin();
        }
        let size = pulled_size(message.as_proto());
        match self.machine.handle_message(inbox, size, now) {
            Handling::Deliver => self.waiting.push_back(Waiting { message, size }),
            Handling::Nak => self.give_back(&message),
        }
    }

    fn poll(&mut self, io: &mut dyn Io, now: Instant) {
        for sid in self.lost.drain(..) {
            io.unsubscribe(sid);
        }
        self.poll_ping(io);
        self.machine.handle_timeout(now);
        // What it asks for counts as done, so it is not asked while there is no room.
        while io.is_ready() || !io.is_connected() {
            self.put_returned(io);
            if self.wants_info && self.request_info(io) {
                self.wants_info = false;
            }
            let Some(output) = self.machine.poll_output(now) else { break };
            self.carry_out(output, io);
        }
    }

    fn carry_out(&mut self, output: Output, io: &mut dyn Io) {
        match output {
            Output::Subscribe(inbox) => {
                let mut text = Vec::new();
                let Ok(filter) = self.inbox.filter(inbox, &mut text) else { return };
                if let Some(sid) = io.subscribe(filter, inbox.0) {
                    self.subscribed.push((inbox, sid));
                }
            }
            Output::Unsubscribe(inbox) => {
                if let Some(at) = self.subscribed.iter().position(|(one, _)| *one == inbox) {
                    let (_, sid) = self.subscribed.swap_remove(at);
                    io.drain(sid);
                }
            }
            Output::Pull(pull) => self.send_pull(&pull, io),
            Output::Ping => {
                self.ping = Some(Flush::new());
                self.poll_ping(io);
            }
            Output::RequestInfo => self.wants_info = true,
            Output::Event(event) => self.events.push_back(event),
            Output::End(end) => self.end = Some(end),
            Output::Nothing => {}
        }
    }

    fn poll_ping(&mut self, io: &mut dyn Io) {
        if self.ping.as_mut().is_some_and(|ping| io.poll_ping(ping)) {
            self.ping = None;
            self.machine.handle_pong();
        }
    }

    fn send_pull(&self, pull: &Pull, io: &mut dyn Io) {
        let names = &self.names;
        let mut request = pull.request().group(&names.group);
        if pull.is_pinned {
            request = request.pin_id(&self.pin);
        }
        let request = request
            .min_pending(names.min_pending)
            .min_ack_pending(names.min_ack_pending)
            .priority(names.priority);
        let (mut body, mut text) = (Vec::new(), Vec::new());
        let Ok(()) = request.encode(&mut body) else { return };
        let Ok(reply) = self.inbox.reply(pull.id, &mut text) else { return };
        send(&names.next, Some(reply), &body, io);
    }

    /// Asks for the consumer's state, as soon as there is an inbox that the answer can come to.
    fn request_info(&self, io: &mut dyn Io) -> bool {
        let Some((inbox, _)) = self.subscribed.first() else { return false };
        let mut text = Vec::new();
        let Ok(filter) = self.inbox.filter(*inbox, &mut text) else { return false };
        let reply = filter.as_str().replace('*', INFO);
        let Ok(reply) = Subject::new(&reply) else { return false };
        send(&self.names.info, Some(reply), b"", io);
        true
    }

    fn put_returned(&mut self, io: &mut dyn Io) {
        let nak = AckKind::Nak.as_static().unwrap_or_default();
        // Without a connection they stay for the next one: any may acknowledge.
        while let Some(reply) = self.returned.last().filter(|_| io.is_ready()) {
            if let Ok(reply) = std::str::from_utf8(reply) {
                send(reply, None, nak, io);
            }
            self.returned.pop();
        }
    }
}

fn send(subject: &str, reply: Option<Subject<'_>>, body: &[u8], io: &mut dyn Io) {
    let Ok(subject) = Subject::new(subject) else { return };
    let publish = Publish { reply, ..Publish::new(subject, body) };
    io.send(&publish, &Payload::from(body));
}

/// What an answer to CONSUMER.INFO comes down to.
fn consumer_state(payload: &[u8]) -> ConsumerState {
    let mut scanner = ConsumerScanner::<Vec<u8>>::default();
    scanner.push(payload);
    match scanner.finish() {
        Ok(Ok(info)) => {
            ConsumerState::Exists { reached_max_ack_pending: info.reached_max_ack_pending() }
        }
        Ok(Err(error)) if error.class() == ErrorClass::NotFound => ConsumerState::NotFound,
        _ => ConsumerState::Unknown,
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
        for Incoming { tag, sid, entry } in incoming {
            let at = entry.at as usize;
            let frame = block.slice(at..at + entry.layout.wire_len());
            state.handle(InboxId(*tag), Message::new(frame, *sid, entry.layout), now);
        }
        if !state.waiting.is_empty() {
            wake.extend(state.waker.take());
        }
    }

    fn handle_connected(&self) {
        lock(&self.state).machine.handle_connected();
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
        let mut state = lock(&self.state);
        if violation.action != Action::Publish {
            return;
        }
        let now = self.shared.now();
        let subject = violation.subject.to_string();
        if subject == state.names.next {
            state.machine.handle_not_permitted();
        } else if subject == state.names.info {
            state.machine.handle_info(ConsumerState::NotPermitted, now);
        }
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
        Next::At(timeout)
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
