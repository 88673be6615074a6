//! A small NATS broker, made of the same protocol core as the clients.
//!
//! Publish and subscribe with wildcards, queue groups, headers, no-responders, echo, verbose and
//! pedantic mode, `max_payload`, a password: what core NATS is for a client. No clusters, no
//! accounts, no TLS, no persistence.
//!
//! One task for each client reads, and writes what the [router](Router) put into the client's mailbox. A
//! client that does not read, and for which more than [`Options::max_pending`] waits, is disconnected at
//! once, as by nats-server: `Slow Consumer`, if there is room to say so. No other client waits for it.

mod connection;
mod mailbox;
mod router;

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use router::Router;

/// How a broker behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest headers and payload together in bytes. Default 1 MiB.
    pub max_payload: usize,
    /// How many bytes may wait for a client that does not read, besides what the operating system keeps
    /// for it. Default 64 MiB.
    pub max_pending: usize,
    /// The user and the password to log in with. Default none.
    pub user: Option<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_payload: 1 << 20, max_pending: 64 << 20, user: None }
    }
}

/// A broker that listens.
#[derive(Debug)]
pub struct Broker {
    listener: TcpListener,
    router: Arc<Router>,
    options: Arc<Options>,
}

impl Broker {
    /// Serves the clients of `listener`. To be called in a Tokio runtime.
    ///
    /// # Errors
    ///
    /// If the listener cannot be used without blocking.
    pub fn new(listener: std::net::TcpListener, options: Options) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            router: Arc::default(),
            options: Arc::new(options),
        })
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// If the operating system does not say.
    pub fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves clients forever.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops accepting; clients that are connected stay.
    pub async fn run(self) {
        loop {
            match self.listener.accept().await {
                Ok((socket, address)) => {
                    let (router, options) = (Arc::clone(&self.router), Arc::clone(&self.options));
                    tokio::spawn(connection::serve(socket, address, router, options));
                }
                // Too many files are open, say: better later than never.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    }
}
