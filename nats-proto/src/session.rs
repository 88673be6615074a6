//! The control plane: one state machine that never sees a payload.
//!
//! A [`Session`] makes and keeps a connection: INFO, CONNECT, PING and PONG, SUB and UNSUB, time.
//! It has no socket, no clock and no queue. A driver moves bytes, and asks the session what to do
//! next:
//!
//! ```text
//!  connect ─▶ Dial ─▶ [Secure] ─▶ Exchange ─▶ [Secure] ─▶ Login ─▶ Exchange ──▶ Connected
//!              ▲       before      INFO         after     CONNECT   PING PONG        │
//!              │        INFO                     INFO                                ▼
//!            Wait ◀──── next server ◀── lost, -ERR, too late ◀─────────── Exchange, until lost
//!                            │                                                       │
//!                            └── none left ──▶ Closed ◀── closed, drained ───────────┘
//! ```
//!
//! What the server knows is lost with the connection; what it should know is not. The next server
//! gets all subscriptions first, with what remains of their maxima.
//!
//! **After any call that takes `&mut Session`:** if [`connection`](Session::connection) has changed, or
//! the phase is [`Closed`](Phase::Closed), drop the socket, what was read and what is to be written,
//! and take a new decoder; collect [`poll_released`](Session::poll_released); go on with
//! [`poll_drained`](Session::poll_drained); offer room with
//! [`poll_transmit`](Session::poll_transmit); ask for what waits, flushes
//! ([`poll_flush`](Session::poll_flush)), requests ([`RequestInbox::settle`](crate::RequestInbox::settle))
//! and messages ([`publish_gate`](Session::publish_gate)); do what [`phase`](Session::phase) says; and
//! wait no longer than [`poll_timeout`](Session::poll_timeout).
//!
//! The chapter on [writing a driver](https://docs.rs/nats-proto/latest/nats_proto/guide/driver/index.html)
//! has all of that in programs.

mod auth;
mod config;
mod connection;
mod drain;
mod event;
mod flush;
#[cfg(feature = "alloc")]
mod flushes;
mod inbox;
mod lame_duck;
pub(crate) mod pending_requests;
mod phase;
mod pings;
mod publishing;
pub(crate) mod request_inbox;
pub(crate) mod request_many;
mod servers;
mod settings;
mod state;
pub(crate) mod store;
mod subscriptions;
#[cfg(test)]
mod tests;
mod timers;

use core::num::NonZeroU64;

pub use auth::Auth;
pub use auth::ClientInfo;
pub use auth::NoNonce;
pub use config::Backoff;
pub use config::Config;
pub use config::STABLE_AFTER;
pub use config::Tls;
pub use drain::Outstanding;
pub use event::Challenge;
pub use event::CloseReason;
pub use event::DisconnectReason;
pub use event::EndReason;
pub use event::Event;
pub use event::Released;
pub use event::SubscribeError;
pub use flush::Confirmations;
pub use flush::Flush;
#[cfg(feature = "alloc")]
pub use flushes::Flushes;
pub use phase::Phase;
pub use pings::FlushState;
pub use publishing::Admission;
pub use publishing::Gate;
pub use publishing::Offline;
pub use publishing::Refused;
pub use servers::AddServerError;
pub use servers::PoolServer;
pub use servers::Server;
pub use servers::UserInfo;
pub use subscriptions::Subscription;
pub use timers::Timer;

use self::lame_duck::Leaving;
use self::pings::FlushId;
use self::pings::Pings;
use self::servers::Pool;
use self::settings::Settings;
use self::store::Store;
use self::subscriptions::Subscriptions;
use self::timers::Timers;
use crate::error::Full;
use crate::message::Sid;
use crate::rng::Rng;
use crate::rng::RngSeed;
use crate::storage::Sink;
use crate::subject::Filter;
use crate::subject::QueueGroup;
use crate::time::Instant;
use crate::wire::Control;
use crate::wire::InfoScanner;
use crate::wire::PING;
use crate::wire::ServerInfo;
use crate::wire::Subscribe;

