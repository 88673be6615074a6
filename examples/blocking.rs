//! A client without a runtime: the bare core and a `std` socket, `cargo run --example blocking`.
//!
//! Everything a driver has to do is in [`Client::turn`]. Talks to the server at `NATS_URL`, or to a
//! small broker in this process.

use std::error::Error;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

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

struct Client {
    session: Session<Storage>,
    decoder: Decoder<FromServer>,
    socket: Option<TcpStream>,
    started: std::time::Instant,
    /// What was read and not yet decoded: the first `filled` bytes.
    input: [u8; 4096],
    filled: usize,
}

impl Client {
    fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let mut session = Session::new(Config::DEFAULT, Seed(entropy()?));
        session.add_server(&ServerUrl::new(url)?)?;
        session.connect(Instant::from_millis(0));
        let mut client = Self {
            session,
            decoder: Decoder::new(Limits::for_buffer(4096)),
            socket: None,
            started: std::time::Instant::now(),
            input: [0; 4096],
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
        let now = self.now();
        match self.session.step() {
            Step::Dial(server) => match TcpStream::connect((server.host(), server.port())) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.decoder = Decoder::new(Limits::for_buffer(4096));
                    self.filled = 0;
                    self.session.handle_open();
                }
                Err(_) => drop(self.session.handle_lost(Lost::Unreachable, now)),
            },
            Step::Login(_) => {
                let mut line = [0; 512];
                let len = self.session.login(&Connect::DEFAULT, &mut line);
                self.write(line.get(..len).unwrap_or_default())?;
            }
            Step::Exchange => self.exchange(handle)?,
            // Until a server may be tried again.
            Step::Wait => {
                if let Some((deadline, _)) = self.session.poll_timeout() {
                    std::thread::sleep(deadline.since(now));
                    self.session.handle_timeout(self.now());
                }
            }
            Step::Stop(Stop::Drained) => return Ok(()),
            Step::Stop(stop) => return Err(stop.into()),
            step => return Err(format!("not supported here: {step:?}").into()),
        }
        Ok(())
    }

    /// Writes what is due, waits for something to read, and deals with it.
    fn exchange(&mut self, mut handle: impl FnMut(&str, &[u8])) -> Result<(), Box<dyn Error>> {
        self.pump()?;
        match self.read() {
            Ok(0) => drop(self.session.handle_lost(Lost::Closed, self.now())),
            Ok(len) => self.filled += len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let now = self.now();
        if self.session.poll_timeout().is_some_and(|(deadline, _)| deadline <= now) {
            self.session.handle_timeout(now);
        }
        let mut at = 0;
        while let Some(input) = self.input.get(at..self.filled) {
            match self.decoder.decode(input)? {
                Decoded::Frame { op, len } => {
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
                        op => println!("passed over: {op:?}"),
                    }
                    at += len;
                }
                Decoded::Skip { len } => at += len,
                Decoded::Partial { .. } => break,
            }
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        self.pump()
    }

    /// Sends the control lines that are due.
    fn pump(&mut self) -> Result<(), Box<dyn Error>> {
        while self.session.has_transmit() {
            let mut memory = [0; 256];
            let mut out = SendBuf::new(&mut memory);
            // What does not fit comes with the next turn.
            let _ = self.session.poll_transmit(&mut out);
            let len = out.len();
            self.write(memory.get(..len).unwrap_or_default())?;
        }
        Ok(())
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

    fn write(&mut self, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        self.socket.as_mut().ok_or("not connected")?.write_all(bytes)?;
        Ok(())
    }

    fn publish(&mut self, subject: Subject<'_>, payload: &[u8]) -> Result<(), Box<dyn Error>> {
        let message = Publish::new(subject, payload);
        self.session.publish_limits().check(&message)?;
        let mut memory = [0; 1024];
        let mut out = SendBuf::new(&mut memory);
        // A subscription made before goes first.
        self.session.poll_transmit(&mut out)?;
        message.encode(&mut out)?;
        let len = out.len();
        self.write(memory.get(..len).unwrap_or_default())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = nats_examples::server_url()?;
    let mut client = Client::connect(&url)?;
    println!("connected to {}", client.session.info().server_name());

    client.session.subscribe(Filter::from_static("demo.*"), None, "demo")?;
    for subject in ["demo.one", "demo.two", "demo.three"] {
        client.publish(Subject::new(subject)?, b"hello")?;
    }
    let mut count = 0;
    while count < 3 {
        client.turn(|name, payload| {
            println!("{name} got {}", String::from_utf8_lossy(payload));
            count += 1;
        })?;
    }
    client.session.finish(client.now());
    while client.session.step() != Step::Stop(Stop::Drained) {
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
