//! The reference: a whole client on one task, over the core's session and the kit's network.

mod asking;
mod exchange;
mod subscriptions;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use nats_proto::Growable;
use nats_proto::GrowableRequests;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::session::Backoff;
use nats_proto::session::CloseReason;
use nats_proto::session::Config;
use nats_proto::session::Confirmations;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Flush;
use nats_proto::session::Gate;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Session;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishLens;
use nats_testkit::Clock;
use nats_testkit::Dial;
use nats_testkit::Event;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Options;
use nats_testkit::Pending;
use nats_testkit::Pipe;
use nats_testkit::Resolver;

use self::asking::Asked;
use self::subscriptions::Recipient;
use self::subscriptions::Subscription;
use crate::fault::Fault;
use crate::fault::has;

/// How many messages may wait for a connection, or for room.
const MAX_QUEUED: usize = 32;
/// How many flushes may wait behind them.
const MAX_FLUSHES: usize = 8;
/// How many requests may wait for their replies.
const MAX_REQUESTS: usize = 8;

type Outcome = Resolver<Result<(), Failure>>;

pub(crate) struct Client {
    network: Network,
    clock: Clock,
    token: Option<String>,
    session: Session<Growable<Recipient>>,
    /// The connection, or the attempt to make one, with its number.
    link: Option<(u32, Link)>,
    decoder: Decoder<FromServer>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// What follows the lines that are due, in its order.
    queue: VecDeque<Queued>,
    subscriptions: BTreeMap<u32, Subscription>,
    inbox: Inbox<Vec<u8>>,
    inbox_sid: Option<Sid>,
    requests: GrowableRequests<Asked>,
    flushes: Vec<(Flush, Outcome)>,
    drains: Vec<Outcome>,
    closes: Vec<Resolver<()>>,
    closed: Option<CloseReason>,
    /// How many messages were put into the output, and which of them the server has.
    sent: u64,
    confirmations: Confirmations,
    events: Vec<Event>,
    waker: Option<Waker>,
    /// For mistakes only.
    late: Vec<Link>,
    logged_in: Option<u32>,
}

enum Link {
    Dialing(Dial),
    Open(Pipe),
}

enum Queued {
    Message { frame: Vec<u8>, lens: PublishLens, request: Option<RequestId> },
    Flush(Outcome),
}

