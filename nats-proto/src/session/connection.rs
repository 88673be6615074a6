//! One connection, from dialling to its end.

use super::CloseReason;
use super::DisconnectReason;
use super::Drain;
use super::EndReason;
use super::Event;
use super::STABLE_AFTER;
use super::Session;
use super::State;
use super::Timer;
use super::Tls;
use super::pings::Pings;
use super::store::Store;
use crate::time::Instant;
use crate::time::Millis;
use crate::url::Scheme;
use crate::wire::Consequence;
use crate::wire::ErrorKind;
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
        let is_tls = self.settings.tls != Tls::Auto
            || self.info.tls_required()
            || self.pool.scheme().is_some_and(Scheme::is_tls);
        self.pool.note_attempt(now, &self.settings, is_tls, &mut self.rng);
        self.state = State::Dialing;
        self.timers.set(Timer::Handshake, now + self.settings.connect_timeout);
    }

    /// Waits until a server may be tried, which may be now.
    pub(super) fn wait(&mut self, now: Instant) {
        if let Some(at) = self.pool.choose(now) {
            self.state = State::Waiting;
            self.timers.set(Timer::Reconnect, at);
        }
    }

    pub(super) fn handle_info<'b>(
        &mut self,
        part: InfoPart<'_>,
        now: Instant,
    ) -> Option<Event<'b>> {
        let Self { scanner, info, pool, .. } = self;
        let takes_servers = !self.settings.ignore_discovered_servers;
        let scanned = scanner.push(part, info, |address| {
            if takes_servers {
                pool.list(address);
            }
        });
        match scanned {
            Err(_) => return self.lost(DisconnectReason::Info, None, now),
            Ok(false) => return None,
            Ok(true) => {}
        }
        self.pool.note_name();
        if self.is_connected() {
            self.end_list();
        }
        // Not what INFO said before this part of it: an earlier part may have said it already.
        let was_lame_duck = core::mem::replace(&mut self.is_lame_duck, self.info.lame_duck());
        match self.state {
            State::AwaitingInfo { is_secure } => self.begin_login(is_secure, now),
            State::Ready if self.is_lame_duck && !was_lame_duck => {
                self.plan_to_leave(now);
                Some(Event::LameDuckMode)
            }
            State::Ready => Some(Event::InfoChanged),
            _ => None,
        }
    }

    pub(super) fn begin_connection(&mut self) {
        let scheme = self.pool.scheme();
        self.state = if self.settings.tls == Tls::First && !is_websocket(scheme) {
            State::Securing { has_info: false }
        } else {
            State::AwaitingInfo { is_secure: scheme == Some(Scheme::Wss) }
        };
    }

    fn begin_login<'b>(&mut self, is_secure: bool, now: Instant) -> Option<Event<'b>> {
        let scheme = self.pool.scheme();
        let insists = self.settings.tls != Tls::Auto || scheme == Some(Scheme::Tls);
        let is_required = self.info.tls_required() && !is_websocket(scheme);
        let is_offered = is_required || (self.info.tls_available() && !is_websocket(scheme));
        if is_secure || !(insists || is_required) {
            self.state = State::LoggingIn { sent: 0, is_secure };
        } else if is_offered {
            self.state = State::Securing { has_info: true };
        } else {
            return self.lost(DisconnectReason::TlsUnavailable, None, now);
        }
        None
    }

    pub(super) fn handle_pong<'b>(&mut self, now: Instant) -> Option<Event<'b>> {
        if matches!(self.state, State::AwaitingPong { is_ping_due: false }) {
            return Some(self.begin_exchange(now));
        }
        let answered = self.pings.handle_pong()?;
        let pings = self.pings;
        self.subscriptions.handle_pong(|number| pings.is_answered(number));
        if let Some(event) = self.check_left(now) {
            return Some(event);
        }
        self.check_drained();
        if self.draining == Some(Drain::Publishes { until: answered }) {
            self.stop(CloseReason::Drained);
        }
        let is_resubscribed = self.resubscribing.is_some_and(|number| pings.is_answered(number));
        is_resubscribed.then(|| {
            self.resubscribing = None;
            Event::Resubscribed
        })
    }

    /// The servers that this one announces count, now that it has accepted the login.
    fn end_list(&mut self) {
        self.pool.end_list((!self.settings.retain_servers_order).then_some(&mut self.rng));
    }

    fn begin_exchange<'b>(&mut self, now: Instant) -> Event<'b> {
        self.state = State::Ready;
        self.end_list();
        self.timers.stop(Timer::Handshake);
        self.start_ping_timer(now);
        self.ready_at = now;
        self.pool.note_success();
        self.attempts = 0;
        self.subscriptions.on_connected(&mut self.pings);
        if self.info.lame_duck() {
            self.plan_to_leave(now);
        }
        if !core::mem::replace(&mut self.was_connected, true) {
            return Event::Connected;
        }
        if self.subscriptions.has_transmit() {
            self.resubscribing = Some(self.pings.request());
        }
        Event::Reconnected
    }

    pub(super) fn handle_error<'b>(
        &mut self,
        error: ServerError<'b>,
        now: Instant,
    ) -> Option<Event<'b>> {
        let kind = error.kind();
        if self.is_connected() && kind.consequence() == Consequence::Continues {
            self.refuse_subscription(error);
            return Some(Event::ServerError(error));
        }
        self.lost(DisconnectReason::Server(kind), Some(error), now)
    }

    /// Ends the subscription that the server does not take, if it is known which.
    fn refuse_subscription(&mut self, error: ServerError<'_>) {
        match error.kind() {
            ErrorKind::MaximumSubscriptions | ErrorKind::InvalidSubject => {
                self.subscriptions.refuse_any(&mut self.pings);
            }
            _ => {
                if let Some(violation) = error.violation() {
                    self.subscriptions.refuse(&violation);
                }
            }
        }
        self.check_drained();
    }

    pub(super) fn start_ping_timer(&mut self, now: Instant) {
        if self.settings.ping_interval != Millis(0) {
            self.timers.set(Timer::Ping, now + self.settings.ping_interval);
        }
    }

    pub(super) fn lost<'b>(
        &mut self,
        reason: DisconnectReason,
        error: Option<ServerError<'b>>,
        now: Instant,
    ) -> Option<Event<'b>> {
        let was_ready = self.is_connected();
        let is_drain_cut = matches!(
            (self.draining, was_ready),
            (Some(Drain::Subscriptions | Drain::Publishes { .. }), _) | (Some(_), true)
        );
        self.forget_connection(reason);
        if is_drain_cut {
            self.stop(CloseReason::Disconnected(reason));
        } else if was_ready {
            let has_lasted = now >= self.ready_at + Millis::from(STABLE_AFTER);
            // A connection that is left on purpose is no failure of the server.
            if has_lasted
                || !matches!(reason, DisconnectReason::Requested | DisconnectReason::LameDuckMode)
            {
                self.pool.note_loss(has_lasted);
            }
            self.leave_server(reason);
            if self.settings.reconnect || reason == DisconnectReason::Requested {
                self.try_others(reason, now);
            } else {
                self.stop(CloseReason::Disconnected(reason));
            }
        } else if self.was_connected || self.settings.retry_on_initial_connect {
            if reason == DisconnectReason::Requested {
                self.leave_server(reason);
            } else {
                self.pool.note_failure(&self.settings, refusal(reason));
            }
            self.wait_or_stop(reason, now);
        } else {
            self.pool.leave_first();
            if self.pool.is_first_tried() {
                self.stop(CloseReason::Disconnected(reason));
            } else {
                self.dial(now);
            }
        }
        Some(if was_ready {
            Event::Disconnected { reason, error }
        } else {
            Event::ConnectFailed { reason, error }
        })
    }

    fn leave_server(&mut self, reason: DisconnectReason) {
        self.pool.leave_first();
        if reason == DisconnectReason::Requested {
            self.pool.forgive();
        }
    }

    /// What was begun on the connection is over with it.
    fn forget_connection(&mut self, reason: DisconnectReason) {
        self.end_link();
        self.state = State::Waiting;
        self.pings = Pings::default();
        self.scanner = InfoScanner::default();
        self.pool.forget_list();
        self.resubscribing = None;
        for timer in [Timer::Handshake, Timer::Ping, Timer::Leave] {
            self.timers.stop(timer);
        }
        // A connection that was left gracefully has delivered all that was on its way.
        self.leaving = None;
        let is_left = reason == DisconnectReason::LameDuckMode;
        self.subscriptions.on_disconnected(if is_left {
            EndReason::Drained
        } else {
            EndReason::Unsubscribed
        });
    }

    /// What is begun from now on belongs to another connection.
    const fn end_link(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.answered_before = self.pings.answered();
    }

    /// Turns to the next server after a connection was lost.
    fn try_others(&mut self, reason: DisconnectReason, now: Instant) {
        if !self.settings.retain_servers_order {
            self.pool.shuffle_but_last(&mut self.rng);
        }
        self.wait_or_stop(reason, now);
    }

    fn wait_or_stop(&mut self, reason: DisconnectReason, now: Instant) {
        self.state = State::Waiting;
        if self.pool.len() == 0 {
            self.stop(CloseReason::Disconnected(reason));
        } else {
            self.wait(now);
        }
    }

    pub(super) fn stop(&mut self, stop: CloseReason) {
        if !matches!(self.state, State::Stopped(_)) {
            if !matches!(self.state, State::Idle | State::Waiting) {
                self.end_link();
            }
            self.state = State::Stopped(stop);
            self.timers.clear();
            self.subscriptions.end_all();
        }
    }
}

/// What was wrong with the credentials, if that is what it was.
fn refusal(reason: DisconnectReason) -> Option<ErrorKind> {
    match reason {
        DisconnectReason::Server(kind) if kind.consequence() == Consequence::Reauthenticate => {
            Some(kind)
        }
        _ => None,
    }
}

/// Whether TLS lies below the connection, and is there from its start or never.
const fn is_websocket(scheme: Option<Scheme>) -> bool {
    matches!(scheme, Some(scheme) if scheme.is_websocket())
}
