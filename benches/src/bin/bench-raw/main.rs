//! No client at all: prebuilt bytes, reads and writes of 64 KiB. The most that the machine can do.

mod jetstream;

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use nats_bench::Arguments;
use nats_bench::DIE;
use nats_bench::Latencies;
use nats_bench::Meter;
use nats_bench::address;
use nats_bench::frames;
use nats_bench::status;
use nats_bench::tls::Stream;

const BLOCK: usize = 64 * 1024;

fn main() {
    let arguments = Arguments::read();
    if arguments.command == "version" {
        println!("raw sockets");
        return;
    }
    let count = arguments.number("count", 1_000_000);
    let size = arguments.number("size", 16);
    match arguments.command.as_str() {
        "decode" => return decode(count, size),
        "first" => return first(&arguments, count),
        "failover" => return failover(&arguments),
        _ => {}
    }
    let mut socket = Socket::connect(&arguments.url(), arguments.authority().as_deref());
    match arguments.command.as_str() {
        "pub" => publish(&mut socket, count, size),
        "sub" => subscribe(&mut socket, count, size, arguments.number("ready", 0) == 1),
        "fan" => fan(&mut socket, count, size, arguments.number("subs", 4)),
        "respond" => respond(&mut socket, &arguments.text("subject", "service")),
        "req" => request(&mut socket, count, size, &arguments.text("subject", "service")),
        "reqc" => requests(&mut socket, count, size, &arguments),
        "idle" => idle(&mut socket, arguments.number("subs", 10_000)),
        name if name.starts_with("js") => jetstream::run(&mut socket, count, size, &arguments),
        other => panic!("there is no {other}"),
    }
}

struct Socket {
    stream: Stream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Socket {
    fn connect(url: &str, authority: Option<&Path>) -> Self {
        let mut stream = TcpStream::connect(address(url)).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        // Byte by byte: what is behind INFO may be TLS.
        let mut byte = [0];
        while byte != *b"\n" {
            stream.read_exact(&mut byte).expect("INFO");
        }
        let stream = match authority {
            Some(path) => Stream::client(stream, path),
            None => Stream::Plain(stream),
        };
        let buffer = vec![0; 2 * BLOCK + (1 << 20)];
        let mut socket = Self { stream, buffer, start: 0, end: 0 };
        socket.write(b"CONNECT {\"verbose\":false,\"headers\":true}\r\n");
        socket.sync();
        socket
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("written");
    }

    /// Waits until the server has everything.
    fn sync(&mut self) {
        self.write(b"PING\r\n");
        while self.line() != b"PONG\r\n" {}
    }

    /// Reads what is there, or waits for something.
    fn read(&mut self) {
        assert_ne!(self.try_read(), 0, "the server hung up");
    }

    /// The same, but 0 if the server hung up.
    fn try_read(&mut self) -> usize {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < BLOCK {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let end = self.end + BLOCK.min(self.buffer.len() - self.end);
        // A server that dies may reset the connection, too.
        let len = self.stream.read(&mut self.buffer[self.end..end]).unwrap_or(0);
        self.end += len;
        len
    }

    fn line(&mut self) -> Vec<u8> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                let line = self.buffer[self.start..=self.start + at].to_vec();
                self.start += at + 1;
                return line;
            }
            self.read();
        }
    }

    /// Finds the frames that are there, and calls `frame` with each.
    fn frames(&mut self, mut frame: impl FnMut(&[u8], usize)) {
        self.messages(|line, payload| frame(line, payload.len()));
    }

    /// The same with the payloads.
    fn messages(&mut self, mut message: impl FnMut(&[u8], &[u8])) {
        loop {
            let rest = &self.buffer[self.start..self.end];
            // nats-server sends INFO and PING now and then.
            if let Some(b'I' | b'P') = rest.first() {
                let Some(end) = memchr::memchr(b'\n', rest) else { return };
                self.start += end + 1;
                continue;
            }
            let Some((line, size)) = frames::first(rest) else { return };
            message(&rest[..line], &rest[line..line + size]);
            self.start += line + size + 2;
        }
    }

    /// Waits for a message.
    fn message(&mut self) {
        let mut is_there = false;
        while !is_there {
            self.read();
            self.frames(|_, _| is_there = true);
        }
    }
}

fn publish(socket: &mut Socket, count: usize, size: usize) {
    let frame = [format!("PUB x {size}\r\n").as_bytes(), &vec![b'x'; size], b"\r\n"].concat();
    let per_block = (BLOCK / frame.len()).max(1);
    let block = frame.repeat(per_block);
    let meter = Meter::start();
    let mut left = count;
    while left > 0 {
        let now = left.min(per_block);
        socket.write(&block[..now * frame.len()]);
        left -= now;
    }
    socket.sync();
    meter.report("pub", count, size, &[]);
}

fn subscribe(socket: &mut Socket, count: usize, size: usize, says_ready: bool) {
    let mut meter = Meter::start();
    socket.write(b"SUB x 1\r\n");
    if says_ready {
        socket.sync();
        println!("READY");
    }
    let (mut got, mut bytes) = (0, 0);
    while got < count {
        socket.read();
        if got == 0 {
            meter.restart_wall();
        }
        socket.frames(|_, size| {
            got += 1;
            bytes += size;
        });
    }
    meter.report("sub", count, size, &[("bytes", bytes.into())]);
}

