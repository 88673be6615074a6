//! The servers: which of them to connect to next.

use crate::error::Full;
use crate::rng::Rng;
use crate::store::Store;
use crate::store::Table;
use crate::url::ServerUrl;
use crate::wire::Buffer;

/// One server in a session's table.
#[derive(Clone, Debug)]
pub struct Server<T> {
    /// `scheme://host:port`, without credentials.
    address: T,
}

pub(super) struct Pool<S: Store> {
    servers: S::Servers,
    current: usize,
}

impl<S: Store> Pool<S> {
    pub(super) fn new() -> Self {
        Self { servers: S::Servers::default(), current: 0 }
    }

    /// Adds a server that is not in the pool yet.
    pub(super) fn add(&mut self, url: &ServerUrl<'_>) -> Result<(), Full> {
        let servers = self.servers.as_ref();
        if servers.iter().filter_map(Server::url).any(|known| known.is_same_server(url)) {
            return Ok(());
        }
        let mut address = S::Text::default();
        url.encode(&mut address)?;
        self.servers.push(Server { address })
    }

    /// Starts with the first server again, of a new order where there is to be one.
    pub(super) fn start(&mut self, shuffle: Option<&mut Rng>) {
        self.current = 0;
        let servers = self.servers.as_mut();
        if let Some(rng) = shuffle {
            for end in (1..servers.len()).rev() {
                let other = rng.below(u32::try_from(end + 1).unwrap_or(u32::MAX)) as usize;
                // Both are within bounds: `other <= end < len`.
                if other < servers.len() && end < servers.len() {
                    servers.swap(other, end);
                }
            }
        }
    }

    /// Turns to the next server, and says whether there is one.
    pub(super) fn advance(&mut self) -> bool {
        self.current = self.current.saturating_add(1);
        self.current().is_some()
    }

    pub(super) fn current(&self) -> Option<ServerUrl<'_>> {
        self.servers.as_ref().get(self.current).and_then(Server::url)
    }
}

impl<T: Buffer> Server<T> {
    fn url(&self) -> Option<ServerUrl<'_>> {
        ServerUrl::new(core::str::from_utf8(self.address.as_ref()).ok()?).ok()
    }
}
