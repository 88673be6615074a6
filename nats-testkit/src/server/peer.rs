//! A server's side of one connection: bytes in, bytes out. It insists on the protocol.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use nats_proto::Headers;
use nats_proto::Sid;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::Deliver;
use nats_proto::wire::FromClient;
use nats_proto::wire::Limits;
use nats_proto::wire::covers;
use nats_proto::wire::encode_error;
use nats_proto::wire::matches;

use super::op::Message;
use super::op::Op;
use super::script::Login;
use super::script::Script;

/// The first byte of a TLS handshake, with which no operation begins.
const HANDSHAKE: u8 = 0x16;

/// A subscription as the server knows it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) filter: String,
    pub(crate) queue: Option<String>,
    /// How many messages are left until it ends.
    left: Option<u64>,
    delivered: u64,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) script: Script,
    decoder: Decoder<FromClient>,
    input: Vec<u8>,
    pub(crate) output: VecDeque<u8>,
    pub(crate) ops: Vec<Op>,
    pub(crate) subscriptions: BTreeMap<u64, Known>,
    /// The numbers that were used on this connection.
    used: BTreeSet<u64>,
    pub(crate) is_logged_in: bool,
    /// Whether it has said all that it is going to say.
    pub(crate) is_closing: bool,
    is_secure: bool,
    pings: u64,
    pongs: u64,
    /// How the client broke the protocol.
    pub(crate) faults: Vec<String>,
    /// What was published and has to be delivered.
    pub(crate) published: Vec<Message>,
}

impl Peer {
    pub(crate) fn new(script: Script) -> Self {
        let mut peer = Self {
            script,
            decoder: Decoder::new(Limits::for_buffer(1 << 28)),
            input: Vec::new(),
            output: VecDeque::new(),
            ops: Vec::new(),
            subscriptions: BTreeMap::new(),
            used: BTreeSet::new(),
            is_logged_in: false,
            is_closing: false,
            is_secure: false,
            pings: 0,
            pongs: 0,
            faults: Vec::new(),
            published: Vec::new(),
        };
        if peer.script.sends_info {
            peer.send_info();
        }
        peer
    }

    // What the server says -----------------------------------------------------------------------

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    pub(crate) fn send_line(&mut self, line: &str) {
        if line == "PING" {
            self.pings += 1;
        }
        self.send(line.as_bytes());
        self.send(b"\r\n");
    }

    pub(crate) fn send_info(&mut self) {
        let line = self.script.info.line();
        self.send(&line);
    }

    pub(crate) fn send_error(&mut self, text: &str) {
        let mut line = Vec::new();
        // A `Vec` always has room.
        let _ = encode_error(text, &mut line);
        self.send(&line);
    }

    /// Sends an error after which servers close the connection.
    fn refuse(&mut self, text: &str) {
        self.send_error(text);
        self.is_closing = true;
    }

    pub(crate) fn send_message(&mut self, sid: u64, message: &Message) {
        let deliver = Deliver {
            subject: message.subject.as_bytes(),
            sid: Sid(sid),
            reply: message.reply.as_ref().map(String::as_bytes),
            headers: Headers::from_bytes(&message.headers),
            payload: &message.payload,
        };
        let mut frame = Vec::new();
        // A `Vec` always has room.
        let _ = deliver.encode(&mut frame);
        self.send(&frame);
    }

    /// Sends a message to a subscription, which counts it.
    pub(crate) fn deliver(&mut self, sid: u64, message: &Message) {
        let Some(known) = self.subscriptions.get_mut(&sid) else { return };
        known.delivered += 1;
        known.left = known.left.map(|left| left.saturating_sub(1));
        if known.left == Some(0) {
            self.subscriptions.remove(&sid);
        }
        self.send_message(sid, message);
    }

