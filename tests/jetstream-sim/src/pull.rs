//! Pulls: a consumer, a driver that does what it says, and a server that forgets.

mod driver;
mod judge;
mod server;
mod setup;

use std::collections::HashMap;
use std::collections::HashSet;

use driver::Driver;
use driver::Line;
use nats_proto::jetstream::ConsumerState;
use nats_proto::jetstream::PullOutput;
pub(crate) use server::Frame;
pub(crate) use server::Server;
pub(crate) use server::Stored;
pub(crate) use setup::Setup;

use crate::History;
use crate::chance::Chance;
use crate::checks::Checks;
use crate::checks::Invariant;
use crate::flaw::Flaw;
use crate::schedule::Schedule;

/// How often the server looks at the clock.
const TICK: u64 = 100;
/// More steps than any history has.
const MAX_STEPS: u64 = 400_000;
/// How much longer than it says a server of the simulation may take to notice the time.
const SLACK: u64 = 2 * TICK;

#[derive(Clone, Copy, Debug)]
enum Event {
    ToClient {
        epoch: u64,
        input: Input,
    },
    ToServer {
        epoch: u64,
        line: Line,
    },
    /// The machine's own time.
    Timer(u64),
    /// The driver collects outputs.
    Collect,
    Tick,
    Store {
        id: u64,
        size: u32,
    },
    /// The application is done with a message.
    Done {
        id: u64,
        size: u32,
    },
    Cut,
    Up {
        epoch: u64,
    },
    ChangeLeader,
    Forget,
    Pause,
    Unpin,
    Limit,
    Delete,
    Recreate,
    Leave,
    Calm,
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Frame(Frame),
    Pong { number: u64 },
    Info(ConsumerState),
}

struct World<'b> {
    setup: Setup,
    flaw: Option<Flaw>,
    chance: Chance<'b>,
    schedule: Schedule<Event>,
    checks: Checks,
    driver: Driver,
    server: Server,
    /// When the last frame and the last line arrive: they do not overtake each other.
    last_to_client: u64,
    last_to_server: u64,
    /// When the timer is set.
    timer: u64,
    has_collect: bool,
    /// Stored, and never handed out.
    waiting: HashSet<u64>,
    /// With the application.
    held: HashMap<u64, u32>,
    large: Option<u64>,
    stored: u64,
    /// Pulls since the last message or connection, at their times.
    pulls: Vec<u64>,
    /// Pulls since a message that is too large is the next, at their times.
    large_pulls: Vec<u64>,
    /// Since when messages wait, and the server has no pull that would bring them.
    waits_since: Option<u64>,
    deleted_at: Option<u64>,
    left_at: Option<u64>,
    /// Whether a connection was lost after the application ended it.
    was_cut_since: bool,
    /// How often in a row something was due at once.
    spins: u32,
    /// When it was time last.
    timed_at: u64,
    counts: [u64; 3],
    trace: bool,
}

/// A history of a consumer from bytes.
pub(crate) fn live(bytes: &[u8], flaw: Option<Flaw>, trace: bool) -> History {
    let mut chance = Chance::new(bytes);
    let setup = Setup::new(&mut chance);
    if trace {
        eprintln!("{setup:?}");
    }
    let driver = Driver::new(&setup, flaw);
    let server = Server::new(&setup);
    let mut world = World {
        setup,
        flaw,
        chance,
        schedule: Schedule::new(),
        checks: Checks::default(),
        driver,
        server,
        last_to_client: 0,
        last_to_server: 0,
        timer: u64::MAX,
        has_collect: false,
        waiting: HashSet::new(),
        held: HashMap::new(),
        large: None,
        stored: 0,
        pulls: Vec::new(),
        large_pulls: Vec::new(),
        waits_since: None,
        deleted_at: None,
        left_at: None,
        was_cut_since: false,
        spins: 0,
        timed_at: u64::MAX,
        counts: [0; 3],
        trace,
    };
    world.plan();
    world.run();
    History { checks: world.checks, messages: world.stored, steps: world.counts.iter().sum() }
}

