//! The server pool: the next server to connect to, and the time.
//!
//! The first one in the list is the one that is connected to, or tried, or to be tried next.

use super::AddServerError;
use super::PoolServer;
use super::Server;
use super::server::NO_NUMBER;
use super::server::hash;
use crate::rng::Rng;
use crate::session::settings::MIN_DELAY;
use crate::session::settings::Settings;
use crate::session::store::Store;
use crate::storage::Sink;
use crate::storage::Table;
use crate::time::Instant;
use crate::time::Millis;
use crate::url::Scheme;
use crate::url::ServerUrl;
use crate::wire::ErrorKind;

/// How many discovered servers are kept. nats-server announces every address of every server in its
/// cluster.
pub(in crate::session) const MAX_DISCOVERED: usize = 256;
/// The longest name that such a server may have: there are no longer ones in DNS.
const MAX_HOST: usize = 255;

pub(in crate::session) struct Pool<S: Store> {
    servers: S::Servers,
    /// The name of the last server whose name was no mere address.
    name: S::Text,
    /// How often servers were added or removed.
    changes: u32,
    /// How many discovered servers there was no room for.
    left_out: u32,
    /// How many servers the application has added.
    added: u16,
}

impl<S: Store> Pool<S> {
    /// Whether there can be a choice. Where there cannot, nothing is compiled that chooses.
    pub(in crate::session) const HAS_CHOICE: bool = S::MAX_SERVERS > 1;

    pub(in crate::session) fn new() -> Self {
        Self {
            servers: S::Servers::default(),
            name: S::Text::default(),
            changes: 0,
            left_out: 0,
            added: 0,
        }
    }

    /// Adds a server of the application's. The first of those with the same address counts.
    pub(in crate::session) fn add(&mut self, url: &ServerUrl<'_>) -> Result<(), AddServerError> {
        let number = self.added;
        if let Some(known) = self.find_mut(url) {
            if known.is_unwanted || known.is_discovered {
                known.number = number;
            }
            known.is_discovered = false;
            known.is_unwanted = false;
            if core::mem::take(&mut known.is_given_up) {
                (known.failures, known.setbacks, known.refusal) = (0, 0, None);
                self.changes = self.changes.wrapping_add(1);
            }
        } else {
            match self.push(url, false) {
                Err(AddServerError::Full) if self.remove_last(|server| server.is_given_up) => {
                    self.push(url, false)?;
                }
                result => result?,
            }
        }
        self.added = number.saturating_add(1);
        Ok(())
    }

    /// Removes all servers, but the first one only with its connection.
    pub(in crate::session) fn remove_all(&mut self, keeps_first: bool) {
        while let Some(last) = self.servers.as_ref().len().checked_sub(1)
            && last >= usize::from(keeps_first)
        {
            self.remove(last);
        }
        if let Some(first) = self.first_mut() {
            first.is_unwanted = true;
        }
        self.added = 0;
    }

    /// Puts the servers in the order in which they are to be tried.
    pub(in crate::session) fn start(&mut self, shuffle: Option<&mut Rng>) {
        if let (Some(rng), true) = (shuffle, Self::HAS_CHOICE) {
            rng.shuffle(self.servers.as_mut());
        }
    }

    // One attempt after the other ----------------------------------------------------------------

    /// The first server is tried now.
    pub(in crate::session) fn note_attempt(
        &mut self,
        now: Instant,
        settings: &Settings,
        is_tls: bool,
        rng: &mut Rng,
    ) {
        if let Some(first) = self.first_mut() {
            first.is_tried = true;
            first.is_left = false;
            first.not_before = now + settings.delay(first.setbacks, is_tls, rng);
        }
    }

    /// There is a connection to the first server.
    pub(in crate::session) fn note_success(&mut self) {
        if let Some(first) = self.first_mut() {
            first.failures = 0;
            first.refusal = None;
        }
        while self.remove_last(|server| server.is_given_up) {}
    }

