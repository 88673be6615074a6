//! The life of one connection: what makes it, and what ends it.

use super::Drain;
use super::Ended;
use super::Event;
use super::Lost;
use super::Session;
use super::State;
use super::Stop;
use super::Timer;
use super::Tls;
use super::pings::Pings;
use crate::store::Store;
use crate::time::Instant;
use crate::url::Scheme;
use crate::wire::Consequence;
use crate::wire::InfoPart;
use crate::wire::InfoScanner;
use crate::wire::ServerError;

impl<S: Store> Session<S> {
    pub(super) const fn is_open(&self) -> bool {
        matches!(
            self.state,
            State::AwaitingInfo { .. }
                | State::LoggingIn { .. }
                | State::AwaitingPong { .. }
                | State::Ready
        )
    }

    pub(super) fn dial(&mut self, now: Instant) {
        self.state = State::Dialing;
        self.timers.set(Timer::Handshake, now + self.config.connect_timeout);
    }

    pub(super) fn handle_info<'b>(
        &mut self,
        part: InfoPart<'_>,
        now: Instant,
    ) -> Option<Event<'b>> {
        let was_lame_duck = self.state == State::Ready && self.info.lame_duck();
        match self.scanner.push(part, &mut self.info, |_| {}) {
            Err(_) => self.lost(Lost::Info, None, now),
            Ok(false) => None,
            Ok(true) => match self.state {
                State::AwaitingInfo { is_secure } => self.begin_login(is_secure, now),
                State::Ready if self.info.lame_duck() && !was_lame_duck => Some(Event::LameDuck),
                State::Ready => Some(Event::InfoChanged),
                _ => None,
            },
        }
    }

    pub(super) fn begin_link(&mut self) {
        let scheme = self.scheme();
        self.state = if self.config.tls == Tls::First && !is_websocket(scheme) {
            State::Securing { has_info: false }
        } else {
            State::AwaitingInfo { is_secure: scheme == Some(Scheme::Wss) }
        };
    }

    fn begin_login<'b>(&mut self, is_secure: bool, now: Instant) -> Option<Event<'b>> {
        let scheme = self.scheme();
        let insists = self.config.tls != Tls::Auto || scheme == Some(Scheme::Tls);
        let is_required = self.info.tls_required() && !is_websocket(scheme);
        let is_offered = is_required || (self.info.tls_available() && !is_websocket(scheme));
        if is_secure || !(insists || is_required) {
            self.state = State::LoggingIn { sent: 0 };
        } else if is_offered {
            self.state = State::Securing { has_info: true };
        } else {
            return self.lost(Lost::TlsUnavailable, None, now);
        }
        None
    }

    pub(super) fn handle_pong<'b>(&mut self, now: Instant) -> Option<Event<'b>> {
        if self.state == (State::AwaitingPong { is_ping_due: false }) {
            self.state = State::Ready;
            self.timers.stop(Timer::Handshake);
            self.start_ping_timer(now);
            self.subscriptions.link_up();
            return Some(Event::Connected);
        }
        let answered = self.pings.handle_pong()?;
        let pings = self.pings;
        self.subscriptions.handle_pong(|number| pings.is_answered(number));
        self.check_drained();
        if self.draining == Some(Drain::Publishes { until: answered }) {
            self.stop(Stop::Drained);
        }
        None
    }

    pub(super) fn handle_error<'b>(
        &mut self,
        error: ServerError<'b>,
        now: Instant,
    ) -> Option<Event<'b>> {
        let kind = error.kind();
        if self.state == State::Ready && kind.consequence() == Consequence::Continues {
            return Some(Event::ServerError(error));
        }
        self.lost(Lost::Server(kind), Some(error), now)
    }

    pub(super) fn check_drained(&mut self) {
        if self.draining == Some(Drain::Subscriptions) && self.subscriptions.is_drained() {
            self.draining = Some(Drain::Arrived);
        }
    }

    pub(super) fn start_ping_timer(&mut self, now: Instant) {
        if !self.config.ping_interval.is_zero() {
            self.timers.set(Timer::Ping, now + self.config.ping_interval);
        }
    }

    pub(super) fn lost<'b>(
        &mut self,
        cause: Lost,
        error: Option<ServerError<'b>>,
        now: Instant,
    ) -> Option<Event<'b>> {
        let was_connected = self.state == State::Ready;
        self.link = self.link.wrapping_add(1);
        self.pings = Pings::default();
        self.scanner = InfoScanner::default();
        self.timers.clear();
        self.subscriptions.link_down(Ended::Unsubscribed);
        if was_connected {
            self.stop(Stop::Lost(cause));
            return Some(Event::Disconnected { cause, error });
        }
        if self.pool.advance() {
            self.dial(now);
        } else {
            self.stop(Stop::Lost(cause));
        }
        Some(Event::ConnectFailed { cause, error })
    }

    pub(super) fn stop(&mut self, stop: Stop) {
        if !matches!(self.state, State::Stopped(_)) {
            self.state = State::Stopped(stop);
            self.timers.clear();
            self.subscriptions.end_all();
        }
    }
    fn scheme(&self) -> Option<Scheme> {
        self.pool.current().map(|server| server.scheme())
    }
}

/// Whether TLS lies below the connection, and is there from its start or never.
const fn is_websocket(scheme: Option<Scheme>) -> bool {
    matches!(scheme, Some(Scheme::Ws | Scheme::Wss))
}
