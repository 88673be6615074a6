//! A stream of nats-server, as it was seen to behave, that forgets things.

use std::collections::HashMap;

use nats_proto::jetstream::ExpectedLast;

use super::setup::Setup;
use crate::chance::Chance;

/// A message as it comes to the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    pub(super) number: u64,
    pub(super) has_id: bool,
    pub(super) expected: ExpectedLast,
}

/// The number of messages of other publishers.
pub(super) const FOREIGN: u64 = 0;

/// What the stream does with it.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Nothing yet: it comes again, so much later.
    Later(u64),
    /// A header block and a payload, to be sent so much later.
    Reply { headers: &'static str, payload: String, late: u64 },
}

#[derive(Debug)]
pub(super) struct Stream {
    duplicate_window: u64,
    capacity: usize,
    is_chained: bool,
    pub(super) faults: u64,
    /// The numbers of the messages, in order.
    pub(super) stored: Vec<u64>,
    /// By id: sequence number, and when it was stored.
    ids: HashMap<u64, (u64, u64)>,
    /// By id: until when it is in process.
    in_process: HashMap<u64, u64>,
    /// Empty if the last message has none, or it is forgotten.
    last_id: String,
    /// How many messages there were before.
    earlier: u64,
    /// Whether the expected sequence number comes before the id (nats-server 2.15, without replicas).
    checks_sequence_first: bool,
    /// No leader before; too busy before; says and does nothing before.
    pub(super) down_until: u64,
    pub(super) busy_until: u64,
    pub(super) hangs_until: u64,
}

impl Stream {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            duplicate_window: setup.duplicate_window,
            capacity: setup.capacity,
            is_chained: setup.is_chained,
            faults: setup.faults,
            stored: Vec::new(),
            ids: HashMap::new(),
            in_process: HashMap::new(),
            last_id: String::new(),
            earlier: setup.earlier,
            checks_sequence_first: setup.checks_sequence_first,
            down_until: 0,
            busy_until: 0,
            hangs_until: 0,
        }
    }

    /// A copy of a message has come; `is_resumed` if it was already being stored.
    pub(super) fn receive(
        &mut self,
        copy: Copy,
        is_resumed: bool,
        now: u64,
        chance: &mut Chance<'_>,
    ) -> Answer {
        let reply = |payload: String| Answer::Reply { headers: "", payload, late: 0 };
        let number = copy.number;
        if now < self.hangs_until {
            return Answer::Later(self.hangs_until - now);
        }
        if !is_resumed && now < self.down_until {
            if chance.percent(20) {
                return reply(error(503, 10008, "JetStream system temporarily unavailable"));
            }
            return Answer::Reply {
                headers: "NATS/1.0 503\r\n\r\n",
                payload: String::new(),
                late: 0,
            };
        }
        if !is_resumed && now < self.busy_until && chance.percent(50) {
            let headers = "NATS/1.0 429 Too Many Requests\r\n\r\n";
            let payload = error(429, 10167, "too many requests");
            return Answer::Reply { headers, payload, late: 0 };
        }
        let last = self.earlier + self.stored.len() as u64;
        let is_wrong = matches!(copy.expected, ExpectedLast::Sequence(number) if number != last);
        let wrong_sequence = error(400, 10071, &format!("wrong last sequence: {last}"));
        if is_wrong && self.checks_sequence_first {
            return reply(wrong_sequence);
        }
        if copy.has_id {
            let known = self.ids.get(&number).copied();
            if let Some((sequence, _)) = known.filter(|(_, at)| now <= at + self.duplicate_window) {
                return reply(format!(r#"{{"stream":"S","seq":{sequence},"duplicate": true}}"#));
            }
            if !is_resumed && self.in_process.get(&number).is_some_and(|until| now < *until) {
                return reply(error(409, 10158, "duplicate message id is in process"));
            }
        }
        if is_wrong {
            return reply(wrong_sequence);
        }
        if let ExpectedLast::Message(number) = copy.expected
            && format!("m{number}") != self.last_id
        {
            return reply(error(400, 10070, &format!("wrong last msg ID: {}", self.last_id)));
        }
        if self.stored.len() >= self.capacity {
            return reply(error(503, 10077, "maximum messages exceeded"));
        }
        if copy.has_id && !self.is_chained && !is_resumed && chance.percent(self.faults / 20) {
            let takes = 1 + chance.below(300);
            self.in_process.insert(number, now + takes);
            return Answer::Later(takes);
        }
        // Somebody else answers; the stream stores it or never sees it.
        let is_garbled = self.faults > 0 && chance.below(500) == 0;
        if !is_garbled || chance.percent(50) {
            self.stored.push(number);
            self.last_id.clear();
            if copy.has_id {
                self.ids.insert(number, (self.sequence(), now));
                self.last_id = format!("m{number}");
            }
        }
        if is_garbled {
            return reply("hello".into());
        }
        let late = if self.faults > 0 && chance.percent(10) { chance.below(50) } else { 0 };
        let payload = format!(r#"{{"stream":"S", "seq":{}}}"#, self.sequence());
        Answer::Reply { headers: "", payload, late }
    }

    /// Another publisher's message is stored.
    pub(super) fn receive_foreign(&mut self, has_id: bool) {
        self.stored.push(FOREIGN);
        self.last_id = if has_id { "other.1".into() } else { String::new() };
    }

    /// What is stored is removed, and the server restarted: all ids are forgotten, and the sequence number
    /// is not.
    pub(super) fn forget(&mut self) {
        self.ids.clear();
        self.last_id.clear();
    }

    /// The last message's sequence number.
    const fn sequence(&self) -> u64 {
        self.earlier + self.stored.len() as u64
    }
}

fn error(status: u16, code: u16, text: &str) -> String {
    format!(
        r#"{{"error":{{"code":{status},"err_code":{code},"description":"{text}"}},"stream":"S","seq":0}}"#
    )
}
