// A whole client: one connection, one thread, and nothing that waits in a queue.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::Full;
use nats_proto::Growable;
use nats_proto::Instant;
use nats_proto::PercentEncoded;
use nats_proto::QueueGroup;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Sid;
use nats_proto::session::Config;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Draining;
use nats_proto::session::FlushId;
use nats_proto::session::FlushState;
use nats_proto::session::Session;
use nats_proto::session::Step;
use nats_proto::session::SubscribeError;
use nats_proto::wire::Connect;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Publish;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;

use super::incoming::Incoming;
use super::incoming::NotPublished;
use super::network::Network;

/// How much is read at once, and how long a message may be, in bytes.
const INPUT: usize = 64 * 1024;
/// How much may wait to be written, in bytes: at least the longest control line, 4096 bytes.
const OUTPUT: usize = 64 * 1024;
/// How many flushes may wait for their outcome.
const FLUSHES: usize = 16;
/// How long a connection that takes nothing is waited for, before it is read from again.
const WRITE: Duration = Duration::from_millis(20);

/// A client.
pub struct Client<N> {
    network: N,
    session: Session<Growable<()>>,
    login: Login,
    /// Which connection, or attempt to make one, the network is at.
    dialed: Option<u32>,
    decoder: Decoder<FromServer>,
    /// What was read and not yet decoded: the bytes from `decoded` to `filled`.
    input: Vec<u8>,
    filled: usize,
    decoded: usize,
    /// What is to be written: the bytes from `written` to `queued`.
    output: Vec<u8>,
    queued: usize,
    written: usize,
    flushes: VecDeque<FlushId>,
    /// What one turn brought: emptied before the next one.
    incoming: VecDeque<Incoming>,
}

/// Who logs in, at every server.
#[derive(Clone, Default)]
pub struct Login {
    /// The connection's name.
    pub name: Option<String>,
    /// A user's name; a token, if there is no password. Default: what the first address says that has
    /// one, as in `nats://user:password@host`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
}

impl<N: Network> Client<N> {
    /// A client that connects to one of these servers, once it is driven by [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// If an address is invalid.
    pub fn new(
        network: N,
        config: Config,
        servers: &str,
        mut login: Login,
        seed: RngSeed,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut session = Session::new(config, seed);
        for server in ServerUrl::list(servers) {
            let server = server?;
            session.add_server(&server)?;
            if login.user.is_none() {
                login.user = server.user().map(text);
                login.password = server.password().map(text);
            }
        }
        session.connect(network.now());
        Ok(Self {
            network,
            session,
            login,
            dialed: None,
            decoder: Decoder::new(Limits::for_buffer(INPUT)),
            input: vec![0; INPUT],
            filled: 0,
            decoded: 0,
            output: vec![0; OUTPUT],
            queued: 0,
            written: 0,
            flushes: VecDeque::new(),
            incoming: VecDeque::new(),
        })
    }

    /// What comes next; `None` if nothing has come `until` then. Everything happens in here: nothing
    /// is read, written or waited for at other times.
    pub fn next(&mut self, until: Instant) -> Option<Incoming> {
        let mut has_looked = false;
        loop {
            self.decode();
            self.settle();
            if let Some(incoming) = self.incoming.pop_front() {
                return Some(incoming);
            }
            if let Step::Stop(stop) = self.session.step() {
                return Some(Incoming::Closed(stop));
            }
            if has_looked && self.network.now() >= until {
                return None;
            }
            self.turn(until);
            has_looked = true;
        }
    }

    /// The time by the client's clock, for [`next`](Self::next).
    pub fn now(&self) -> Instant {
        self.network.now()
    }

    /// The state of the connection.
    pub const fn session(&self) -> &Session<Growable<()>> {
        &self.session
    }

