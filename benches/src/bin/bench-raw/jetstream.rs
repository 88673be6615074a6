//! JetStream without a client: of what comes, as much is read as a client has to read.

use std::time::Instant;

use nats_bench::Arguments;
use nats_bench::Latencies;
use nats_bench::Meter;
use nats_bench::SUBJECT;
use nats_bench::jetstream::CONSUMER;
use nats_bench::jetstream::MAX_MESSAGES;
use nats_bench::jetstream::STREAM;
use nats_bench::status;

use crate::Socket;

const INBOX: &str = "_INBOX.0123456789012345678901";
const FETCH: usize = 100;

/// Runs a benchmark whose name begins with `js`.
pub(crate) fn run(socket: &mut Socket, count: usize, size: usize, arguments: &Arguments) {
    socket.write(format!("SUB {INBOX}.* 1\r\n").as_bytes());
    let is_real = arguments.number("create", 0) == 1;
    if is_real {
        let config = format!(
            "{{\"name\":\"{STREAM}\",\"subjects\":[\"{SUBJECT}\"],\"retention\":\"limits\",\
             \"storage\":\"memory\"}}"
        );
        call(socket, &format!("STREAM.CREATE.{STREAM}"), &config);
    }
    let command = arguments.command.as_str();
    if is_real && matches!(command, "jssub" | "jsfetch") {
        store(socket, count, size, 1024);
        let config = format!(
            "{{\"stream_name\":\"{STREAM}\",\"config\":{{\"durable_name\":\"{CONSUMER}\",\
             \"ack_policy\":\"explicit\",\"deliver_policy\":\"all\",\"max_ack_pending\":-1,\
             \"replay_policy\":\"instant\"}},\"action\":\"create\"}}"
        );
        call(socket, &format!("CONSUMER.CREATE.{STREAM}.{CONSUMER}"), &config);
    }
    match command {
        "jspub" => match arguments.number("inflight", 1) {
            1 => publish_each(socket, count, size),
            window => {
                let meter = Meter::start();
                store(socket, count, size, window);
                meter.report("jspub", count, size, &[]);
            }
        },
        "jssub" => {
            let meter = Meter::start();
            // It is asked for more when half of it is there, as clients do.
            consume(socket, count, MAX_MESSAGES / 2, 2);
            meter.report("jssub", count, size, &[]);
        }
        "jsfetch" => {
            let meter = Meter::start();
            consume(socket, count, FETCH, 1);
            meter.report("jsfetch", count, size, &[]);
        }
        "jsidle" => idle(socket, arguments.number("subs", 1000)),
        other => panic!("there is no {other}"),
    }
    if is_real {
        call(socket, &format!("STREAM.DELETE.{STREAM}"), "");
    }
}

/// Asks the API, and expects no error.
fn call(socket: &mut Socket, operation: &str, body: &str) {
    let len = body.len();
    let request = format!("PUB $JS.API.{operation} {INBOX}.api {len}\r\n{body}\r\n");
    socket.write(request.as_bytes());
    let mut is_answered = false;
    while !is_answered {
        socket.read();
        socket.messages(|_, payload| {
            let has_failed = memchr::memmem::find(payload, b"\"error\"").is_some();
            assert!(!has_failed, "{}", String::from_utf8_lossy(payload));
            is_answered = true;
        });
    }
}

fn frame(size: usize) -> Vec<u8> {
    let line = format!("PUB {SUBJECT} {INBOX}.AAAA {size}\r\n");
    [line.as_bytes(), &vec![b'x'; size], b"\r\n"].concat()
}

/// The sequence number of an acknowledgement.
fn sequence(ack: &[u8]) -> u64 {
    let key = b"\"seq\":";
    let at = memchr::memmem::find(ack, key).expect("an acknowledgement") + key.len();
    let digits = ack[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| 10 * number + u64::from(digit - b'0'))
}

/// One after the other.
fn publish_each(socket: &mut Socket, count: usize, size: usize) {
    let frame = frame(size);
    let mut publish = || {
        let start = Instant::now();
        socket.write(&frame);
        let mut stored = 0;
        while stored == 0 {
            socket.read();
            socket.messages(|_, ack| stored = sequence(ack));
        }
        start.elapsed()
    };
    publish();
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        latencies.push(publish());
    }
    meter.report("jspub", count, size, &latencies.percentiles());
}

/// Publishes with so many under way.
fn store(socket: &mut Socket, count: usize, size: usize, window: usize) {
    let frame = frame(size);
    let block = frame.repeat(window);
    let (mut sent, mut got) = (window.min(count), 0);
    socket.write(&block[..sent * frame.len()]);
    while got < count {
        socket.read();
        let mut new = 0;
        socket.messages(|_, ack| new += usize::from(sequence(ack) > 0));
        got += new;
        let more = new.min(count - sent);
        socket.write(&block[..more * frame.len()]);
        sent += more;
    }
}

/// Takes messages and acknowledges each, with so many pulls of so many messages under way.
fn consume(socket: &mut Socket, count: usize, batch: usize, pulls: usize) {
    let body = format!("{{\"batch\":{batch},\"expires\":30000000000}}");
    let pull = format!(
        "PUB $JS.API.CONSUMER.MSG.NEXT.{STREAM}.{CONSUMER} {INBOX}.AAAA {}\r\n{body}\r\n",
        body.len()
    );
    socket.write(pull.repeat(pulls).as_bytes());
    let mut out = Vec::new();
    let mut got = 0;
    while got < count {
        socket.read();
        let before = got;
        socket.messages(|line, _| {
            // MSG subject sid reply size
            let end = memchr::memrchr(b' ', line).expect("a size");
            let start = memchr::memrchr(b' ', &line[..end]).expect("a reply subject");
            out.extend_from_slice(b"PUB ");
            out.extend_from_slice(&line[start + 1..end]);
            out.extend_from_slice(b" 4\r\n+ACK\r\n");
            got += 1;
        });
        for _ in before / batch..got / batch {
            out.extend_from_slice(pull.as_bytes());
        }
        socket.write(&out);
        out.clear();
    }
    socket.sync();
}

fn idle(socket: &mut Socket, count: usize) {
    let before = status("VmRSS:");
    let meter = Meter::start();
    for number in 0..count {
        let (sid, body) = (number + 2, "{\"batch\":500}");
        let len = body.len();
        let lines = format!(
            "SUB {INBOX}.{number}.* {sid}\r\n\
             PUB $JS.API.CONSUMER.MSG.NEXT.{STREAM}.C{number} {INBOX}.{number}.1 {len}\r\n{body}\r\n"
        );
        socket.write(lines.as_bytes());
    }
    socket.sync();
    std::thread::sleep(std::time::Duration::from_millis(500));
    meter.report("jsidle", count, 0, &[("before_kb", before.into())]);
}
