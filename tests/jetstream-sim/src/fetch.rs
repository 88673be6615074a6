//! Fetches: an application that fetches again and again, and sometimes changes its mind.

use std::collections::HashSet;
use std::time::Duration;

use nats_proto::Instant;
use nats_proto::jetstream::ConsumerState;
use nats_proto::jetstream::Fetch;
use nats_proto::jetstream::FetchConfig;
use nats_proto::jetstream::FetchEndReason;
use nats_proto::jetstream::FetchOutput;
use nats_proto::jetstream::Handling;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullLimit;

use crate::History;
use crate::chance::Chance;
use crate::checks::Checks;
use crate::checks::Invariant;
use crate::flaw::Flaw;
use crate::pull::Frame;
use crate::pull::Server;
use crate::pull::Setup;
use crate::pull::Stored;
use crate::schedule::Schedule;

/// How often the server looks at the clock.
const TICK: u64 = 100;
/// More steps than any history has.
const MAX_STEPS: u64 = 400_000;
/// How often in a row something may be due at once.
const MAX_SPINS: u32 = 20;
/// How many inboxes may be subscribed to.
const MAX_INBOXES: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Event {
    ToClient { epoch: u64, input: Input },
    ToServer { epoch: u64, line: Line },
    Timer(u64),
    Tick,
    Store { id: u64, size: u32 },
    Start,
    Cancel { number: u64 },
    Cut,
    Up { epoch: u64 },
    ChangeLeader,
    Forget,
    Limit,
    Delete,
    Recreate,
    Calm,
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Frame(Frame),
    /// UNSUB is done.
    Left(InboxId),
    Info(ConsumerState),
}

#[derive(Clone, Copy, Debug)]
enum Line {
    Subscribe(InboxId),
    Unsubscribe(InboxId),
    Pull(Pull),
    Info,
    Ack(u64),
    Nak(u64),
}

struct World<'b> {
    setup: Setup,
    flaw: Option<Flaw>,
    chance: Chance<'b>,
    schedule: Schedule<Event>,
    checks: Checks,
    fetch: Fetch,
    server: Server,
    is_connected: bool,
    inboxes: HashSet<InboxId>,
    last_to_client: u64,
    last_to_server: u64,
    timer: u64,
    spins: u32,
    timed_at: u64,
    /// The fetch that is under way: its number, size, and when it has to be over.
    number: u64,
    batch: u32,
    due: u64,
    /// Whether there was no consumer all the time.
    is_in_vain: bool,
    /// Whether something was there when it began, that it should bring.
    finds: bool,
    was_cancelled: bool,
    /// When pulls were given up, of late.
    abandoned: Vec<u64>,
    /// Whether so many were that the oldest were not listened to for long enough.
    was_hasty: bool,
    /// What the consumer allows.
    max_batch: u32,
    max_bytes: u32,
    max_wait: u64,
    waiting: HashSet<u64>,
    stored: u64,
    steps: u64,
    trace: bool,
}

const fn instant(now: u64) -> Instant {
    Instant::from_millis(now)
}

/// A history of fetches from bytes.
pub(crate) fn live(bytes: &[u8], flaw: Option<Flaw>, trace: bool) -> History {
    let mut chance = Chance::new(bytes);
    let setup = Setup::new(&mut chance);
    if trace {
        eprintln!("{setup:?}");
    }
    let mut world = World {
        server: Server::new(&setup),
        max_bytes: if setup.max_bytes > 0 { setup.max_bytes } else { u32::MAX },
        setup,
        flaw,
        chance,
        schedule: Schedule::new(),
        checks: Checks::default(),
        fetch: Fetch::new(),
        is_connected: false,
        inboxes: HashSet::new(),
        last_to_client: 0,
        last_to_server: 0,
        timer: u64::MAX,
        spins: 0,
        timed_at: u64::MAX,
        number: 0,
        batch: 0,
        due: 0,
        is_in_vain: false,
        finds: false,
        was_cancelled: false,
        abandoned: Vec::new(),
        was_hasty: false,
        max_batch: u32::MAX,
        max_wait: u64::MAX,
        waiting: HashSet::new(),
        stored: 0,
        steps: 0,
        trace,
    };
    world.plan();
    world.run();
    History { checks: world.checks, messages: world.stored, steps: world.steps }
}

