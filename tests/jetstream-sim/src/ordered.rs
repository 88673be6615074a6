//! Ordered consumers: a reader, a driver that does what it says, and consumers that die.

mod server;
mod setup;

use std::collections::BTreeSet;
use std::collections::HashSet;

use nats_proto::Instant;
use nats_proto::jetstream::DeliverPolicy;
use nats_proto::jetstream::DeliveryInfo;
use nats_proto::jetstream::Heartbeat;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::OrderedConsumer;
use nats_proto::jetstream::OrderedHandling;
use nats_proto::jetstream::OrderedInfo;
use nats_proto::jetstream::OrderedOutput;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullOutput;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::SequenceInfo;
use server::Frame;
use server::Server;
use server::Status;
use setup::Setup;

use crate::History;
use crate::chance::Chance;
use crate::checks::Checks;
use crate::checks::Invariant;
use crate::flaw::Flaw;
use crate::schedule::Schedule;

/// How often the server looks at the clock.
const TICK: u64 = 100;
/// More steps than any history has.
const MAX_STEPS: u64 = 200_000;
/// How many bytes every message has.
const SIZE: u32 = 50;

#[derive(Clone, Copy, Debug)]
enum Event {
    ToClient {
        epoch: u64,
        frame: Frame,
    },
    ToServer {
        epoch: u64,
        line: Line,
    },
    /// The machine's own time.
    Timer(u64),
    Tick,
    Store,
    /// The application is done with a message.
    Done,
    Cut,
    Up {
        epoch: u64,
    },
    Kill,
    Purge,
    ChangeLeader,
    Busy,
    LoseStream,
    Stop,
    Calm,
}

#[derive(Clone, Copy, Debug)]
enum Line {
    Subscribe(InboxId),
    Unsubscribe(InboxId),
    Pull(u32, Pull),
    Create(u32, DeliverPolicy),
    Delete(u32),
    Info(u32),
}

struct World<'b> {
    setup: Setup,
    flaw: Option<Flaw>,
    chance: Chance<'b>,
    schedule: Schedule<Event>,
    checks: Checks,
    machine: OrderedConsumer,
    server: Server,
    epoch: u64,
    is_connected: bool,
    last_to_client: u64,
    last_to_server: u64,
    timer: u64,
    spins: u32,
    timed_at: u64,
    /// The consumer that pulls are for.
    serial: u32,
    names: HashSet<u32>,
    /// Messages of the stream that have to be handed out.
    expected: BTreeSet<u64>,
    /// Whether it is known with which message it begins.
    has_begun: bool,
    cursor: u64,
    held: u32,
    /// When consumers were created since the last message.
    created: Vec<u64>,
    /// Deletions that a connection took with it, and creations that may have.
    lost: usize,
    stopped_at: Option<u64>,
    is_ended: bool,
    counts: [u64; 3],
    trace: bool,
}

/// A history of a reader from bytes.
pub(crate) fn live(bytes: &[u8], flaw: Option<Flaw>, trace: bool) -> History {
    let mut chance = Chance::new(bytes);
    let setup = Setup::new(&mut chance);
    if trace {
        eprintln!("{setup:?}");
    }
    let Some(machine) = setup.machine() else { return History::default() };
    let server = Server::new(&setup);
    let mut world = World {
        setup,
        flaw,
        chance,
        schedule: Schedule::new(),
        checks: Checks::default(),
        machine,
        server,
        epoch: 0,
        is_connected: false,
        last_to_client: 0,
        last_to_server: 0,
        timer: u64::MAX,
        spins: 0,
        timed_at: u64::MAX,
        serial: 0,
        names: HashSet::new(),
        expected: BTreeSet::new(),
        has_begun: false,
        cursor: 0,
        held: 0,
        created: Vec::new(),
        lost: 0,
        stopped_at: None,
        is_ended: false,
        counts: [0; 3],
        trace,
    };
    world.plan();
    world.run();
    History { checks: world.checks, messages: world.server.last, steps: world.counts.iter().sum() }
}

const fn instant(now: u64) -> Instant {
    Instant::from_millis(now)
}

