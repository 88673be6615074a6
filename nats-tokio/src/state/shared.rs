//! The state that clients and the driver share.
//!
//! Three locks, each held for moments, taken in this order where two are needed: `control` (the
//! session), then `outbound` or `requests`. Publishing takes `outbound` alone. No task is woken while
//! one of them is held: see [`Later`](crate::state::later::Later).

mod events;
mod requests;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nats_proto::Growable;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::session::CloseReason;
use nats_proto::session::EndReason;
use nats_proto::session::Outstanding;
use nats_proto::session::Session;
use nats_proto::wire;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::broadcast;

use crate::error::PublishError;
use crate::event::Event;
use crate::message::payload::Payload;
use crate::options::ConnectOptions;
use crate::state::control::Control;
use crate::state::control::Recipient;
use crate::state::control::queues;
use crate::state::counters::Counters;
use crate::state::lock::ControlLock;
use crate::state::log::Log;
use crate::state::outbound::NotQueued;
use crate::state::outbound::Outbound;
use crate::state::outbound::Queued;
use crate::state::queue::OnDealt;
use crate::state::requests::RequestTable;
use crate::state::status::Board;
use crate::sync::lock;

/// How often to check what draining waits for. The task that takes the last message says so; unless that
/// was taken at the very moment at which draining began.
const LOOK: Duration = Duration::from_millis(250);

