//! JetStream on three servers that are killed, hang and lose their leaders, while messages are published
//! and taken. `cargo xtask chaos --jetstream` runs it.
//!
//! What must hold at the end:
//!
//! - what was acknowledged is in the stream, what is told not to be stored is not, and what has an id is
//!   there once;
//! - every message was handed out by each consumer, and none again after its acknowledgement was confirmed;
//! - nobody paused for longer than the servers themselves, and two seconds;
//! - memory, tasks, subscriptions and pulls are what they were at the start.

mod actor;
mod consumers;
mod faults;
mod heap;
mod prober;
mod proxy;
mod publishers;
mod report;
mod rest;

use std::process::Command;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nats_tests::Cluster;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::stream;
use tokio::sync::watch;

use crate::actor::Actor;
use crate::consumers::HEARTBEAT;
use crate::consumers::Tally;
use crate::faults::Fault;
use crate::faults::Servers;
use crate::faults::node_of;
use crate::prober::Job;
use crate::prober::Place;
use crate::prober::Prober;
use crate::proxy::Proxy;
use crate::publishers::Kind;
use crate::publishers::Pace;
use crate::publishers::Publisher;
use crate::report::Pauses;
use crate::report::Report;

const USAGE: &str =
    "usage: chaos-jetstream [--messages COUNT] [--faults COUNT] [--first NUMBER] [--report FILE]";
/// How long everything has to work again after a fault.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long a fault takes, as far as the pace of the publishers goes.
const FAULT: Duration = Duration::from_secs(20);
/// The longest rest after a message: less than what counts as a pause, also for several at once.
const SLOWEST: Duration = Duration::from_millis(20);
/// How long there are no faults before the first one, and after each.
const CALM: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let report = run(&arguments).await;
    let complaints = report.complaints();
    let mut text = report.text();
    text.push('\n');
    if complaints.is_empty() {
        text.push_str("All of it is as it must be.\n");
    }
    for complaint in &complaints {
        text.push_str(&format!("- NOT AS IT MUST BE: {complaint}\n"));
    }
    println!("{text}");
    if let Some(path) = &arguments.report {
        std::fs::write(path, &text).expect("the report is written");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is to be done.
struct Arguments {
    messages: usize,
    faults: usize,
    /// Which fault is the first.
    first: usize,
    /// The file that the report is written to.
    report: Option<String>,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut read = Self { messages: 100_000, faults: 20, first: 0, report: None };
        while let Some(name) = words.next() {
            let value = words.next()?;
            match name.as_str() {
                "--messages" => read.messages = value.parse().ok()?,
                "--faults" => read.faults = value.parse().ok()?,
                "--first" => read.first = value.parse().ok()?,
                "--report" => read.report = Some(value),
                _ => return None,
            }
        }
        Some(read)
    }
}

/// Everybody at work.
struct World {
    servers: Servers,
    monitors: Vec<u16>,
    /// The clients: of those who publish, of those who take messages.
    clients: [Client; 2],
    publishers: Vec<Arc<Publisher>>,
    tallies: [Arc<Tally>; 2],
    /// Whose pauses count: publishers, reader, worker; and the probers.
    ours: Vec<Arc<Actor>>,
    probers: [Arc<Actor>; 4],
    places: [Arc<Place>; 2],
    running: watch::Sender<bool>,
    end: watch::Sender<bool>,
}

async fn run(arguments: &Arguments) -> Report {
    let begin = Instant::now();
    let mut monitors = Vec::new();
    let cluster = Cluster::start_with(3, |ports| {
        format!(
            "jetstream {{ store_dir: $STORE }}\nhttp: \"127.0.0.1:{}\"\n\
             lame_duck_grace_period: 2s\nlame_duck_duration: 30s",
            ports.leaf
        )
    });
    monitors.extend((0..cluster.size()).map(|node| cluster.leaf_port(node)));
    let mut proxies = Vec::new();
    for node in 0..cluster.size() {
        proxies.push(Proxy::start(cluster.port(node)).await);
    }
    let urls: Vec<_> = proxies.iter().map(Proxy::url).collect();
    let control = options("control").ping_interval(Duration::from_secs(1));
    let control = control.connect(cluster.url()).await.expect("a connection");
    let publishing = options("publishers").connect(urls.join(",")).await.expect("a connection");
    let consuming = options("consumers").connect(urls.join(",")).await.expect("a connection");
    tell_events(&publishing, "publishers");
    tell_events(&consuming, "consumers");
    let ports: Vec<_> = (0..cluster.size()).map(|node| cluster.port(node)).collect();
    make_stream(&control.jetstream(), "CHAOS", "chaos.>").await;
    make_stream(&control.jetstream(), "CHAIN", "chain").await;

    let capacity = arguments.messages * 3 + 100_000;
    let tallies = ["reader", "worker"].map(|name| Arc::new(Tally::new(name, capacity)));
    let kinds = [Kind::Plain, Kind::WithIds, Kind::Window, Kind::ExactlyOnce];
    let publishers = kinds.map(|kind| Arc::new(Publisher::new(kind, capacity))).to_vec();
    let mut ours: Vec<_> =
        publishers.iter().map(|publisher| Arc::clone(&publisher.actor)).collect();
    ours.extend([
        Arc::new(Actor::new("reader", 2 * HEARTBEAT)),
        Arc::new(Actor::new("worker", 2 * HEARTBEAT)),
    ]);
    let world = World {
        servers: Servers { cluster, proxies, control: control.jetstream() },
        monitors,
        clients: [publishing, consuming],
        publishers,
        tallies,
        ours,
        probers: ["publish", "reader", "worker", "the other stream"]
            .map(|name| Arc::new(Actor::new(name, Duration::ZERO))),
        places: [(); 2].map(|()| Arc::new(Place::new(ports.clone()))),
        running: watch::Sender::new(true),
        end: watch::Sender::new(false),
    };
    world.go(arguments, begin).await
}

