//! The machine, and what is between it and the application.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use nats_proto::Instant;
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

use super::Names;
use super::Waiting;
use super::jobs::Jobs;
use crate::Message;
use crate::jetstream::machine::End;
use crate::jetstream::machine::Machine;
use crate::jetstream::machine::Output;
use crate::message::payload::Payload;
use crate::state::extension::Io;

/// How long to wait for the last messages.
const PATIENCE: Duration = Duration::from_millis(500);
/// The end of the reply subject that answers to CONSUMER.INFO come to: no number of a pull.
const INFO: &str = "_";

pub(super) struct State {
    pub(super) machine: Machine,
    pub(super) names: Names,
    pub(super) inbox: PullInbox<Vec<u8>>,
    /// The inboxes that are subscribed to.
    pub(super) subscribed: Vec<(InboxId, Sid)>,
    /// Subscriptions that ended with their connection.
    pub(super) lost: Vec<Sid>,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) events: VecDeque<PullEvent>,
    pub(super) end: Option<End>,
    /// The end, until nothing more can come.
    ending: Option<Ending>,
    /// Whether the application has let go of it: it ends as soon as the server knows.
    pub(super) is_dropped: bool,
    pub(super) is_closed: bool,
    pub(super) waker: Option<Waker>,
    /// The id of the pin that the last message with one had.
    pub(super) pin: String,
    /// Messages to give back, by their reply subjects.
    pub(super) returned: Vec<Bytes>,
    pub(super) ping: Option<Flush>,
    pub(super) wants_info: bool,
    /// What the application is working on.
    pub(super) jobs: Jobs,
}

impl State {
    pub(super) const fn new(machine: Machine, names: Names, inbox: PullInbox<Vec<u8>>) -> Self {
        Self {
            machine,
            names,
            inbox,
            subscribed: Vec::new(),
            lost: Vec::new(),
            waiting: VecDeque::new(),
            events: VecDeque::new(),
            end: None,
            ending: None,
            is_dropped: false,
            is_closed: false,
            waker: None,
            pin: String::new(),
            returned: Vec::new(),
            ping: None,
            wants_info: false,
            jobs: Jobs::new(),
        }
    }

    pub(super) fn give_back(&mut self, message: &Message) {
        if let Some(reply) = message.reply_bytes() {
            self.returned.push(Bytes::copy_from_slice(reply));
        }
    }

    pub(super) fn handle(&mut self, inbox: InboxId, message: Message, now: Instant) {
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
            Handling::Deliver => self.waiting.push_back(Waiting { message, size, came: now }),
            Handling::Nak => self.give_back(&message),
        }
    }

    pub(super) fn poll(&mut self, io: &mut dyn Io, now: Instant) {
        for sid in self.lost.drain(..) {
            io.unsubscribe(sid);
        }
        self.poll_ping(io);
        self.machine.handle_timeout(now);
        self.put_progress(io, now);
        // What it asks for counts as done, so it is not asked while there is no room.
        while io.is_ready() || !io.is_connected() {
            if self.wants_info && self.request_info(io) {
                self.wants_info = false;
            }
            let Some(output) = self.machine.poll_output(now) else { break };
            self.carry_out(output, io, now);
        }
        self.put_returned(io);
        self.poll_ending(io, now);
        // Without room, a fetch ends in time all the same.
        if let Some(end) = self.machine.poll_end() {
            self.end = Some(end);
        }
    }

    /// An inbox that was unsubscribed from may still get messages until the server has read that: they are
    /// handed out, or given back, before the end.
    fn poll_ending(&mut self, io: &mut dyn Io, now: Instant) {
        let Some(ending) = &mut self.ending else { return };
        let is_over = !io.is_connected() || io.poll_ping(&mut ending.flush) || ending.until <= now;
        if is_over {
            self.end = Some(ending.end);
            self.ending = None;
        }
    }

    /// When the end is there if nothing else happens.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.ending.as_ref().map(|ending| ending.until)
    }

    fn carry_out(&mut self, output: Output, io: &mut dyn Io, now: Instant) {
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
            Output::Probe => io.probe(now),
            Output::RequestInfo => self.wants_info = true,
            Output::Event(event) => self.events.push_back(event),
            Output::End(end @ End::Pull(_)) => {
                self.ending = Some(Ending { end, flush: Flush::new(), until: now + PATIENCE });
            }
            Output::End(end @ End::Fetch(_)) => self.end = Some(end),
            Output::Nothing => {}
        }
    }

    /// The server does not permit something.
    pub(super) fn handle_violation(&mut self, violation: &Violation<'_>, now: Instant) {
        let subject = violation.subject.to_string();
        let is_inbox = || {
            let filters = self.subscribed.iter().map(|(inbox, _)| {
                let mut text = Vec::new();
                self.inbox.filter(*inbox, &mut text).is_ok_and(|filter| filter.as_str() == subject)
            });
            filters.into_iter().any(|is_it| is_it)
        };
        let is_in_the_way = match violation.action {
            Action::Publish => subject == self.names.next,
            Action::Subscribe => is_inbox(),
            _ => false,
        };
        if is_in_the_way {
            self.machine.handle_not_permitted(now);
        } else if violation.action == Action::Publish && subject == self.names.info {
            self.machine.handle_info(ConsumerState::NotPermitted, now);
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

    /// Says of what the application is working on that it is.
    fn put_progress(&mut self, io: &mut dyn Io, now: Instant) {
        let progress = AckKind::InProgress.as_static().unwrap_or_default();
        // Without a connection it stays due, and is said as soon as there is one.
        while io.is_connected() && io.is_ready() {
            let Some(reply) = self.jobs.poll(now) else { return };
            if let Ok(reply) = std::str::from_utf8(reply) {
                send(reply, None, progress, io);
            }
        }
    }

    fn put_returned(&mut self, io: &mut dyn Io) {
        if self.machine.is_leaving() && io.is_connected() {
            return;
        }
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

/// An end that waits for the last messages.
struct Ending {
    end: End,
    flush: Flush,
    until: Instant,
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
