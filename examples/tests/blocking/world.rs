//! A world in which time passes when the client waits, and a server that says what a test wants.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use nats_examples::blocking::Client;
use nats_examples::blocking::Incoming;
use nats_examples::blocking::Login;
use nats_examples::blocking::Network;
use nats_proto::Instant;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::session::Config;

pub(crate) const INFO: &str =
    "INFO {\"server_id\":\"TEST\",\"headers\":true,\"max_payload\":1048576}\r\n";

/// How an attempt to connect goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dial {
    Opens,
    Fails,
    Hangs,
}

/// What a test sees and decides.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) dial: Dial,
    pub(crate) dialed: Vec<String>,
    /// Whether there is a connection, or an attempt.
    pub(crate) is_up: bool,
    /// How many bytes a connection takes, and how many at a time.
    pub(crate) window: usize,
    pub(crate) step: usize,
    /// Whether writing fails.
    pub(crate) is_broken: bool,
    /// Whether the server answers PING.
    pub(crate) answers: bool,
    /// What the server says, and whether it has closed the connection behind that.
    to_client: VecDeque<u8>,
    has_ended: bool,
    /// What the client wrote on this connection.
    pub(crate) written: String,
    /// How much of it the server has seen.
    seen: usize,
    pub(crate) writes: usize,
}

impl World {
    pub(crate) fn say(&mut self, text: &str) {
        self.to_client.extend(text.as_bytes());
    }

    pub(crate) const fn hang_up(&mut self) {
        self.has_ended = true;
    }

    /// Answers whole lines.
    fn listen(&mut self) {
        while let Some(len) = self.written[self.seen..].find("\r\n") {
            let line = self.written[self.seen..self.seen + len].to_owned();
            self.seen += len + 2;
            if line == "PING" && self.answers {
                self.say("PONG\r\n");
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Scripted(pub(crate) Rc<RefCell<World>>);

impl Network for Scripted {
    fn now(&self) -> Instant {
        self.0.borrow().now
    }

    fn sleep(&mut self, until: Instant) {
        let mut world = self.0.borrow_mut();
        world.now = world.now.max(until);
    }

    fn dial(&mut self, server: &ServerUrl<'_>) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.dialed.push(server.to_string());
        world.is_up = true;
        Ok(())
    }

    fn poll_open(&mut self, until: Instant) -> io::Result<bool> {
        let mut world = self.0.borrow_mut();
        match world.dial {
            Dial::Fails => Err(io::ErrorKind::ConnectionRefused.into()),
            Dial::Hangs => {
                world.now = world.now.max(until);
                Ok(false)
            }
            Dial::Opens => {
                (world.seen, world.has_ended) = (0, false);
                world.written.clear();
                world.to_client.clear();
                world.say(INFO);
                Ok(true)
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        if world.to_client.is_empty() {
            if world.has_ended {
                return Ok(0);
            }
            world.now = world.now.max(until);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = buffer.len().min(world.step).min(world.to_client.len());
        for (to, from) in buffer.iter_mut().zip(world.to_client.drain(..len)) {
            *to = from;
        }
        Ok(len)
    }

    fn write(&mut self, bytes: &[u8], until: Instant) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        world.writes += 1;
        if world.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let len = bytes.len().min(world.step).min(world.window);
        if len == 0 {
            world.now = world.now.max(until);
            return Err(io::ErrorKind::TimedOut.into());
        }
        world.window -= len;
        world.written.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
        world.listen();
        Ok(len)
    }

    fn hang_up(&mut self) {
        self.0.borrow_mut().is_up = false;
    }
}

pub(crate) type Scene = (Client<Scripted>, Rc<RefCell<World>>);

/// A client that knows two servers and tries them in this order.
pub(crate) fn scene(config: Config) -> Scene {
    scene_at("nats://a,nats://b", config)
}

pub(crate) fn scene_at(servers: &str, config: Config) -> Scene {
    let world = World {
        now: Instant::from_millis(0),
        dial: Dial::Opens,
        dialed: Vec::new(),
        is_up: false,
        window: usize::MAX,
        step: usize::MAX,
        is_broken: false,
        answers: true,
        to_client: VecDeque::new(),
        has_ended: false,
        written: String::new(),
        seen: 0,
        writes: 0,
    };
    let world = Rc::new(RefCell::new(world));
    let config = config.retain_servers_order(true).retry_on_initial_connect(true);
    let network = Scripted(Rc::clone(&world));
    let client = Client::new(network, config, servers, Login::default(), RngSeed([7; 16])).unwrap();
    (client, world)
}

/// A scene with a connection.
pub(crate) fn connected() -> Scene {
    let (mut client, world) = scene(Config::DEFAULT);
    assert!(matches!(soon(&mut client), Some(Incoming::Connected)));
    (client, world)
}

/// What comes within a minute.
pub(crate) fn soon(client: &mut Client<Scripted>) -> Option<Incoming> {
    let until = client.now() + Duration::from_secs(60);
    client.next(until)
}

/// What comes within a second, in the words of [`Debug`](std::fmt::Debug).
pub(crate) fn all(client: &mut Client<Scripted>) -> Vec<String> {
    let until = client.now() + Duration::from_secs(1);
    let mut came = Vec::new();
    while let Some(incoming) = client.next(until) {
        let is_end = matches!(incoming, Incoming::Closed(_));
        came.push(words(&incoming));
        if is_end {
            break;
        }
    }
    came
}

fn words(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Message(message) => String::from_utf8_lossy(message.payload()).into_owned(),
        other => format!("{other:?}"),
    }
}
