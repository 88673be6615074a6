//! Transports: how a connection is opened.

pub(crate) mod dial;
#[cfg(feature = "proxy")]
pub(crate) mod proxy;
pub(crate) mod socket;
pub(crate) mod tcp;
pub(crate) mod tls;
#[cfg(feature = "websocket")]
pub(crate) mod websocket;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;

use nats_proto::Scheme;
use nats_proto::ServerUrl;
use nats_proto::session::DisconnectReason;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use crate::sync::lock;

use self::tcp::Tcp;

/// A stream of bytes in both directions that a client can talk NATS over.
///
/// Whatever is `AsyncRead` and `AsyncWrite` is one: a socket, a pipe in memory, a tunnel.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

/// A server to connect to.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The scheme of the URL.
    pub scheme: Scheme,
    /// The host's name or address, an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What follows the port, slash included: a WebSocket's path. There may be a secret in it,
    /// behind a `?`.
    pub path: String,
}

impl Target {
    pub(crate) fn new(url: &ServerUrl<'_>) -> Self {
        Self {
            scheme: url.scheme(),
            host: url.host().to_owned(),
            port: url.port(),
            path: url.path().to_owned(),
        }
    }
}

impl fmt::Debug for Target {
    /// Without what stands behind `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split(['?', '#']).next();
        f.debug_struct("Target")
            .field("scheme", &self.scheme)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &path.unwrap_or_default())
            .finish()
    }
}

pub(crate) type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Transport>>> + Send>>;

/// Opens connections.
pub(crate) trait Connector: Send + Sync {
    fn open(&self, target: Target) -> Opening;
}

/// The connection was not made, or does not work any more.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) DisconnectReason, pub(crate) Option<io::Error>);

pub(crate) type Dialing = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, Broken>> + Send>>;

/// The transports that the crate has, by the scheme of the address. One that is not TCP has its row here.
pub(crate) struct ByScheme {
    pub(crate) tcp: Tcp,
}

impl Connector for ByScheme {
    fn open(&self, target: Target) -> Opening {
        match target.scheme {
            Scheme::Nats | Scheme::Tls | Scheme::Ws | Scheme::Wss => self.tcp.open(target),
        }
    }
}

/// A way of the application's own.
pub(crate) struct Custom<F>(pub(crate) F);

impl<F, O, T> Connector for Custom<F>
where
    F: Fn(Target) -> O + Send + Sync,
    O: Future<Output = io::Result<T>> + Send + 'static,
    T: Transport,
{
    fn open(&self, target: Target) -> Opening {
        let opening = (self.0)(target);
        Box::pin(async move { Ok(Box::new(opening.await?) as Box<dyn Transport>) })
    }
}

/// A stream that is there already, for one connection.
pub(crate) struct Ready(pub(crate) Mutex<Option<Box<dyn Transport>>>);

impl Connector for Ready {
    fn open(&self, _: Target) -> Opening {
        let stream = lock(&self.0).take();
        Box::pin(async move { stream.ok_or_else(|| io::ErrorKind::NotConnected.into()) })
    }
}
