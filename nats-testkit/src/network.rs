//! A network in memory: who can be dialled, and what becomes of connections.

mod connection;
mod pipe;
mod world;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;

pub use connection::Connection;
pub use pipe::Pipe;

use self::world::Mood;
use self::world::ServerState;
use self::world::World;
use crate::server::Message;
use crate::server::Script;
use crate::sync::lock;

/// Servers in memory, and whoever is connected to them. Its clones are the same network.
///
/// All servers of a network are one cluster: what is published to one of them is delivered by all.
///
/// ```
/// use std::io::{Read, Write};
/// use nats_testkit::Network;
///
/// let network = Network::new();
/// let server = network.server("a");
///
/// let mut pipe = network.try_dial("a", 4222)?;
/// let mut line = [0; 512];
/// let len = pipe.read(&mut line)?;
/// assert!(line[..len].starts_with(b"INFO {\"server_id\":\"a\""));
/// pipe.write_all(b"CONNECT {}\r\nPING\r\n")?;
/// let len = pipe.read(&mut line)?;
/// assert_eq!(&line[..len], b"PONG\r\n");
/// assert_eq!(server.connection().unwrap().log(), ["CONNECT {}", "PING"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<World>>);

/// A server of a [`Network`]. Its clones are the same server.
#[derive(Clone)]
pub struct Server {
    network: Network,
    index: usize,
}

impl Network {
    /// A network without servers: whoever is dialled refuses.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server that listens on port 4222 of `host`, or returns the one that does.
    pub fn server(&self, host: &str) -> Server {
        let port = 4222;
        let index = self.act(|world| {
            world.find(host, port).unwrap_or_else(|| {
                world.servers.push(ServerState {
                    host: host.to_owned(),
                    port,
                    script: Script::new(host),
                    mood: Mood::Accepts,
                    dials: 0,
                    waiting: Vec::new(),
                });
                world.servers.len() - 1
            })
        });
        Server { network: self.clone(), index }
    }

    /// Dials a server: the future is ready when it accepts or refuses.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if nobody listens there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up.
    pub fn dial(&self, host: &str, port: u16) -> Dial {
        Dial { network: self.clone(), host: host.to_owned(), port, is_counted: false }
    }

    /// Dials a server that accepts or refuses at once.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if nobody listens there, `TimedOut` if nobody answers.
    pub fn try_dial(&self, host: &str, port: u16) -> io::Result<Pipe> {
        let mut dial = self.dial(host, port);
        match Pin::new(&mut dial).poll(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(pipe) => pipe,
            Poll::Pending => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Delivers a message to everybody who has subscribed to it, as if another client had published
    /// it.
    pub fn publish(&self, message: &Message) {
        self.act(|world| world.recipient(None, message));
    }

    /// How clients broke the protocol, in words; empty if they did not. A server insists on it: on
    /// CONNECT first, on whole operations, on fresh numbers of subscriptions, on its own limits.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.act(|world| world.faults())
    }

    /// Adds a fault that somebody else has noticed. The same is not added twice.
    pub fn report(&self, fault: impl Into<String>) {
        let fault = fault.into();
        self.act(|world| world.report(fault));
    }

    /// To be called when time has passed: a client that asks the network for something
    /// 200,000 times without that is spinning, which is a [fault](Self::faults).
    pub fn forget_calls(&self) {
        self.act(World::forget_calls);
    }

    /// Changes something, and wakes whoever waited for that after the lock is released.
    fn act<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = lock(&self.0);
        let value = change(&mut world);
        let woken = std::mem::take(&mut world.woken);
        drop(world);
        for waker in woken {
            waker.wake();
        }
        value
    }
}

impl Server {
    /// Changes how the server behaves towards those who connect from now on. Those who are connected
    /// have a [script of their own](Connection::script).
    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        self.change(|state| change(&mut state.script));
    }

    /// Accepts connections, also those that are waiting for an answer.
    pub fn accept(&self) {
        self.set_mood(Mood::Accepts);
    }

    /// Refuses connections: nobody listens any more.
    pub fn refuse(&self) {
        self.set_mood(Mood::Refuses);
    }

    /// Answers nobody who dials.
    pub fn ignore(&self) {
        self.set_mood(Mood::Ignores);
    }

    /// Closes all connections at once and refuses new ones, as a server does that is killed.
    pub fn kill(&self) {
        self.refuse();
        for connection in self.connections() {
            connection.cut();
        }
    }

    /// Its address: `nats://host:4222`.
    #[must_use]
    pub fn url(&self) -> String {
        self.change(|state| format!("nats://{}:{}", state.host, state.port)).unwrap_or_default()
    }

    /// How often it was dialled.
    #[must_use]
    pub fn dials(&self) -> usize {
        self.change(|state| state.dials).unwrap_or_default()
    }

    /// All connections that there were, the oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.network.act(|world| {
            let links = world.links.iter().enumerate();
            let own = links.filter(|(_, link)| link.server == self.index);
            own.map(|(number, _)| Connection::new(self.network.clone(), number)).collect()
        })
    }

    /// The last connection, open or not.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        self.connections().pop()
    }

    fn set_mood(&self, mood: Mood) {
        self.network.act(|world| {
            let Some(state) = world.servers.get_mut(self.index) else { return };
            state.mood = mood;
            if mood != Mood::Ignores {
                let waiting = std::mem::take(&mut state.waiting);
                world.woken.extend(waiting);
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut ServerState) -> T) -> Option<T> {
        self.network.act(|world| world.servers.get_mut(self.index).map(change))
    }
}

/// An attempt to connect, made by [`Network::dial`]: await it.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Dial {
    network: Network,
    host: String,
    port: u16,
    is_counted: bool,
}

impl Future for Dial {
    type Output = io::Result<Pipe>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Pipe>> {
        let is_counted = std::mem::replace(&mut self.is_counted, true);
        let opened = self.network.act(|world| {
            world.count_call()?;
            let index = world.find(&self.host, self.port);
            let index = index.ok_or(io::ErrorKind::ConnectionRefused)?;
            let Some(state) = world.servers.get_mut(index) else { return Ok(None) };
            state.dials += usize::from(!is_counted);
            match state.mood {
                Mood::Accepts => world.open(index).map(Some),
                Mood::Refuses => Err(io::ErrorKind::ConnectionRefused.into()),
                Mood::Ignores => {
                    state.waiting.push(cx.waker().clone());
                    Ok(None)
                }
            }
        });
        match opened {
            Ok(Some(number)) => Poll::Ready(Ok(Pipe::new(self.network.clone(), number))),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url()).finish_non_exhaustive()
    }
}