impl World<'_> {
    fn plan(&mut self) {
        let Setup { length, messages, gap, max_bytes, .. } = self.setup;
        let (mut at, mut id) = (1, 0);
        while at < length / 2 && id < messages {
            let size = self.chance.of(&[10, 20, 50, 100]);
            let size = if max_bytes > 0 { size.min(max_bytes) } else { size };
            self.schedule.at(at, Event::Store { id, size });
            id += 1;
            at += self.chance.below(2 * gap);
        }
        for _ in 0..self.setup.cuts {
            let at = self.chance.below(length / 2);
            self.schedule.at(at, Event::Cut);
        }
        let table = [
            (Event::ChangeLeader, if self.setup.faults > 0 { 2 } else { 0 }),
            (Event::Forget, if self.setup.faults > 0 { 2 } else { 0 }),
            (Event::Limit, u64::from(self.chance.percent(30))),
            (Event::Delete, u64::from(self.setup.deletes)),
        ];
        for (event, times) in table {
            for _ in 0..times {
                let at = self.chance.below(length / 2);
                self.schedule.at(at, event);
            }
        }
        self.schedule.at(TICK, Event::Tick);
        self.schedule.at(length * 3 / 4, Event::Calm);
        self.schedule.at(0, Event::Up { epoch: 0 });
        self.schedule.at(0, Event::Start);
    }

    fn run(&mut self) {
        let calm = self.setup.length * 3 / 4;
        let end = calm + 60_000 + (20_000 + 10 * self.setup.latency) * (self.setup.messages + 9);
        for _ in 0..MAX_STEPS {
            let Some(event) = self.schedule.next() else { return };
            let now = self.schedule.now();
            if now > end || (now > calm && self.waiting.is_empty()) {
                break;
            }
            if self.checks.violation().is_some() {
                return;
            }
            self.steps += 1;
            if self.trace && !matches!(event, Event::Tick | Event::Timer(_)) {
                eprintln!("{now:>8} {event:?}");
            }
            self.handle(event);
            self.collect();
        }
        let waiting = self.waiting.len();
        self.checks.that(Invariant::AllDelivered, waiting == 0, || format!("{waiting} are not"));
    }

    fn handle(&mut self, event: Event) {
        let now = self.schedule.now();
        match event {
            Event::ToClient { epoch, input } => {
                if epoch == self.server.epoch && self.is_connected {
                    self.receive(input);
                }
            }
            Event::ToServer { epoch, line } => self.serve(epoch, line),
            Event::Timer(at) => {
                if at == self.timer {
                    self.timer = u64::MAX;
                    self.spins = if self.timed_at == now { self.spins + 1 } else { 0 };
                    self.timed_at = now;
                    self.fetch.handle_timeout(instant(now));
                }
            }
            Event::Tick => {
                self.server.tick(now, &mut self.chance);
                self.deliver();
                self.schedule.at(now + TICK, Event::Tick);
            }
            Event::Store { id, size } => {
                self.stored += 1;
                self.waiting.insert(id);
                self.server.stream.push_back(Stored { id, size });
                self.server.serve(now, &mut self.chance);
                self.deliver();
            }
            Event::Start => self.start(),
            Event::Cancel { number } => {
                if number == self.number && self.fetch.is_active() {
                    self.was_cancelled = true;
                    self.note_abandoned();
                    self.fetch.cancel(instant(now));
                    self.schedule.at(now, Event::Start);
                }
            }
            Event::Cut => {
                self.server.cut(false);
                self.inboxes.clear();
                self.is_connected = false;
                self.fetch.handle_disconnected();
                let epoch = self.server.epoch;
                let after = self.chance.below(2000);
                self.schedule.at(now + after, Event::Up { epoch });
            }
            Event::Up { epoch } => {
                if epoch == self.server.epoch {
                    self.last_to_client = now;
                    self.last_to_server = now;
                    self.is_connected = true;
                    self.fetch.handle_connected();
                }
            }
            Event::ChangeLeader => {
                self.server.change_leader(now, &mut self.chance);
                self.deliver();
            }
            Event::Forget => self.server.forget(),
            Event::Limit => match self.chance.below(3) {
                0 => self.server.max_batch = self.chance.of(&[1, 3]),
                1 => self.server.max_bytes = self.chance.of(&[100, 120]),
                _ => self.server.max_expires = self.chance.of(&[2000, 5000]),
            },
            Event::Delete => {
                self.server.delete(&mut self.chance);
                self.deliver();
                let after = self.chance.below(20_000);
                self.schedule.at(now + after, Event::Recreate);
            }
            Event::Recreate => {
                self.server.is_deleted = false;
                self.is_in_vain = false;
            }
            Event::Calm => {
                self.server.faults = 0;
                self.server.dead_until = now;
            }
        }
    }

    fn start(&mut self) {
        let now = self.schedule.now();
        self.number += 1;
        self.batch = self.chance.of(&[1, 2, 10, 100]).min(self.max_batch).max(1);
        let wait = self.chance.of(&[0, 500, 2_000, 15_000]).min(self.max_wait);
        let limit = if wait > 0 { wait } else { 1000 };
        self.is_in_vain = self.server.is_deleted;
        self.due = now + limit;
        let is_enough = limit > 4 * self.setup.latency + 2 * TICK;
        let is_alone = !self.was_cancelled && self.setup.is_calm() && !self.setup.deletes;
        let is_there = !self.server.stream.is_empty() && !self.setup.is_pinned;
        let reached_max_ack_pending = self.server.unacked.len() >= self.setup.max_ack_pending;
        self.finds = is_enough && is_alone && is_there && !reached_max_ack_pending;
        let bytes = if self.max_bytes == u32::MAX { 0 } else { self.max_bytes };
        let mut config =
            FetchConfig::new(self.batch).max_bytes(bytes).max_wait(Duration::from_millis(wait));
        if !self.setup.has_leaves || self.flaw == Some(Flaw::LeavesYoungPulls) {
            config = config.unlimited_deliveries();
        }
        self.fetch.start(config, instant(now));
        if self.chance.percent(10) {
            let (number, after) = (self.number, self.chance.below(limit));
            self.schedule.at(now + after, Event::Cancel { number });
        }
    }

    fn receive(&mut self, input: Input) {
        let now = self.schedule.now();
        match input {
            Input::Frame(Frame::Message { inbox, id, size, .. }) => {
                if !self.inboxes.contains(&inbox) {
                    return;
                }
                match self.fetch.handle_message(inbox, size, instant(now)) {
                    Handling::Deliver => {
                        self.waiting.remove(&id);
                        self.send(Line::Ack(id));
                    }
                    Handling::Nak => self.send(Line::Nak(id)),
                }
                let (received, batch) = (self.fetch.received(), self.batch);
                self.checks.that(Invariant::FetchInTime, received <= batch, || {
                    format!("{received} of {batch} messages")
                });
            }
            Input::Frame(Frame::Status { inbox, number, status }) => {
                if self.inboxes.contains(&inbox) {
                    self.fetch.handle_status(inbox, Some(number), status, instant(now));
                }
            }
            Input::Left(inbox) => {
                self.inboxes.remove(&inbox);
            }
            Input::Info(state) => {
                // It may give its pull up.
                self.note_abandoned();
                self.fetch.handle_info(state, instant(now));
            }
        }
    }

    fn note_abandoned(&mut self) {
        let now = self.schedule.now();
        self.abandoned.retain(|at| at + 2_000 > now);
        self.abandoned.push(now);
        self.was_hasty |= self.abandoned.len() > 2;
    }

    fn end(&mut self, end: FetchEndReason) {
        let now = self.schedule.now();
        if end == FetchEndReason::TimedOut {
            self.note_abandoned();
        }
        let (due, received, finds) = (self.due, self.fetch.received(), self.finds);
        self.checks.that(Invariant::FetchInTime, now <= due, || {
            format!("{end:?} at {now} ms instead of {due} ms")
        });
        let is_refused = matches!(end, FetchEndReason::Limited(_) | FetchEndReason::MaxWaiting);
        self.checks.that(Invariant::FetchFinds, !finds || is_refused || received > 0, || {
            format!("{end:?} at {now} ms, and nothing")
        });
        let is_empty_success = end == FetchEndReason::NoMoreMessages && received == 0;
        self.checks.that(Invariant::NoEmptySuccess, !self.is_in_vain || !is_empty_success, || {
            format!("{end:?} at {now} ms from no consumer")
        });
        match end {
            FetchEndReason::Limited(PullLimit::Batch(most)) => self.max_batch = most,
            FetchEndReason::Limited(PullLimit::Bytes(most)) => self.max_bytes = most,
            FetchEndReason::Limited(PullLimit::ExpiresMillis(most)) => self.max_wait = most.into(),
            _ => {}
        }
        // An error is no reason to hurry.
        let pause = if received > 0 { 0 } else { 50 };
        let after = pause + self.chance.below(self.setup.service + 1);
        self.schedule.at(now + after, Event::Start);
    }

    fn serve(&mut self, epoch: u64, line: Line) {
        let now = self.schedule.now();
        match line {
            Line::Ack(id) => self.server.ack(id),
            Line::Nak(id) => self.server.nak(id),
            _ if epoch != self.server.epoch => return,
            Line::Subscribe(inbox) => {
                self.server.subscribed.insert(inbox);
            }
            Line::Unsubscribe(inbox) => {
                self.server.subscribed.remove(&inbox);
                self.send_to_client(Input::Left(inbox), 0);
            }
            Line::Pull(pull) => self.pull(&pull),
            Line::Info => self.inform(),
        }
        self.server.serve(now, &mut self.chance);
        self.deliver();
        let inboxes = self.server.subscribed.len();
        self.checks.that(Invariant::LeavesNothing, inboxes <= MAX_INBOXES, || {
            format!("{inboxes} inboxes are subscribed to")
        });
    }

    /// A server that was seen: what is there comes, and then word that there is no more; if nothing is
    /// there, it waits for the first.
    fn pull(&mut self, pull: &Pull) {
        let now = self.schedule.now();
        self.server.pull(pull, None, now, &mut self.chance);
        let came = self.server.out.iter().any(|(frame, _)| matches!(frame, Frame::Message { .. }));
        if pull.no_wait && (came || pull.expires_millis() == 0) {
            self.server.end_pull(pull.id, &mut self.chance);
        }
        self.deliver();
    }

    fn inform(&mut self) {
        let is_silent = self.schedule.now() < self.server.dead_until && !self.setup.says_nobody;
        if is_silent || self.chance.percent(self.server.faults / 4) {
            return;
        }
        let reached_max_ack_pending = self.server.unacked.len() >= self.setup.max_ack_pending;
        let state = if self.server.is_deleted && self.flaw != Some(Flaw::MistakesAbsence) {
            ConsumerState::NotFound
        } else {
            ConsumerState::Exists { reached_max_ack_pending }
        };
        self.send_to_client(Input::Info(state), 0);
    }

    fn deliver(&mut self) {
        for (frame, late) in std::mem::take(&mut self.server.out) {
            self.send_to_client(Input::Frame(frame), late);
        }
        let wasted = self.server.wasted;
        let is_bound = self.setup.has_leaves && !self.was_hasty;
        self.checks.that(Invariant::NothingWasted, wasted == 0 || !is_bound, || {
            format!("{wasted} messages were")
        });
    }

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
        while let Some(output) = self.fetch.poll_output(instant(now)) {
            if self.trace {
                eprintln!("{now:>8}   {output:?}");
            }
            match output {
                FetchOutput::Subscribe(inbox) => {
                    self.inboxes.insert(inbox);
                    self.send(Line::Subscribe(inbox));
                }
                FetchOutput::Unsubscribe(inbox) => self.send(Line::Unsubscribe(inbox)),
                FetchOutput::Pull(pull) => self.send(Line::Pull(pull)),
                FetchOutput::RequestInfo => self.send(Line::Info),
                FetchOutput::End(end) => self.end(end),
                _ => {}
            }
        }
        let timeout = self.fetch.poll_timeout().map(Instant::as_millis);
        let is_active = self.fetch.is_active();
        self.checks.that(Invariant::AsksOrWaits, !is_active || timeout.is_some(), || {
            format!("a fetch without a timer at {now} ms")
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