impl Client {
    pub(crate) fn new(network: &Network, clock: &Clock, options: &Options) -> Self {
        let pause = if has(Fault::Hammers) { Duration::ZERO } else { options.reconnect_wait };
        let jitter = Duration::from_millis(100);
        let config = Config::DEFAULT
            .connect_timeout(options.connect_timeout)
            .ping_interval(if has(Fault::NeverPings) {
                Duration::ZERO
            } else {
                options.ping_interval
            })
            .max_pings_out(options.max_pings_out)
            .drain_timeout(options.drain_timeout)
            .flush_timeout(options.flush_timeout)
            .retain_servers_order(true)
            .retry_on_initial_connect(true)
            .backoff(Backoff::Fixed { wait: pause, jitter, jitter_tls: jitter })
            .max_reconnects(options.max_reconnects)
            .ignore_auth_error_abort(has(Fault::RetriesRefused))
            .lame_duck_jitter((!has(Fault::StaysWithLameDuck)).then_some(Duration::from_secs(5)));
        let mut session = Session::new(config, RngSeed([1; 16]));
        for server in &options.servers {
            session.add_server(&ServerUrl::new(server).unwrap()).unwrap();
        }
        session.connect(Instant::from_millis(0));
        let inbox = session.new_inbox(Inbox::<()>::DEFAULT_PREFIX).unwrap();
        Self {
            network: network.clone(),
            clock: clock.clone(),
            token: options.token.clone(),
            session,
            link: None,
            decoder: exchange::decoder(),
            input: Vec::new(),
            output: Vec::new(),
            queue: VecDeque::new(),
            subscriptions: BTreeMap::new(),
            inbox,
            inbox_sid: None,
            requests: GrowableRequests::with_max(MAX_REQUESTS),
            flushes: Vec::new(),
            drains: Vec::new(),
            closes: Vec::new(),
            closed: None,
            sent: 0,
            confirmations: Confirmations::new(),
            events: Vec::new(),
            waker: None,
            late: Vec::new(),
            logged_in: None,
        }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.clock.now().as_millis().try_into().unwrap())
    }

    // What the application asks for --------------------------------------------------------------

    pub(crate) fn publish(
        &mut self,
        message: &Message,
        request: Option<(RequestId, Subject<'_>)>,
    ) -> Result<(), Failure> {
        let subject = Subject::new(&message.subject).unwrap();
        let reply = request.map(|(_, reply)| reply);
        let publish = Publish { reply, ..Publish::new(subject, &message.payload) };
        match self.session.publish_gate() {
            Gate::Open(limits) if !has(Fault::OldLimits) => {
                limits.check(&publish).map_err(|_| Failure::Refused)?;
            }
            Gate::Open(_) | Gate::Offline => {}
            Gate::Closed => return Err(Failure::Closed),
        }
        if self.queue.len() >= MAX_QUEUED {
            return Err(Failure::Full);
        }
        if !self.session.is_connected() && has(Fault::DropsOffline) {
            return Ok(());
        }
        let mut frame = Vec::new();
        publish.encode(&mut frame).unwrap();
        let request = request.map(|(id, _)| id);
        self.queue.push_back(Queued::Message { frame, lens: PublishLens::of(&publish), request });
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Pending<Result<(), Failure>> {
        if self.queue.len() >= MAX_QUEUED + MAX_FLUSHES {
            return Pending::resolved(Err(Failure::Full));
        }
        let (outcome, pending) = Pending::new();
        self.queue.push_back(Queued::Flush(outcome));
        pending
    }

    pub(crate) fn drain(&mut self) -> Pending<Result<(), Failure>> {
        let (outcome, pending) = Pending::new();
        self.drains.push(outcome);
        self.session.drain(self.now());
        pending
    }

    pub(crate) fn close(&mut self) -> Pending<()> {
        let (closed, pending) = Pending::new();
        self.closes.push(closed);
        self.session.close(self.outstanding(), self.now());
        pending
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) const fn unsent(&self) -> usize {
        self.output.len()
    }

    /// To be called after anything that was asked for.
    pub(crate) fn wake(&mut self) {
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    /// What is not done yet, and only the client knows of.
    fn outstanding(&self) -> Outstanding {
        let unsent = self.queue.iter().any(|queued| matches!(queued, Queued::Message { .. }));
        let undelivered = !self.subscriptions.values().all(Subscription::is_read);
        Outstanding { undelivered, unsent }
    }

    // What drives the session --------------------------------------------------------------------

    /// Does everything that can be done now. Ready when the client is closed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker = Some(cx.waker().clone());
        loop {
            self.handle_timeouts();
            self.settle();
            if let Phase::Closed(stop) = self.session.phase() {
                self.end(stop);
                return Poll::Ready(());
            }
            match self.turn(cx) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    self.sleep(cx);
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Does what the session asks for. Ready with whether something happened.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(match self.session.phase() {
            Phase::Dial(attempt) => {
                let is_open = self.dial(attempt, cx);
                if !is_open && has(Fault::DialsWithoutTimers) {
                    return Poll::Pending;
                }
                is_open
            }
            Phase::Secure => {
                self.secure();
                true
            }
            Phase::Login => self.log_in() | self.write(cx),
            Phase::Exchange => {
                let has_written = self.write(cx);
                match self.read(cx) {
                    None if has(Fault::LeavesTheLoop) => return Poll::Pending,
                    has_read => has_written | has_read.unwrap_or(true),
                }
            }
            Phase::Wait | Phase::Closed(_) => false,
        })
    }

    fn handle_timeouts(&mut self) {
        let now = self.now();
        while let Some(event) = self.session.handle_timeout(now) {
            self.note(event);
        }
        self.expire_requests(now);
    }

    /// Sets the timer to whatever is due next.
    fn sleep(&self, cx: &Context<'_>) {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let requests = self.requests.poll_timeout().filter(|_| !has(Fault::NoRequestTimer));
        if let Some(at) = session.into_iter().chain(requests).min() {
            let at = Duration::from_millis(at.as_millis());
            if at > self.clock.now() + Duration::from_secs(60) || !has(Fault::SleepsPastDeadlines) {
                self.clock.wake_at(at, cx.waker());
            }
        }
    }

    /// What follows from anything that happened to the session.
    fn settle(&mut self) {
        if self.link.as_ref().is_some_and(|(number, _)| *number != self.session.connection()) {
            self.hang_up();
        }
        let is_closed = matches!(self.session.phase(), Phase::Closed(_));
        if !(has(Fault::NeverCollects) || (is_closed && has(Fault::ForgetsWaiters))) {
            self.collect();
        }
        self.transmit();
        self.settle_flushes();
        self.session.poll_drained(self.outstanding());
        if self.session.is_draining() && has(Fault::DrainsTooSoon) {
            self.drains.drain(..).for_each(|drain| drain.resolve(Ok(())));
        }
        self.transmit();
    }

    /// The one place where what went wrong reaches the session.
    fn lost(&mut self, reason: DisconnectReason) {
        let event = self.session.handle_disconnected(reason, self.now());
        event.into_iter().for_each(|event| self.note(event));
    }

    fn note(&mut self, event: nats_proto::session::Event<'_>) {
        use nats_proto::session::Event as Noted;
        let event = match event {
            Noted::Connected | Noted::Reconnected => Event::Connected,
            Noted::Disconnected { reason, .. } => {
                let confirmed = self.confirmations.confirmed(&self.session);
                if !has(Fault::HidesLosses) {
                    self.events.push(Event::PerhapsLost(self.sent - confirmed));
                }
                Event::Disconnected(reason.into())
            }
            Noted::ConnectFailed { reason, .. } => Event::ConnectFailed(reason.into()),
            Noted::ServerError(_) => Event::ServerError,
            Noted::LameDuckMode => Event::LameDuckMode,
            _ => Event::Other,
        };
        self.events.push(event);
    }

    /// What belongs to a connection goes with it: the socket, both buffers, the decoder.
    fn hang_up(&mut self) {
        let link = self.link.take().map(|(_, link)| link);
        if has(Fault::KeepsLateSockets) || has(Fault::KeepsSocket) {
            self.late.extend(link);
        }
        if !has(Fault::KeepsInput) {
            self.input.clear();
            self.decoder = exchange::decoder();
        }
        if !has(Fault::KeepsOutput) {
            self.output.clear();
        }
        self.end_sent_requests();
    }

    /// Everybody who waits for something is told that it is over.
    fn end(&mut self, stop: CloseReason) {
        if self.closed.replace(stop).is_some() {
            return;
        }
        self.events.push(Event::Closed(stop.into()));
        self.hang_up();
        if has(Fault::ForgetsWaiters) {
            return;
        }
        self.collect();
        self.end_requests();
        for queued in std::mem::take(&mut self.queue) {
            if let Queued::Flush(outcome) = queued {
                outcome.resolve(Err(Failure::Closed));
            }
        }
        for (_, outcome) in self.flushes.drain(..) {
            outcome.resolve(Err(Failure::Closed));
        }
        for drain in self.drains.drain(..) {
            drain.resolve(match stop {
                CloseReason::Drained => Ok(()),
                CloseReason::DrainTimedOut => Err(Failure::TimedOut),
                _ => Err(Failure::Closed),
            });
        }
        self.closes.drain(..).for_each(|close| close.resolve(()));
    }

    fn dial(&mut self, attempt: u32, cx: &mut Context<'_>) -> bool {
        if self.link.is_none() {
            let server = self.session.target().unwrap();
            let dial = self.network.dial(server.host(), server.port());
            self.link = Some((attempt, Link::Dialing(dial)));
        }
        self.late.retain_mut(|late| !matches!(late.poll(cx), Poll::Ready(Err(_))));
        let Some((_, link)) = &mut self.link else { return false };
        match link.poll(cx) {
            Poll::Ready(Ok(())) => self.session.handle_open(),
            Poll::Ready(Err(_)) => self.lost(DisconnectReason::Unreachable),
            Poll::Pending => return false,
        }
        true
    }
}

impl Link {
    /// Ready when it is open.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if let Self::Dialing(dial) = self {
            let pipe = std::task::ready!(Future::poll(Pin::new(dial), cx))?;
            *self = Self::Open(pipe);
        }
        Poll::Ready(Ok(()))
    }
}