/// Writes in one thread, and reads in another.
fn fan(socket: &mut Socket, count: usize, size: usize, subs: usize) {
    for sid in 1..=subs {
        socket.write(format!("SUB x {sid}\r\n").as_bytes());
    }
    socket.sync();
    let Stream::Plain(stream) = &socket.stream else { panic!("TLS cannot be cut in two") };
    let mut stream = stream.try_clone().expect("another handle");
    let frame = [format!("PUB x {size}\r\n").as_bytes(), &vec![b'x'; size], b"\r\n"].concat();
    let block = frames::block(&frame, BLOCK);
    let meter = Meter::start();
    let writer = std::thread::spawn(move || {
        let mut left = count;
        while left > 0 {
            let now = left.min(block.len() / frame.len());
            stream.write_all(&block[..now * frame.len()]).expect("written");
            left -= now;
        }
    });
    let mut got = 0;
    while got < count * subs {
        socket.read();
        socket.frames(|_, _| got += 1);
    }
    writer.join().expect("the writer");
    meter.report("fan", count * subs, size, &[]);
}

const LOOP: &[u8] = b"SUB x 1\r\nPUB x 0\r\n\r\n";

/// From nothing to a message of one's own, again and again.
fn first(arguments: &Arguments, count: usize) {
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        let start = Instant::now();
        let mut socket = Socket::connect(&arguments.url(), arguments.authority().as_deref());
        socket.write(LOOP);
        socket.message();
        latencies.push(start.elapsed());
    }
    meter.report("first", count, 0, &latencies.percentiles());
}

/// From the death of a server to a message of one's own through the next.
fn failover(arguments: &Arguments) {
    let mut socket = Socket::connect(&arguments.url(), None);
    socket.write(LOOP);
    socket.message();
    let meter = Meter::start();
    socket.write(format!("PUB {DIE} 0\r\n\r\n").as_bytes());
    while socket.try_read() > 0 {}
    let mut socket = Socket::connect(&arguments.text("next", ""), None);
    socket.write(LOOP);
    socket.message();
    meter.report("failover", 1, 0, &[]);
}

fn respond(socket: &mut Socket, subject: &str) {
    socket.write(format!("SUB {subject} 1\r\n").as_bytes());
    socket.sync();
    println!("READY");
    let mut replies = Vec::new();
    loop {
        socket.read();
        // MSG subject sid reply size
        socket.frames(|line, size| {
            let reply = line.split(|&byte| byte == b' ').nth(3).unwrap_or_default();
            replies.extend([b"PUB ", reply, format!(" {size}\r\n").as_bytes()].concat());
            replies.resize(replies.len() + size, b'x');
            replies.extend(b"\r\n");
        });
        socket.write(&replies);
        replies.clear();
    }
}

fn request_frame(subject: &str, size: usize) -> Vec<u8> {
    let line = format!("PUB {subject} _INBOX.0123456789012345678901.1 {size}\r\n");
    [line.as_bytes(), &vec![b'x'; size], b"\r\n"].concat()
}

fn request(socket: &mut Socket, count: usize, size: usize, subject: &str) {
    socket.write(b"SUB _INBOX.0123456789012345678901.* 1\r\n");
    socket.sync();
    let frame = request_frame(subject, size);
    let mut ask = || {
        let start = Instant::now();
        socket.write(&frame);
        socket.message();
        start.elapsed()
    };
    ask();
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        latencies.push(ask());
    }
    meter.report("req", count, size, &latencies.percentiles());
}

fn requests(socket: &mut Socket, count: usize, size: usize, arguments: &Arguments) {
    socket.write(b"SUB _INBOX.0123456789012345678901.* 1\r\n");
    socket.sync();
    let inflight = arguments.number("inflight", 64);
    let frame = request_frame(&arguments.text("subject", "service"), size);
    let block = frame.repeat(inflight);
    let meter = Meter::start();
    let (mut sent, mut got) = (inflight.min(count), 0);
    socket.write(&block[..sent * frame.len()]);
    while got < count {
        socket.read();
        let mut new = 0;
        socket.frames(|_, _| new += 1);
        got += new;
        let more = new.min(count - sent);
        socket.write(&block[..more * frame.len()]);
        sent += more;
    }
    meter.report("reqc", count, size, &[]);
}

fn idle(socket: &mut Socket, count: usize) {
    let before = status("VmRSS:");
    let meter = Meter::start();
    for number in 0..count {
        socket.write(format!("SUB idle.{number} {}\r\n", number + 1).as_bytes());
    }
    socket.sync();
    std::thread::sleep(Duration::from_millis(500));
    meter.report("idle", count, 0, &[("before_kb", before.into())]);
}

/// Only finds the frames in a buffer that was filled by one read.
fn decode(count: usize, size: usize) {
    let block = frames::block(&frames::message(1, size), BLOCK);
    let rounds = count.div_ceil(frames::count(&block));
    let mut got = 0;
    let meter = Meter::start();
    for _ in 0..rounds {
        got += frames::count(std::hint::black_box(&block));
    }
    meter.report("decode", got, size, &[]);
}
