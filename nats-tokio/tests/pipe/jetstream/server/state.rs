//! What the server knows, and what it does with what is sent to it.

#![expect(clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Line;
use super::Sent;
use super::Setup;
use super::headers;

pub(in crate::jetstream) struct State {
    pub(in crate::jetstream) setup: Setup,
    pub(super) connections: Vec<Connection>,
    pub(super) waiting: VecDeque<Pull>,
    pub(super) pending: VecDeque<u64>,
    pub(super) stream: BTreeMap<u64, Vec<u8>>,
    /// Delivered, and not acknowledged: until when, and how often.
    pub(in crate::jetstream) unacked: BTreeMap<u64, Instant>,
    pub(super) deliveries: BTreeMap<u64, u32>,
    pub(in crate::jetstream) sent: Vec<Sent>,
    pub(in crate::jetstream) exists: bool,
    /// Whether connections fail.
    pub(in crate::jetstream) is_down: bool,
    /// Whether it reads, and says nothing.
    pub(in crate::jetstream) is_mute: bool,
    /// How many bytes of the next message get through before the connection breaks.
    pub(in crate::jetstream) cut_within: Option<usize>,
    /// When the consumer was used last.
    pub(super) used_at: Instant,
    pub(super) pin: u32,
    /// The pin that counts.
    pub(in crate::jetstream) pinned: Option<String>,
}

pub(super) struct Connection {
    out: Option<mpsc::UnboundedSender<Vec<u8>>>,
    subscriptions: Vec<(String, String)>,
}

pub(super) struct Pull {
    connection: usize,
    sid: String,
    reply: String,
    left: u32,
    bytes_left: Option<usize>,
    has_got: bool,
    no_wait: bool,
    expires_at: Option<Instant>,
    heartbeat: Option<Duration>,
    beats_at: Instant,
    pin: Option<String>,
}

