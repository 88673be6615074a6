//! The phase of a session: the driver's next step.

use super::Challenge;
use super::CloseReason;
use super::Session;
use super::State;
use super::store::Store;
use crate::url::ServerUrl;

/// What the driver is to do now. Reading it changes nothing, however often.
///
/// It borrows nothing, so a driver can remember what it was doing, and compare: whatever it waits
/// for is of no use any more once [`Session::phase`] is something else.
///
/// Exhaustive on purpose: a driver has to know all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Phase {
    /// Nothing, until a call or a timeout changes that. There is no connection: a socket that is
    /// left from one is closed.
    Wait,
    /// Open a connection to the [`target`](Session::target); then
    /// [`handle_open`](Session::handle_open) or [`handle_disconnected`](Session::handle_disconnected).
    ///
    /// With it goes the number of the attempt, which is that of the
    /// [`connection`](Session::connection) it makes. A dial in flight for another number is of no
    /// use any more, and neither is its socket.
    Dial(u32),
    /// Secure the connection to the [`target`](Session::target) with TLS, for the name in
    /// [`tls_name`](Session::tls_name); then [`handle_secured`](Session::handle_secured) or
    /// [`handle_disconnected`](Session::handle_disconnected).
    Secure,
    /// Send CONNECT as the answer to the [`challenge`](Session::challenge).
    Login,
    /// Move bytes both ways.
    Exchange,
    /// Nothing ever again: close the connection.
    Closed(CloseReason),
}

impl<S: Store> Session<S> {
    /// What the driver is to do now.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Stopped(stop) => Phase::Closed(stop),
            // Its last server was given up, or removed.
            _ if !self.pool.has_current() => Phase::Wait,
            State::Idle | State::Waiting => Phase::Wait,
            State::Dialing => Phase::Dial(self.epoch),
            State::Securing { .. } => Phase::Secure,
            State::LoggingIn { .. } => Phase::Login,
            State::AwaitingInfo { .. } | State::AwaitingPong { .. } | State::Ready => {
                Phase::Exchange
            }
        }
    }

    /// The server that is connected to, being connected to, or to be tried next: the one that
    /// [`Phase::Dial`], [`Phase::Secure`] and [`Phase::Login`] are about. Without credentials.
    pub fn target(&self) -> Option<ServerUrl<'_>> {
        self.pool.current()
    }

    /// What the server has said that CONNECT depends on, as long as the phase is
    /// [`Phase::Login`].
    pub fn challenge(&self) -> Option<Challenge<'_>> {
        match (self.state, self.pool.current()) {
            (State::LoggingIn { .. }, Some(server)) => Some(Challenge {
                server,
                nonce: self.info.nonce(),
                auth_required: self.info.auth_required(),
                headers: self.info.headers(),
            }),
            _ => None,
        }
    }

    /// The number of the connection there is, of the attempt to make one, or of the next attempt.
    /// It changes when a connection, or an attempt, is over: what belongs to another number is to
    /// be dropped.
    pub const fn connection(&self) -> u32 {
        self.epoch
    }
}
