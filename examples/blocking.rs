//! A client without a runtime: the bare core and a `std` socket, `cargo run --example blocking -- [COUNT]`.
//!
//! Everything a driver has to do is in [`Client::turn`]; a connection that is lost is made again. Talks to
//! the server at `NATS_URL`, or to a small broker in this process.

use std::error::Error;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::Duration;

use nats_examples::command;
use nats_examples::command::Misuse;
use nats_proto::Filter;
use nats_proto::Fixed;
use nats_proto::Instant;
use nats_proto::Seed;
use nats_proto::ServerUrl;
use nats_proto::Subject;
use nats_proto::session::Config;
use nats_proto::session::Lost;
use nats_proto::session::Session;
use nats_proto::session::Step;
use nats_proto::session::Stop;
use nats_proto::wire::Connect;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Publish;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;

/// Up to eight subscriptions, which need no allocator.
type Storage = Fixed<&'static str, 8, 2, 64>;

/// How much is read at once, and how long a message may be.
const BUFFER: usize = 4096;
/// How long connecting may take if the session does not say.
const DIAL: Duration = Duration::from_secs(2);
/// How long a server may take nothing of what is written.
const WRITE: Duration = Duration::from_secs(5);

struct Client {
    session: Session<Storage>,
    decoder: Decoder<FromServer>,
    socket: Option<TcpStream>,
    started: std::time::Instant,
    /// What was read and not yet decoded: the first `filled` bytes.
    input: [u8; BUFFER],
    filled: usize,
}

impl Client {
    fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let mut session = Session::new(Config::DEFAULT, Seed(entropy()?));
        session.add_server(&ServerUrl::new(url)?)?;
        session.connect(Instant::from_millis(0));
        let mut client = Self {
            session,
            decoder: Decoder::new(Limits::for_buffer(BUFFER)),
            socket: None,
            started: std::time::Instant::now(),
            input: [0; BUFFER],
            filled: 0,
        };
        while !client.session.is_ready() {
            client.turn(|_, _| {})?;
        }
        Ok(client)
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// Does what the session asks for, once, and calls `handle` for every message.
    fn turn(&mut self, handle: impl FnMut(&str, &[u8])) -> Result<(), Box<dyn Error>> {
        self.tick();
        // Of subscriptions that are over, nothing has to be freed here but their places.
        while self.session.poll_released().is_some() {}
        let now = self.now();
        let wait = self.session.poll_timeout().map_or(DIAL, |(deadline, _)| deadline.since(now));
        match self.session.step() {
            Step::Dial(server) => match dial(server.host(), server.port(), wait) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.decoder = Decoder::new(Limits::for_buffer(BUFFER));
                    self.filled = 0;
                    self.session.handle_open();
                }
                Err(_) => self.lose(Lost::Unreachable),
            },
            Step::Login(_) => {
                let mut line = [0; 512];
                let len = self.session.login(&Connect::DEFAULT, &mut line);
                self.write(line.get(..len).unwrap_or_default());
            }
            Step::Exchange => self.exchange(handle)?,
            // Until a server may be tried again.
            Step::Wait => std::thread::sleep(wait),
            Step::Stop(Stop::Drained) => {}
            Step::Stop(stop) => return Err(stop.into()),
            step => return Err(format!("not supported here: {step:?}").into()),
        }
        self.tick();
        Ok(())
    }

    /// Does what it is time for.
    fn tick(&mut self) {
        let now = self.now();
        while self.session.poll_timeout().is_some_and(|(deadline, _)| deadline <= now) {
            if let Some(event) = self.session.handle_timeout(now) {
                println!("{event:?}");
            }
        }
    }

    /// Writes what is due, waits for something to read, and deals with it.
    fn exchange(&mut self, handle: impl FnMut(&str, &[u8])) -> Result<(), Box<dyn Error>> {
        self.pump();
        let losses = self.session.losses();
        match self.read() {
            Ok(0) => self.lose(Lost::Closed),
            Ok(len) => self.filled += len,
            Err(error) if is_over(&error) => {}
            Err(_) => self.lose(Lost::Io),
        }
        if self.session.losses() == losses {
            self.decode(handle);
            self.pump();
        }
        Ok(())
    }

    fn decode(&mut self, mut handle: impl FnMut(&str, &[u8])) {
        let now = self.now();
        let mut at = 0;
        // What comes behind the end of a connection is not for this session.
        while matches!(self.session.step(), Step::Exchange)
            && let Some(input) = self.input.get(at..self.filled)
        {
            match self.decoder.decode(input) {
                Ok(Decoded::Frame { op, len }) => {
                    match op {
                        ServerOp::Message(message) => {
                            if let Some(name) = self.session.deliver(message.sid()) {
                                handle(name, message.payload());
                            }
                        }
                        ServerOp::Control(op) => {
                            if let Some(event) = self.session.handle_control(op, now) {
                                println!("{event:?}");
                            }
                        }
                        ServerOp::Oversized(message) => {
                            // It counts as delivered.
                            let name = self.session.deliver(message.sid);
                            println!("{name:?}: {} bytes are too long", message.size);
                        }
                        op => println!("passed over: {op:?}"),
                    }
                    at += len;
                }
                Ok(Decoded::Skip { len }) => at += len,
                Ok(Decoded::Partial { .. }) => break,
                Err(error) => return self.lose(Lost::Protocol(error)),
            }
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
    }

    /// Sends the control lines that are due.
    fn pump(&mut self) {
        while self.session.has_transmit() {
            let mut memory = [0; 1024];
            let mut out = SendBuf::new(&mut memory);
            // What does not fit comes with the next turn.
            let _ = self.session.poll_transmit(&mut out);
            let len = out.len();
            if len == 0 || !self.write(memory.get(..len).unwrap_or_default()) {
                return;
            }
        }
    }

    /// Reads until the next deadline of the session.
    fn read(&mut self) -> io::Result<usize> {
        let now = self.now();
        let wait = self.session.poll_timeout().map(|(deadline, _)| deadline.since(now));
        let wait = wait.map(|wait| wait.max(Duration::from_millis(1)));
        let Some(socket) = &mut self.socket else { return Ok(0) };
        socket.set_read_timeout(wait)?;
        socket.read(self.input.get_mut(self.filled..).unwrap_or_default())
    }

    /// Writes to the connection, which is lost if that fails.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let is_written = self.socket.as_mut().is_some_and(|socket| socket.write_all(bytes).is_ok());
        if !is_written {
            self.lose(Lost::Io);
        }
        is_written
    }

    fn lose(&mut self, cause: Lost) {
        self.socket = None;
        self.filled = 0;
        if let Some(event) = self.session.handle_lost(cause, self.now()) {
            println!("{event:?}");
        }
    }

    /// Publishes a message, as soon as there is a connection. It may be lost with that.
    fn publish(
        &mut self,
        subject: Subject<'_>,
        payload: &[u8],
        mut handle: impl FnMut(&str, &[u8]),
    ) -> Result<(), Box<dyn Error>> {
        while !self.session.is_ready() {
            self.turn(&mut handle)?;
        }
        // A subscription made before goes first.
        self.pump();
        let message = Publish::new(subject, payload);
        self.session.publish_limits().check(&message)?;
        let mut memory = [0; 1024];
        let mut out = SendBuf::new(&mut memory);
        message.encode(&mut out)?;
        let len = out.len();
        self.write(memory.get(..len).unwrap_or_default());
        Ok(())
    }
}