    /// The first server could not be connected to. It goes to the end of the list, or out of it.
    pub(in crate::session) fn note_failure(
        &mut self,
        settings: &Settings,
        refusal: Option<ErrorKind>,
    ) {
        let Some(first) = self.first_mut() else {
            return;
        };
        first.failures = first.failures.saturating_add(1);
        first.setbacks = first.setbacks.saturating_add(1);
        let is_refused_again = refusal.is_some() && first.refusal == refusal;
        first.refusal = refusal.or(first.refusal);
        let is_given_up = settings.max_reconnects.is_some_and(|max| first.failures >= max)
            || (is_refused_again && !settings.ignore_auth_error_abort);
        first.is_given_up = is_given_up;
        self.changes = self.changes.wrapping_add(is_given_up.into());
        self.leave_first();
    }

    /// The connection to the first server is lost, after a while or soon after it was made. That
    /// server's back-off begins anew only if it has lasted.
    pub(in crate::session) fn note_loss(&mut self, has_lasted: bool) {
        if let Some(first) = self.first_mut() {
            first.setbacks = if has_lasted { 0 } else { first.setbacks.saturating_add(1) };
        }
    }

    /// The first server is no more to be tried at once: the others come first.
    pub(in crate::session) fn leave_first(&mut self) {
        for server in self.servers.as_mut() {
            server.is_left = false;
        }
        if let Some(first) = self.first_mut() {
            first.is_left = true;
        }
        if self.first_mut().is_some_and(|first| first.is_unwanted) {
            self.remove(0);
        } else if Self::HAS_CHOICE {
            self.shift(0, self.servers.as_ref().len().saturating_sub(1));
        }
    }

    /// Puts all but the last one in a random order.
    pub(in crate::session) fn shuffle_but_last(&mut self, rng: &mut Rng) {
        if let (Some((_, others)), true) =
            (self.servers.as_mut().split_last_mut(), Self::HAS_CHOICE)
        {
            rng.shuffle(others);
        }
    }

    /// Whether the first server was tried before.
    pub(in crate::session) fn is_first_tried(&self) -> bool {
        self.servers.as_ref().first().is_none_or(|first| first.is_tried)
    }

    /// All servers may be tried at once.
    pub(in crate::session) fn forgive(&mut self) {
        for server in self.servers.as_mut() {
            server.not_before = Instant::default();
            server.is_left = false;
        }
    }

    /// Has the server that was lost last wait for as long as `delay` says, which gets how often that has
    /// happened in a row.
    pub(in crate::session) fn delay_last(
        &mut self,
        delay: impl FnOnce(u32) -> Millis,
        now: Instant,
    ) -> bool {
        let Some(left) = self.servers.as_mut().iter_mut().find(|server| server.is_left) else {
            return false;
        };
        left.is_left = false;
        left.not_before = now + delay(left.setbacks).max(MIN_DELAY);
        true
    }

    /// When the first server may be tried if the application says at `at`: not too soon after the
    /// last time.
    pub(in crate::session) fn not_too_soon(&self, at: Instant, now: Instant) -> Instant {
        let first = self.servers.as_ref().first();
        first.map_or(at, |first| at.max(first.not_before.min(now + MIN_DELAY)))
    }

    /// Puts the server that can be tried soonest first, and returns when; `None` without one.
    pub(in crate::session) fn choose(&mut self, now: Instant) -> Option<Instant> {
        let mut soonest = None;
        for (index, server) in self.servers.as_ref().iter().enumerate() {
            let at = server.not_before.max(now);
            // Of several that can be tried at once, the first.
            if !server.is_given_up && soonest.is_none_or(|(_, soonest)| at < soonest) {
                soonest = Some((index, at));
            }
            if !Self::HAS_CHOICE {
                break;
            }
        }
        let (index, at) = soonest?;
        self.shift(index, 0);
        Some(at)
    }