impl World {
    async fn go(mut self, arguments: &Arguments, begin: Instant) -> Report {
        let Arguments { messages, faults, first, .. } = *arguments;
        let each = messages / self.publishers.len();
        let pace = Arc::new(Pace::new(self.running.subscribe()));
        let publishing = self.start(each, &pace).await;
        // Once at full speed: buffers grow as far as they will.
        while self.publishers.iter().any(|publisher| publisher.actor.count() < each as u64 / 20) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        pace.set(FAULT.mul_f64(faults as f64 / each as f64).min(SLOWEST));
        self.running.send_replace(false);
        rest::until_quiet(&self.servers).await.expect("quiet before the first fault");
        let before = rest::measure(&self.servers, &self.monitors, None).await;
        self.running.send_replace(true);
        eprintln!("at rest: {before:?}");

        let mut pauses = Vec::new();
        for round in 0..faults {
            tokio::time::sleep(CALM).await;
            pauses.push(self.suffer(Fault::at(first + round)).await);
            eprintln!("{} of {faults} faults, {} s", round + 1, begin.elapsed().as_secs());
        }
        pace.hurry();
        for publisher in publishing {
            publisher.await.expect("no panic");
        }
        self.running.send_replace(false);
        let quiet = rest::until_quiet(&self.servers).await;
        if let Err(error) = &quiet {
            eprintln!("{error}");
        }
        let after = rest::measure(&self.servers, &self.monitors, Some(&before)).await;
        self.end.send_replace(true);
        let stored = quiet.unwrap_or(u64::MAX);
        self.report(begin, pauses, stored, [before, after])
    }

    /// Has everybody go to work, and returns those who publish.
    async fn start(&self, each: usize, pace: &Arc<Pace>) -> Vec<tokio::task::JoinHandle<()>> {
        let [publishing, consuming] = self.clients.each_ref().map(Client::jetstream);
        for tally in &self.tallies {
            consumers::find(&consuming, tally).await;
        }
        self.servers.until_replicated().await;
        self.follow();
        let [reads, works] = &self.tallies;
        let [.., reader, worker] = self.ours.as_slice() else { panic!("two consumers") };
        let end = || self.end.subscribe();
        tokio::spawn(consumers::read(consuming.clone(), reader.clone(), reads.clone(), end()));
        tokio::spawn(consumers::work(consuming, worker.clone(), works.clone(), end()));
        let [publish, read, work, ask] = self.probers.clone();
        let [place, other] = &self.places;
        for (place, actor, job) in [
            (place, publish, Job::Publish),
            (other, read, Job::Consume(Arc::clone(reads))),
            (other, work, Job::Consume(Arc::clone(works))),
            (place, ask, Job::Ask),
        ] {
            let prober = Prober { place: Arc::clone(place), actor, job };
            tokio::spawn(prober.run(self.running.subscribe()));
        }
        let publishers = self.publishers.iter().map(|publisher| {
            let publisher = Arc::clone(publisher);
            tokio::spawn(publisher.run(publishing.clone(), each, Arc::clone(pace)))
        });
        publishers.collect()
    }

    /// Probers move to the servers of our clients.
    fn follow(&self) {
        for (place, client) in self.places.iter().zip(&self.clients) {
            place.set(node_of(client));
        }
    }

