//! A stream `S` and its consumer `C`, as a nats-server was seen to serve them, under a clock that jumps.

mod state;

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use nats_proto::wire::ClientOp;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::jetstream::Consumer;
use serde_json::Value;
use state::State;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::peer::Peer;

/// How often the server looks at the clock.
const TICK: Duration = Duration::from_millis(10);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A server that all connections of a test lead to.
#[derive(Clone)]
pub(super) struct Server(Arc<Mutex<State>>);

/// How the consumer is configured, and the server behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) ack_wait: Duration,
    pub(super) max_ack_pending: usize,
    /// Zero is for ever.
    pub(super) inactive_threshold: Duration,
    /// Zero is no limit.
    pub(super) max_batch: u32,
    pub(super) ack_policy: &'static str,
    pub(super) max_deliver: i64,
    /// Whether it says so where there is no consumer, as servers since 2.10 do.
    pub(super) says_nobody: bool,
    /// Whether a consumer that nobody pulls from is inactive, though it waits for acknowledgements, as in 2.9.
    pub(super) forgets_workers: bool,
    pub(super) is_pinned: bool,
    pub(super) says_counts: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            ack_wait: 30 * SECOND,
            max_ack_pending: 1000,
            inactive_threshold: Duration::ZERO,
            max_batch: 0,
            ack_policy: "explicit",
            max_deliver: -1,
            says_nobody: true,
            forgets_workers: false,
            is_pinned: false,
            says_counts: true,
        }
    }
}

/// What a client sent, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) connection: usize,
    pub(super) line: Line,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Subscribe { filter: String, sid: String },
    Unsubscribe { sid: String },
    Pull { reply: String, body: String },
    Info,
    Ack { sequence: u64, body: String },
    Ping,
    Other(String),
}

impl Server {
    pub(super) fn new(setup: Setup) -> Self {
        let state = State::new(setup);
        let server = Self(Arc::new(Mutex::new(state)));
        let ticking = Arc::downgrade(&server.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let Some(state) = ticking.upgrade() else { return };
                state.lock().unwrap().tick();
            }
        });
        server
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A client of this server.
    pub(super) async fn connect(&self) -> Client {
        let server = self.clone();
        let options = ConnectOptions::new().connector(move |_| {
            let server = server.clone();
            async move { server.accept() }
        });
        options.connect("a").await.unwrap()
    }

    /// A consumer of a client of its own, whose configuration is known.
    pub(super) async fn consumer(&self) -> Consumer {
        let stream = self.connect().await.jetstream().stream("S").unwrap();
        let exists = std::mem::replace(&mut self.state().exists, true);
        let consumer = stream.get_consumer("C").await.unwrap();
        self.state().exists = exists;
        consumer
    }

    fn accept(&self) -> io::Result<DuplexStream> {
        if self.state().is_down {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (out, mut lines) = mpsc::unbounded_channel::<Vec<u8>>();
        let connection = self.state().connect(out);
        let state = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut peer = Peer::new(theirs);
            peer.accept().await;
            loop {
                tokio::select! {
                    biased;
                    bytes = lines.recv() => match bytes {
                        Some(bytes) => peer.send_bytes(&bytes).await,
                        None => return,
                    },
                    line = peer.next_op(read) => {
                        let (Some((line, reply)), Some(state)) = (line, state.upgrade()) else { return };
                        state.lock().unwrap().receive(connection, line, &reply);
                    }
                }
            }
        });
        Ok(ours)
    }

    /// Publishes so many messages, whose payloads are their sequence numbers.
    pub(super) fn publish(&self, count: u64) {
        let mut state = self.state();
        for _ in 0..count {
            let sequence = state.stream.len() as u64 + 1;
            state.store(sequence.to_string().into_bytes());
        }
        state.serve();
    }

    pub(super) fn publish_one(&self, payload: &[u8]) {
        let mut state = self.state();
        state.store(payload.to_vec());
        state.serve();
    }

    /// Removes a message that was not delivered.
    pub(super) fn remove(&self, sequence: u64) {
        self.state().pending.retain(|known| *known != sequence);
    }

    /// Breaks all connections.
    pub(super) fn cut(&self) {
        let mut state = self.state();
        let count = state.connections.len();
        (0..count).for_each(|connection| state.break_off(connection));
    }

    pub(super) fn delete_consumer(&self) {
        let mut state = self.state();
        state.exists = false;
        for pull in std::mem::take(&mut state.waiting) {
            state.say(&pull, "409 Consumer Deleted", false);
        }
        state.pending.clear();
        state.unacked.clear();
    }

    pub(super) fn recreate_consumer(&self) {
        let mut state = self.state();
        state.exists = true;
        state.used_at = Instant::now();
        state.pending = state.stream.keys().copied().collect();
    }

    pub(super) fn unpin(&self) {
        self.state().pinned = None;
    }

    /// The pulls that were sent, with their times.
    pub(super) fn pulls(&self) -> Vec<(Instant, Value)> {
        let state = self.state();
        let pulls = state.sent.iter().filter_map(|sent| match &sent.line {
            Line::Pull { body, .. } => Some((sent.at, serde_json::from_str(body).unwrap())),
            _ => None,
        });
        pulls.collect()
    }

    pub(super) fn count(&self, is_it: impl Fn(&Line) -> bool) -> usize {
        self.state().sent.iter().filter(|sent| is_it(&sent.line)).count()
    }

    /// How many pulls wait.
    pub(super) fn num_waiting(&self) -> usize {
        let mut state = self.state();
        state.forget_unheard();
        state.waiting.len()
    }

    pub(super) fn num_unacked(&self) -> usize {
        self.state().unacked.len()
    }

    pub(super) fn num_pending(&self) -> usize {
        self.state().pending.len()
    }
}

/// A frame with a header block.
pub(super) fn headers(subject: &str, sid: &str, block: &str, payload: &[u8]) -> Vec<u8> {
    let (head, all) = (block.len(), block.len() + payload.len());
    let mut frame = format!("HMSG {subject} {sid} {head} {all}\r\n{block}").into_bytes();
    frame.extend_from_slice(payload);
    frame.extend_from_slice(b"\r\n");
    frame
}

fn read(op: ClientOp<'_>) -> (Line, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match op {
        ClientOp::Publish(message) => {
            let reply = message.reply().map(ToString::to_string).unwrap_or_default();
            let (subject, body) = (message.subject().to_string(), text(message.payload()));
            let line = match subject.as_str() {
                "$JS.API.CONSUMER.MSG.NEXT.S.C" => Line::Pull { reply: reply.clone(), body },
                "$JS.API.CONSUMER.INFO.S.C" => Line::Info,
                ack if ack.starts_with("$JS.ACK.S.C.") => {
                    let sequence = ack.split('.').nth(5).unwrap().parse().unwrap();
                    Line::Ack { sequence, body }
                }
                _ => Line::Other(subject),
            };
            (line, reply)
        }
        ClientOp::Subscribe(args) => {
            let line = Line::Subscribe { filter: text(args.subject), sid: args.sid.to_string() };
            (line, String::new())
        }
        ClientOp::Unsubscribe(args) => {
            (Line::Unsubscribe { sid: args.sid.to_string() }, String::new())
        }
        ClientOp::Ping => (Line::Ping, String::new()),
        other => (Line::Other(format!("{other:?}")), String::new()),
    }
}
