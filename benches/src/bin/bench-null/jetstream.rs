//! A null JetStream: it acknowledges, and delivers, and stores nothing.

use std::io::Read;
use std::io::Result;
use std::io::Write;

use nats_bench::SUBJECT;
use nats_bench::jetstream::CONSUMER;
use nats_bench::jetstream::STREAM;
use nats_bench::tls::Stream;
use nats_proto::wire::PONG;

const BLOCK: usize = 1 << 20;

/// What is done with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each that has a reply subject is acknowledged.
    Acknowledge,
    /// Pulls are answered with as many messages as they ask for.
    Deliver,
    /// Pulls stay open.
    Idle,
}

/// Serves a client until it hangs up: reads, answers everything that is there, and writes once.
pub(super) fn serve(mut socket: Stream, mode: Mode, size: usize) -> Result<()> {
    let mut server = Server::new(mode, size);
    let mut buffer = vec![0; 4 * BLOCK];
    let (mut start, mut end) = (0, 0);
    loop {
        if start == end {
            (start, end) = (0, 0);
        } else if buffer.len() - end < BLOCK {
            buffer.copy_within(start..end, 0);
            (start, end) = (0, end - start);
        }
        let len = socket.read(&mut buffer[end..])?;
        if len == 0 {
            return Ok(());
        }
        end += len;
        while let Some(len) = server.frame(&buffer[start..end]) {
            start += len;
        }
        if !server.out.is_empty() {
            socket.write_all(&server.out)?;
            server.out.clear();
        }
    }
}

/// Digits that are counted up where they are.
#[derive(Clone, Copy)]
struct Counter([u8; 10]);

impl Counter {
    const fn new() -> Self {
        Self(*b"1000000000")
    }

    fn count(&mut self) -> [u8; 10] {
        for digit in self.0.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
        self.0
    }
}

/// A subscription, as far as answers need it.
#[derive(Default)]
struct Recipient {
    /// The subject, up to a `*` at its end.
    start: Vec<u8>,
    /// An acknowledgement behind the reply subject, and where its number is in it.
    ack: Vec<u8>,
    ack_at: usize,
    /// A message, and where the numbers are in its reply subject.
    message: Vec<u8>,
    numbers_at: usize,
    sid: Vec<u8>,
}

impl Recipient {
    fn new(subject: &[u8], sid: &[u8], size: usize) -> Self {
        let start = subject.strip_suffix(b"*").unwrap_or(subject).to_vec();
        let Counter(digits) = Counter::new();
        let before = format!("{{\"stream\":\"{STREAM}\",\"seq\":");
        let len = before.len() + digits.len() + 1;
        let ack_line = [b" ", sid, format!(" {len}\r\n{before}").as_bytes()].concat();
        let ack = [&ack_line, &digits[..], b"}\r\n"].concat();
        let begin = [b"MSG ", SUBJECT.as_bytes(), b" ", sid].concat();
        let begin = [&begin, format!(" $JS.ACK.{STREAM}.{CONSUMER}.1.").as_bytes()].concat();
        let rest = format!(".1795849452224744241.0 {size}\r\n");
        let payload = vec![b'x'; size];
        let message =
            [&begin, &digits[..], b".", &digits, rest.as_bytes(), &payload, b"\r\n"].concat();
        let (ack_at, numbers_at) = (ack_line.len(), begin.len());
        Self { start, ack, ack_at, message, numbers_at, sid: sid.to_vec() }
    }
}

struct Server {
    mode: Mode,
    size: usize,
    recipients: Vec<Recipient>,
    /// The one that was found last.
    last: usize,
    stored: Counter,
    delivered: Counter,
    out: Vec<u8>,
}

impl Server {
    fn new(mode: Mode, size: usize) -> Self {
        Self {
            mode,
            size,
            recipients: vec![Recipient::default()],
            last: 0,
            stored: Counter::new(),
            delivered: Counter::new(),
            out: Vec::with_capacity(2 * BLOCK),
        }
    }

    /// Answers the first frame, and says how long it is; `None` if it is not all there.
    fn frame(&mut self, input: &[u8]) -> Option<usize> {
        let end = memchr::memchr(b'\n', input)?;
        let line = &input[..end - 1];
        if line.starts_with(b"PUB ") {
            // From the back, as the reply subject may be missing.
            let size_at = memchr::memrchr(b' ', line)? + 1;
            let size = number(&line[size_at..]);
            let len = end + 1 + size + 2;
            let payload = input.get(end + 1..len)?;
            let names = &line[4..size_at - 1];
            let reply_at = memchr::memrchr(b' ', names);
            let (subject, reply) = match reply_at {
                Some(at) => (&names[..at], &names[at + 1..]),
                None => (names, &[][..]),
            };
            self.publish(subject, reply, payload);
            return Some(len);
        }
        let mut words = line.split(|byte| *byte == b' ');
        match words.next().unwrap_or_default() {
            b"PING" => self.out.extend_from_slice(PONG),
            b"SUB" => {
                let subject = words.next().unwrap_or_default();
                let sid = words.next_back().unwrap_or_default();
                self.recipients.push(Recipient::new(subject, sid, self.size));
            }
            b"UNSUB" => {
                let sid = words.next().unwrap_or_default();
                self.recipients.retain(|one| one.sid != sid);
                self.last = 0;
            }
            b"HPUB" => panic!("there are headers"),
            _ => {}
        }
        Some(end + 1)
    }