/// What a connection's handles and its driver share.
pub(crate) struct Shared {
    pub(crate) control: ControlLock,
    pub(crate) outbound: Mutex<Outbound>,
    pub(crate) requests: Mutex<RequestTable>,
    /// Something changed in `control`.
    pub(crate) changed: Arc<Notify>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) status: Arc<Board>,
    pub(crate) counters: Counters,
    /// Without what only the driver needs.
    pub(crate) options: ConnectOptions,
    pub(crate) inbox: Inbox<Vec<u8>>,
    /// What the handles of an extension share.
    pub(crate) companion: Mutex<Weak<dyn Any + Send + Sync>>,
    /// Whether `inbox` is subscribed to.
    has_inbox: AtomicBool,
    pub(crate) runtime: Handle,
    /// Where the session's clock begins.
    origin: tokio::time::Instant,
    /// When the driver will wake up by itself, and when a request needs it to: milliseconds.
    armed: AtomicU64,
    request_deadline: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        session: Session<Growable<Recipient>>,
        options: ConnectOptions,
        inbox: Inbox<Vec<u8>>,
        runtime: Handle,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let events = broadcast::channel(crate::event::CAPACITY).0;
        let status = Arc::new(Board::new());
        let log = Log::new(options.name.as_deref());
        Self {
            control: ControlLock::new(
                Control::new(session),
                Arc::clone(&changed),
                events.clone(),
                Arc::clone(&status),
                log,
            ),
            outbound: Mutex::new(Outbound::new(options.send_buffer, options.reconnect_buffer)),
            requests: Mutex::new(RequestTable::new(options.max_requests)),
            changed,
            events,
            status,
            counters: Counters::default(),
            options,
            inbox,
            companion: Mutex::new(Weak::<()>::new()),
            has_inbox: AtomicBool::new(false),
            runtime,
            origin: tokio::time::Instant::now(),
            armed: AtomicU64::new(u64::MAX),
            request_deadline: AtomicU64::new(u64::MAX),
        }
    }

    /// The session's clock.
    pub(crate) fn now(&self) -> Instant {
        let millis = self.origin.elapsed().as_millis();
        Instant::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// Tokio's clock when the session's shows `instant`; far away if it never will.
    pub(crate) fn sleep_until(&self, instant: Instant) -> tokio::time::Instant {
        let far = self.origin + Duration::from_secs(86_400 * 365 * 30);
        self.origin.checked_add(Duration::from_millis(instant.as_millis())).unwrap_or(far).min(far)
    }

    /// Queues a message. The caller has to wake the driver.
    #[inline]
    pub(crate) fn queue(
        &self,
        message: &wire::Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<Queued, NotQueued> {
        lock(&self.outbound).publish(message, payload)
    }

    /// Whether a message was refused for a reason that may pass, and that it may wait for.
    pub(crate) const fn may_wait(&self, refused: NotQueued) -> bool {
        match refused {
            NotQueued::Full => true,
            NotQueued::Disconnected => self.options.wait_for_connection,
            NotQueued::Refused(_) | NotQueued::Closed => false,
        }
    }

    /// Sends what is due in the session, behind everything that was published before.
    ///
    /// As much as there is room for: the rest stays due, and follows when the driver has taken what
    /// waits.
    pub(crate) fn transmit(&self, control: &mut Control) {
        let Control { session, later, confirmations, .. } = control;
        if session.is_connected() {
            let mut outbound = lock(&self.outbound);
            let was_ready = outbound.is_ready();
            let took_frames = outbound.takes_frames();
            // Nothing may slip behind the last PING of a connection that is to end, and nothing in
            // front of the first SUBs of another one.
            if !session.is_ready() {
                outbound.set_ready(false, &mut later.wake);
            }
            outbound.put_control(&mut later.wake, |out| session.poll_transmit(out));
            if session.is_ready() && !outbound.owes() {
                outbound.set_ready(true, &mut later.wake);
            }
            confirmations.note_transmit(session, outbound.handed_over());
            if outbound.is_ready() != was_ready {
                later.note_changed();
            }
            let has_room = !took_frames && outbound.takes_frames();
            drop(outbound);
            if has_room && control.extensions.want_all() {
                control.wake_driver();
            }
        } else if session.has_transmit() {
            control.wake_driver();
        }
        self.end_released(control);
        control.note_status();
    }

    /// Ends what waits for subscriptions that are over.
    pub(crate) fn end_released(&self, control: &mut Control) {
        if let Some(how) = control.end_released() {
            self.on_inbox_ended(how, &mut control.later.wake);
        }
    }

    /// Keeps an eye on what is taken from now on, and refuses requests.
    pub(crate) fn begin_to_drain(self: &Arc<Self>, control: &mut Control) {
        self.refuse_requests();
        let dealt: Weak<Self> = Arc::downgrade(self);
        let dealt: Weak<dyn OnDealt> = dealt;
        for (_, queue) in control.queues() {
            queue.begin_to_drain(&dealt);
        }
        for (_, queue) in control.unread.iter() {
            queue.begin_to_drain(&dealt);
        }
    }

    /// Goes on with draining, or closing, as far as it has come. Returns when to look again, if
    /// messages wait to be taken.
    pub(crate) fn poll_drained(&self, control: &mut Control, now: Instant) -> Option<Instant> {
        if !control.session.is_draining() {
            return None;
        }
        let undelivered = !control.unread.is_empty();
        let Control { session, later, .. } = &mut *control;
        let mut outbound = lock(&self.outbound);
        if session.poll_drained(Outstanding { undelivered, unsent: outbound.has_unsent() }) {
            outbound.close(&mut later.wake);
        }
        drop(outbound);
        self.transmit(control);
        (undelivered && !control.is_closing).then(|| now + LOOK)
    }

    /// Ends the connection as soon as the server has everything that was published. Streams and
    /// requests end now.
    pub(crate) fn finish(&self) {
        let mut control = lock(&self.control);
        control.is_closing = true;
        self.refuse_requests();
        let Control { session, later, .. } = &mut *control;
        for (_, queue) in queues(session) {
            later.wake.extend(queue.end(EndReason::Closed));
        }
        lock(&self.requests).end_all(Outcome::Closed, &mut later.wake);
        let mut outbound = lock(&self.outbound);
        outbound.close(&mut later.wake);
        let unsent = outbound.has_unsent();
        drop(outbound);
        session.close(Outstanding { undelivered: false, unsent }, self.now());
        self.transmit(&mut control);
        control.wake_driver();
    }

    /// A subscriber has seen the end of its stream, or a message was dealt with.
    pub(crate) fn note_done(&self) {
        lock(&self.control).wake_if_draining();
    }

    /// The driver is done: nothing will happen any more.
    pub(crate) fn end(&self) {
        let mut control = lock(&self.control);
        control.session.abort();
        control.is_over = true;
        self.end_released(&mut control);
        let reason = control.stopped().unwrap_or(CloseReason::Closed);
        let outcome = control.request_outcome().unwrap_or(Outcome::Closed);
        self.refuse_requests();
        let confirmed = control.confirmed();
        let later = &mut control.later;
        let mut outbound = lock(&self.outbound);
        outbound.close(&mut later.wake);
        let unconfirmed = outbound.on_disconnect(confirmed, &mut later.wake);
        let unsent = outbound.held();
        drop(outbound);
        self.counters.unconfirmed_messages.add(unconfirmed);
        lock(&self.requests).end_all(outcome, &mut later.wake);
        later.tell(Event::Closed { reason, unsent, unconfirmed });
        later.note_changed();
        self.close_extensions(&mut control);
        control.note_status();
    }

    /// Whether nothing will happen any more.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.control).is_over
    }
}

impl OnDealt for Shared {
    fn on_dealt(&self) {
        self.note_done();
    }
}

impl From<NotQueued> for PublishError {
    #[cold]
    fn from(refused: NotQueued) -> Self {
        match refused {
            NotQueued::Full => Self::Full,
            NotQueued::Disconnected => Self::Disconnected,
            NotQueued::Closed => Self::Closed,
            NotQueued::Refused(refusal) => refusal.into(),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("session", &lock(&self.control).session)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