impl World<'_> {
    /// What happens from outside.
    fn plan(&mut self) {
        let Setup { length, messages, gap, max_bytes, .. } = self.setup;
        let (mut at, mut id) = (1, 0);
        while at < length * 7 / 10 && id < messages {
            for _ in 0..self.chance.of(&[1, 1, 5, 60]) {
                let size = self.chance.of(&[10, 20, 50, 50, 100]);
                let size = if max_bytes > 0 { size.min(max_bytes) } else { size };
                self.schedule.at(at, Event::Store { id, size });
                id += 1;
            }
            at += 1 + self.chance.below(2 * gap);
        }
        if self.setup.has_large {
            let at = self.chance.below(length / 2);
            self.schedule.at(at, Event::Store { id: u64::MAX, size: max_bytes + 10 });
        }
        let within = |world: &mut Self, part: u64| world.chance.below(length * part / 10);
        for _ in 0..self.setup.cuts {
            let at = within(self, 7);
            self.schedule.at(at, Event::Cut);
        }
        if self.setup.withheld.is_some() {
            for _ in 0..3 {
                let at = within(self, 7);
                self.schedule.at(at, Event::ChangeLeader);
            }
        }
        if self.setup.faults > 0 {
            let table = [
                (Event::ChangeLeader, self.chance.of(&[0, 3])),
                (Event::Forget, self.chance.of(&[0, 2])),
                (Event::Limit, self.chance.of(&[0, 0, 0, 1])),
            ];
            for (event, times) in table {
                for _ in 0..times {
                    let at = within(self, 7);
                    self.schedule.at(at, event);
                }
            }
        }
        let table = [
            (Event::Pause, self.chance.percent(20)),
            (Event::Unpin, self.setup.is_pinned),
            (Event::Delete, self.setup.deletes),
            (Event::Leave, self.setup.leaves),
        ];
        for (event, happens) in table {
            if happens {
                let at = within(self, 5);
                self.schedule.at(at, event);
            }
        }
        self.schedule.at(TICK, Event::Tick);
        self.schedule.at(length * 3 / 4, Event::Calm);
        self.schedule.at(0, Event::Up { epoch: 0 });
    }

    fn run(&mut self) {
        let Setup { heartbeat, expires, length, service, latency, .. } = self.setup;
        let calm = length * 3 / 4;
        let recovery = 2 * (2 * heartbeat).max(expires + 1000) + 70_000;
        // A pull that is refused in silence is only noticed at its end, as long as messages come by
        // another.
        let is_refused =
            self.setup.max_waiting < self.setup.slots as usize || self.setup.withheld.is_some();
        let refusal = if is_refused { expires + 1000 } else { 0 };
        let work = (service * 2 + 4 * latency + TICK + refusal) * (self.setup.messages + 70);
        let end = calm + recovery + work;
        for _ in 0..MAX_STEPS {
            let Some(event) = self.schedule.next() else { return };
            let now = self.schedule.now();
            let is_done = self.waiting.is_empty() && self.held.is_empty();
            let is_quiet = now > calm + 20_000 && is_done;
            if now > end || is_quiet || self.checks.violation().is_some() {
                break;
            }
            if self.trace && !matches!(event, Event::Tick | Event::Timer(_)) {
                eprintln!("{now:>8} {event:?}");
            }
            self.handle(event);
        }
        let waiting = self.waiting.len();
        let ends = self.left_at.is_some() || self.driver.end.is_some();
        let buffered = (self.driver.machine.buffered(), self.driver.machine.outstanding());
        self.checks.that(Invariant::AllDelivered, ends || waiting == 0, || {
            format!("{waiting} messages are not, with {buffered:?} at the client")
        });
        self.check_end(u64::MAX);
    }

    fn handle(&mut self, event: Event) {
        let now = self.schedule.now();
        match event {
            Event::ToClient { epoch, input } => {
                if epoch == self.server.epoch && self.driver.is_connected {
                    self.receive(input);
                }
            }
            Event::ToServer { epoch, line } => self.serve(epoch, line),
            Event::Timer(at) => {
                if self.flaw == Some(Flaw::WaitsForTheServer) {
                    self.timer = u64::MAX;
                } else if at == self.timer {
                    self.timer = u64::MAX;
                    self.spins = if self.timed_at == now { self.spins + 1 } else { 0 };
                    self.timed_at = now;
                    if self.flaw != Some(Flaw::IgnoresTime) {
                        self.driver.machine.handle_timeout(driver::instant(now));
                    }
                    self.collect();
                }
            }
            Event::Collect => {
                self.has_collect = false;
                self.collect();
            }
            Event::Tick => {
                self.server.tick(now, &mut self.chance);
                self.deliver();
                self.check_end(now);
                self.check_wait(now);
                self.schedule.at(now + TICK, Event::Tick);
            }
            Event::Store { id, size } => {
                if id == u64::MAX {
                    self.large = Some(id);
                    self.server.stream.push_front(Stored { id, size });
                } else {
                    self.stored += 1;
                    self.waiting.insert(id);
                    self.server.stream.push_back(Stored { id, size });
                }
                self.server.serve(now, &mut self.chance);
                self.deliver();
            }
            Event::Done { id, size } => self.done(id, size),
            Event::Cut => self.cut(),
            Event::Up { epoch } => {
                if epoch == self.server.epoch {
                    self.last_to_client = now;
                    self.last_to_server = now;
                    self.pulls.clear();
                    self.driver.connect();
                    self.collect();
                }
            }
            Event::ChangeLeader => {
                self.server.change_leader(now, &mut self.chance);
                self.deliver();
            }
            Event::Forget => self.server.forget(),
            Event::Pause => self.server.paused_until = now + self.chance.below(20_000),
            Event::Unpin => self.server.unpin(),
            Event::Limit => match self.chance.below(3) {
                0 => self.server.max_batch = self.chance.of(&[1, 3]),
                1 => self.server.max_bytes = self.chance.of(&[100, 120]),
                _ => self.server.max_expires = self.chance.of(&[300, 2000]),
            },
            Event::Delete => {
                self.deleted_at = Some(now);
                self.server.delete(&mut self.chance);
                self.deliver();
                if self.setup.awaits_consumer {
                    let after = self.chance.below(20_000);
                    self.schedule.at(now + after, Event::Recreate);
                }
            }
            Event::Recreate => {
                self.server.is_deleted = false;
                self.server.serve(now, &mut self.chance);
                self.deliver();
            }
            Event::Leave => self.leave(),
            Event::Calm => {
                self.server.faults = 0;
                self.server.dead_until = now;
                if self.large.take().is_some() {
                    self.server.stream.retain(|message| message.id != u64::MAX);
                }
            }
        }
    }

    fn receive(&mut self, input: Input) {
        let now = self.schedule.now();
        match input {
            Input::Frame(Frame::Message { inbox, id, size, pin }) => {
                self.counts[0] += 1;
                if !self.driver.knows(inbox) {
                    // No client gets it; the server notices that it is not acknowledged.
                    return;
                }
                self.pulls.clear();
                let is_ours = self.driver.receive(inbox, size, pin, now);
                let is_stopped = self.left_at.is_some() && !self.setup.drains;
                self.checks.that(Invariant::LeavesNothing, !is_ours || !is_stopped, || {
                    format!("{id} is handed out at {now} ms")
                });
                if is_ours {
                    self.waiting.remove(&id);
                    self.held.insert(id, size);
                    let work = self.chance.below(2 * self.setup.service + 1);
                    self.schedule.at(now + work, Event::Done { id, size });
                } else if self.flaw != Some(Flaw::KeepsLateMessages) {
                    self.send(Line::Nak(id));
                }
                let (held, max) = (self.held.len(), self.setup.max_messages as usize);
                self.checks
                    .that(Invariant::WithinMaximum, held <= max, || format!("{held} of {max}"));
            }
            Input::Frame(Frame::Status { inbox, number, status }) => {
                self.counts[1] += 1;
                if self.driver.knows(inbox) {
                    self.driver.handle_status(inbox, number, status, now);
                }
            }
            Input::Pong { number } => self.driver.handle_pong(number),
            Input::Info(state) => self.driver.machine.handle_info(state, driver::instant(now)),
        }
        if self.chance.percent(70) {
            self.collect();
        } else if !self.has_collect {
            self.has_collect = true;
            let after = self.chance.below(4);
            self.schedule.at(now + after, Event::Collect);
        }
    }

    fn done(&mut self, id: u64, size: u32) {
        if self.held.remove(&id).is_none() {
            return;
        }
        self.send(Line::Ack(id));
        if self.flaw != Some(Flaw::ForgetsToRelease) || !self.chance.percent(10) {
            self.driver.machine.release(1, size);
        }
        self.collect();
    }

    fn cut(&mut self) {
        let now = self.schedule.now();
        self.was_cut_since |= self.left_at.is_some();
        self.server.cut(self.flaw == Some(Flaw::KeepsInboxes));
        self.driver.disconnect();
        let epoch = self.server.epoch;
        let after = self.chance.below(2000);
        self.schedule.at(now + after, Event::Up { epoch });
        self.collect();
    }

    /// The application has enough.
    fn leave(&mut self) {
        let now = self.schedule.now();
        if self.driver.end.is_some() {
            return;
        }
        self.left_at = Some(now);
        if self.setup.drains {
            self.driver.machine.drain(driver::instant(now));
        } else {
            self.driver.machine.stop(driver::instant(now));
            let mut held: Vec<_> = self.held.drain().collect();
            held.sort_unstable();
            for (id, size) in held {
                self.driver.machine.release(1, size);
                self.send(Line::Nak(id));
            }
        }
        self.collect();
    }

    /// The server reads a line. Acknowledgements come by any connection.
    fn serve(&mut self, epoch: u64, line: Line) {
        let now = self.schedule.now();
        match line {
            Line::Ack(id) => self.server.ack(id),
            Line::Nak(id) => self.server.nak(id),
            _ if epoch != self.server.epoch => return,
            Line::Subscribe(inbox) => {
                self.server.subscribed.insert(inbox);
            }
            Line::Unsubscribe(inbox, number) => {
                if self.flaw != Some(Flaw::ForgetsToUnsubscribe) {
                    self.server.subscribed.remove(&inbox);
                }
                self.send_to_client(Input::Pong { number }, 0);
            }
            Line::Ping(number) => self.send_to_client(Input::Pong { number }, 0),
            Line::Info => self.inform(),
            Line::Pull(pull, pin) => {
                self.counts[2] += 1;
                self.waits_since = None;
                self.count_pull(now);
                self.server.pull(&pull, pin, now, &mut self.chance);
                self.deliver();
            }
        }
        self.server.serve(now, &mut self.chance);
        self.deliver();
        let (open, max) = (self.server.open(), self.setup.max_messages);
        self.checks.that(Invariant::OpenWithinMaximum, open <= max, || format!("{open} of {max}"));
    }

    fn inform(&mut self) {
        let now = self.schedule.now();
        let is_silent = now < self.server.dead_until && !self.setup.says_nobody;
        if is_silent || self.chance.percent(self.server.faults / 4) {
            return;
        }
        let reached_max_ack_pending = self.server.unacked.len() >= self.setup.max_ack_pending;
        let state = if self.server.is_deleted {
            ConsumerState::NotFound
        } else {
            ConsumerState::Exists { reached_max_ack_pending }
        };
        self.send_to_client(Input::Info(state), 0);
    }

    /// Sends what the server has said.
    fn deliver(&mut self) {
        for (frame, late) in std::mem::take(&mut self.server.out) {
            self.send_to_client(Input::Frame(frame), late);
        }
        let wasted = self.server.wasted;
        self.checks.that(Invariant::NothingWasted, wasted == 0 || !self.setup.has_leaves, || {
            format!("{wasted} messages were")
        });
    }

    /// What is late may be overtaken.
    fn send_to_client(&mut self, input: Input, late: u64) {
        let at = self.last_to_client.max(self.schedule.now() + self.setup.latency);
        if late == 0 {
            self.last_to_client = at;
        }
        self.schedule.at(at + late, Event::ToClient { epoch: self.server.epoch, input });
    }

    fn send(&mut self, line: Line) {
        let at = self.last_to_server.max(self.schedule.now() + self.setup.latency);
        self.last_to_server = at;
        self.schedule.at(at, Event::ToServer { epoch: self.server.epoch, line });
    }

    /// The driver does all that the machine wants.
    fn collect(&mut self) {
        let now = self.schedule.now();
        for _ in 0..100 {
            let Some(output) = self.driver.machine.poll_output(driver::instant(now)) else {
                return self.check(now);
            };
            if self.trace {
                eprintln!("{now:>8}   {output:?}");
            }
            if output == PullOutput::Probe {
                let is_rightly = !self.setup.is_calm() || self.deleted_at.is_some();
                let slow = 4 * self.setup.latency + SLACK >= self.setup.heartbeat;
                // A refusal at `max_waiting` is silent.
                let is_refused = self.setup.max_waiting < 2;
                self.checks.that(
                    Invariant::StalledRightly,
                    is_rightly || slow || is_refused,
                    || format!("at {now} ms"),
                );
            }
            if let Some(line) = self.driver.perform(output) {
                self.send(line);
            }
        }
        self.checks.that(Invariant::TimeMovesOn, false, || "outputs do not end".into());
    }
}