    // What the client says -----------------------------------------------------------------------

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        if self.input.first() == Some(&HANDSHAKE) && !self.is_logged_in {
            // It is not a server for TLS: that the client begins is all there is to see.
            self.input.clear();
            if !self.is_secure {
                self.secure();
            }
            return;
        }
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while !self.is_closing {
            match self.decoder.decode(rest) {
                Ok(Decoded::Frame { op, len }) => {
                    let op = Op::new(op);
                    rest = rest.get(len..).unwrap_or_default();
                    if let Some(op) = op {
                        self.handle(op);
                    }
                }
                Ok(Decoded::Skip { len }) => rest = rest.get(len..).unwrap_or_default(),
                Ok(Decoded::Partial { .. }) => break,
                Err(error) => {
                    let shown = rest.get(..rest.len().min(60)).unwrap_or_default();
                    self.fault(format!("no operation: {error} at {}", shown.escape_ascii()));
                    self.refuse("Unknown Protocol Operation");
                }
            }
        }
        self.input = rest.to_vec();
    }

    /// The client has begun to secure the connection.
    pub(crate) fn secure(&mut self) {
        self.is_secure = true;
        self.ops.push(Op::Tls);
    }

    fn fault(&mut self, text: String) {
        self.faults.push(text);
    }

    fn handle(&mut self, op: Op) {
        let is_connect = matches!(op, Op::Connect(_));
        if is_connect == self.is_logged_in {
            let when = if self.is_logged_in { "after" } else { "before" };
            self.fault(format!("{op} {when} CONNECT"));
        }
        self.ops.push(op.clone());
        match op {
            Op::Connect(_) => self.log_in(),
            Op::Ping if self.script.answers_pings => self.send_line("PONG"),
            Op::Ping | Op::Tls => {}
            Op::Pong => {
                self.pongs += 1;
                if self.pongs > self.pings {
                    self.fault("PONG without a PING before it".to_owned());
                }
            }
            Op::Sub { filter, queue, sid } => self.subscribe(filter, queue, sid),
            Op::Unsub { sid, max } => self.unsubscribe(sid, max),
            Op::Pub(message) => self.publish(message),
        }
    }

    fn log_in(&mut self) {
        if self.script.info.tls_required && !self.is_secure {
            self.fault("CONNECT in plain text, where TLS is required".to_owned());
        }
        match self.script.login.clone() {
            Login::Accept => self.is_logged_in = true,
            Login::Refuse(text) => self.refuse(&text),
        }
    }

    fn subscribe(&mut self, filter: String, queue: Option<String>, sid: u64) {
        if !self.used.insert(sid) {
            self.fault(format!("SUB {filter} {sid}: the number was used before"));
        }
        if self.forbids(&filter) {
            let queue = queue.map(|queue| format!(" using queue \"{queue}\"")).unwrap_or_default();
            let text = format!("Permissions Violation for Subscription to \"{filter}\"{queue}");
            return self.send_error(&text);
        }
        if self.script.max_subscriptions.is_some_and(|max| self.subscriptions.len() >= max) {
            return self.send_error("maximum subscriptions exceeded");
        }
        self.subscriptions.insert(sid, Known { filter, queue, left: None, delivered: 0 });
    }

    fn unsubscribe(&mut self, sid: u64, max: Option<u64>) {
        if !self.used.contains(&sid) {
            self.fault(format!("UNSUB {sid}: there was no such SUB"));
        }
        let Some(known) = self.subscriptions.get_mut(&sid) else { return };
        known.left = Some(max.unwrap_or(0).saturating_sub(known.delivered));
        if known.left == Some(0) {
            self.subscriptions.remove(&sid);
        }
    }

    fn publish(&mut self, message: Message) {
        let len = message.headers.len() + message.payload.len();
        let max = self.script.info.max_payload;
        if len > usize::try_from(max).unwrap_or(usize::MAX) {
            self.fault(format!("PUB {}: {len} bytes, where max_payload is {max}", message.subject));
            return self.refuse("Maximum Payload Violation");
        }
        if !message.headers.is_empty() && !self.script.info.headers {
            self.fault(format!("HPUB {}: headers, where INFO says none", message.subject));
            return self.refuse("message headers not supported");
        }
        if self.forbids(&message.subject) {
            let text = format!("Permissions Violation for Publish to \"{}\"", message.subject);
            return self.send_error(&text);
        }
        if self.script.delivers {
            self.published.push(message);
        }
    }

    fn forbids(&self, subject: &str) -> bool {
        let mut forbidden = self.script.forbidden.iter();
        forbidden.any(|filter| covers(filter.as_bytes(), subject.as_bytes()))
    }

    // Who gets a message -------------------------------------------------------------------------

    /// The subscriptions that match `subject`, with their queue groups.
    pub(crate) fn matching(&self, subject: &str) -> Vec<(u64, Option<String>)> {
        self.subscriptions
            .iter()
            .filter(|(_, known)| matches(known.filter.as_bytes(), subject.as_bytes()))
            .map(|(sid, known)| (*sid, known.queue.clone()))
            .collect()
    }
}
