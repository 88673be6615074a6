// What a client needs of the world: one connection at a time, and the time.

use std::io;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use nats_proto::Instant;
use nats_proto::ServerUrl;

/// A network and a clock. [`StdNetwork`] is the real one; a test has one of its own.
///
/// A call with an `until` waits until then at the most, and not at all once that is past.
pub trait Network {
    /// The time since an origin of its own. It never goes backwards.
    fn now(&self) -> Instant;

    /// Waits.
    fn sleep(&mut self, until: Instant);

    /// Begins to connect, in place of any attempt or connection there was.
    ///
    /// # Errors
    ///
    /// If that fails at once.
    fn dial(&mut self, server: &ServerUrl<'_>) -> io::Result<()>;

    /// Waits for the connection that is being made. Returns whether there is one now.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    fn poll_open(&mut self, until: Instant) -> io::Result<bool>;

    /// Makes the connection secure with TLS, for a certificate in this `name`.
    ///
    /// # Errors
    ///
    /// If that fails. This network has no TLS, unless it says otherwise.
    fn secure(&mut self, name: &str, until: Instant) -> io::Result<()> {
        let _ = (name, until);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Reads what there is, or waits for it. Zero bytes are the end.
    ///
    /// # Errors
    ///
    /// `WouldBlock`, `TimedOut` or `Interrupted` if nothing came; anything else ends the connection.
    fn read(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize>;

    /// Writes as much as the connection takes, or waits until it takes something.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    fn write(&mut self, bytes: &[u8], until: Instant) -> io::Result<usize>;

    /// Drops the connection, and the attempt to make one.
    fn hang_up(&mut self);
}

/// Sockets and clock of the standard library.
#[derive(Debug)]
pub struct StdNetwork {
    started: std::time::Instant,
    dial_timeout: Duration,
    dialing: Option<Receiver<io::Result<TcpStream>>>,
    socket: Option<TcpStream>,
}

impl StdNetwork {
    /// A network on which an attempt to connect takes no longer than `dial_timeout`, looking up the
    /// host's name aside.
    #[must_use]
    pub fn new(dial_timeout: Duration) -> Self {
        Self { started: std::time::Instant::now(), dial_timeout, dialing: None, socket: None }
    }

    /// The socket, set to wait until then.
    fn socket(&mut self, until: Instant) -> io::Result<&mut TcpStream> {
        let wait = until.since(self.now());
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        socket.set_nonblocking(wait.is_zero())?;
        if !wait.is_zero() {
            socket.set_read_timeout(Some(wait))?;
            socket.set_write_timeout(Some(wait))?;
        }
        Ok(socket)
    }
}

impl Network for StdNetwork {
    fn now(&self) -> Instant {
        let millis = self.started.elapsed().as_millis();
        Instant::from_millis(millis.try_into().unwrap_or(u64::MAX))
    }

    fn sleep(&mut self, until: Instant) {
        thread::sleep(until.since(self.now()));
    }

    fn dial(&mut self, server: &ServerUrl<'_>) -> io::Result<()> {
        self.hang_up();
        let (host, port) = (server.host().to_owned(), server.port());
        let timeout = self.dial_timeout;
        let (sender, receiver) = sync_channel(1);
        // Looking up a name blocks for as long as the resolver likes, and timers have to go on. A
        // socket that comes too late is dropped: nobody receives it.
        thread::Builder::new().spawn(move || {
            let addresses = (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            let _ = sender.send(addresses.and_then(|addresses| connect(&addresses, timeout)));
        })?;
        self.dialing = Some(receiver);
        Ok(())
    }

    fn poll_open(&mut self, until: Instant) -> io::Result<bool> {
        let wait = until.since(self.now());
        let dialing = self.dialing.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        match dialing.recv_timeout(wait) {
            Ok(socket) => {
                self.dialing = None;
                self.socket = Some(socket?);
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn read(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        io::Read::read(self.socket(until)?, buffer)
    }

    fn write(&mut self, bytes: &[u8], until: Instant) -> io::Result<usize> {
        io::Write::write(self.socket(until)?, bytes)
    }

    fn hang_up(&mut self) {
        self.dialing = None;
        self.socket = None;
    }
}

/// Connects to the first of a host's addresses that answers. Each gets its share of the time that is
/// left, so one that is silent does not use up that of the others.
fn connect(addresses: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let end = std::time::Instant::now() + timeout;
    let mut failure = io::ErrorKind::NotFound.into();
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let time = end.saturating_duration_since(std::time::Instant::now());
        let share = time / u32::try_from(left).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
