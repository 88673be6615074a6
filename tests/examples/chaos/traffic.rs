//! The traffic during the faults, and its tally.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use nats_tokio::Backoff;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::Subscriber;
use tokio::task::JoinHandle;

/// How long between two messages of a kind.
const PACE: Duration = Duration::from_millis(2);

/// How many messages of one kind there were.
#[derive(Clone, Debug, Default)]
struct Tally {
    sent: u64,
    confirmed: u64,
    failed: u64,
    missing: u64,
    twice: u64,
    wrong: u64,
    /// How many may be missing.
    reported: u64,
}

/// Everybody who sends something.
pub(crate) struct Traffic {
    clients: Vec<Client>,
    is_over: Arc<AtomicBool>,
    /// How many requests were replied to so far, by responder and stream.
    progress: Arc<[AtomicU64; 2]>,
    dealt_with: Arc<Mutex<HashMap<u64, u32>>>,
    own: JoinHandle<Tally>,
    requests: JoinHandle<(Tally, Vec<u64>)>,
    stored: JoinHandle<(Tally, Vec<u64>)>,
    responder: Client,
}

pub(crate) struct Report(Vec<(&'static str, Tally)>);

impl Traffic {
    pub(crate) async fn start(url: &str) -> Self {
        let own = connect("own messages", url).await;
        let requester = connect("requester", url).await;
        let publisher = connect("stream", url).await;
        let responder = connect("responder", url).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let progress = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let dealt_with = Arc::default();
        let questions = responder.subscribe("chaos.ask").await.expect("a subscription");
        responder.flush().await.expect("flushed");
        tokio::spawn(respond(responder.clone(), questions, Arc::clone(&dealt_with)));
        let requests =
            ask(requester.clone(), "chaos.ask", Arc::clone(&is_over), Arc::clone(&progress), 0);
        let stored =
            ask(publisher.clone(), "chaos.stream", Arc::clone(&is_over), Arc::clone(&progress), 1);
        Self {
            clients: vec![own.clone(), requester, publisher, responder.clone()],
            own: tokio::spawn(talk_to_oneself(own, Arc::clone(&is_over))),
            requests: tokio::spawn(requests),
            stored: tokio::spawn(stored),
            is_over,
            progress,
            dealt_with,
            responder,
        }
    }

    /// Has all clients make new connections.
    pub(crate) fn reconnect(&self) {
        self.clients.iter().for_each(Client::force_reconnect);
    }

    /// Waits until all are connected, and requests are replied to again.
    pub(crate) async fn wait_until_well(&self, patience: Duration) {
        let start = Instant::now();
        let now = || self.progress.each_ref().map(|count| count.load(Relaxed));
        let before = now();
        while !(self.clients.iter().all(|client| client.status() == ConnectionStatus::Connected)
            && now().iter().zip(before).all(|(now, before)| *now > before + 10))
        {
            assert!(start.elapsed() < patience, "nothing goes on: {before:?}, {:?}", now());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops everything and adds up. `stored` lists what is in the stream.
    pub(crate) async fn finish(self, stored: impl Fn() -> Vec<String>) -> Report {
        self.is_over.store(true, Relaxed);
        let own = self.own.await.expect("own messages");
        let (mut requests, replied) = self.requests.await.expect("requests");
        let (mut acknowledged, numbers) = self.stored.await.expect("stored messages");
        self.responder.close().await;
        let dealt_with = self.dealt_with.lock().expect("no panic").clone();
        check(&mut requests, &replied, &dealt_with);
        let mut in_stream = HashMap::new();
        for number in stored() {
            *in_stream.entry(number.parse().expect("a number")).or_insert(0) += 1;
        }
        check(&mut acknowledged, &numbers, &in_stream);
        Report(vec![
            ("messages of a connection to itself", own),
            ("requests to a responder", requests),
            ("messages to a stream with three replicas", acknowledged),
        ])
    }
}

/// Of what was confirmed, nothing may be missing, or be there twice.
fn check(tally: &mut Tally, confirmed: &[u64], done: &HashMap<u64, u32>) {
    tally.missing = confirmed.iter().filter(|number| !done.contains_key(number)).count() as u64;
    tally.twice = done.values().filter(|&&count| count > 1).count() as u64;
}

async fn connect(name: &str, url: &str) -> Client {
    let wait = Duration::from_millis(250);
    ConnectOptions::new()
        .name(name)
        .backoff(Backoff::Fixed { wait, jitter: wait, jitter_tls: wait })
        .max_reconnects(None)
        .ping_interval(Duration::from_secs(1))
        .request_timeout(Duration::from_secs(2))
        .lame_duck_jitter(Some(Duration::from_secs(1)))
        .connect(url)
        .await
        .expect("a connection")
}

/// Publishes numbers and takes them back in. What the server has confirmed has come back, since it
/// sends a message to its own connection before it answers a later PING.
async fn talk_to_oneself(client: Client, is_over: Arc<AtomicBool>) -> Tally {
    let mut messages = client.subscribe("chaos.own").await.expect("a subscription");
    let mut tally = Tally::default();
    let mut seen = HashSet::new();
    while !is_over.load(Relaxed) {
        match client.publish("chaos.own", tally.sent.to_string()).await {
            Ok(()) => tally.sent += 1,
            Err(_) => tally.failed += 1,
        }
        take(&mut messages, &mut seen, &mut tally);
        tokio::time::sleep(PACE).await;
    }
    while client.flush().await.is_err() {}
    take(&mut messages, &mut seen, &mut tally);
    tally.confirmed = seen.len() as u64;
    tally.missing = tally.sent - tally.confirmed;
    tally.reported = client.statistics().unconfirmed_messages;
    tally
}

fn take(messages: &mut Subscriber, seen: &mut HashSet<u64>, tally: &mut Tally) {
    while let Some(message) = messages.try_next() {
        match number(message.payload()) {
            Some(number) if number < tally.sent => tally.twice += u64::from(!seen.insert(number)),
            _ => tally.wrong += 1,
        }
    }
}

async fn respond(client: Client, mut questions: Subscriber, done: Arc<Mutex<HashMap<u64, u32>>>) {
    while let Some(question) = questions.next().await {
        if let Some(number) = number(question.payload()) {
            *done.lock().expect("no panic").entry(number).or_insert(0) += 1;
        }
        let _ = client.respond(&question, question.payload()).await;
    }
}

/// Sends requests, and notes the numbers of those that were replied to.
async fn ask(
    client: Client,
    subject: &'static str,
    is_over: Arc<AtomicBool>,
    progress: Arc<[AtomicU64; 2]>,
    index: usize,
) -> (Tally, Vec<u64>) {
    let mut tally = Tally::default();
    let mut confirmed = Vec::new();
    while !is_over.load(Relaxed) {
        let sent = tally.sent;
        tally.sent += 1;
        match client.request(subject, sent.to_string()).await {
            Ok(reply) if index == 0 && number(reply.payload()) != Some(sent) => tally.wrong += 1,
            // The stream's error says so.
            Ok(reply) if index == 1 && !is_stored(reply.payload()) => tally.failed += 1,
            Ok(_) => {
                confirmed.push(sent);
                progress[index].fetch_add(1, Relaxed);
            }
            Err(_) => tally.failed += 1,
        }
        tokio::time::sleep(PACE).await;
    }
    tally.confirmed = confirmed.len() as u64;
    (tally, confirmed)
}

fn is_stored(acknowledgement: &[u8]) -> bool {
    let json: serde_json::Value = serde_json::from_slice(acknowledgement).unwrap_or_default();
    json["seq"].is_u64()
}

fn number(payload: &[u8]) -> Option<u64> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}

impl Report {
    pub(crate) fn print(&self) {
        println!(
            "| what | sent | confirmed | failed, and said so | missing | reported as perhaps lost | \
             twice | wrong |\n|---|---:|---:|---:|---:|---:|---:|---:|"
        );
        for (name, tally) in &self.0 {
            let Tally { sent, confirmed, failed, missing, reported, twice, wrong } = tally;
            println!(
                "| {name} | {sent} | {confirmed} | {failed} | {missing} | {reported} | {twice} | \
                 {wrong} |"
            );
        }
    }

    /// Whether what must hold does.
    pub(crate) fn is_good(&self) -> bool {
        self.0.iter().all(|(_, tally)| {
            tally.missing <= tally.reported && tally.twice == 0 && tally.wrong == 0
        })
    }
}