    /// A fault, and what is seen of it until all is well again.
    async fn suffer(&mut self, fault: Fault) -> Pauses {
        self.follow();
        let ours = node_of(&self.clients[1]);
        eprintln!("{}; our server is node{ours}", fault.name());
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.actors().for_each(|actor| actor.begin());
        self.servers.inject(fault, ours).await;
        self.until_well().await;
        let pauses = Pauses::new(fault.name(), &self.probers, &self.ours);
        let shown = |actors: &[Arc<Actor>]| {
            let each = actors
                .iter()
                .map(|actor| format!("{} {:.2}", actor.name, actor.longest().as_secs_f64()));
            each.collect::<Vec<_>>().join(", ")
        };
        let verdict = if pauses.is_good() { "" } else { " TOO LONG" };
        eprintln!("the servers: {}; ours: {}{verdict}", shown(&self.probers), shown(&self.ours));
        self.servers.until_replicated().await;
        pauses
    }

    fn actors(&self) -> impl Iterator<Item = &Arc<Actor>> {
        self.ours.iter().chain(&self.probers)
    }

    /// Waits until everybody is at work again.
    async fn until_well(&self) {
        let begin = Instant::now();
        let counts = || self.actors().map(|actor| actor.count()).collect::<Vec<_>>();
        let before = counts();
        loop {
            let is_connected = |client: &Client| client.status() == ConnectionStatus::Connected;
            let is_well = self.clients.iter().all(is_connected)
                && counts().iter().zip(&before).all(|(now, before)| *now > before + 5);
            if is_well {
                return;
            }
            if begin.elapsed() > PATIENCE {
                self.tell().await;
                panic!("somebody does nothing: {before:?}, {:?}", counts());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Tells what there is, for whoever looks for the reason.
    async fn tell(&self) {
        for client in &self.clients {
            let server = client.server_info().server_name;
            eprintln!("{:?} with {server}, {:?}", client.status(), client.statistics());
        }
        for consumer in self.servers.consumers() {
            eprintln!("{:?}", consumer.info().await);
        }
        let stream = self.servers.control.stream("CHAOS").expect("a name");
        eprintln!("{:?}", stream.info().await);
    }

    fn report(
        &self,
        begin: Instant,
        pauses: Vec<Pauses>,
        stored: u64,
        [before, after]: [rest::AtRest; 2],
    ) -> Report {
        let lines = read(&self.servers.cluster, "CHAOS", "chaos.>");
        let others = read(&self.servers.cluster, "CHAIN", "chain");
        let numbers = |subject: &str| {
            let payloads = lines
                .iter()
                .chain(&others)
                .filter_map(|line| line.strip_prefix(subject)?.strip_prefix(' '));
            payloads.map(|number| number.parse().expect("a number")).collect::<Vec<usize>>()
        };
        let publishers = self.publishers.iter().map(|publisher| {
            let comparison = publisher.compare(&numbers(publisher.subject));
            let count = |count: &std::sync::atomic::AtomicU64| {
                count.load(std::sync::atomic::Ordering::Relaxed)
            };
            let (once_more, duplicates) =
                (count(&publisher.once_more), count(&publisher.duplicates));
            (publisher.actor.name, comparison, once_more, duplicates)
        });
        let last = lines.len() as u64;
        let consumers = self.tallies.iter();
        let consumers =
            consumers.map(|tally| (tally.consumer, tally.missing(last), tally.counts()));
        let (major, minor, patch) = nats_tests::version();
        Report {
            version: format!("{major}.{minor}.{patch}"),
            seconds: begin.elapsed().as_secs(),
            stored: stored.min(last),
            names: self.ours.iter().map(|actor| actor.name).collect(),
            pauses,
            publishers: publishers.collect(),
            consumers: consumers.collect(),
            before,
            after,
            forgets_confirmed: (major, minor) < (2, 10),
        }
    }
}

/// Says what a client's connection goes through.
fn tell_events(client: &Client, name: &'static str) {
    let mut events = client.events();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            eprintln!("{name}: {event:?}");
        }
    });
}

/// A client that stays with the proxies.
fn options(name: &str) -> ConnectOptions {
    ConnectOptions::new().name(name).max_reconnects(None).ignore_discovered_servers()
}

/// A stream, on all servers, as soon as they have a leader.
async fn make_stream(jetstream: &Context, name: &str, subject: &str) {
    let config = stream::Config { num_replicas: 3, ..stream::Config::new(name, [subject]) };
    let begin = Instant::now();
    while let Err(error) = jetstream.get_or_create_stream(config.clone()).await {
        assert!(begin.elapsed() < PATIENCE, "no stream: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is in a stream, as nats-py sees it: subject and payload of each message.
fn read(cluster: &Cluster, stream: &str, subject: &str) -> Vec<String> {
    let path = std::env::var("NATS_PY_PATH")
        .unwrap_or_else(|_| format!("{}/../target/tools/nats-py", env!("CARGO_MANIFEST_DIR")));
    let output = Command::new("python3")
        .args(["-c", include_str!("read.py"), stream, subject])
        .env("PYTHONPATH", path)
        .env("NATS_URL", cluster.url())
        .output()
        .expect("python3 with nats-py: run `cargo xtask chaos`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}
