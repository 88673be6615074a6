//! A server that knows as much of JetStream as these tests need, in the memory of the same process.
//!
//! What it keeps does not grow either: the subscriptions, and the last pull.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Buf;
use bytes::BytesMut;
use nats_proto::wire::ClientOp;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromClient;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::sync::Notify;

use crate::INFO;
use crate::KIB;

/// The test's view of it.
#[derive(Clone)]
pub(super) struct Server {
    state: Arc<Mutex<State>>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Filters by their numbers.
    subscriptions: BTreeMap<u64, String>,
    /// The reply subject of the last pull, and the number of its subscription.
    pull: (String, u64),
    /// Heartbeats to send.
    heartbeats: usize,
    /// How many messages there were of everything.
    count: u64,
}

/// A client, and the server that it is connected to.
pub(super) async fn connected() -> (Client, Server) {
    let (ours, theirs) = tokio::io::duplex(256 * KIB);
    let server = Server { state: Arc::default(), wake: Arc::default() };
    tokio::spawn(server.clone().serve(theirs));
    let client = ConnectOptions::new().connect_stream(ours).await.unwrap();
    (client, server)
}

impl Server {
    pub(super) fn subscriptions(&self) -> usize {
        self.state.lock().unwrap().subscriptions.len()
    }

    /// Sends so many heartbeats to the last pull, before anything else.
    pub(super) fn heartbeats(&self, count: usize) {
        self.state.lock().unwrap().heartbeats += count;
        self.wake.notify_one();
    }

    async fn serve(self, mut stream: DuplexStream) {
        stream.write_all(INFO.as_bytes()).await.unwrap();
        let mut decoder = Decoder::<FromClient>::default();
        let mut read = BytesMut::with_capacity(256 * KIB);
        let mut answers = String::with_capacity(512 * KIB);
        loop {
            loop {
                match decoder.decode(&read).unwrap() {
                    Decoded::Frame { op, len } => {
                        self.state.lock().unwrap().answer(&op, &mut answers);
                        read.advance(len);
                    }
                    Decoded::Skip { len } => read.advance(len),
                    Decoded::Partial { .. } => break,
                }
            }
            self.state.lock().unwrap().beat(&mut answers);
            if !answers.is_empty() {
                if stream.write_all(answers.as_bytes()).await.is_err() {
                    return;
                }
                answers.clear();
                continue;
            }
            read.reserve(64 * KIB);
            tokio::select! {
                () = self.wake.notified() => {}
                len = stream.read_buf(&mut read) => {
                    if len.is_ok_and(|len| len == 0) {
                        return;
                    }
                }
            }
        }
    }
}

impl State {
    fn beat(&mut self, answers: &mut String) {
        const BEAT: &str =
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 0\r\nNats-Last-Stream: 0\r\n\r\n";
        let (reply, sid) = &self.pull;
        for _ in 0..std::mem::take(&mut self.heartbeats) {
            let len = BEAT.len();
            write!(answers, "HMSG {reply} {sid} {len} {len}\r\n{BEAT}\r\n").unwrap();
        }
    }

    fn answer(&mut self, op: &ClientOp<'_>, answers: &mut String) {
        match op {
            ClientOp::Ping => answers.push_str("PONG\r\n"),
            ClientOp::Subscribe(args) => {
                let filter = String::from_utf8_lossy(args.subject).into_owned();
                self.subscriptions.insert(args.sid.0, filter);
            }
            ClientOp::Unsubscribe(args) => drop(self.subscriptions.remove(&args.sid.0)),
            ClientOp::Publish(message) => {
                let Some(reply) = message.reply() else { return };
                self.request(message.subject(), reply, answers);
            }
            _ => {}
        }
    }

    fn request(&mut self, subject: &str, reply: &str, answers: &mut String) {
        let Some(sid) = self.subscription_to(reply) else { return };
        self.count += 1;
        let count = self.count;
        let mut json = |body: &str| {
            write!(answers, "MSG {reply} {sid} {}\r\n{body}\r\n", body.len()).unwrap();
        };
        if subject.starts_with("$JS.API.CONSUMER.CREATE.S") {
            json(
                r#"{"stream_name":"S","name":"C","config":{"deliver_policy":"all","ack_policy":"explicit"}}"#,
            );
        } else if subject.starts_with("$JS.API.CONSUMER.DELETE.S") {
            json(r#"{"success":true}"#);
        } else if subject == "$JS.API.CONSUMER.MSG.NEXT.S.silent" {
            self.pull = (reply.to_owned(), sid);
        } else if subject.starts_with("$JS.API.CONSUMER.MSG.NEXT.S.") && count.is_multiple_of(2) {
            const NONE: &str = "NATS/1.0 404 No Messages\r\n\r\n";
            let len = NONE.len();
            write!(answers, "HMSG {reply} {sid} {len} {len}\r\n{NONE}\r\n").unwrap();
        } else if subject.starts_with("$JS.API.CONSUMER.MSG.NEXT.S.") {
            // To the subject that it was published to, as the subscription to the reply subject gets it.
            writeln!(answers, "MSG s.a {sid} $JS.ACK.S.C.1.{count}.{count}.1.0 1\r\nx\r").unwrap();
        } else {
            json(&format!(r#"{{"stream":"S","seq":{count}}}"#));
        }
    }

    fn subscription_to(&self, reply: &str) -> Option<u64> {
        let matching = self
            .subscriptions
            .iter()
            .find(|(_, filter)| nats_proto::wire::matches(filter.as_bytes(), reply.as_bytes()));
        matching.map(|(sid, _)| *sid)
    }
}
