//! A session, those around it, and a clock that jumps.

mod apply;
mod driver;
mod link;
mod settle;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use nats_proto::Instant;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Store;
use nats_proto::session::CloseReason;
use nats_proto::session::Confirmations;
use nats_proto::session::Phase;
use nats_proto::session::Session;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;

use self::link::Line;
use self::link::Link;
use crate::app::App;
use crate::app::Recipient;
use crate::checks::Checks;
use crate::checks::Invariant;
use crate::cluster::Cluster;
use crate::flaw::Flaw;
use crate::rng::Rng;
use crate::server::Around;
use crate::server::Messages;
use crate::setup::Setup;
use crate::wire::Cut;

/// How many turns may be taken while no time passes. A life may take more: one in which every
/// attempt comes to its end, and all fail, has many.
const MAX_TURNS_AT_ONCE: u64 = 100_000;

/// How long it may take until there is a connection once everything works: long enough to notice
/// that a server is silent, to wait for the longest back-off, and to leave a lame duck.
const PATIENCE: Duration = Duration::from_secs(200);

/// A session with its driver, what is around them, and what has to be true of it.
pub struct World<S: Store<Recipient = Recipient>> {
    session: Session<S>,
    now: Instant,
    setup: Setup,
    rng: Rng,
    checks: Checks,
    counts: Counts,
    app: App,
    messages: Messages,
    cluster: Cluster,
    conditions: Conditions,
    cut: Option<Cut>,
    /// How many bytes went up and down.
    carried: (u64, u64),
    line: Line,
    /// The link before this one.
    last: Option<Box<Link>>,
    links: u32,
    /// When servers were tried last.
    attempts: BTreeMap<String, Attempts>,
    /// The server that was tried last, and when there was a connection to it.
    dialled: (String, Option<Instant>),
    known_changes: u32,
    /// The subscriptions of which the session said that they may have been refused.
    maybe_refused: BTreeSet<u64>,
    /// How many turns were taken at this moment.
    turns: u64,
    /// Whether the application has connected.
    has_begun: bool,

    // The driver's.
    decoder: Decoder<FromServer>,
    input: Vec<u8>,
    output: Vec<u8>,
    memory: Vec<u8>,
    held: VecDeque<u64>,
    /// The number of the attempt that `line` belongs to.
    attempt: u32,
    confirmations: Confirmations,
    /// The subscriptions that the connection was made again with.
    resubscribing: Vec<u64>,
    stopped: Option<CloseReason>,
}

/// What a server has to be spared for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempts {
    /// No attempt may come before that.
    not_before: Instant,
    /// How many in a row have failed, or led to a connection that did not last.
    setbacks: u32,
}

/// What happened in a life, or in many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Lives.
    pub lives: u64,
    /// Things that an application, a server or a link did.
    pub operations: u64,
    /// Connections that were made.
    pub links: u64,
    /// Connections that were cut.
    pub cuts: u64,
    /// Messages that were delivered.
    pub messages: u64,
    /// Turns of the driver.
    pub turns: u64,
    /// Virtual time in seconds.
    pub seconds: u64,
}

impl Counts {
    /// Adds what was counted elsewhere.
    pub const fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        self.operations += other.operations;
        self.links += other.links;
        self.cuts += other.cuts;
        self.messages += other.messages;
        self.turns += other.turns;
        self.seconds += other.seconds;
    }
}

/// How links are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// How many bytes are read at once.
    pub(crate) chunk: usize,
    /// How many bytes may be on their way to the server.
    pub(crate) window: usize,
    /// How long bytes take at the longest, in milliseconds.
    pub(crate) delay: u64,
}

impl Conditions {
    const GOOD: Self = Self { chunk: 4096, window: 8192, delay: 1 };
}

