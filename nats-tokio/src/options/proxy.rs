//! Proxies.

use crate::options::ConnectOptions;
use crate::transport::proxy::Proxy;

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
    /// A malformed address is [`ConnectError::InvalidProxy`](crate::ConnectError::InvalidProxy) when connecting, before anything is
    /// sent. If the proxy fails, that is [`ConnectError::Unreachable`](crate::ConnectError::Unreachable) with a [`ProxyError`](crate::ProxyError) inside,
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