/// A client's side of a connection to NATS.
///
/// See the [module](self) for how it is driven, and the crate's documentation for a whole client.
pub struct Session<S: Store> {
    settings: Settings,
    state: State,
    pool: Pool<S>,
    subscriptions: Subscriptions<S>,
    pings: Pings,
    timers: Timers,
    info: ServerInfo<S::Text, S::Note>,
    scanner: InfoScanner<S::Text>,
    /// Whether the last whole INFO said that the server is about to shut down.
    is_lame_duck: bool,
    draining: Option<Drain>,
    leaving: Option<Leaving>,
    /// Whether there was a connection before this one.
    was_connected: bool,
    /// How many attempts there were since a connection was lost.
    attempts: u32,
    /// When the connection was ready.
    ready_at: Instant,
    /// The PING after the subscriptions that were made again.
    resubscribing: Option<u32>,
    /// How many connections were lost: what was begun on one is not finished on another.
    epoch: u32,
    /// The last PING that was answered on the connection before.
    answered_before: u32,
    rng: Rng,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    /// Until the first server may be tried again.
    Waiting,
    Dialing,
    Securing {
        has_info: bool,
    },
    AwaitingInfo {
        is_secure: bool,
    },
    /// `sent` bytes of CONNECT are written.
    LoggingIn {
        sent: usize,
        is_secure: bool,
    },
    /// CONNECT is written; so is PING, if it is not due.
    AwaitingPong {
        is_ping_due: bool,
    },
    Ready,
    Stopped(CloseReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    Subscriptions,
    Arrived,
    /// Publishing is over; what is kept is still to be sent.
    Closing,
    Publishes {
        until: u32,
    },
}

impl<S: Store> Session<S> {
    /// A session without servers.
    #[must_use]
    pub fn new(config: Config, seed: RngSeed) -> Self {
        Self {
            settings: config.into(),
            state: State::Idle,
            pool: Pool::new(),
            subscriptions: Subscriptions::new(),
            pings: Pings::default(),
            timers: Timers::new(),
            info: ServerInfo::default(),
            scanner: InfoScanner::default(),
            is_lame_duck: false,
            draining: None,
            leaving: None,
            was_connected: false,
            attempts: 0,
            ready_at: Instant::default(),
            resubscribing: None,
            epoch: 0,
            answered_before: 0,
            rng: Rng::new(seed),
        }
    }

    // What happened ------------------------------------------------------------------------------

    /// A connection is open, as [`Phase::Dial`] asked. In any other phase that is ignored: the connection
    /// comes too late, and is to be closed.
    ///
    /// What is read from it goes to a new [`Decoder`](crate::wire::Decoder), with nothing in front of it
    /// that was left from another connection.
    pub fn handle_open(&mut self) {
        if matches!(self.state, State::Dialing) {
            self.begin_connection();
        }
    }

    /// The connection is secure, as [`Phase::Secure`] asked. `unread` is how many bytes were read
    /// before, and not yet decoded.
    ///
    /// What is in front of TLS may be from anybody: a server says nothing between INFO and TLS, so
    /// bytes that were left unread are the end of the connection. A driver that knows before that
    /// there are some can call this instead of beginning with TLS.
    pub fn handle_secured(&mut self, unread: usize, now: Instant) -> Option<Event<'static>> {
        let State::Securing { has_info } = self.state else {
            return None;
        };
        if unread > 0 {
            return self.lost(DisconnectReason::Tls, None, now);
        }
        self.state = if has_info {
            State::LoggingIn { sent: 0, is_secure: true }
        } else {
            State::AwaitingInfo { is_secure: true }
        };
        None
    }