impl World<'_> {
    /// What happens from outside.
    fn plan(&mut self) {
        let Setup { length, messages, gap, .. } = self.setup;
        for _ in 0..20 {
            self.schedule.at(0, Event::Store);
        }
        self.schedule.at(1, Event::Up { epoch: 0 });
        let mut at = 2;
        for _ in 0..messages {
            at += self.chance.below(2 * gap);
            if at < length * 7 / 10 {
                self.schedule.at(at, Event::Store);
            }
        }
        let Setup { cuts, kills, purges, leader_changes, is_busy, loses_stream, stops, .. } =
            self.setup;
        let table = [
            (Event::Cut, cuts),
            (Event::Kill, kills),
            (Event::Purge, purges),
            (Event::ChangeLeader, leader_changes),
            (Event::Busy, is_busy.into()),
            (Event::LoseStream, loses_stream.into()),
            (Event::Stop, stops.into()),
        ];
        for (event, times) in table {
            for _ in 0..times {
                let at = self.chance.below(length * 6 / 10);
                self.schedule.at(at, event);
            }
        }
        self.schedule.at(TICK, Event::Tick);
        self.schedule.at(length * 3 / 4, Event::Calm);
    }

    fn run(&mut self) {
        let Setup { length, heartbeat, expires, latency, service, .. } = self.setup;
        let calm = length * 3 / 4;
        let recovery = 60_000 + 3 * (2 * heartbeat).max(expires + 1000);
        let end = calm + recovery + (service + 4 * latency + TICK) * (self.setup.messages + 40);
        for _ in 0..MAX_STEPS {
            let Some(event) = self.schedule.next() else { break };
            let now = self.schedule.now();
            let is_done = self.expected.is_empty() && now > calm + recovery;
            if now > end || is_done || self.checks.violation().is_some() {
                break;
            }
            if self.trace && !matches!(event, Event::Tick | Event::Timer(_)) {
                eprintln!("{now:>8} {event:?}");
            }
            self.handle(event);
        }
        let left = self.expected.len();
        let ends = self.stopped_at.is_some() || self.is_ended;
        self.checks.that(Invariant::OrderedDelivers, ends || left == 0, || {
            format!("{left} messages behind {} are not", self.cursor)
        });
        let most = usize::from(!ends) + self.lost;
        let consumers = self.server.consumers.len();
        self.checks.that(Invariant::OrderedCleansUp, consumers <= most, || {
            format!("{consumers} of at most {most}")
        });
    }

    fn handle(&mut self, event: Event) {
        let now = self.schedule.now();
        match event {
            Event::ToClient { epoch, frame } => {
                if epoch == self.epoch && self.is_connected {
                    self.receive(frame);
                }
            }
            Event::ToServer { epoch, line } => {
                if epoch == self.epoch {
                    self.read(line);
                } else if matches!(line, Line::Delete(_) | Line::Create(..)) {
                    self.lost += 1;
                }
            }
            Event::Timer(at) => {
                if at == self.timer {
                    self.timer = u64::MAX;
                    self.spins = if self.timed_at == now { self.spins + 1 } else { 0 };
                    self.timed_at = now;
                    if self.flaw != Some(Flaw::NoTimeForOrdered) {
                        self.machine.handle_timeout(instant(now));
                    }
                    self.collect();
                }
            }
            Event::Tick => {
                self.server.tick(now, &mut self.chance);
                self.serve();
                self.schedule.at(now + TICK, Event::Tick);
            }
            Event::Store => self.store(),
            Event::Done => {
                self.held -= 1;
                if self.flaw != Some(Flaw::NoReleaseForOrdered) {
                    self.machine.release(1, SIZE);
                }
                self.collect();
            }
            Event::Cut => self.cut(),
            Event::Up { epoch } => {
                if epoch == self.epoch {
                    self.is_connected = true;
                    (self.last_to_client, self.last_to_server) = (now, now);
                    self.machine.handle_connected();
                    self.collect();
                }
            }
            Event::Kill => {
                let is_told = self.chance.percent(50);
                self.server.kill(is_told);
                self.serve();
            }
            Event::Purge => self.purge(),
            Event::ChangeLeader => {
                self.server.change_leader();
                self.serve();
            }
            Event::Busy => self.server.busy_until = now + self.chance.below(20_000),
            Event::LoseStream => {
                self.server.has_stream = false;
                self.server.kill(true);
                self.serve();
            }
            Event::Stop => {
                self.stopped_at = Some(now);
                self.machine.stop();
                self.collect();
            }
            Event::Calm => {
                self.server.faults = 0;
                self.server.busy_until = now;
                self.server.has_stream = true;
            }
        }
    }

    fn store(&mut self) {
        let subject = self.chance.below(self.setup.subjects);
        if !self.server.has_stream {
            return;
        }
        let sequence = self.server.store(subject);
        if self.has_begun {
            self.expected.insert(sequence);
        }
        self.serve();
    }

    /// Messages disappear from the stream.
    fn purge(&mut self) {
        let last = self.server.last;
        let below = self.chance.below(last + 1);
        self.server.stream.retain(|sequence, _| *sequence > below);
        self.expected.retain(|sequence| *sequence > below);
    }

    fn cut(&mut self) {
        let now = self.schedule.now();
        // What the server has made and not told of yet.
        self.lost += 1;
        self.epoch += 1;
        self.is_connected = false;
        self.server.cut();
        self.machine.handle_disconnected();
        let after = self.chance.below(3000);
        self.schedule.at(now + after, Event::Up { epoch: self.epoch });
        self.collect();
    }

    /// The server reads a line.
    fn read(&mut self, line: Line) {
        let now = self.schedule.now();
        match line {
            Line::Subscribe(inbox) => {
                self.server.subscribed.insert(inbox);
            }
            Line::Unsubscribe(inbox) => {
                self.server.subscribed.remove(&inbox);
            }
            Line::Pull(serial, pull) => {
                self.counts[2] += 1;
                self.server.pull(serial, &pull, now);
            }
            Line::Create(serial, policy) => {
                self.server.create(serial, policy, now, &mut self.chance);
            }
            Line::Delete(serial) => {
                self.server.consumers.remove(&serial);
            }
            Line::Info(serial) => self.server.inform(serial, &mut self.chance),
        }
        self.serve();
    }

    /// From the first consumer on that it knows of, the client has to get everything.
    fn begin(&mut self, serial: u32, delivered: SequenceInfo) {
        let Some(consumer) = self.server.consumers.get(&serial) else { return };
        let first = if consumer.policy() == DeliverPolicy::LastPerSubject {
            // Older values may be left out.
            consumer.created_behind() + 1
        } else if self.has_begun {
            return;
        } else {
            delivered.stream_sequence + 1
        };
        self.has_begun = true;
        self.expected = self.server.stream.range(first..).map(|(sequence, _)| *sequence).collect();
    }

    fn serve(&mut self) {
        let now = self.schedule.now();
        self.server.serve(now, &mut self.chance);
        while let Some(frame) = self.server.out.pop_front() {
            let at = self.last_to_client.max(now + self.setup.latency);
            self.last_to_client = at;
            self.schedule.at(at, Event::ToClient { epoch: self.epoch, frame });
        }
    }

    fn receive(&mut self, frame: Frame) {
        let now = self.schedule.now();
        match frame {
            Frame::Message { inbox, serial, stream, consumer } => {
                self.counts[0] += 1;
                let reply = format!("$JS.ACK.S.C{serial}.1.{stream}.{consumer}.0.0");
                let Some(delivery) = DeliveryInfo::parse(reply.as_bytes()) else { return };
                let handling = self.machine.handle_message(inbox, SIZE, &delivery, instant(now));
                if handling == OrderedHandling::Deliver {
                    self.hand_out(stream);
                }
            }
            Frame::Status { inbox, number, status } => {
                self.counts[1] += 1;
                let (status, heartbeat) = read(status);
                let heartbeat = heartbeat.filter(|_| self.flaw != Some(Flaw::LosesHeartbeats));
                let number = Some(number);
                let _is_idle =
                    self.machine.handle_status(inbox, number, status, heartbeat, instant(now));
            }
            Frame::Created { serial, delivered } => {
                if serial == self.serial {
                    self.begin(serial, delivered);
                }
                self.machine.handle_created(serial, delivered, instant(now));
            }
            Frame::NotCreated { serial, failure } => {
                self.machine.handle_create_failed(serial, failure, instant(now));
            }
            Frame::Info { serial, info } => {
                // One whose creation the connection has kept from us.
                if let OrderedInfo::Exists(delivered) = info
                    && delivered.consumer_sequence == 0
                    && self.machine.cursor().is_none()
                {
                    self.begin(serial, delivered);
                }
                self.machine.handle_info(serial, info, instant(now));
            }
        }
        self.collect();
    }

    fn hand_out(&mut self, sequence: u64) {
        let now = self.schedule.now();
        self.created.clear();
        let is_growing = sequence > self.cursor;
        let missing = self.expected.range(..sequence).next().copied();
        self.checks.that(Invariant::OrderedInOrder, is_growing && missing.is_none(), || {
            format!("{sequence} comes at {now} ms behind {}, without {missing:?}", self.cursor)
        });
        let is_stopped = self.stopped_at.is_some();
        self.checks
            .that(Invariant::OrderedInOrder, !is_stopped, || format!("{sequence} behind the end"));
        self.cursor = sequence;
        self.expected.remove(&sequence);
        self.held += 1;
        let (held, max) = (self.held, self.setup.max_messages);
        self.checks.that(Invariant::WithinMaximum, held <= max, || format!("{held} of {max}"));
        let work = self.chance.below(2 * self.setup.service + 1);
        self.schedule.at(now + work, Event::Done);
    }

    /// The driver does all that the machine wants.
    fn collect(&mut self) {
        let now = self.schedule.now();
        for _ in 0..100 {
            let Some(output) = self.machine.poll_output(instant(now)) else {
                return self.set_timer(now);
            };
            if self.trace {
                eprintln!("{now:>8}   {output:?}");
            }
            match output {
                OrderedOutput::Create { serial, policy } => self.create(serial, policy, now),
                OrderedOutput::Delete { .. } if self.flaw == Some(Flaw::ForgetsToDelete) => {}
                OrderedOutput::Delete { serial } => self.send(Line::Delete(serial)),
                OrderedOutput::RequestInfo { serial } => self.send(Line::Info(serial)),
                OrderedOutput::Pull(PullOutput::Subscribe(inbox)) => {
                    self.send(Line::Subscribe(inbox))
                }
                OrderedOutput::Pull(PullOutput::Unsubscribe(inbox)) => {
                    self.send(Line::Unsubscribe(inbox));
                }
                OrderedOutput::Pull(PullOutput::Pull(pull)) => {
                    self.send(Line::Pull(self.serial, pull));
                }
                OrderedOutput::End(_) => self.is_ended = true,
                OrderedOutput::Event(_) => {
                    let is_calm = self.setup.is_calm();
                    let is_slow = 4 * self.setup.latency + 2 * TICK >= self.setup.heartbeat;
                    self.checks.that(Invariant::OrderedKeepsConsumer, !is_calm || is_slow, || {
                        format!("{output:?} at {now} ms")
                    });
                }
                _ => {}
            }
        }
        self.checks.that(Invariant::TimeMovesOn, false, || "outputs do not end".into());
    }

    fn create(&mut self, serial: u32, policy: DeliverPolicy, now: u64) {
        let is_new = self.names.insert(serial);
        self.checks.that(Invariant::OrderedNamesOnce, is_new, || format!("{serial} at {now} ms"));
        self.created.retain(|at| at + 10_000 > now);
        self.created.push(now);
        // At once, and after 125 ms at least, doubling: for a consumer lost, not created, and lost again.
        let (count, most) = (self.created.len(), 12);
        self.checks.that(Invariant::OrderedWaits, count <= most, || {
            format!("{count} consumers in 10 s at {now} ms")
        });
        self.serial = serial;
        let policy = match self.flaw {
            Some(Flaw::StartsAnew) => self.setup.policy,
            _ => policy,
        };
        self.send(Line::Create(serial, policy));
    }

    fn send(&mut self, line: Line) {
        let at = self.last_to_server.max(self.schedule.now() + self.setup.latency);
        self.last_to_server = at;
        self.schedule.at(at, Event::ToServer { epoch: self.epoch, line });
    }

    fn set_timer(&mut self, now: u64) {
        let spins = self.spins;
        self.checks.that(Invariant::TimeMovesOn, spins < 10, || format!("at {now} ms"));
        let Some(at) = self.machine.poll_timeout().map(Instant::as_millis) else { return };
        let at = at.max(now);
        if at != self.timer {
            self.timer = at;
            self.schedule.at(at, Event::Timer(at));
        }
    }
}

const fn read(status: Status) -> (PullStatus<'static>, Option<Heartbeat>) {
    match status {
        Status::Heartbeat(consumer_sequence) => {
            (PullStatus::Heartbeat, Some(Heartbeat::new(consumer_sequence, 0)))
        }
        Status::RequestTimeout => (PullStatus::RequestTimeout, None),
        Status::ConsumerDeleted => (PullStatus::ConsumerDeleted, None),
        Status::LeadershipChange => (PullStatus::LeadershipChange, None),
        Status::NoResponders => (PullStatus::NoResponders, None),
    }
}
