//! What the handles of a connection and its driver have in common.
//!
//! Three locks, each held for moments, taken in this order where two are needed: `control` (the
//! session), then `outbound` or `requests`. Publishing takes `outbound` alone.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Waker;
use std::time::Duration;

use nats_proto::Growable;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Sid;
use nats_proto::session;
use nats_proto::session::Session;
use nats_proto::session::Step;
use nats_proto::session::Stop;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::broadcast;

use crate::error::Failure;
use crate::event::Event;
use crate::outbound::Outbound;
use crate::queue::Entry;
use crate::queue::PendingLimits;
use crate::queue::Queue;
use crate::request::RequestTable;
use crate::statistics::Counters;
use crate::sync::lock;

/// What a connection's handles and its driver share.
pub(crate) struct Shared {
    pub(crate) control: Mutex<Control>,
    pub(crate) outbound: Mutex<Outbound>,
    pub(crate) requests: Mutex<RequestTable>,
    /// There is room in `outbound` again.
    pub(crate) room: Notify,
    /// Something changed in `control`.
    pub(crate) changed: Notify,
    pub(crate) events: broadcast::Sender<Event>,
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
}

/// The control plane.
pub(crate) struct Control {
    pub(crate) session: Session<Growable<Route>>,
    /// The subscription that replies come to, once there was a request.
    pub(crate) inbox: Option<Sid>,
    /// The driver's task.
    pub(crate) driver: Option<Waker>,
    /// What more is known of the last thing that went wrong.
    pub(crate) failure: Option<Failure>,
    /// The queues of drained subscriptions whose subscribers may still be busy.
    pub(crate) undrained: Vec<Arc<Queue>>,
    /// Whether the driver is gone, and nothing will happen any more.
    pub(crate) is_over: bool,
}

/// Where a subscription's messages go.
pub(crate) enum Route {
    /// To a subscriber. `entries` and `len` are those of the read in progress.
    Subscriber { queue: Arc<Queue>, entries: Vec<Entry>, len: usize },
    /// To the requests that wait for them.
    Replies,
}

impl Route {
    pub(crate) const fn subscriber(queue: Arc<Queue>) -> Self {
        Self::Subscriber { queue, entries: Vec::new(), len: 0 }
    }
}

impl Shared {
    pub(crate) fn new(
        session: Session<Growable<Route>>,
        outbound: Outbound,
        requests: RequestTable,
        inbox: Inbox<Vec<u8>>,
        settings: Settings,
        runtime: Handle,
    ) -> Self {
        let control = Control {
            session,
            inbox: None,
            driver: None,
            failure: None,
            undrained: Vec::new(),
            is_over: false,
        };
        Self {
            control: Mutex::new(control),
            outbound: Mutex::new(outbound),
            requests: Mutex::new(requests),
            room: Notify::new(),
            changed: Notify::new(),
            events: broadcast::channel(crate::event::CAPACITY).0,
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
    pub(crate) fn pump(&self, control: &mut Control) {
        if matches!(control.session.step(), Step::Exchange) && control.session.has_transmit() {
            if control.session.is_connected() {
                let session = &mut control.session;
                let wake = lock(&self.outbound).put_control(|out| session.poll_transmit(out));
                if let Some(driver) = wake {
                    driver.wake();
                }
            } else {
                control.wake_driver();
            }
        }
    }

    /// Ends the connection as soon as the server has everything that was published.
    pub(crate) fn finish(&self) {
        let mut control = lock(&self.control);
        lock(&self.outbound).close();
        control.session.finish(self.now());
        self.pump(&mut control);
        control.wake_driver();
        drop(control);
        self.room.notify_waiters();
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

    /// A subscriber has seen the end of its stream.
    pub(crate) fn note_done(&self) {
        lock(&self.control).wake_if_draining();
    }

    /// The driver is done: nothing will happen any more.
    pub(crate) fn end(&self) {
        let mut control = lock(&self.control);
        control.session.close();
        control.is_over = true;
        let mut wake = control.release();
        let stop = control.stopped().unwrap_or(Stop::Closed);
        lock(&self.outbound).close();
        lock(&self.requests).fail_all(&mut wake);
        drop(control);
        self.tell(Event::Closed(stop));
        self.changed.notify_waiters();
        self.room.notify_waiters();
        wake.into_iter().for_each(Waker::wake);
    }

    /// Whether nothing will happen any more.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.control).is_over
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, event: Event) {
        // Nobody listens, most of the time.
        let _ = self.events.send(event);
    }
}

impl Control {
    /// Ends the streams of subscriptions that are over, and says whom to wake.
    pub(crate) fn release(&mut self) -> Vec<Waker> {
        let mut wake = Vec::new();
        while let Some(released) = self.session.poll_released() {
            match released.route {
                Route::Subscriber { queue, .. } => {
                    wake.extend(queue.end());
                    if self.session.draining().is_some() {
                        self.undrained.push(queue);
                    }
                }
                Route::Replies => self.inbox = None,
            }
        }
        wake
    }

    /// Passes on what the session tells.
    pub(crate) fn note(&mut self, shared: &Shared, event: &session::Event<'_>) {
        match event {
            session::Event::Connected => {
                shared.counters.connects.add(1);
                lock(&shared.outbound).set_limits(self.session.publish_limits());
                shared.tell(Event::Connected);
            }
            session::Event::ConnectFailed { error, .. } => {
                self.failure = error.map(|error| Failure::Server(error.to_string()));
            }
            session::Event::Disconnected { cause, error } => {
                self.failure = error.map(|error| Failure::Server(error.to_string()));
                shared.tell(Event::Disconnected(*cause));
            }
            session::Event::ServerError(error) => {
                shared.tell(Event::ServerError { kind: error.kind(), text: error.to_string() });
            }
            session::Event::InfoChanged => {
                lock(&shared.outbound).set_limits(self.session.publish_limits());
            }
            session::Event::LameDuck => {
                lock(&shared.outbound).set_limits(self.session.publish_limits());
                shared.tell(Event::LameDuck);
            }
            _ => {}
        }
    }

    /// The driver is polled by this task.
    pub(crate) fn set_driver(&mut self, driver: &Waker) {
        if !self.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            self.driver = Some(driver.clone());
        }
    }

    pub(crate) fn wake_driver(&self) {
        if let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
    }

    /// Lets the driver look whether everything is drained.
    pub(crate) fn wake_if_draining(&self) {
        if self.session.draining().is_some() {
            self.wake_driver();
        }
    }

    /// Why there is no connection any more, if there is none.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.session.step() {
            Step::Stop(stop) => Some(stop),
            _ if self.is_over => Some(Stop::Closed),
            _ => None,
        }
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