    /// The server sent something that is not a message.
    pub fn handle_control<'b>(&mut self, op: Control<'b>, now: Instant) -> Option<Event<'b>> {
        if !self.is_open() {
            return None;
        }
        match op {
            Control::Info(part) => self.handle_info(part, now),
            Control::Ping => {
                self.pings.handle_ping();
                None
            }
            Control::Pong => self.handle_pong(now),
            Control::Ok => None,
            Control::Err(error) => self.handle_error(error, now),
        }
    }

    /// The connection, or the attempt to make one, failed. [`DisconnectReason`] says which reason to give.
    ///
    /// A second report of the same loss is ignored. What was read before and is not decoded, and what is
    /// not written, is of no use any more.
    pub fn handle_disconnected(
        &mut self,
        reason: DisconnectReason,
        now: Instant,
    ) -> Option<Event<'static>> {
        match self.state {
            State::Idle | State::Waiting | State::Stopped(_) => None,
            _ => self.lost(reason, None, now),
        }
    }

    /// Time has passed: does everything that is due, up to the first event. `None` says that nothing
    /// is due any more, so a driver calls it until then:
    ///
    /// ```
    /// # use nats_proto::{Fixed, Instant, RngSeed, session::{Config, Session}};
    /// # let mut session = Session::<Fixed<(), 1, 1, 32>>::new(Config::DEFAULT, RngSeed([0; 16]));
    /// # let now = Instant::from_millis(0);
    /// while let Some(event) = session.handle_timeout(now) {
    ///     println!("{event:?}");
    /// }
    /// ```
    ///
    /// Nothing is lost if that is done later: what is due stays due.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Event<'static>> {
        while let Some(timer) = self.timers.take_expired(now) {
            let event = self.expire(timer, now);
            if event.is_some() {
                return event;
            }
        }
        None
    }

    fn expire(&mut self, timer: Timer, now: Instant) -> Option<Event<'static>> {
        match timer {
            Timer::Handshake => self.lost(DisconnectReason::TimedOut, None, now),
            Timer::Ping => {
                if self.pings.keep_alive() >= self.settings.max_pings_out {
                    return self.lost(DisconnectReason::Stale, None, now);
                }
                self.start_ping_timer(now);
                None
            }
            Timer::Drain => {
                self.stop(CloseReason::DrainTimedOut);
                None
            }
            Timer::Reconnect => {
                self.attempts = self.attempts.saturating_add(1);
                self.dial(now);
                Some(Event::Reconnecting { attempt: self.attempts })
            }
            Timer::Leave => self.handle_leave_timeout(now),
        }
    }

    /// Something above the session has reason to doubt the connection: PING is sent at once, and unless a
    /// PONG comes within 5 s, the connection is [stale](DisconnectReason::Stale). Until then, another doubt
    /// changes nothing.
    ///
    /// Any PONG will do, also the answer to an earlier PING. Does nothing without a connection.
    pub fn probe(&mut self, now: Instant) {
        if self.is_connected() && self.pings.probe() {
            self.timers.set(Timer::Ping, now + crate::time::Millis(5_000));
        }
    }

    // What the application wants -----------------------------------------------------------------

    /// Subscribes to `filter`, now and on every connection to come. `recipient` is what
    /// [`deliver`](Self::deliver) returns for its messages.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]; `recipient` is dropped then.
    pub fn subscribe(
        &mut self,
        filter: Filter<'_>,
        queue: Option<QueueGroup<'_>>,
        recipient: S::Recipient,
    ) -> Result<Sid, SubscribeError> {
        if matches!(self.state, State::Stopped(_)) {
            return Err(SubscribeError::Closed);
        }
        if self.draining.is_some() {
            return Err(SubscribeError::Draining);
        }
        let line = Subscribe { filter, queue, sid: self.subscriptions.next_sid() };
        if line.encoded_len() - 2 > self.settings.max_control_line {
            return Err(SubscribeError::LineTooLong);
        }
        Ok(self.subscriptions.insert(filter, queue, recipient, &mut self.pings)?)
    }

    /// Ends a subscription now, or when it has got `max` messages in its whole life. Returns
    /// whether it was still going. A maximum that was set before can be lowered, not raised.
    pub fn unsubscribe(&mut self, sid: Sid, max: Option<NonZeroU64>) -> bool {
        let was_live = self.subscriptions.unsubscribe(sid, max);
        self.check_drained();
        was_live
    }

    /// Ends a subscription when the messages that are on their way have come. Returns whether it
    /// was still going.
    pub fn drain_subscription(&mut self, sid: Sid) -> bool {
        self.subscriptions.drain(sid)
    }

    /// Asks for a sign that the server has processed everything that was handed to this connection
    /// before; `None` if there is no connection, or it is being left.
    fn flush(&mut self) -> Option<FlushId> {
        let is_possible = self.is_connected() && !self.is_leaving();
        is_possible.then(|| FlushId { epoch: self.epoch, number: self.pings.request() })
    }

    // What to do next ----------------------------------------------------------------------------

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// Writes the lines that are due, as many whole ones as fit.
    ///
    /// What finds no room stays due, and takes no memory: however often a server sends PING and does
    /// not read, what is owed to it is a number. That holds as long as `out` has a bound. A `Vec` and a
    /// `BytesMut` have none, and would take a PONG for each: they go into
    /// [`Bounded`](crate::wire::Bounded).
    ///
    /// # Errors
    ///
    /// [`Full`] if there are more: call again when there is room. Publishing in between would
    /// overtake a subscription that was made before.
    pub fn poll_transmit(&mut self, out: &mut impl Sink) -> Result<(), Full> {
        match self.state {
            State::AwaitingPong { is_ping_due } => {
                self.pings.transmit_pongs(out)?;
                if is_ping_due {
                    out.reserve(PING.len())?;
                    out.put(PING);
                    self.state = State::AwaitingPong { is_ping_due: false };
                }
                Ok(())
            }
            State::Ready => {
                self.pings.transmit_pongs(out)?;
                self.subscriptions.transmit(&mut self.pings, out)?;
                self.note_unsubscribed();
                self.check_drained();
                self.pings.transmit_pings(out)
            }
            _ => Ok(()),
        }
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to write.
    pub const fn has_transmit(&self) -> bool {
        match self.state {
            State::AwaitingPong { is_ping_due } => is_ping_due || self.pings.has_transmit(),
            State::Ready => self.subscriptions.has_transmit() || self.pings.has_transmit(),
            _ => false,
        }
    }

    /// Hands back what belonged to a subscription that is over.
    pub fn poll_released(&mut self) -> Option<Released<S::Recipient>> {
        self.subscriptions.release()
    }
}

impl<S: Store> core::fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("target", &self.target())
            .field("subscriptions", &self.subscriptions())
            .field("draining", &self.draining)
            .finish_non_exhaustive()
    }
}
