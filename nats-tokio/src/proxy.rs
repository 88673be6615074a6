//! Connections through a proxy.

mod address;
mod error;
mod http;
mod socks;

use std::sync::Arc;

use nats_proto::Scheme;

use self::address::Protocol;
pub(crate) use self::address::Proxy;
pub use self::address::ProxyUrlError;
pub use self::error::ProxyError;
use crate::connector::Connector;
use crate::connector::Opening;
use crate::connector::Target;
use crate::error::ConnectError;
use crate::options::ConnectOptions;

/// Proxies, with the feature `proxy`. See the [crate's documentation](crate#proxies).
impl ConnectOptions {
    /// Connects to every server through this proxy: `http://user:password@host:3128`, which is asked
    /// with HTTP's CONNECT, or `socks5://user:password@host:1080`. Default none; the environment is
    /// not looked at.
    ///
    /// Without a port it is 80 or 1080. What is special in credentials is escaped with `%`, as in a
    /// server's address. The proxy looks the server's name up, not this machine (others write
    /// `socks5h://` for that, which is the same here). TLS and WebSocket are spoken with the server,
    /// through the proxy. All of it has to be done within the
    /// [`connect_timeout`](Self::connect_timeout).
    ///
    /// The proxy's own address is looked up and connected to as a server's would be:
    /// [`tcp_keepalive`](Self::tcp_keepalive) and [`local_address`](Self::local_address) count, and a
    /// [`connector`](Self::connector) is given the proxy as its target.
    /// [`connect_stream`](Self::connect_stream) has its stream, and uses no proxy.
    ///
    /// A malformed address is [`ConnectError::InvalidProxy`] when connecting, before anything is
    /// sent. If the proxy fails, that is [`ConnectError::Unreachable`] with a [`ProxyError`] inside,
    /// and the next attempt asks it again.
    ///
    /// ```
    /// let options = nats_tokio::ConnectOptions::new().proxy("socks5://127.0.0.1:9050");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        self.proxy = Some(Proxy::new(url.as_ref()));
        self
    }
}

/// The proxy of the options, if there is one, in front of what `connector` opens.
pub(crate) fn through(
    options: &ConnectOptions,
    connector: Arc<dyn Connector>,
) -> Result<Arc<dyn Connector>, ConnectError> {
    match &options.proxy {
        None => Ok(connector),
        Some(Ok(proxy)) => Ok(Arc::new(Proxied { proxy: proxy.clone(), connector })),
        Some(Err(error)) => Err(ConnectError::InvalidProxy(*error)),
    }
}

/// Servers behind a proxy.
struct Proxied {
    proxy: Proxy,
    /// Opens connections to the proxy.
    connector: Arc<dyn Connector>,
}

impl Connector for Proxied {
    fn open(&self, target: Target) -> Opening {
        let proxy = self.proxy.clone();
        let opening = self.connector.open(Target {
            scheme: Scheme::Nats,
            host: proxy.host.clone(),
            port: proxy.port,
            path: String::new(),
        });
        Box::pin(async move {
            let stream = opening.await.map_err(ProxyError::Unreachable)?;
            // A zone is an interface of this machine.
            let host = target.host.split('%').next().unwrap_or_default();
            let credentials = proxy.credentials.as_deref();
            match proxy.protocol {
                Protocol::Http => Ok(http::tunnel(stream, host, target.port, credentials).await?),
                Protocol::Socks5 => {
                    Ok(socks::tunnel(stream, host, target.port, credentials).await?)
                }
            }
        })
    }
}
