//! Publishes: a window, a driver that does what it says, and a stream that forgets.

mod judge;
mod server;
mod setup;

use std::collections::HashMap;
use std::collections::VecDeque;

use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::jetstream::ExpectedLast;
use nats_proto::jetstream::GrowablePublishWindow;
use nats_proto::jetstream::Outcome;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishScanner;
use nats_proto::jetstream::Settled;
use nats_proto::jetstream::WindowMessage;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::ServerOp;
use server::Answer;
use server::Copy;
use server::Stream;
use setup::Setup;

use crate::History;
use crate::chance::Chance;
use crate::checks::Checks;
use crate::checks::Invariant;
use crate::flaw::Flaw;
use crate::schedule::Schedule;

/// More steps than any history has.
const MAX_STEPS: u64 = 400_000;
/// How often in a row something may be due at once.
const MAX_SPINS: u32 = 20;
/// When the application looks for room again.
const RETRY: u64 = 5;
/// When faults happen, and when a client is closed that is closed.
const TROUBLE: u64 = 15_000;

#[derive(Clone, Debug)]
enum Event {
    /// A copy of a message comes to the stream.
    ToStream {
        epoch: u64,
        request_id: RequestId,
        copy: Copy,
        is_resumed: bool,
    },
    ToClient {
        epoch: u64,
        request_id: RequestId,
        frame: Vec<u8>,
    },
    Timer(u64),
    /// The driver hands what it has written to the socket.
    Flush {
        epoch: u64,
    },
    Publish,
    Cut,
    Up {
        epoch: u64,
    },
    Down,
    Busy,
    Hang,
    Mute,
    /// Another publisher publishes, with an id or without one.
    Foreign,
    /// What is stored is removed, and the server restarted.
    Forget,
    Abandon {
        number: u64,
    },
    Close,
}

/// What the window keeps for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    has_id: bool,
    /// The token of the last attempt.
    request_id: RequestId,
}

struct World<'b> {
    setup: Setup,
    flaw: Option<Flaw>,
    chance: Chance<'b>,
    schedule: Schedule<Event>,
    checks: Checks,
    window: GrowablePublishWindow<Kept>,
    stream: Stream,
    epoch: u64,
    is_up: bool,
    /// Written and not handed to the socket.
    buffer: VecDeque<(u64, RequestId, Copy)>,
    has_flush: bool,
    position: u64,
    flushed: u64,
    last_to_stream: u64,
    last_to_client: u64,
    timer: u64,
    spins: u32,
    /// When it was time last.
    timed_at: u64,
    published: u64,
    accepted: HashMap<u64, Accepted>,
    /// The tokens that were sent, by message, oldest first.
    sent: Vec<(u64, RequestId)>,
    is_closed: bool,
    /// All replies get lost before.
    mute_until: u64,
    steps: u64,
    trace: bool,
}

#[derive(Clone, Copy, Debug)]
struct Accepted {
    deadline: u64,
    has_id: bool,
    handle: nats_proto::jetstream::PublishHandle,
    outcome: Option<Outcome>,
    is_abandoned: bool,
}

const fn instant(now: u64) -> Instant {
    Instant::from_millis(now)
}

/// A history of a publisher from bytes.
pub(crate) fn live(bytes: &[u8], flaw: Option<Flaw>, trace: bool) -> History {
    let mut chance = Chance::new(bytes);
    let setup = Setup::new(&mut chance);
    if trace {
        eprintln!("{setup:?}");
    }
    let stream = Stream::new(&setup);
    let trusts = flaw == Some(Flaw::TrustsTheWindowTooLong);
    let mut window = GrowablePublishWindow::new(setup.config(trusts));
    if setup.is_chained {
        window.start_chain(setup.earlier, setup.earlier);
        if setup.is_replicated {
            window.expect_sequences();
        }
    }
    let mut world = World {
        setup,
        flaw,
        chance,
        schedule: Schedule::new(),
        checks: Checks::default(),
        window,
        stream,
        epoch: 0,
        is_up: false,
        buffer: VecDeque::new(),
        has_flush: false,
        position: 0,
        flushed: 0,
        last_to_stream: 0,
        last_to_client: 0,
        timer: u64::MAX,
        spins: 0,
        timed_at: u64::MAX,
        published: 0,
        accepted: HashMap::new(),
        sent: Vec::new(),
        is_closed: false,
        mute_until: 0,
        steps: 0,
        trace,
    };
    world.plan();
    world.run();
    world.judge();
    History { checks: world.checks, messages: world.published, steps: world.steps }
}