    /// Puts the server of that number first, and says whether there is one.
    pub(in crate::session) fn put_first(&mut self, number: usize) -> bool {
        let servers = self.servers.as_ref().iter().enumerate();
        let found = servers.filter(|(_, server)| !server.is_given_up).nth(number);
        let Some((index, _)) = found else {
            return false;
        };
        self.shift(index, 0);
        true
    }

    /// Moves a server to another position, past all those in between: smaller than a rotation.
    fn shift(&mut self, mut from: usize, to: usize) {
        while Self::HAS_CHOICE && from != to {
            let next = if from < to { from + 1 } else { from - 1 };
            if let Ok([one, other]) = self.servers.as_mut().get_disjoint_mut([from, next]) {
                core::mem::swap(one, other);
            }
            from = next;
        }
    }

    // Discovered servers -------------------------------------------------------------------------

    /// The INFO that is being read lists a server: `host:port`.
    pub(in crate::session) fn list(&mut self, address: &str) {
        if !Self::HAS_CHOICE {
            return;
        }
        let (Some(scheme), Ok(url)) = (self.scheme(), ServerUrl::new(address)) else {
            return;
        };
        let url = url.with_scheme(scheme);
        if let Some(known) = self.find_mut(&url) {
            known.is_listed = true;
        } else if self.discover(&url).is_err()
            && !(self.remove_unlisted() && self.discover(&url).is_ok())
        {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    fn discover(&mut self, url: &ServerUrl<'_>) -> Result<(), AddServerError> {
        let is_full = || {
            let discovered = self.servers.as_ref().iter().filter(|server| server.is_discovered);
            discovered.count() >= MAX_DISCOVERED
        };
        if url.host().len() > MAX_HOST || (S::MAX_SERVERS > MAX_DISCOVERED && is_full()) {
            return Err(AddServerError::Full);
        }
        self.push(url, true)
    }

    /// Keeps the name of the first server, if it has one.
    pub(in crate::session) fn note_name(&mut self) {
        if Self::HAS_CHOICE && self.current().is_some_and(|server| !server.is_ip_address()) {
            let host = self.current().map(|server| server.host()).unwrap_or_default();
            let mut name = S::Text::default();
            if name.reserve(host.len()).is_ok() {
                name.put(host.as_bytes());
                self.name = name;
            }
        }
    }

    /// INFO has ended. Discovered servers that it does not list are gone; new ones come at a
    /// random position. Only of a server that has accepted the login: servers that refuse it, and list
    /// different others, would reset how often each of them has failed.
    pub(in crate::session) fn end_list(&mut self, shuffle: Option<&mut Rng>) {
        if !Self::HAS_CHOICE || !self.servers.as_ref().iter().any(|server| server.is_listed) {
            return;
        }
        let mut index = 1;
        while let Some(server) = self.servers.as_ref().get(index) {
            if server.is_discovered && !server.is_listed {
                self.remove(index);
            } else {
                index += 1;
            }
        }
        self.forget_list();
        if let (Some(rng), [_, others @ ..]) = (shuffle, self.servers.as_mut()) {
            rng.shuffle(others);
        }
    }

    /// Makes room for a server in place of one that INFO did not list so far.
    fn remove_unlisted(&mut self) -> bool {
        self.remove_last(|server| !server.is_listed && (server.is_discovered || server.is_given_up))
    }

    /// Removes the last server of that kind, but not the first of all.
    fn remove_last(&mut self, is_it: fn(&Server<S::Text>) -> bool) -> bool {
        match self.servers.as_ref().iter().rposition(is_it) {
            Some(index) if Self::HAS_CHOICE && index > 0 => self.remove(index),
            _ => false,
        }
    }

    /// There will be no end of the INFO that is being read.
    pub(in crate::session) fn forget_list(&mut self) {
        if Self::HAS_CHOICE {
            for server in self.servers.as_mut() {
                server.is_listed = false;
            }
        }
    }

    // Getters ------------------------------------------------------------------------------------

    pub(in crate::session) fn current(&self) -> Option<ServerUrl<'_>> {
        let first = self.servers.as_ref().first();
        first.filter(|first| !first.is_given_up).and_then(Server::url)
    }

    /// Which of the application's servers the first one is.
    pub(in crate::session) fn current_number(&self) -> Option<u16> {
        let first = self.servers.as_ref().first().filter(|first| !first.is_given_up);
        first.map(|first| first.number).filter(|number| *number != NO_NUMBER)
    }

    pub(in crate::session) fn has_current(&self) -> bool {
        self.servers.as_ref().first().is_some_and(|first| !first.is_given_up)
    }

    pub(in crate::session) fn scheme(&self) -> Option<Scheme> {
        self.current().map(|server| server.scheme())
    }

    /// Whom the first server's certificate has to be made out to. Where all that is known is the
    /// address that another server announced, that is the name under which that one was known.
    pub(in crate::session) fn tls_name(&self) -> &str {
        let Some(server) = self.current() else {
            return "";
        };
        let is_discovered = self.servers.as_ref().first().is_some_and(|first| first.is_discovered);
        // A zone is of no certificate's concern.
        let host = server.host();
        let end = host.bytes().position(|byte| byte == b'%').unwrap_or(host.len());
        let name = core::str::from_utf8(self.name.as_ref()).unwrap_or_default();
        if is_discovered && !name.is_empty() && server.is_ip_address() {
            name
        } else {
            host.get(..end).unwrap_or(host)
        }
    }

    pub(in crate::session) fn iter(&self) -> impl Iterator<Item = PoolServer<'_>> {
        let known = self.servers.as_ref().iter().filter(|server| !server.is_given_up);
        known.filter_map(|server| {
            Some(PoolServer {
                url: server.url()?,
                failures: server.setbacks,
                is_discovered: server.is_discovered,
            })
        })
    }

