//! Options of sockets and transports.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nats_proto::session::Tls;

use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::transport::ByScheme;
use crate::transport::Connector;
use crate::transport::Custom;
use crate::transport::Target;
use crate::transport::Transport;
use crate::transport::dial::Dialer;
#[cfg(feature = "proxy")]
use crate::transport::proxy::Proxied;
use crate::transport::tcp::Tcp;
#[cfg(feature = "websocket")]
use crate::transport::websocket::WebSocketOptions;

/// # Transport
impl ConnectOptions {
    /// Opens connections with `open` instead of TCP: through a tunnel, in memory, with options set
    /// on the socket. TLS and WebSocket come on top of it where the address or the server wants
    /// them.
    ///
    /// ```
    /// # async fn example() -> Result<(), nats_tokio::ConnectError> {
    /// use nats_tokio::ConnectOptions;
    /// use tokio::net::UnixStream;
    ///
    /// let client = ConnectOptions::new()
    ///     .connector(|_target| UnixStream::connect("/run/nats.sock"))
    ///     .connect("nats://local")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn connector<F, O, T>(mut self, open: F) -> Self
    where
        F: Fn(Target) -> O + Send + Sync + 'static,
        O: Future<Output = io::Result<T>> + Send + 'static,
        T: Transport,
    {
        self.connector = Some(Arc::new(Custom(open)));
        self
    }

    /// Opens connections as these options want them. Takes what only the driver needs.
    pub(crate) fn dialer(&mut self) -> Result<Dialer, ConnectError> {
        let connector = self.connector.take().unwrap_or_else(|| self.by_scheme());
        #[cfg(feature = "proxy")]
        let connector: Arc<dyn Connector> = match self.proxy.take() {
            None => connector,
            Some(Ok(proxy)) => Arc::new(Proxied { proxy, connector }),
            Some(Err(error)) => return Err(ConnectError::InvalidProxy(error)),
        };
        Ok(Dialer {
            connector,
            tls: std::mem::take(&mut self.tls),
            demands_tls: self.config.tls != Tls::Auto,
            #[cfg(feature = "websocket")]
            websocket: WebSocketOptions::new(&self.websocket_headers, self.max_message)?,
        })
    }

    fn by_scheme(&self) -> Arc<dyn Connector> {
        let (timeout, retain_servers_order) =
            (self.config.connect_timeout, self.config.retain_servers_order);
        let tcp = Tcp { timeout, retain_servers_order, socket: self.socket };
        Arc::new(ByScheme { tcp })
    }
}

/// # Sockets
///
/// What is set on TCP sockets. A [`connector`](ConnectOptions::connector) has sockets of its
/// own, which this does not concern.
impl ConnectOptions {
    /// Lets the operating system find out about a dead peer: it probes a connection on which nothing
    /// came for that long, and ends it if there is no answer. How often it probes is up to the system.
    /// Rounded up to a second; the least is one. Default off: PINGs do the same, see
    /// [`ping_interval`](Self::ping_interval).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// // A firewall in between forgets connections after five minutes of silence.
    /// let options = nats_tokio::ConnectOptions::new().tcp_keepalive(Duration::from_secs(60));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn tcp_keepalive(mut self, idle: Duration) -> Self {
        self.socket.keepalive = Some(idle);
        self
    }

    /// Connects from this address, one of this machine's: where it has several, that decides through
    /// which network. Port zero is any. Default whatever the operating system chooses.
    ///
    /// Addresses of a server that are IPv4 where this one is IPv6, or the other way round, cannot be
    /// connected to. With a port, a connection that was lost may keep it busy for a minute or two.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// let local = (Ipv4Addr::new(10, 0, 0, 7), 0);
    /// let options = nats_tokio::ConnectOptions::new().local_address(local);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn local_address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.socket.local_address = Some(address.into());
        self
    }
}
