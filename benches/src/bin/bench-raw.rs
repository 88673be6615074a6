//! No client at all: prebuilt bytes, reads and writes of 64 KiB. The most that the machine can do.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use nats_bench::Arguments;
use nats_bench::Latencies;
use nats_bench::Meter;

const BLOCK: usize = 64 * 1024;

fn main() {
    let arguments = Arguments::read();
    if arguments.command == "version" {
        println!("raw sockets");
        return;
    }
    let mut socket = Socket::connect(&arguments.address());
    let count = arguments.number("count", 1_000_000);
    let size = arguments.number("size", 16);
    match arguments.command.as_str() {
        "pub" => publish(&mut socket, count, size),
        "sub" => subscribe(&mut socket, count, size, arguments.number("ready", 0) == 1),
        "respond" => respond(&mut socket, &arguments.text("subject", "service")),
        "req" => request(&mut socket, count, size, &arguments.text("subject", "service")),
        "reqc" => requests(&mut socket, count, size, &arguments),
        "idle" => idle(&mut socket, arguments.number("subs", 10_000)),
        other => panic!("there is no {other}"),
    }
}

struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Socket {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let mut socket = Self { stream, buffer: vec![0; 2 * BLOCK + (1 << 20)], start: 0, end: 0 };
        socket.line();
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

    fn read(&mut self) -> usize {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < BLOCK {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let end = self.end + BLOCK.min(self.buffer.len() - self.end);
        let len = self.stream.read(&mut self.buffer[self.end..end]).expect("read");
        assert_ne!(len, 0, "the server hung up");
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
        loop {
            let rest = &self.buffer[self.start..self.end];
            let Some(end) = memchr::memchr(b'\n', rest) else { return };
            let mut at = end - 2;
            let (mut size, mut unit) = (0, 1);
            while rest[at] != b' ' {
                size += usize::from(rest[at] - b'0') * unit;
                unit *= 10;
                at -= 1;
            }
            let len = end + 1 + size + 2;
            if rest.len() < len {
                return;
            }
            frame(&rest[..end + 1], size);
            self.start += len;
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
        let mut is_answered = false;
        while !is_answered {
            socket.read();
            socket.frames(|_, _| is_answered = true);
        }
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
    let meter = Meter::start();
    for number in 0..count {
        socket.write(format!("SUB idle.{number} {}\r\n", number + 1).as_bytes());
    }
    socket.sync();
    std::thread::sleep(Duration::from_millis(500));
    meter.report("idle", count, 0, &[]);
}