/// Connects to the first address that answers.
fn dial(host: &str, port: u16, wait: Duration) -> io::Result<TcpStream> {
    let mut failure = io::ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, wait.max(Duration::from_millis(1))) {
            Ok(socket) => {
                socket.set_write_timeout(Some(WRITE))?;
                return Ok(socket);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Whether that says only that there was nothing to read.
fn is_over(error: &io::Error) -> bool {
    use std::io::ErrorKind::*;
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

const USAGE: &str = "usage: blocking [COUNT]

Publishes COUNT messages, by default 3, and waits for each, with the server at NATS_URL, or with a small
broker in this process.";

fn main() -> ExitCode {
    command::end(talk(&command::arguments(USAGE)))
}

fn talk(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let count = match arguments {
        [] => 3,
        [count] => command::count(count, USAGE)?,
        _ => return Err(Misuse(USAGE).into()),
    };
    let url = nats_examples::server_url()?;
    let mut client = Client::connect(&url)?;
    println!("connected to {}", client.session.info().server_name());

    client.session.subscribe(Filter::from_static("demo.*"), None, "demo")?;
    let subject = Subject::new("demo.one")?;
    let mut heard = 0;
    while heard < count {
        let mut handle = |name: &str, payload: &[u8]| {
            println!("{name} got {}", String::from_utf8_lossy(payload));
            heard += 1;
        };
        client.publish(subject, b"hello", &mut handle)?;
        let losses = client.session.losses();
        let mut is_back = false;
        // What was lost with a connection is published again.
        while !is_back && client.session.losses() == losses {
            client.turn(|name, payload| {
                handle(name, payload);
                is_back = true;
            })?;
        }
    }
    while client.session.step() != Step::Stop(Stop::Drained) {
        if client.session.is_ready() {
            client.session.finish(client.now());
        }
        client.turn(|_, _| {})?;
    }
    println!("the server has everything");
    Ok(())
}

/// Randomness that the standard library has from the operating system.
fn entropy() -> Result<[u8; 16], Box<dyn Error>> {
    use std::hash::BuildHasher;
    use std::hash::RandomState;
    let halves = [RandomState::new().hash_one(0), RandomState::new().hash_one(1)];
    let mut bytes = [0; 16];
    for (half, number) in bytes.chunks_exact_mut(8).zip(halves) {
        half.copy_from_slice(&number.to_le_bytes());
    }
    Ok(bytes)
}
