//! What the handles of a connection and its driver have in common.
//!
//! Three locks, each held for moments, taken in this order where two are needed: `control` (the
//! session), then `outbound` or `requests`. Publishing takes `outbound` alone. Nobody is woken while
//! one of them is held: see [`Later`](crate::state::later::Later).

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Release;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Waker;
use std::time::Duration;

use nats_proto::Growable;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::session::Ended;
use nats_proto::session::Session;
use nats_proto::session::Stop;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::broadcast;

use crate::error::RequestError;
use crate::event::Event;
use crate::options::limits::PendingLimits;
use crate::state::control::Control;
use crate::state::control::Route;
use crate::state::counters::Counters;
use crate::state::lock::ControlLock;
use crate::state::log::Log;
use crate::state::outbound::Outbound;
use crate::state::requests::RequestTable;
use crate::state::status::Board;
use crate::sync::lock;

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
    pub(crate) settings: Settings,
    pub(crate) inbox: Inbox<Vec<u8>>,
    /// Whether `inbox` is subscribed to.
    pub(crate) has_inbox: AtomicBool,
    pub(crate) runtime: Handle,
    /// Where the session's clock begins.
    origin: tokio::time::Instant,
    /// When the driver will wake up by itself, and when a request needs it to: milliseconds.
    armed: AtomicU64,
    request_deadline: AtomicU64,
}

/// The options that matter after connecting.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) inbox_prefix: String,
    pub(crate) request_timeout: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) pending_limits: PendingLimits,
    /// Whether publishing waits for a connection where it could fail for want of one.
    pub(crate) waits_for_connection: bool,
    /// Whether requests wait for their replies when their connection is lost.
    pub(crate) requests_wait: bool,
}

impl Shared {
    pub(crate) fn new(
        session: Session<Growable<Route>>,
        outbound: Outbound,
        requests: RequestTable,
        inbox: Inbox<Vec<u8>>,
        settings: Settings,
        runtime: Handle,
        log: Log,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let events = broadcast::channel(crate::event::CAPACITY).0;
        let status = Arc::new(Board::new());
        let control = Control::new(session);
        Self {
            control: ControlLock::new(
                control,
                Arc::clone(&changed),
                events.clone(),
                Arc::clone(&status),
                log,
            ),
            outbound: Mutex::new(outbound),
            requests: Mutex::new(requests),
            changed,
            events,
            status,
            counters: Counters::default(),
            settings,
            inbox,
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

    /// Sends what is due in the session, behind everything that was published before.
    ///
    /// As much as there is room for: the rest stays due, and follows when the driver has taken what
    /// waits.
    pub(crate) fn pump(&self, control: &mut Control) {
        let Control { session, later, ping, .. } = control;
        if session.is_connected() {
            let before = session.last_ping();
            let mut outbound = lock(&self.outbound);
            // Nothing may slip behind the last PING of a connection that is to end, and nothing in
            // front of the first SUBs of another one.
            if !session.is_ready() {
                outbound.set_ready(false, &mut later.wake);
            }
            outbound.put_control(&mut later.wake, |out| session.poll_transmit(out));
            if session.is_ready() && !outbound.owes() {
                outbound.set_ready(true, &mut later.wake);
            }
            if session.last_ping() != before && ping.is_none() {
                *ping = Some((session.last_ping(), outbound.handed_over()));
            }
        } else if session.has_transmit() {
            control.wake_driver();
        }
        control.release(self);
        control.note_status();
    }

    /// Ends the connection as soon as the server has everything that was published. Streams and
    /// requests end now.
    pub(crate) fn finish(&self) {
        let mut control = lock(&self.control);
        control.is_closing = true;
        self.refuse_requests();
        let mut wake = Vec::new();
        for (_, queue) in control.queues() {
            wake.extend(queue.end(Ended::Stopped));
        }
        lock(&self.requests).fail_all(RequestError::Closed, &mut wake);
        control.later.wake.append(&mut wake);
        let mut outbound = lock(&self.outbound);
        outbound.close(&mut control.later.wake);
        let has_unsent = outbound.held() > 0;
        drop(outbound);
        if has_unsent || control.session.is_connected() {
            control.session.finish(self.now());
        } else {
            control.session.close();
        }
        self.pump(&mut control);
        control.wake_driver();
    }

    /// The subscription for replies is over.
    pub(crate) fn lose_inbox(&self, how: Ended, wake: &mut Vec<Waker>) {
        // First the flag, so that whoever is woken does not rely on it.
        self.refuse_requests();
        let error = match how {
            // Everything ends then, and says why.
            Ended::Stopped => return,
            Ended::Drained => RequestError::Draining,
            _ => RequestError::NoInbox,
        };
        lock(&self.requests).fail_inbox(error, wake);
    }

    /// Requests that are made from now on find out why not. To be called with `control` locked.
    pub(crate) fn refuse_requests(&self) {
        self.has_inbox.store(false, Release);
    }

    /// Without a connection, the number of the last message that was handed to one.
    pub(crate) fn handed_over(&self) -> Option<u64> {
        let is_connected = lock(&self.control).session.is_connected();
        (!is_connected).then(|| lock(&self.outbound).handed_over())
    }

    /// Notes when the requests need the driver, and says whether that is before it wakes up by
    /// itself. To be called with `requests` locked.
    pub(crate) fn note_request_deadline(&self, deadline: Option<Instant>) -> bool {
        let deadline = deadline.map_or(u64::MAX, Instant::as_millis);
        self.request_deadline.store(deadline, SeqCst);
        // The driver sets `armed` and then looks at `request_deadline`, so one of us sees the other.
        deadline < self.armed.load(SeqCst)
    }

    pub(crate) fn request_deadline(&self) -> Option<Instant> {
        let deadline = self.request_deadline.load(SeqCst);
        (deadline != u64::MAX).then(|| Instant::from_millis(deadline))
    }

    /// The driver will wake up by itself at `deadline`.
    pub(crate) fn set_armed(&self, deadline: Option<Instant>) {
        self.armed.store(deadline.map_or(u64::MAX, Instant::as_millis), SeqCst);
    }

    /// A subscriber has seen the end of its stream, or a message was dealt with.
    pub(crate) fn note_done(&self) {
        lock(&self.control).wake_if_draining();
    }

    /// The driver is done: nothing will happen any more.
    pub(crate) fn end(&self) {
        let mut control = lock(&self.control);
        control.session.close();
        control.is_over = true;
        control.release(self);
        let reason = control.stopped().unwrap_or(Stop::Closed);
        let error = control.request_error().unwrap_or(RequestError::Closed);
        self.refuse_requests();
        let mut outbound = lock(&self.outbound);
        outbound.close(&mut control.later.wake);
        if reason == Stop::Drained {
            // The last PING was answered.
            let last = outbound.handed_over();
            outbound.confirm(last);
        }
        let unconfirmed = outbound.lose(&mut control.later.wake);
        let unsent = outbound.held();
        drop(outbound);
        self.counters.unconfirmed_messages.add(unconfirmed);
        control.note_status();
        let later = &mut control.later;
        lock(&self.requests).fail_all(error, &mut later.wake);
        later.tell(Event::Closed { reason, unsent, unconfirmed });
        later.note_changed();
    }

    /// Whether nothing will happen any more.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.control).is_over
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("session", &lock(&self.control).session)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