    pub(in crate::session) fn len(&self) -> usize {
        self.servers.as_ref().iter().filter(|server| !server.is_given_up).count()
    }

    pub(in crate::session) const fn left_out(&self) -> u32 {
        self.left_out
    }

    pub(in crate::session) const fn changes(&self) -> u32 {
        self.changes
    }

    fn first_mut(&mut self) -> Option<&mut Server<S::Text>> {
        self.servers.as_mut().first_mut()
    }

    fn find_mut(&mut self, url: &ServerUrl<'_>) -> Option<&mut Server<S::Text>> {
        let hash = hash(url);
        let is_it = |server: &&mut Server<S::Text>| {
            server.hash == hash && server.url().is_some_and(|known| known.is_same_server(url))
        };
        self.servers.as_mut().iter_mut().find(is_it)
    }

    fn push(&mut self, url: &ServerUrl<'_>, is_discovered: bool) -> Result<(), AddServerError> {
        let mut address = S::Text::default();
        url.encode(&mut address).map_err(|_| AddServerError::AddressTooLong)?;
        // Servers that announce each other, and accept no login, are not to be tried in a circle
        // without a pause: a discovered server waits as long as the one that announced it.
        let announcer = self.servers.as_ref().first().filter(|_| is_discovered);
        let not_before = announcer.map(|announcer| announcer.not_before).unwrap_or_default();
        let server = Server {
            address,
            hash: hash(url),
            failures: 0,
            setbacks: 0,
            not_before,
            refusal: None,
            is_discovered,
            number: if is_discovered { NO_NUMBER } else { self.added },
            is_listed: is_discovered,
            is_left: false,
            is_tried: false,
            is_unwanted: false,
            is_given_up: false,
        };
        self.servers.push(server).map_err(|_| AddServerError::Full)?;
        self.changes = self.changes.wrapping_add(1);
        Ok(())
    }

    fn remove(&mut self, index: usize) -> bool {
        let is_removed = self.servers.remove(index).is_some();
        self.changes = self.changes.wrapping_add(is_removed.into());
        is_removed
    }
}
