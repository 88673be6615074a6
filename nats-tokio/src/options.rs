//! Connect options.

#[cfg(test)]
mod tests;

pub(crate) mod auth;
pub(crate) mod limits;
#[cfg(feature = "proxy")]
mod proxy;
pub(crate) mod reconnect;
pub(crate) mod servers;
#[cfg(feature = "tls")]
mod tls;
mod transport;
#[cfg(feature = "websocket")]
mod websocket;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nats_proto::session::Config;

use crate::auth::Auth;
use crate::auth::Source;
#[cfg(feature = "proxy")]
use crate::error::ProxyUrlError;
use crate::options::limits::PendingLimits;
use crate::options::limits::ReconnectBuffer;
use crate::options::reconnect::Hooks;
use crate::transport::Connector;
#[cfg(feature = "proxy")]
use crate::transport::proxy::Proxy;
use crate::transport::socket::SocketOptions;
use crate::transport::tls::TlsOptions;

/// How to connect, and how the connection behaves. Everything has a default.
///
/// ```no_run
/// # async fn example() -> Result<(), nats_tokio::ConnectError> {
/// use std::time::Duration;
/// use nats_tokio::ConnectOptions;
///
/// let client = ConnectOptions::new()
///     .name("sensor hub")
///     .user_and_password("hub", "s3cret")
///     .request_timeout(Duration::from_secs(2))
///     .connect("nats://a.example:4222,nats://b.example")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConnectOptions {
    pub(crate) config: Config,
    pub(crate) name: Option<String>,
    pub(crate) auth: Source,
    pub(crate) echo: bool,
    pub(crate) pedantic: bool,
    pub(crate) inbox_prefix: String,
    pub(crate) request_timeout: Duration,
    pub(crate) max_requests: usize,
    pub(crate) pending_limits: PendingLimits,
    pub(crate) send_buffer: usize,
    pub(crate) reconnect_buffer: ReconnectBuffer,
    pub(crate) wait_for_connection: bool,
    pub(crate) keep_requests_on_disconnect: bool,
    pub(crate) hooks: Hooks,
    pub(crate) max_message: Option<usize>,
    pub(crate) socket: SocketOptions,
    pub(crate) tls: TlsOptions,
    #[cfg(feature = "websocket")]
    pub(crate) websocket_headers: Vec<(String, String)>,
    #[cfg(feature = "proxy")]
    pub(crate) proxy: Option<Result<Proxy, ProxyUrlError>>,
    /// TCP, if there is none.
    pub(crate) connector: Option<Arc<dyn Connector>>,
}

impl ConnectOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: Config::DEFAULT,
            name: None,
            auth: Source::Fixed(Auth::none()),
            echo: true,
            pedantic: false,
            inbox_prefix: "_INBOX".to_owned(),
            request_timeout: Duration::from_secs(10),
            max_requests: 65_536,
            pending_limits: PendingLimits::DEFAULT,
            send_buffer: 256 * 1024,
            reconnect_buffer: ReconnectBuffer::DEFAULT,
            wait_for_connection: false,
            keep_requests_on_disconnect: false,
            hooks: Hooks::default(),
            max_message: None,
            socket: SocketOptions::default(),
            tls: TlsOptions::default(),
            #[cfg(feature = "websocket")]
            websocket_headers: Vec::new(),
            #[cfg(feature = "proxy")]
            proxy: None,
            connector: None,
        }
    }

    /// The connection's name, which the server shows when it is monitored. Default none.
    ///
    /// ```
    /// let options = nats_tokio::ConnectOptions::new().name("billing-7");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Keeps the server from delivering this client's messages to its own subscriptions. Default
    /// off.
    ///
    /// ```no_run
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = nats_tokio::ConnectOptions::new().no_echo().connect("127.0.0.1").await?;
    /// let mut others = client.subscribe("chat").await?;
    /// client.publish("chat", "hello").await?; // `others` does not get this one
    /// # let _ = others.try_next();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn no_echo(mut self) -> Self {
        self.echo = false;
        self
    }

    /// Lets the server check subjects and options more strictly, and say what it finds as an
    /// [`Event::ServerError`](crate::Event::ServerError). The client checks subjects itself, so this
    /// is for those who test one. Default off.
    #[must_use]
    pub const fn pedantic(mut self) -> Self {
        self.pedantic = true;
        self
    }

    /// How long connecting to one server may take, from the look-up of its name to its first PONG.
    /// Default 2 s.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let options = nats_tokio::ConnectOptions::new().connect_timeout(Duration::from_secs(10));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long a request waits for its reply, unless it says otherwise itself. Default 10 s.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let options = nats_tokio::ConnectOptions::new().request_timeout(Duration::from_secs(2));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long [`Client::flush`](crate::Client::flush) and [`Client::close`](crate::Client::close) wait for the server. Default 10 s.
    #[must_use]
    pub const fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.config.flush_timeout = timeout;
        self
    }

    /// How long [`Client::drain`](crate::Client::drain) may take. Default 30 s.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let options = nats_tokio::ConnectOptions::new().drain_timeout(Duration::from_secs(25));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.config.drain_timeout = timeout;
        self
    }

    /// How often to make sure that the server is alive; zero is never. Default 2 min.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let options = nats_tokio::ConnectOptions::new().ping_interval(Duration::from_secs(20)).max_pings_out(3);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// How many such PINGs may go unanswered before the connection is taken for dead. Default 2.
    #[must_use]
    pub const fn max_pings_out(mut self, count: u8) -> Self {
        self.config.max_pings_out = count;
        self
    }

    /// Tries the servers in the order in which they were given, and the addresses of each in the
    /// resolver's, instead of a random one. Default off.
    #[must_use]
    pub const fn retain_servers_order(mut self) -> Self {
        self.config.retain_servers_order = true;
        self
    }

    /// What the subjects for replies begin with. Default `_INBOX`.
    ///
    /// ```
    /// let options = nats_tokio::ConnectOptions::new().inbox_prefix("_INBOX.billing");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ConnectOptions {
    /// Without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("config", &self.config)
            .field("name", &self.name)
            .field("echo", &self.echo)
            .field("pedantic", &self.pedantic)
            .field("socket", &self.socket)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("request_timeout", &self.request_timeout)
            .field("max_requests", &self.max_requests)
            .field("pending_limits", &self.pending_limits)
            .field("send_buffer", &self.send_buffer)
            .field("reconnect_buffer", &self.reconnect_buffer)
            .field("wait_for_connection", &self.wait_for_connection)
            .field("keep_requests_on_disconnect", &self.keep_requests_on_disconnect)
            .field("max_message", &self.max_message)
            .finish_non_exhaustive()
    }
}