impl<S: Store<Recipient = Recipient>> World<S> {
    /// A world before the application connects.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut rng = Rng::new(setup.seed);
        let mut seed = [0; 16];
        for (to, from) in seed.iter_mut().zip(rng.next().to_le_bytes()) {
            *to = from;
        }
        let cluster = Cluster::new(setup.variety, &mut rng);
        let mut world = Self {
            session: Session::new(setup.config, RngSeed(seed)),
            now: Instant::from_millis(1_000),
            setup,
            rng,
            checks: Checks::default(),
            counts: Counts { lives: 1, ..Counts::default() },
            app: App::default(),
            messages: Messages::default(),
            cluster,
            conditions: Conditions::GOOD,
            cut: None,
            carried: (0, 0),
            line: Line::None,
            last: None,
            links: 0,
            attempts: BTreeMap::new(),
            dialled: (String::new(), None),
            known_changes: 0,
            maybe_refused: BTreeSet::new(),
            turns: 0,
            has_begun: false,
            decoder: Decoder::default(),
            input: Vec::new(),
            output: Vec::new(),
            memory: Vec::new(),
            held: VecDeque::new(),
            attempt: 0,
            confirmations: Confirmations::new(),
            resubscribing: Vec::new(),
            stopped: None,
        };
        for index in 0..setup.servers {
            world.add_server(index);
        }
        world
    }

    /// What was looked at, and found.
    pub const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// What happened.
    pub fn counts(&self) -> Counts {
        let seconds = self.now.as_millis() / 1_000;
        Counts { links: self.links.into(), messages: self.app.messages, seconds, ..self.counts }
    }

    /// How many bytes went up and down so far.
    pub const fn carried(&self) -> (u64, u64) {
        self.carried
    }

    /// Cuts the link there is, or will be, at a certain byte.
    pub const fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
    }

    /// Notes something that has to be true.
    pub(crate) fn must(&mut self, invariant: Invariant, holds: bool, otherwise: &str) {
        let session = &self.session;
        self.checks.that(invariant, holds, || format!("{otherwise}: {session:?}"));
    }

    /// Whether there is nothing more to be done: the end, or a violation.
    pub const fn is_over(&self) -> bool {
        self.checks.violation().is_some()
    }

    /// Why the session is over, if it is.
    pub fn stop(&self) -> Option<CloseReason> {
        match self.session.phase() {
            Phase::Closed(stop) => Some(stop),
            _ => None,
        }
    }

    /// Does what can be done now, and then lets time pass until there is something to do, for so
    /// long in all.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        self.run_until(until, |_| false);
    }

    /// Runs until everything that was begun has come to its end. Returns whether it did in time.
    pub fn settle(&mut self) -> bool {
        let until = self.now + PATIENCE;
        self.run_until(until, |world| world.is_settled() || world.stop().is_some())
    }

    /// Everything works from now on; then there has to be a connection.
    pub fn heal(&mut self) {
        self.say(|| "everything works again".into());
        self.cluster.heal();
        self.conditions = Conditions::GOOD;
        self.cut = None;
        // Those that it knows may have been given up, and the rest may not exist.
        self.add_server(0);
        let closes = self.now + Duration::from_secs(10);
        if let Line::Open(link) = &mut self.line
            && link.peer.is_lame
        {
            link.closes = Some(closes);
        }
        let is_settled = self.settle();
        let session = &self.session;
        self.checks.that(Invariant::Converges, is_settled, || format!("{session:?} after a while"));
    }

    /// Runs to the end, which the application wants, or has wanted before.
    pub fn end(&mut self) {
        let until = self.now + PATIENCE;
        self.run_until(until, |world| world.stopped.is_some());
        let session = &self.session;
        self.checks
            .that(Invariant::Converges, self.stopped.is_some(), || format!("{session:?} goes on"));
        self.check_end();
    }

    fn run_until(&mut self, until: Instant, is_done: impl Fn(&Self) -> bool) -> bool {
        loop {
            while !self.is_over() && self.turn() {}
            if self.is_over() {
                return true;
            }
            self.check_rest();
            if is_done(self) {
                return true;
            }
            match self.next_moment() {
                Some(moment) if moment <= until => self.pass_to(self.now.max(moment)),
                _ => {
                    self.pass_to(until);
                    return false;
                }
            }
        }
    }

    const fn pass_to(&mut self, moment: Instant) {
        self.now = moment;
        self.turns = 0;
    }

    fn count_turn(&mut self) {
        self.counts.turns += 1;
        self.turns += 1;
        self.checks.that(Invariant::Terminates, self.turns < MAX_TURNS_AT_ONCE, || "no end".into());
    }

    /// Does one thing after the other. Returns whether there was any: if not, only time helps.
    fn turn(&mut self) -> bool {
        self.count_turn();
        let mut is_busy = self.expire();
        is_busy |= self.follow();
        is_busy |= self.send();
        is_busy |= self.carry();
        is_busy |= self.check_flushes();
        self.check_confirmed();
        is_busy
    }

    /// When something happens of itself.
    fn next_moment(&self) -> Option<Instant> {
        let timer = self.session.poll_timeout().map(|(deadline, _)| deadline);
        let timer = timer.filter(|_| self.setup.flaw != Some(Flaw::IgnoresTime));
        let others = match &self.line {
            Line::None => [None; 4],
            Line::Opening { at, server } => [server.is_some().then_some(*at), None, None, None],
            Line::Open(link) => [
                link.up.next(),
                link.down.next(),
                link.closes,
                self.cluster.get(link.server).and_then(|server| server.shuts_down),
            ],
        };
        others.into_iter().chain([timer]).flatten().filter(|moment| *moment > self.now).min()
    }

    fn add_server(&mut self, index: usize) {
        let address = format!("nats://s{index}:4222");
        let url = ServerUrl::new(&address);
        self.checks.that(Invariant::TruthfulResult, url.is_ok(), || address.clone());
        // There may be no room.
        let _ = url.map(|url| self.session.add_server(&url));
    }

    const fn around(&mut self) -> (Around<'_>, &mut Line) {
        let around = Around {
            checks: &mut self.checks,
            messages: &mut self.messages,
            rng: &mut self.rng,
            flaw: self.setup.flaw,
        };
        (around, &mut self.line)
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.setup.trace {
            eprintln!("{:>8} ms  {}", self.now.as_millis(), what());
        }
    }
}