    /// Subscribes, now and on every connection to come.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub fn subscribe(
        &mut self,
        filter: Filter<'_>,
        queue: Option<QueueGroup<'_>>,
    ) -> Result<Sid, SubscribeError> {
        self.session.subscribe(filter, queue, ())
    }

    /// Ends a subscription, now or when it has got `max` messages in all. [`Incoming::Ended`] follows.
    pub fn unsubscribe(&mut self, sid: Sid, max: Option<NonZeroU64>) {
        self.session.unsubscribe(sid, max);
    }

    /// Puts a message where it is written from, by the next calls of [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// [`NotPublished`], and nothing is sent then.
    pub fn publish(&mut self, message: &Publish<'_>) -> Result<(), NotPublished> {
        if !self.session.is_ready() {
            return Err(match self.session.step() {
                Step::Stop(stop) => NotPublished::Closed(stop),
                _ => NotPublished::Offline,
            });
        }
        self.session.publish_limits().check(message).map_err(NotPublished::Limit)?;
        if message.encoded_len() > OUTPUT {
            return Err(NotPublished::TooLong);
        }
        let mut out = room(&mut self.output, &mut self.written, &mut self.queued);
        // A subscription that was made before goes first.
        let is_in =
            self.session.poll_transmit(&mut out).is_ok() && message.encode(&mut out).is_ok();
        self.queued = out.len();
        if is_in { Ok(()) } else { Err(NotPublished::Full) }
    }

    /// Asks for a sign that the server has everything that was published before:
    /// [`Incoming::Flushed`].
    ///
    /// # Errors
    ///
    /// [`Full`] without a connection, and if as many wait already as may.
    pub fn flush(&mut self) -> Result<FlushId, Full> {
        if self.flushes.len() == FLUSHES {
            return Err(Full);
        }
        let id = self.session.flush().ok_or(Full)?;
        self.flushes.push_back(id);
        Ok(id)
    }

    /// Ends in good order: what is on its way to subscriptions still comes, and what was published
    /// reaches the server; then comes [`Incoming::Closed`].
    pub fn drain(&mut self) {
        self.session.drain(self.network.now());
    }

    /// Ends at once.
    pub fn close(&mut self) {
        self.session.abort();
    }

    /// Messages were taken as they came, so there is nothing to wait for but the server.
    fn check_drained(&mut self) {
        if self.session.draining() == Some(Draining::Arrived) {
            if self.session.is_connected() {
                self.session.finish(self.network.now());
            } else {
                self.session.finish_unconnected();
            }
        }
    }

    /// Does what the session asks for, once, and waits no longer than it allows.
    fn turn(&mut self, until: Instant) {
        let until = self.session.poll_timeout().map_or(until, |(deadline, _)| deadline.min(until));
        match self.session.step() {
            Step::Wait => self.network.sleep(until),
            Step::Dial(server) => {
                let attempt = Some(self.session.losses());
                let mut opened = Ok(false);
                if self.dialed != attempt {
                    self.dialed = attempt;
                    opened = self.network.dial(&server).map(|()| false);
                }
                match opened.and_then(|_| self.network.poll_open(until)) {
                    Ok(true) => self.session.handle_open(),
                    Ok(false) => {}
                    Err(_) => self.lost(DisconnectReason::Unreachable),
                }
            }
            Step::Secure(_) => {
                let secured = match self.filled - self.decoded {
                    0 => self.network.secure(self.session.tls_name(), until),
                    // Somebody speaks before there is TLS.
                    _ => Err(io::ErrorKind::InvalidData.into()),
                };
                match secured {
                    // Nothing was unread.
                    Ok(()) => drop(self.session.handle_secured(0, self.network.now())),
                    Err(_) => self.lost(DisconnectReason::Tls),
                }
            }
            Step::Login(challenge) => {
                let Login { name, user, password } = &self.login;
                let token = user.as_deref().filter(|_| password.is_none());
                let connect = Connect {
                    name: name.as_deref(),
                    auth_token: token,
                    user: user.as_deref().filter(|_| password.is_some()),
                    pass: password.as_deref(),
                    headers: challenge.headers,
                    no_responders: challenge.headers,
                    ..Connect::DEFAULT
                };
                let room = self.output.get_mut(self.queued..).unwrap_or_default();
                self.queued += self.session.login(&connect, room);
                self.write(until);
            }
            Step::Exchange => self.exchange(until),
            _ => {}
        }
        self.handle_timeout();
    }

    /// Everything that is due.
    fn handle_timeout(&mut self) {
        let now = self.network.now();
        while self.session.poll_timeout().is_some_and(|(deadline, _)| deadline <= now) {
            let event = self.session.handle_timeout(now);
            self.incoming.extend(event.and_then(Incoming::of));
        }
    }

    /// Writes and reads. While there is more to write, reading does not wait.
    fn exchange(&mut self, until: Instant) {
        self.transmit();
        let now = self.network.now();
        if self.written < self.queued {
            self.write(until.min(now + WRITE));
        }
        let is_more = self.written < self.queued || self.session.has_transmit();
        let until = if is_more { now } else { until };
        self.input.copy_within(self.decoded..self.filled, 0);
        self.filled -= std::mem::take(&mut self.decoded);
        let room = self.input.get_mut(self.filled..).unwrap_or_default();
        if !matches!(self.session.step(), Step::Exchange) || room.is_empty() {
            return;
        }
        match self.network.read(room, until) {
            Ok(0) => self.lost(DisconnectReason::Closed),
            Ok(len) => self.filled += len,
            Err(error) if is_over(&error) => {}
            Err(_) => self.lost(DisconnectReason::Io),
        }
    }

    fn write(&mut self, until: Instant) {
        let bytes = self.output.get(self.written..self.queued).unwrap_or_default();
        match self.network.write(bytes, until) {
            Ok(0) if !bytes.is_empty() => self.lost(DisconnectReason::Io),
            Ok(len) => self.written += len,
            Err(error) if is_over(&error) => {}
            Err(_) => self.lost(DisconnectReason::Io),
        }
    }

    /// Control lines that are due. What has no room is written later.
    fn transmit(&mut self) {
        let mut out = room(&mut self.output, &mut self.written, &mut self.queued);
        let _ = self.session.poll_transmit(&mut out);
        self.queued = out.len();
    }

    /// Decodes until something comes, or no frame is whole.
    fn decode(&mut self) {
        let now = self.network.now();
        let input = std::mem::take(&mut self.input);
        // What stands behind the end of a connection, or before TLS, is for nobody.
        while matches!(self.session.step(), Step::Exchange)
            && self.incoming.is_empty()
            && let Some(bytes) = input.get(self.decoded..self.filled)
        {
            match self.decoder.decode(bytes) {
                Ok(Decoded::Frame { op, len }) => {
                    self.decoded += len;
                    self.handle(op, now);
                }
                Ok(Decoded::Skip { len }) => self.decoded += len,
                Ok(Decoded::Partial { .. }) => break,
                Err(error) => self.lost(DisconnectReason::Protocol(error)),
            }
        }
        self.input = input;
    }

    fn handle(&mut self, op: ServerOp<'_>, now: Instant) {
        let incoming = match op {
            ServerOp::Message(message) => {
                let is_wanted = self.session.deliver(message.sid()).is_some();
                is_wanted.then(|| Incoming::Message(message.map(<[u8]>::to_vec)))
            }
            // It counts as delivered.
            ServerOp::Oversized(long) => {
                let (sid, size) = (long.sid, long.size);
                self.session.deliver(sid).map(|()| Incoming::TooLong { sid, size })
            }
            ServerOp::Control(op) => self.session.handle_control(op, now).and_then(Incoming::of),
            _ => None,
        };
        self.incoming.extend(incoming);
    }

    /// What follows from anything that happened to the session.
    fn settle(&mut self) {
        // What belongs to a connection that is over goes with it.
        let is_stopped = matches!(self.session.step(), Step::Stop(_));
        if self.dialed.is_some() && (is_stopped || self.dialed != Some(self.session.losses())) {
            self.dialed = None;
            self.network.hang_up();
            self.decoder = Decoder::new(Limits::for_buffer(INPUT));
            (self.filled, self.decoded) = (0, 0);
            (self.queued, self.written) = (0, 0);
        }
        while let Some(released) = self.session.poll_released() {
            let (sid, reason) = (released.sid, released.ended);
            self.incoming.push_back(Incoming::Ended { sid, reason });
        }
        while let Some(&id) = self.flushes.front() {
            let is_done = match self.session.flush_state(id) {
                FlushState::Pending => break,
                state => state == FlushState::Done,
            };
            self.flushes.pop_front();
            self.incoming.push_back(Incoming::Flushed { id, is_done });
        }
        self.check_drained();
    }

    /// The one place where what went wrong reaches the session.
    fn lost(&mut self, reason: DisconnectReason) {
        let event = self.session.handle_disconnected(reason, self.network.now());
        self.incoming.extend(event.and_then(Incoming::of));
    }
}

impl<N> std::fmt::Debug for Client<N> {
    /// Without what is on its way: there may be a password in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

fn text(encoded: PercentEncoded<'_>) -> String {
    String::from_utf8_lossy(&encoded.bytes().collect::<Vec<_>>()).into_owned()
}

/// The free part of the output. What is written leaves it first.
fn room<'o>(output: &'o mut [u8], written: &mut usize, queued: &mut usize) -> SendBuf<'o> {
    output.copy_within(*written..*queued, 0);
    *queued -= *written;
    *written = 0;
    SendBuf::resume(output, *queued)
}

/// Whether that says only that nothing came, or went, in time.
fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
