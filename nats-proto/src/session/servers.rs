//! The servers of a session, as the application sees them.

mod error;
mod pool;
mod server;

use core::time::Duration;

pub use error::AddServerError;
pub use server::PoolServer;
pub use server::Server;

#[cfg(test)]
#[cfg(all(test, feature = "alloc"))]
pub(super) use pool::MAX_DISCOVERED;
pub(super) use pool::Pool;

use super::CloseReason;
use super::DisconnectReason;
use super::Event;
use super::Session;
use super::State;
use super::Timer;
use super::store::Store;
use crate::time::Instant;
use crate::url::ServerUrl;

/// Whether the addresses of servers may have a user's name, a password or a token in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UserInfo {
    /// They may not: it is an error.
    Refuse,
    /// They may, and the driver keeps them: the session does not.
    Allow,
}

impl<S: Store> Session<S> {
    /// Adds a server to those that [`connect`](Self::connect) tries; nothing if it is known.
    ///
    /// A session keeps no secrets, and a URL with a user's name, a password or a token would promise
    /// that they are sent: a driver that keeps them itself takes them
    /// [out of it](ServerUrl::without_user_info). They are those of the server with
    /// [`target_number`](Self::target_number) when there is a challenge.
    ///
    /// # Errors
    ///
    /// [`AddServerError`]; nothing is added then.
    pub fn add_server(&mut self, url: &ServerUrl<'_>) -> Result<(), AddServerError> {
        if url.has_user_info() {
            return Err(AddServerError::UserInfo);
        }
        self.pool.add(url)
    }

    /// Adds the servers in a [list](ServerUrl::list).
    ///
    /// # Errors
    ///
    /// [`AddServerError`]. If an address is invalid, or has credentials in it that are not allowed,
    /// none is added; if there is no room for one, those before it are.
    pub fn add_servers(&mut self, list: &str, user_info: UserInfo) -> Result<(), AddServerError> {
        for url in ServerUrl::list(list) {
            if url?.has_user_info() && user_info == UserInfo::Refuse {
                return Err(AddServerError::UserInfo);
            }
        }
        for url in ServerUrl::list(list).flatten() {
            self.pool.add(&url)?;
        }
        Ok(())
    }

    /// Which of the servers that were added the [`target`](Self::target) is, from 0: in the order of
    /// [`add_server`](Self::add_server), and those of [`add_servers`](Self::add_servers) one by one,
    /// since the beginning, or the last [`remove_servers`](Self::remove_servers). If the same server
    /// was added twice, it is the first. `None` for a discovered one.
    ///
    /// So a driver finds what it knows of that server: credentials, a certificate.
    pub fn target_number(&self) -> Option<usize> {
        self.pool.current_number().map(usize::from)
    }

    /// Starts to connect: to one server after the other, in random order, until one accepts the connection.
    /// Each is tried once, unless [`retry_on_initial_connect`](super::Config::retry_on_initial_connect) says otherwise.
    ///
    /// Does nothing if the session has been started before.
    pub fn connect(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            let shuffle = (!self.settings.retain_servers_order).then_some(&mut self.rng);
            self.pool.start(shuffle);
            if self.pool.current().is_some() {
                self.dial(now);
            } else {
                self.stop(CloseReason::NoServers);
            }
        }
    }

    /// Leaves the connection there is, or is being made, and makes another one at once, to any
    /// server.
    pub fn force_reconnect(&mut self, now: Instant) -> Option<Event<'static>> {
        self.pool.forgive();
        match self.state {
            State::Idle | State::Stopped(_) => None,
            State::Waiting => {
                self.wait(now);
                None
            }
            _ => self.lost(DisconnectReason::Requested, None, now),
        }
    }

    /// Forgets all servers; to be followed by [`add_server`](Self::add_server). The connection
    /// there is stays as long as it lasts.
    pub fn remove_servers(&mut self) {
        let is_in_use = !matches!(self.state, State::Idle | State::Waiting);
        self.pool.remove_all(is_in_use);
    }

    /// The servers known, the one that is connected to or to be tried next first.
    pub fn server_pool(&self) -> impl Iterator<Item = PoolServer<'_>> {
        self.pool.iter()
    }

    /// A number that changes when [`server_pool`](Self::server_pool) become more, or less.
    pub const fn server_pool_changes(&self) -> u32 {
        self.pool.changes()
    }

    /// How many discovered servers there was no room for, or whose addresses were too long for the
    /// table. Whatever the table, no more than 256 discovered servers are kept.
    pub const fn servers_skipped(&self) -> u32 {
        self.pool.left_out()
    }

    /// Says when to try the server again whose connection was lost last, or that could not be
    /// connected to, in place of the [`backoff`](super::Config::backoff): after what `delay`
    /// returns, which gets how many attempts in a row have failed, or led to a connection that did
    /// not last. To be called while the session waits; does nothing if it was called since, or the
    /// application wanted to leave that server.
    ///
    /// The others are tried first, those at once that are not waited for: with several servers there
    /// is one wait for each round of them. As with any back-off, it is at least 20 ms.
    pub fn set_reconnect_delay(&mut self, delay: impl FnOnce(u32) -> Duration, now: Instant) {
        if matches!(self.state, State::Waiting)
            && self.pool.delay_last(|failures| delay(failures).into(), now)
        {
            self.wait(now);
        }
    }

    /// Tries another server next, or at another time: the one of that number in
    /// [`server_pool`](Self::server_pool), after `delay`, and no sooner than 20 ms after it failed. Returns
    /// whether that was possible: while the session waits after a loss, when the phase is
    /// [`Phase::Wait`](super::Phase::Wait).
    pub fn select_server(&mut self, number: usize, delay: Duration, now: Instant) -> bool {
        let is_possible = matches!(self.state, State::Waiting) && self.pool.put_first(number);
        if is_possible {
            let at = self.pool.not_too_soon(now + delay, now);
            self.timers.set(Timer::Reconnect, at);
        }
        is_possible
    }
}
