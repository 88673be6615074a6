//! What client and driver share, behind one lock.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Waker;

use nats_proto::Growable;
use nats_proto::GrowableRequests;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::RequestInbox;
use nats_proto::session::CloseReason;
use nats_proto::session::Flushes;
use nats_proto::session::Gate;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Refused;
use nats_proto::session::Session;
use nats_proto::wire::Bounded;
use nats_proto::wire::Oversized;
use nats_proto::wire::Publish;
use smol::channel::Sender;

use crate::client::Message;

/// How many bytes may wait to be written.
pub(crate) const MAX_OUTPUT: usize = 1 << 20;

/// How many requests may wait for their outcome.
const MAX_REQUESTS: usize = 1024;
/// How many flushes may.
const MAX_FLUSHES: usize = 1024;

/// The reply to a request, or why there is none.
pub(crate) type Reply = Result<Message, Outcome>;

pub(crate) type Requests = RequestInbox<GrowableRequests<Sender<Reply>>, Vec<u8>>;

/// Where the messages of a subscription go.
#[derive(Clone)]
pub(crate) struct Recipient {
    /// `None` for replies to requests.
    pub(crate) messages: Option<Sender<Message>>,
    /// How many found no room.
    pub(crate) dropped: Arc<AtomicU64>,
}

impl Recipient {
    pub(crate) fn none() -> Self {
        Self { messages: None, dropped: Arc::default() }
    }

    fn is_taken(&self) -> bool {
        self.messages.as_ref().is_none_or(Sender::is_empty)
    }
}

pub(crate) struct Shared {
    state: Mutex<State>,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
}

pub(crate) struct State {
    pub(crate) session: Session<Growable<Recipient>>,
    /// Lines and messages for the connection there is.
    pub(crate) output: Vec<u8>,
    pub(crate) requests: Requests,
    /// Who wants to know how a flush ends.
    pub(crate) flushes: Flushes<Sender<bool>>,
    /// Who wants to know when the session is over.
    pub(crate) closing: Vec<Sender<CloseReason>>,
    /// Subscriptions that are over, with messages that nobody has taken yet.
    ended: Vec<Recipient>,
    /// Who waits for a connection, or for room.
    pub(crate) publishers: Vec<Waker>,
    driver: Option<Waker>,
}

/// Something to be done once nothing is locked: it wakes somebody.
pub(crate) enum Delivery {
    Message(Recipient, Message),
    Reply(Sender<Reply>, Reply),
    Flushed(Sender<bool>, bool),
    Closed(Sender<CloseReason>, CloseReason),
    Wake(Waker),
}

impl Delivery {
    pub(crate) fn make(self) {
        match self {
            Self::Message(Recipient { messages, dropped }, message) => {
                let sent = messages.map_or(Ok(()), |messages| messages.try_send(message));
                // A subscriber that is gone is none that is slow.
                if sent.is_err_and(|error| error.is_full()) {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            Self::Reply(sender, reply) => drop(sender.try_send(reply)),
            Self::Flushed(sender, is_done) => drop(sender.try_send(is_done)),
            Self::Closed(sender, stop) => drop(sender.try_send(stop)),
            Self::Wake(waker) => waker.wake(),
        }
    }
}

impl Shared {
    pub(crate) fn new(
        session: Session<Growable<Recipient>>,
        inbox: Inbox<Vec<u8>>,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            session,
            output: Vec::new(),
            requests: RequestInbox::new(inbox, GrowableRequests::with_max(MAX_REQUESTS)),
            flushes: Flushes::with_max(MAX_FLUSHES),
            closing: Vec::new(),
            ended: Vec::new(),
            publishers: Vec::new(),
            driver: None,
        };
        Self { state: Mutex::new(state), clock: Box::new(clock) }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    /// For the driver, which sees by itself what has changed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For everybody else: the driver looks at what has changed.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.wake();
        result
    }

    /// Has the driver look at what has changed.
    pub(crate) fn wake(&self) {
        let driver = self.lock().driver.take();
        driver.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// What follows from anything that happened to the session. Returns what the driver is to do,
    /// and until when.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        driver: &Waker,
        deliveries: &mut Vec<Delivery>,
    ) -> (Phase, Option<Instant>) {
        self.driver = Some(driver.clone());
        while let Some(released) = self.requests.poll_released(&mut self.session) {
            self.ended.push(released.recipient);
        }
        self.requests.settle(&self.session, now, |_, sender, outcome| {
            deliveries.push(Delivery::Reply(sender.clone(), Err(outcome)));
        });
        self.ended.retain(|recipient| !recipient.is_taken());
        let undelivered = !self.ended.is_empty();
        self.session.poll_drained(Outstanding { undelivered, unsent: false });
        self.flushes.retain(|sender| !sender.is_closed());
        self.flushes.settle(&mut self.session, false, |sender, is_done| {
            deliveries.push(Delivery::Flushed(sender, is_done));
        });
        let _ = self.session.poll_transmit(&mut Bounded::new(&mut self.output, MAX_OUTPUT));
        if self.session.publish_gate() != Gate::Offline && self.output.len() < MAX_OUTPUT / 2 {
            deliveries.extend(self.publishers.drain(..).map(Delivery::Wake));
        }
        let phase = self.session.phase();
        if let Phase::Closed(stop) = phase {
            self.ended.clear();
            let closing = self.closing.drain(..);
            deliveries.extend(closing.map(|sender| Delivery::Closed(sender, stop)));
        }
        (phase, self.requests.poll_timeout(&self.session))
    }

    /// Puts a message where it is written from. One that is longer than all that may wait there goes
    /// alone.
    pub(crate) fn publish(&mut self, message: &Publish<'_>) -> Result<(), Refused> {
        let Self { session, output, .. } = self;
        let room = MAX_OUTPUT + if output.is_empty() { message.encoded_len() } else { 0 };
        session.publish(message, &mut Bounded::new(output, room))
    }

    /// Where a message goes, if its subscription goes on.
    pub(crate) fn deliver(&mut self, message: nats_proto::Message<&[u8]>) -> Option<Delivery> {
        let recipient = self.session.deliver(message.sid())?;
        if !self.requests.is_inbox(message.sid()) {
            return Some(Delivery::Message(recipient.clone(), message.map(<[u8]>::to_vec)));
        }
        let (_, sender, reply) = self.requests.handle_reply(&message)?;
        Some(Delivery::Reply(sender, reply.map(|()| message.map(<[u8]>::to_vec))))
    }

    /// A message that is too long counts, too.
    pub(crate) fn skip(&mut self, long: &Oversized<'_>) {
        if let Some(recipient) = self.session.deliver(long.sid) {
            recipient.dropped.fetch_add(1, Ordering::Relaxed);
            self.requests.handle_oversized(long);
        }
    }

    /// Has somebody woken once it is worth trying to publish again.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.publishers.iter().any(|other| other.will_wake(waker)) {
            self.publishers.push(waker.clone());
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