impl World<'_> {
    fn plan(&mut self) {
        self.schedule.at(0, Event::Up { epoch: 0 });
        self.schedule.at(1, Event::Publish);
        for _ in 0..self.setup.cuts {
            let at = self.chance.below(TROUBLE);
            self.schedule.at(at, Event::Cut);
        }
        let Setup { faults, has_foreigner, forgets, closes, .. } = self.setup;
        let mut events = Vec::new();
        if faults > 0 {
            events.extend([Event::Down, Event::Down, Event::Busy, Event::Hang, Event::Mute]);
        }
        events.extend(has_foreigner.then_some(Event::Foreign));
        events.extend(forgets.then_some(Event::Forget));
        events.extend(closes.then_some(Event::Close));
        for event in events {
            let at = self.chance.below(TROUBLE);
            self.schedule.at(at, event);
        }
    }

    fn run(&mut self) {
        for _ in 0..MAX_STEPS {
            let Some(event) = self.schedule.next() else { return };
            if self.checks.violation().is_some() {
                return;
            }
            self.steps += 1;
            if self.trace && !matches!(event, Event::Timer(_)) {
                eprintln!("{:>8} {event:?}", self.schedule.now());
            }
            self.handle(event);
        }
        self.checks.that(Invariant::TimeMovesOn, false, || "it does not end".into());
    }

    fn handle(&mut self, event: Event) {
        let now = self.schedule.now();
        match event {
            Event::ToStream { epoch, request_id, copy, is_resumed } => {
                match self.stream.receive(copy, is_resumed, now, &mut self.chance) {
                    Answer::Later(after) => {
                        let event = Event::ToStream { epoch, request_id, copy, is_resumed: true };
                        self.schedule.at(now + after, event);
                    }
                    Answer::Reply { headers, payload, late } => {
                        self.reply(epoch, request_id, headers, &payload, late);
                    }
                }
            }
            Event::ToClient { epoch, request_id, frame } => {
                if epoch == self.epoch && self.is_up {
                    self.receive(request_id, &frame);
                }
            }
            Event::Timer(at) => {
                if at == self.timer {
                    self.timer = u64::MAX;
                    self.spins = if self.timed_at == now { self.spins + 1 } else { 0 };
                    self.timed_at = now;
                    let mut settled = Vec::new();
                    self.window.handle_timeout(instant(now), |one| settled.push(one));
                    self.settle(settled);
                }
            }
            Event::Flush { epoch } => {
                if epoch == self.epoch {
                    self.has_flush = false;
                    self.flush();
                }
            }
            Event::Publish => self.publish(),
            Event::Cut => self.cut(),
            Event::Up { epoch } => {
                if epoch == self.epoch && !self.is_closed {
                    self.is_up = true;
                    self.last_to_stream = now;
                    self.last_to_client = now;
                    self.window.handle_connected();
                }
            }
            Event::Down => self.stream.down_until = now + self.chance.below(5_000),
            Event::Busy => self.stream.busy_until = now + self.chance.below(3_000),
            Event::Hang => self.stream.hangs_until = now + self.chance.below(self.setup.hang),
            Event::Foreign => self.stream.receive_foreign(self.chance.percent(50)),
            Event::Forget => self.stream.forget(),
            Event::Mute => self.mute_until = now + self.chance.below(TROUBLE),
            Event::Abandon { number } => {
                if let Some(accepted) = self.accepted.get_mut(&number) {
                    let is_there = self.window.cancel(accepted.handle).is_some();
                    accepted.is_abandoned = is_there;
                    let is_told = accepted.outcome.is_some();
                    self.checks.that(Invariant::OneOutcome, is_there != is_told, || {
                        format!("{number}: there {is_there}, told {is_told}")
                    });
                }
            }
            Event::Close => {
                self.is_closed = true;
                self.is_up = false;
                self.buffer.clear();
                let mut settled = Vec::new();
                self.window.close(|one| settled.push(one));
                self.settle(settled);
            }
        }
        self.transmit();
        self.check();
    }

    /// The application publishes, as long as there is room.
    fn publish(&mut self) {
        let now = self.schedule.now();
        if self.published == self.setup.messages || self.is_closed {
            return;
        }
        let size = u32::try_from(10 + self.chance.below(200)).unwrap_or_default();
        let has_id = self.chance.percent(self.setup.ids);
        if !self.window.has_room(size) {
            return self.schedule.at(now + RETRY, Event::Publish);
        }
        let deadline = now + self.setup.patience;
        let kept = Kept { has_id, request_id: RequestId(0) };
        let message = WindowMessage::new(kept, size, instant(deadline)).retries(self.setup.retries);
        let is_said = has_id || self.flaw == Some(Flaw::ResendsWithoutId);
        let message = if is_said { message.with_id() } else { message };
        let Ok(handle) = self.window.publish(message) else {
            return self.checks.that(Invariant::WithinWindow, false, || "there was room".into());
        };
        self.published += 1;
        let number = handle.number();
        let accepted = Accepted { deadline, has_id, handle, outcome: None, is_abandoned: false };
        self.accepted.insert(number, accepted);
        if self.chance.percent(self.setup.abandons) {
            let after = self.chance.below(3_000);
            self.schedule.at(now + after, Event::Abandon { number });
        }
        let gap = self.setup.gap;
        self.schedule.at(now + gap, Event::Publish);
    }

    /// The driver writes what may be sent.
    fn transmit(&mut self) {
        let now = self.schedule.now();
        while let Some(transmit) = self.window.poll_transmit(self.position + 1, instant(now)) {
            self.position += 1;
            let number = transmit.number;
            let expected = match (transmit.expected, self.flaw) {
                (ExpectedLast::Message(_), Some(Flaw::ForgetsThePredecessor))
                | (ExpectedLast::Sequence(_), Some(Flaw::ForgetsTheSequence)) => ExpectedLast::Any,
                (expected, _) => expected,
            };
            transmit.data.request_id = transmit.request_id;
            let copy = Copy { number, has_id: transmit.data.has_id, expected };
            self.sent.push((number, transmit.request_id));
            self.buffer.push_back((self.position, transmit.request_id, copy));
            if self.trace {
                eprintln!("{now:>8}   {} {copy:?}", self.position);
            }
        }
        if !self.buffer.is_empty() && !self.has_flush {
            self.has_flush = true;
            let epoch = self.epoch;
            let after = self.chance.below(3);
            self.schedule.at(now + after, Event::Flush { epoch });
        }
    }

    fn flush(&mut self) {
        let now = self.schedule.now();
        while let Some((position, request_id, copy)) = self.buffer.pop_front() {
            self.flushed = position;
            self.last_to_stream = self.last_to_stream.max(now + self.setup.latency);
            let event = Event::ToStream { epoch: self.epoch, request_id, copy, is_resumed: false };
            self.schedule.at(self.last_to_stream, event);
        }
    }

    fn cut(&mut self) {
        let now = self.schedule.now();
        if self.is_closed {
            return;
        }
        self.epoch += 1;
        self.buffer.clear();
        self.has_flush = false;
        if self.is_up {
            self.is_up = false;
            let position = match self.flaw {
                Some(Flaw::ForgetsWhatWasSent) => 0,
                _ => self.flushed,
            };
            let mut settled = Vec::new();
            self.window.handle_disconnected(position, instant(now), |one| settled.push(one));
            self.settle(settled);
        }
        let epoch = self.epoch;
        let after = self.chance.below(2_000);
        self.schedule.at(now + after, Event::Up { epoch });
    }

    /// The stream's word goes to the client, unless it gets lost, or twice.
    fn reply(
        &mut self,
        epoch: u64,
        request_id: RequestId,
        headers: &str,
        payload: &str,
        late: u64,
    ) {
        let now = self.schedule.now();
        let faults = self.stream.faults;
        if now < self.mute_until || (faults > 0 && self.chance.below(5_000) < faults) {
            return;
        }
        let frame = if headers.is_empty() {
            format!("MSG _INBOX.x 1 {}\r\n{payload}\r\n", payload.len())
        } else {
            let total = headers.len() + payload.len();
            format!("HMSG _INBOX.x 1 {} {total}\r\n{headers}{payload}\r\n", headers.len())
        };
        let is_doubled = faults > 0 && self.chance.below(2_000) < faults;
        for copy in 0..=u64::from(is_doubled) {
            let at = self.last_to_client.max(now + self.setup.latency);
            let late = late + copy * self.chance.below(1_000);
            if late == 0 {
                self.last_to_client = at;
            }
            let frame = frame.clone().into_bytes();
            self.schedule.at(at + late, Event::ToClient { epoch, request_id, frame });
        }
    }

    fn receive(&mut self, request_id: RequestId, frame: &[u8]) {
        let now = self.schedule.now();
        let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) =
            Decoder::<FromServer>::default().decode(frame)
        else {
            return;
        };
        let mut scanner = PublishScanner::<Vec<u8>>::default();
        let reply = match PublishReply::read(&message, &mut scanner) {
            PublishReply::NotAnAck if self.flaw == Some(Flaw::TakesAnythingForNoResponders) => {
                PublishReply::NoResponders
            }
            reply => reply,
        };
        let request_id = self.flawed(request_id);
        let number_of = |id: &str| id.strip_prefix('m')?.parse().ok();
        let settled = if self.setup.is_chained {
            self.window.handle_chain_reply(request_id, reply, number_of, instant(now))
        } else {
            self.window.handle_reply(request_id, reply, instant(now))
        };
        self.settle(settled.into_iter().collect());
    }

    /// The token that a driver with a mistake takes.
    fn flawed(&mut self, request_id: RequestId) -> RequestId {
        match self.flaw {
            Some(Flaw::SettlesTheOldest) => {
                let accepted = &self.accepted;
                let is_open =
                    |number: &u64| accepted.get(number).is_some_and(|one| one.outcome.is_none());
                self.sent.retain(|(number, _)| is_open(number));
                self.sent.first().map_or(request_id, |(_, request_id)| *request_id)
            }
            Some(Flaw::ReusesReplySubjects) => {
                let number =
                    self.sent.iter().find(|(_, sent)| *sent == request_id).map(|(one, _)| *one);
                let last = self.sent.iter().rev().find(|(one, _)| Some(*one) == number);
                last.map_or(request_id, |(_, request_id)| *request_id)
            }
            _ => request_id,
        }
    }

    fn settle(&mut self, settled: Vec<Settled<Kept>>) {
        let now = self.schedule.now();
        for Settled { number, outcome, .. } in settled {
            if self.trace {
                eprintln!("{now:>8}   {number} is {outcome}");
            }
            let Some(accepted) = self.accepted.get_mut(&number) else { continue };
            let is_first = accepted.outcome.is_none() && !accepted.is_abandoned;
            accepted.outcome = Some(outcome);
            let deadline = accepted.deadline;
            self.checks.that(Invariant::OneOutcome, is_first, || format!("{number} has two"));
            self.checks.that(Invariant::OutcomeInTime, now <= deadline, || {
                format!("{number} at {now} instead of {deadline}")
            });
        }
    }

    fn check(&mut self) {
        let now = self.schedule.now();
        let (len, sent, window) = (self.window.len(), self.window.in_flight(), self.setup.window);
        self.checks.that(Invariant::WithinWindow, sent <= len && len <= window, || {
            format!("{sent} sent of {len}, {window} allowed")
        });
        let timeout = self.window.poll_timeout().map(Instant::as_millis);
        // A message that has no outcome has a deadline.
        self.checks.that(Invariant::OutcomeInTime, len == 0 || timeout.is_some(), || {
            format!("{len} messages wait without a timer")
        });
        let Some(timeout) = timeout else { return };
        self.checks.that(Invariant::TimeMovesOn, self.spins < MAX_SPINS, || {
            format!("it is {now}, and the timer is set to {timeout}")
        });
        if timeout < self.timer {
            self.timer = timeout.max(now);
            self.schedule.at(self.timer, Event::Timer(self.timer));
        }
    }
}
