//! Events of a connection in `tracing`.

use std::fmt::Debug;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;

use nats_tokio::ConnectOptions;
use nats_tokio::Events;
use nats_tokio::PendingLimits;
use tracing::Dispatch;
use tracing::Event;
use tracing::Id;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing::span::Attributes;
use tracing::span::Record;
use tracing::subscriber::DefaultGuard;

use crate::peer::Peer;
use crate::peer::pair;

/// Notes everything that it is told, and counts how often it is asked.
#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Collected>>);

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    spans: u64,
    open: u64,
    calls: u64,
}

impl Collector {
    pub(crate) fn install() -> (Self, DefaultGuard) {
        // Where there is one only, what `tracing` knows of all threads is what one without any says.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(Self::default()));
        let collector = Self::default();
        let guard = tracing::subscriber::set_default(collector.clone());
        (collector, guard)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().lines.clone()
    }

    /// What was said, without what else belongs to it.
    fn said(&self) -> Vec<String> {
        let short = |line: String| line.split(';').next().unwrap().to_owned();
        self.lines().into_iter().map(short).collect()
    }

    fn calls(&self) -> u64 {
        self.0.lock().unwrap().calls
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").unwrap();
        } else {
            write!(self.fields, "; {}={value:?}", field.name()).unwrap();
        }
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("nats_tokio")
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut text = Text::default();
        attributes.record(&mut text);
        let mut collected = self.0.lock().unwrap();
        collected.spans += 1;
        collected.open += 1;
        collected.calls += 1;
        collected.lines.push(format!("span {}{}", attributes.metadata().name(), text.fields));
        Id::from_u64(collected.spans)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        self.0.lock().unwrap().calls += 1;
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {
        self.0.lock().unwrap().calls += 1;
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let mut collected = self.0.lock().unwrap();
        collected.calls += 1;
        let level = event.metadata().level();
        let parent = event.parent().map(Id::into_u64);
        assert!(parent.is_some_and(|parent| parent <= collected.spans), "outside of its span");
        collected.lines.push(format!("{level} {}{}", text.message, text.fields));
    }

    fn enter(&self, _: &Id) {
        self.0.lock().unwrap().calls += 1;
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().calls += 1;
    }

    fn try_close(&self, _: Id) -> bool {
        self.0.lock().unwrap().open -= 1;
        true
    }
}

async fn until(events: &mut Events, wanted: impl Fn(&nats_tokio::Event) -> bool) {
    while !wanted(&events.next().await.expect("not over")) {}
}

const REFUSED: &str = "Permissions Violation for Publish to \"x\"";

const SECRETS: [&str; 4] = ["s3cret", "t0ken", "p%40ss", "p@ss"];

#[tokio::test(start_paused = true)]
async fn a_life_and_none_of_its_secrets() {
    let (collector, _guard) = Collector::install();
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let (peers, mut come) = tokio::sync::mpsc::unbounded_channel();
    let seen = Arc::clone(&attempts);
    let options = ConnectOptions::new()
        .name("hub")
        .token("t0ken")
        .retain_servers_order()
        .backoff(nats_tokio::Backoff::Fixed {
            wait: Duration::from_secs(2),
            jitter: Duration::ZERO,
            jitter_tls: Duration::ZERO,
        })
        .lame_duck_jitter(None)
        .retry_on_initial_connect()
        .connector(move |target| {
            let mut attempts = seen.lock().unwrap();
            attempts.push(target.host);
            let number = attempts.len();
            let peers = peers.clone();
            async move {
                if number == 1 {
                    return Err(std::io::Error::other("no way"));
                }
                let (ours, theirs) = tokio::io::duplex(4096);
                peers.send(Peer::new(theirs)).unwrap();
                Ok(ours)
            }
        });
    let connecting =
        tokio::spawn(options.connect("nats://u:s3cret@a.example:1,nats://p%40ss@b.example:2"));
    let client = connecting.await.unwrap().unwrap();
    let mut events = client.events();
    let mut peer = come.recv().await.unwrap();
    peer.accept().await;
    until(&mut events, |event| matches!(event, nats_tokio::Event::Connected { .. })).await;
    let limits = PendingLimits::DEFAULT.messages(1);
    let _subscriber = client.queue_subscribe("a.*", "q").pending_limits(limits).await.unwrap();
    peer.expect(&["SUB a.* q 1"]).await;
    peer.send(&format!("MSG a.b 1 1|x|MSG a.b 1 1|x|-ERR '{REFUSED}'|INFO {{\"ldm\":true}}")).await;
    until(&mut events, |event| matches!(event, nats_tokio::Event::LameDuckMode)).await;
    drop(peer);
    let mut peer = come.recv().await.unwrap();
    peer.accept().await;
    peer.expect(&["SUB a.* q 1"]).await;
    tokio::spawn(peer.serve());
    until(&mut events, |event| matches!(event, nats_tokio::Event::Resubscribed)).await;
    client.drain().await.unwrap_err();
    drop((client, _subscriber, events));
    let lines = collector.lines();
    let expected = [
        "span nats; name=\"hub\"",
        "DEBUG connecting; server=\"nats://a.example:1\"",
        "WARN could not connect; server=\"nats://a.example:1\"; reason=server unreachable; text=\"no way\"",
        "DEBUG reconnecting; server=\"nats://b.example:2\"; attempt=1",
        "INFO connected; server=\"nats://b.example:2\"",
        "WARN server error; text=\"Permissions Violation for Publish to \\\"x\\\"\"",
        "INFO server in lame duck mode",
        "WARN slow consumer; subject=\"a.*\"; queue=\"q\"; sid=1; dropped=1",
        "WARN disconnected; server=\"nats://b.example:2\"; reason=the server closed the connection; unconfirmed=0",
        "DEBUG reconnecting; server=\"nats://a.example:1\"; attempt=1",
        "INFO reconnected; server=\"nats://a.example:1\"",
        "DEBUG resubscribed",
    ];
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(lines.get(number).map(String::as_str), Some(expected), "{lines:#?}");
    }
    assert!(lines.last().unwrap().starts_with("WARN closed; reason="), "{lines:#?}");
    for secret in SECRETS {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} in {lines:#?}");
    }
    let collected = collector.0.lock().unwrap();
    assert_eq!((collected.spans, collected.open), (1, 0), "one span, as long as the connection");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_wanted_is_no_warning() {
    let (collector, _guard) = Collector::install();
    let (client, peer) = pair().await;
    tokio::spawn(peer.serve());
    client.close().await;
    let said = ["span nats", "DEBUG connecting", "INFO connected", "INFO closed"];
    assert_eq!(collector.said(), said);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_messages() {
    let (collector, _guard) = Collector::install();
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    let before = collector.calls();
    for _ in 0..100 {
        client.publish("b", "x").await.unwrap();
        peer.expect(&["PUB b: x"]).await;
        peer.send("MSG a 1 1|x").await;
        assert!(subscriber.next().await.is_some());
    }
    assert_eq!(collector.calls(), before);
}