impl State {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            connections: Vec::new(),
            waiting: VecDeque::new(),
            pending: VecDeque::new(),
            stream: BTreeMap::new(),
            unacked: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            sent: Vec::new(),
            exists: true,
            is_down: false,
            is_mute: false,
            cut_within: None,
            used_at: Instant::now(),
            pin: 0,
            pinned: None,
        }
    }

    /// Forgets the pulls that wait, without a word. Returns how many there were.
    pub(in crate::jetstream) fn forget(&mut self) -> usize {
        std::mem::take(&mut self.waiting).len()
    }

    /// How many connections there were.
    pub(in crate::jetstream) const fn connections(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn connect(&mut self, out: mpsc::UnboundedSender<Vec<u8>>) -> usize {
        self.connections.push(Connection { out: Some(out), subscriptions: Vec::new() });
        self.connections.len() - 1
    }

    pub(super) fn break_off(&mut self, connection: usize) {
        self.connections[connection].out = None;
        self.connections[connection].subscriptions.clear();
        self.waiting.retain(|pull| pull.connection != connection);
    }

    pub(super) fn store(&mut self, payload: Vec<u8>) {
        let sequence = self.stream.len() as u64 + 1;
        self.stream.insert(sequence, payload);
        self.pending.push_back(sequence);
    }

    pub(super) fn receive(&mut self, connection: usize, line: Line, reply: &str) {
        self.sent.push(Sent { at: Instant::now(), connection, line: line.clone() });
        if self.is_mute {
            return;
        }
        match line {
            Line::Subscribe { filter, sid } => {
                self.connections[connection].subscriptions.push((filter, sid));
            }
            Line::Unsubscribe { sid } => {
                self.connections[connection].subscriptions.retain(|(_, known)| *known != sid);
            }
            Line::Ping => self.send(connection, b"PONG\r\n".to_vec()),
            Line::Info => self.answer(connection, reply, self.info().to_string().as_bytes()),
            Line::Pull { reply, body } => self.pull(connection, reply, &body),
            Line::Ack { sequence, body } => self.acknowledge(connection, sequence, &body, reply),
            Line::Other(_) => {}
        }
        self.serve();
    }

    fn info(&self) -> Value {
        if !self.exists {
            return serde_json::json!({ "error": {
                "code": 404, "err_code": 10014, "description": "consumer not found" } });
        }
        let Setup {
            ack_wait, max_ack_pending, inactive_threshold, ack_policy, max_deliver, ..
        } = self.setup;
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
        serde_json::json!({
            "stream_name": "S", "name": "C", "created": "2026-01-01T00:00:00Z",
            "config": {
                "durable_name": "C", "ack_policy": ack_policy, "ack_wait": nanos(ack_wait),
                "deliver_policy": "all", "replay_policy": "instant", "max_deliver": max_deliver,
                "max_ack_pending": max_ack_pending, "inactive_threshold": nanos(inactive_threshold),
            },
            "num_ack_pending": self.unacked.len(), "num_pending": self.pending.len(),
            "num_waiting": self.waiting.len(),
        })
    }

    fn answer(&self, connection: usize, reply: &str, payload: &[u8]) {
        let Some(sid) = self.sid_of(connection, reply) else { return };
        let mut frame = format!("MSG {reply} {sid} {}\r\n", payload.len()).into_bytes();
        frame.extend_from_slice(payload);
        frame.extend_from_slice(b"\r\n");
        self.send(connection, frame);
    }

    fn pull(&mut self, connection: usize, reply: String, body: &str) {
        let body: Value = serde_json::from_str(body).unwrap();
        let nanos = |key: &str| body.get(key).and_then(Value::as_u64).map(Duration::from_nanos);
        let number = |key: &str| body.get(key).and_then(Value::as_u64);
        let Some(sid) = self.sid_of(connection, &reply) else { return };
        let now = Instant::now();
        self.used_at = now;
        let heartbeat = nanos("idle_heartbeat");
        let pull = Pull {
            connection,
            sid,
            reply,
            left: u32::try_from(number("batch").unwrap_or(1)).unwrap(),
            bytes_left: number("max_bytes").map(|bytes| usize::try_from(bytes).unwrap()),
            has_got: false,
            no_wait: body.get("no_wait").is_some(),
            expires_at: nanos("expires").map(|expires| now + expires),
            heartbeat,
            beats_at: now + heartbeat.unwrap_or_default(),
            pin: body.get("id").and_then(Value::as_str).map(ToOwned::to_owned),
        };
        if !self.exists {
            if self.setup.says_nobody {
                self.say(&pull, "503", false);
            }
        } else if self.setup.max_batch > 0 && pull.left > self.setup.max_batch {
            let text = format!("409 Exceeded MaxRequestBatch of {}", self.setup.max_batch);
            self.say(&pull, &text, false);
        } else {
            self.waiting.push_back(pull);
        }
    }

    fn acknowledge(&mut self, connection: usize, sequence: u64, body: &str, reply: &str) {
        if !self.exists {
            if let Some(sid) = self.sid_of(connection, reply) {
                self.send(connection, headers(reply, &sid, "NATS/1.0 503\r\n\r\n", b""));
            }
            return;
        }
        self.used_at = Instant::now();
        match body {
            "+WPI" => {
                let until = Instant::now() + self.setup.ack_wait;
                self.unacked.entry(sequence).and_modify(|at| *at = until);
            }
            "-NAK" => {
                if self.unacked.remove(&sequence).is_some() {
                    self.pending.push_front(sequence);
                }
            }
            _ => {
                self.unacked.remove(&sequence);
                self.pending.retain(|known| *known != sequence);
            }
        }
        if !reply.is_empty() {
            self.answer(connection, reply, b"");
        }
    }

    pub(super) fn forget_unheard(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let is_heard = |pull: &Pull| self.sid_of(pull.connection, &pull.reply).is_some();
        self.waiting = waiting.into_iter().filter(is_heard).collect();
    }

    /// Delivers what it can, to each pull one message in turn.
    pub(super) fn serve(&mut self) {
        self.forget_unheard();
        let mut passed_over = 0;
        while self.exists
            && self.unacked.len() < self.setup.max_ack_pending
            && passed_over < self.waiting.len()
        {
            let Some(&sequence) = self.pending.front() else { break };
            let Some(mut pull) = self.waiting.pop_front() else { break };
            let is_pinned = self.setup.is_pinned;
            if is_pinned && pull.pin.is_some() && pull.pin != self.pinned {
                self.say(&pull, "423 Nats-Wrong-Pin-Id", self.setup.says_counts);
                continue;
            }
            if is_pinned && self.pinned.is_some() && pull.pin.is_none() {
                self.waiting.push_back(pull);
                passed_over += 1;
                continue;
            }
            let size = self.stream[&sequence].len();
            if pull.bytes_left.is_some_and(|bytes| bytes < size) {
                self.say(&pull, "409 Message Size Exceeds MaxBytes", true);
                continue;
            }
            if is_pinned && self.pinned.is_none() {
                self.pin += 1;
                self.pinned = Some(format!("pin{}", self.pin));
                pull.pin.clone_from(&self.pinned);
            }
            passed_over = 0;
            self.pending.pop_front();
            self.deliver(&pull, sequence);
            pull.left -= 1;
            pull.has_got = true;
            pull.bytes_left = pull.bytes_left.map(|bytes| bytes - size);
            pull.beats_at = Instant::now() + pull.heartbeat.unwrap_or_default();
            if pull.left > 0 {
                self.waiting.push_back(pull);
            }
        }
        self.end_those_that_do_not_wait();
    }

    fn deliver(&mut self, pull: &Pull, sequence: u64) {
        let payload = self.stream[&sequence].clone();
        let delivered = self.deliveries.entry(sequence).or_default();
        *delivered += 1;
        let ack = format!("$JS.ACK.S.C.{delivered}.{sequence}.{sequence}.0.{}", self.pending.len());
        if self.setup.ack_policy != "none" {
            self.unacked.insert(sequence, Instant::now() + self.setup.ack_wait);
        }
        let mut frame = String::new();
        match &self.pinned {
            Some(pin) if self.setup.is_pinned => {
                let block = format!("NATS/1.0\r\nNats-Pin-Id: {pin}\r\n\r\n");
                let (head, all) = (block.len(), block.len() + payload.len());
                write!(frame, "HMSG s.a {} {ack} {head} {all}\r\n{block}", pull.sid).unwrap();
            }
            _ => write!(frame, "MSG s.a {} {ack} {}\r\n", pull.sid, payload.len()).unwrap(),
        }
        let mut frame = frame.into_bytes();
        frame.extend_from_slice(&payload);
        frame.extend_from_slice(b"\r\n");
        if let Some(bytes) = self.cut_within.take() {
            frame.truncate(bytes);
            self.send(pull.connection, frame);
            self.break_off(pull.connection);
        } else {
            self.send(pull.connection, frame);
        }
    }

    /// At `max_ack_pending`, a pull that neither waits nor expires is not answered.
    fn end_those_that_do_not_wait(&mut self) {
        let is_held_up = self.unacked.len() >= self.setup.max_ack_pending;
        for pull in std::mem::take(&mut self.waiting) {
            let is_over = pull.no_wait && (pull.has_got || pull.expires_at.is_none());
            if is_over && !is_held_up {
                self.say(&pull, "404 No Messages", false);
            } else {
                self.waiting.push_back(pull);
            }
        }
    }

    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        if self.is_mute {
            return;
        }
        let late = self.unacked.iter().filter(|(_, until)| **until <= now);
        let late: Vec<_> = late.map(|(sequence, _)| *sequence).collect();
        for sequence in late {
            self.unacked.remove(&sequence);
            self.pending.push_front(sequence);
        }
        for mut pull in std::mem::take(&mut self.waiting) {
            if pull.expires_at.is_some_and(|at| at <= now) {
                self.say(&pull, "408 Request Timeout", true);
                continue;
            }
            if let Some(heartbeat) = pull.heartbeat.filter(|_| pull.beats_at <= now) {
                pull.beats_at = now + heartbeat;
                self.say(&pull, "100 Idle Heartbeat", false);
            }
            self.used_at = now;
            self.waiting.push_back(pull);
        }
        let is_busy = !self.unacked.is_empty() && !self.setup.forgets_workers;
        let threshold = self.setup.inactive_threshold;
        if !threshold.is_zero() && !is_busy && self.used_at + threshold < now && !self.is_down {
            self.exists = false;
        }
        self.serve();
    }

    pub(super) fn say(&self, pull: &Pull, status: &str, has_counts: bool) {
        let mut block = format!("NATS/1.0 {status}\r\n");
        if has_counts {
            let bytes = pull.bytes_left.unwrap_or_default();
            let left = pull.left;
            write!(block, "Nats-Pending-Messages: {left}\r\nNats-Pending-Bytes: {bytes}\r\n")
                .unwrap();
        }
        block.push_str("\r\n");
        self.send(pull.connection, headers(&pull.reply, &pull.sid, &block, b""));
    }

    fn send(&self, connection: usize, bytes: Vec<u8>) {
        if let Some(out) = &self.connections[connection].out {
            let _ = out.send(bytes);
        }
    }

    /// The subscription that a subject comes to.
    fn sid_of(&self, connection: usize, subject: &str) -> Option<String> {
        let is_it = |filter: &str| match filter.strip_suffix('*') {
            Some(prefix) => subject.strip_prefix(prefix).is_some_and(|rest| !rest.contains('.')),
            None => filter == subject,
        };
        let subscriptions = &self.connections[connection].subscriptions;
        subscriptions.iter().find(|(filter, _)| is_it(filter)).map(|(_, sid)| sid.clone())
    }
}