    fn publish(&mut self, subject: &[u8], reply: &[u8], payload: &[u8]) {
        if self.mode == Mode::Acknowledge {
            if self.find(reply) {
                let Self { recipients, last, stored, out, .. } = self;
                let Recipient { ack, ack_at, .. } = &mut recipients[*last];
                ack[*ack_at..*ack_at + 10].copy_from_slice(&stored.count());
                out.extend_from_slice(b"MSG ");
                out.extend_from_slice(reply);
                out.extend_from_slice(ack);
            }
        } else if subject.starts_with(b"$JS.ACK.") {
            self.answer(reply, b"");
        } else if subject.starts_with(b"$JS.API.CONSUMER.MSG.NEXT.") {
            self.pull(reply, payload);
        } else if subject.starts_with(b"$JS.API.CONSUMER.") {
            let name = subject.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
            let info = consumer_info(&String::from_utf8_lossy(name));
            self.answer(reply, info.as_bytes());
        }
    }

    fn pull(&mut self, reply: &[u8], payload: &[u8]) {
        if self.mode == Mode::Idle || !self.find(reply) {
            return;
        }
        let key = b"\"batch\":";
        let at = memchr::memmem::find(payload, key).map_or(0, |at| at + key.len());
        let mut left = number(&payload[at..]).max(1);
        let Self { recipients, last, delivered, out, .. } = self;
        let Recipient { message, numbers_at, .. } = &mut recipients[*last];
        while left > 0 {
            let digits = delivered.count();
            message[*numbers_at..*numbers_at + 10].copy_from_slice(&digits);
            message[*numbers_at + 11..*numbers_at + 21].copy_from_slice(&digits);
            out.extend_from_slice(message);
            left -= 1;
        }
    }

    fn answer(&mut self, reply: &[u8], payload: &[u8]) {
        if self.find(reply) {
            let sid = &self.recipients[self.last].sid;
            let len = payload.len().to_string();
            for part in [b"MSG ", reply, b" ", sid, b" ", len.as_bytes(), b"\r\n", payload, b"\r\n"]
            {
                self.out.extend_from_slice(part);
            }
        }
    }

    /// Finds the subscription of a reply subject: that of the last one, most of the time.
    fn find(&mut self, reply: &[u8]) -> bool {
        if reply.is_empty() {
            return false;
        }
        let end = memchr::memrchr(b'.', reply).map_or(reply.len(), |dot| dot + 1);
        let is_it = |one: &Recipient| one.start == reply[..end] || one.start == reply;
        if !is_it(&self.recipients[self.last]) {
            let Some(found) = self.recipients.iter().position(is_it) else { return false };
            self.last = found;
        }
        true
    }
}

/// The number that a text begins with.
fn number(text: &[u8]) -> usize {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| 10 * number + usize::from(digit - b'0'))
}

/// What CONSUMER.INFO and CONSUMER.CREATE are answered with.
fn consumer_info(name: &str) -> String {
    format!(
        "{{\"type\":\"io.nats.jetstream.api.v1.consumer_info_response\",\
         \"stream_name\":\"{STREAM}\",\"name\":\"{name}\",\"created\":\"2026-11-28T00:00:00Z\",\
         \"config\":{{\"durable_name\":\"{name}\",\"name\":\"{name}\",\"deliver_policy\":\"all\",\
         \"ack_policy\":\"explicit\",\"ack_wait\":30000000000,\"max_deliver\":-1,\
         \"replay_policy\":\"instant\",\"max_waiting\":512,\"max_ack_pending\":-1,\
         \"num_replicas\":0}},\
         \"delivered\":{{\"consumer_seq\":0,\"stream_seq\":0}},\
         \"ack_floor\":{{\"consumer_seq\":0,\"stream_seq\":0}},\
         \"num_ack_pending\":0,\"num_redelivered\":0,\"num_waiting\":0,\"num_pending\":0}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(mode: Mode, input: &str) -> String {
        let mut server = Server::new(mode, 2);
        let mut input = input.as_bytes();
        while let Some(len) = server.frame(input) {
            input = &input[len..];
        }
        String::from_utf8(server.out).unwrap()
    }

    #[test]
    fn messages_with_a_reply_subject_are_acknowledged() {
        let input = "SUB _INBOX.a.* 3\r\nPUB x 1\r\nx\r\nPUB x _INBOX.a.9 1\r\nx\r\n\
            PUB x _INBOX.a.10 0\r\n\r\nPING\r\nPUB x _INBOX.a.11 1\r\nx";
        assert_eq!(
            answer(Mode::Acknowledge, input),
            "MSG _INBOX.a.9 3 31\r\n{\"stream\":\"S\",\"seq\":1000000001}\r\n\
             MSG _INBOX.a.10 3 31\r\n{\"stream\":\"S\",\"seq\":1000000002}\r\nPONG\r\n"
        );
    }

    #[test]
    fn pulls_are_answered_and_acknowledgements_are_not() {
        let input = "SUB _INBOX.a.1.* 1\r\nSUB b 7\r\n\
            PUB $JS.API.CONSUMER.MSG.NEXT.S.C _INBOX.a.1.5 11\r\n{\"batch\":2}\r\n\
            PUB $JS.ACK.S.C.1.1.1.1.1 4\r\n+ACK\r\nPUB $JS.ACK.S.C.1.1.1.1.1 b 4\r\n+ACK\r\n";
        assert_eq!(
            answer(Mode::Deliver, input),
            "MSG x 1 $JS.ACK.S.C.1.1000000001.1000000001.1795849452224744241.0 2\r\nxx\r\n\
             MSG x 1 $JS.ACK.S.C.1.1000000002.1000000002.1795849452224744241.0 2\r\nxx\r\n\
             MSG b 7 0\r\n\r\n"
        );
        assert_eq!(answer(Mode::Idle, input), "MSG b 7 0\r\n\r\n");
    }
}
