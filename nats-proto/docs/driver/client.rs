// A whole client: one connection, one thread, and nothing that waits in a queue.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::Full;
use nats_proto::Growable;
use nats_proto::GrowableRequests;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::QueueGroup;
use nats_proto::RequestId;
use nats_proto::RequestInbox;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::session::Config;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Flushes;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Refused;
use nats_proto::session::Session;
use nats_proto::session::SubscribeError;
use nats_proto::wire::Bounded;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Publish;
use nats_proto::wire::ServerOp;

use super::incoming::FlushNumber;
use super::incoming::Incoming;
use super::incoming::NotRequested;
use super::login::Login;
use super::network::Network;

/// How much is read at once, and how long a message may be, in bytes.
const INPUT: usize = 64 * 1024;
/// How much may wait to be written, in bytes: more than the longest control line, which has 4096. A
/// message that is longer than all that waits alone.
const OUTPUT: usize = 64 * 1024;
/// How many flushes may wait for their outcome, and how many requests.
const FLUSHES: usize = 16;
const REQUESTS: usize = 256;
/// How long a connection that takes nothing is waited for, before it is read from again.
const WRITE: Duration = Duration::from_millis(20);

/// A client.
pub struct Client<N> {
    network: N,
    session: Session<Growable<()>>,
    login: Login,
    /// Which attempt to connect the network is at, or has made its connection in.
    dialed: Option<u32>,
    decoder: Decoder<FromServer>,
    /// What was read and not yet decoded: the bytes from `decoded` to `filled`.
    input: Vec<u8>,
    filled: usize,
    decoded: usize,
    /// What is to be written, and how much of it is.
    output: Vec<u8>,
    written: usize,
    flushes: Flushes<FlushNumber>,
    last_flush: FlushNumber,
    requests: RequestInbox<GrowableRequests<()>, Vec<u8>>,
    /// What one turn brought: emptied before the next one.
    incoming: VecDeque<Incoming>,
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
            session.add_server(&server.without_user_info())?;
            login.take_from(&server);
        }
        let inbox = session.new_inbox(Inbox::DEFAULT_PREFIX)?;
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
            output: Vec::new(),
            written: 0,
            flushes: Flushes::with_max(FLUSHES),
            last_flush: FlushNumber(0),
            requests: RequestInbox::new(inbox, GrowableRequests::with_max(REQUESTS)),
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
            if let Phase::Closed(reason) = self.session.phase() {
                return Some(Incoming::Closed(reason));
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
    /// [`Refused`], and nothing is sent then. If it is [`Full`](Refused::Full), `next` makes room.
    pub fn publish(&mut self, message: &Publish<'_>) -> Result<(), Refused> {
        self.drop_written();
        let is_alone = self.output.is_empty();
        let room = OUTPUT + if is_alone { message.encoded_len() } else { 0 };
        self.session.publish(message, &mut Bounded::new(&mut self.output, room))
    }

    /// Publishes a request, whose outcome comes as [`Incoming::Reply`] within `timeout`.
    ///
    /// # Errors
    ///
    /// [`NotRequested`], and nothing is sent then.
    pub fn request(
        &mut self,
        subject: Subject<'_>,
        payload: &[u8],
        timeout: Duration,
    ) -> Result<RequestId, NotRequested> {
        let deadline = self.network.now() + timeout;
        let mut text = Vec::new();
        let session = &mut self.session;
        let (id, reply) = self.requests.open(session, (), subject, deadline, (), &mut text)?;
        let message = Publish { reply: Some(reply), ..Publish::new(subject, payload) };
        match self.publish(&message) {
            Ok(()) => self.requests.note_sent(id),
            Err(refused) => {
                self.requests.close(id);
                return Err(refused.into());
            }
        }
        Ok(id)
    }

    /// Asks for a sign that the server has everything that was published before, once there is a
    /// connection: [`Incoming::Flushed`].
    ///
    /// # Errors
    ///
    /// [`Full`] if as many wait already as may.
    pub fn flush(&mut self) -> Result<FlushNumber, Full> {
        self.last_flush.0 += 1;
        self.flushes.open(self.last_flush)?;
        Ok(self.last_flush)
    }

    /// Ends in good order: what is on its way to subscriptions still comes, and what was published
    /// reaches the server; then comes [`Incoming::Closed`].
    pub fn drain(&mut self) {
        self.session.drain(self.network.now());
    }

    /// Ends as soon as the server has what was published. [`Incoming::Closed`] comes then.
    pub fn close(&mut self) {
        self.session.close(Outstanding::NONE, self.network.now());
    }

    /// Ends at once.
    pub fn abort(&mut self) {
        self.session.abort();
    }

    /// Does what the session asks for, once, and waits no longer than it allows.
    fn turn(&mut self, until: Instant) {
        let until = self.requests.poll_timeout(&self.session).map_or(until, |at| at.min(until));
        match self.session.phase() {
            Phase::Wait => self.network.sleep(until),
            Phase::Dial(attempt) => self.dial(attempt, until),
            Phase::Secure => self.secure(until),
            Phase::Login => self.log_in(),
            Phase::Exchange => self.exchange(until),
            Phase::Closed(_) => {}
        }
        let now = self.network.now();
        while let Some(event) = self.session.handle_timeout(now) {
            self.incoming.extend(Incoming::of(event));
        }
    }

    fn dial(&mut self, attempt: u32, until: Instant) {
        let mut begun = Ok(());
        if self.dialed != Some(attempt)
            && let Some(server) = self.session.target()
        {
            self.dialed = Some(attempt);
            begun = self.network.dial(&server);
        }
        match begun.and_then(|()| self.network.poll_open(until)) {
            Ok(true) => self.session.handle_open(),
            Ok(false) => {}
            Err(_) => self.lost(DisconnectReason::Unreachable),
        }
    }

    fn secure(&mut self, until: Instant) {
        match self.network.secure(self.session.tls_name(), until) {
            Ok(()) => {
                let unread = self.filled - self.decoded;
                let event = self.session.handle_secured(unread, self.network.now());
                self.incoming.extend(event.and_then(Incoming::of));
            }
            Err(_) => self.lost(DisconnectReason::Tls),
        }
    }

    /// Again and again, until CONNECT is whole.
    fn log_in(&mut self) {
        let mut part = [0; 512];
        match self.session.log_in(&self.login.client_info(), &self.login.auth(), &mut part) {
            Ok(len) => self.output.extend(part.iter().take(len)),
            Err(_) => self.lost(DisconnectReason::Auth),
        }
    }

    /// Writes and reads. While there is more to write, reading does not wait.
    fn exchange(&mut self, until: Instant) {
        self.drop_written();
        let _ = self.session.poll_transmit(&mut Bounded::new(&mut self.output, OUTPUT));
        let now = self.network.now();
        if !self.output.is_empty() {
            self.write(until.min(now + WRITE));
        }
        let is_more = self.written < self.output.len() || self.session.has_transmit();
        if self.session.phase() == Phase::Exchange {
            self.read(if is_more { now } else { until });
        }
    }

    fn write(&mut self, until: Instant) {
        let rest = self.output.get(self.written..).unwrap_or_default();
        match self.network.write(rest, until) {
            Ok(0) => self.lost(DisconnectReason::Io),
            Ok(len) => self.written += len,
            Err(error) if is_over(&error) => {}
            Err(_) => self.lost(DisconnectReason::Io),
        }
    }

    fn read(&mut self, until: Instant) {
        self.input.copy_within(self.decoded..self.filled, 0);
        self.filled -= std::mem::take(&mut self.decoded);
        let room = self.input.get_mut(self.filled..).unwrap_or_default();
        match self.network.read(room, until) {
            Ok(0) => self.lost(DisconnectReason::Closed),
            Ok(len) => self.filled += len,
            Err(error) if is_over(&error) => {}
            Err(_) => self.lost(DisconnectReason::Io),
        }
    }

    /// What is written makes room.
    fn drop_written(&mut self) {
        self.output.drain(..std::mem::take(&mut self.written));
        self.output.shrink_to(OUTPUT);
    }

    /// Decodes until something comes, or no frame is whole.
    fn decode(&mut self) {
        let now = self.network.now();
        let input = std::mem::take(&mut self.input);
        // What stands behind the end of a connection, or before TLS, is for nobody.
        while self.session.phase() == Phase::Exchange
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
        match op {
            ServerOp::Message(message) if self.session.deliver(message.sid()).is_none() => {}
            ServerOp::Message(message) if self.requests.is_inbox(message.sid()) => {
                if let Some((id, (), reply)) = self.requests.handle_reply(&message) {
                    let reply = reply.map(|()| message.map(<[u8]>::to_vec));
                    self.incoming.push_back(Incoming::Reply { id, reply });
                }
            }
            ServerOp::Message(message) => {
                self.incoming.push_back(Incoming::Message(message.map(<[u8]>::to_vec)));
            }
            // It counts as delivered.
            ServerOp::Oversized(long) if self.session.deliver(long.sid).is_none() => {}
            ServerOp::Oversized(long) if self.requests.is_inbox(long.sid) => {
                self.requests.handle_oversized(&long);
            }
            ServerOp::Oversized(long) => {
                self.incoming.push_back(Incoming::TooLong { sid: long.sid, size: long.size });
            }
            ServerOp::Control(op) => {
                if let Some(event) = self.session.handle_control(op, now) {
                    self.requests.handle_event(&event);
                    self.incoming.extend(Incoming::of(event));
                }
            }
            _ => {}
        }
    }

    /// What follows from anything that happened to the session.
    fn settle(&mut self) {
        // What belongs to a connection that is over goes with it.
        if self.dialed.is_some_and(|attempt| attempt != self.session.connection()) {
            self.dialed = None;
            self.network.hang_up();
            self.decoder = Decoder::new(self.decoder.limits());
            (self.filled, self.decoded, self.written) = (0, 0, 0);
            self.output.clear();
        }
        while let Some(released) = self.requests.poll_released(&mut self.session) {
            let (sid, reason) = (released.sid, released.ended);
            self.incoming.push_back(Incoming::Ended { sid, reason });
        }
        let incoming = &mut self.incoming;
        self.requests.settle(&self.session, self.network.now(), |id, (), outcome| {
            incoming.push_back(Incoming::Reply { id, reply: Err(outcome) });
        });
        self.flushes.settle(&mut self.session, false, |number, is_done| {
            incoming.push_back(Incoming::Flushed { number, is_done });
        });
        self.session.poll_drained(Outstanding::NONE);
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

/// Whether that says only that nothing came, or went, in time.
fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
