//! How to connect.

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_proto::ServerUrl;
use nats_proto::session::Config;

use crate::auth::Auth;
use crate::auth::Source;
use crate::client::Client;
use crate::connector::Connector;
use crate::connector::Custom;
use crate::connector::Ready;
use crate::connector::Target;
use crate::connector::Transport;
use crate::dialer::is_websocket;
use crate::error::ConnectError;
use crate::outbound::ReconnectBuffer;
use crate::pending::PendingLimits;
#[cfg(feature = "proxy")]
use crate::proxy::Proxy;
#[cfg(feature = "proxy")]
use crate::proxy::ProxyUrlError;
use crate::reconnect::Hooks;
use crate::socket::SocketOptions;
use crate::tls::TlsOptions;

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
    pub(crate) waits_for_connection: bool,
    pub(crate) requests_wait: bool,
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
            waits_for_connection: false,
            requests_wait: false,
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

    /// How long [`Client::flush`] and [`Client::close`] wait for the server. Default 10 s.
    #[must_use]
    pub const fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.config.flush_timeout = timeout;
        self
    }

    /// How long [`Client::drain`] may take. Default 30 s.
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
    pub const fn keep_server_order(mut self) -> Self {
        self.config.keep_order = true;
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

    /// How many requests may be in flight at once; one more is an error. Default 65,536, at most
    /// 16 million.
    #[must_use]
    pub const fn max_requests(mut self, count: usize) -> Self {
        self.max_requests = count;
        self
    }

    /// How much may wait for a subscriber, unless it says otherwise itself, before messages to it
    /// are dropped. Default 500,000 messages and 64 MiB.
    ///
    /// ```
    /// use nats_tokio::Overflow;
    /// use nats_tokio::PendingLimits;
    ///
    /// let limits = PendingLimits { messages: 1_000, overflow: Overflow::DropOldest, ..PendingLimits::DEFAULT };
    /// let options = nats_tokio::ConnectOptions::new().pending_limits(limits);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn pending_limits(mut self, limits: PendingLimits) -> Self {
        self.pending_limits = limits;
        self
    }

    /// How many bytes may wait to be written before publishing has to wait. One message fits
    /// always, whatever its length. Default 256 KiB.
    ///
    /// ```
    /// let options = nats_tokio::ConnectOptions::new().send_buffer(4 * 1024 * 1024);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// The longest message that is taken, in bytes on the wire: control line, headers, payload and
    /// line ends. A longer one is passed over, reported as
    /// [`Event::Oversized`](crate::Event::Oversized), and counts as received.
    ///
    /// Default: headers and payload may be as long as the server says (`max_payload` in its INFO,
    /// 1 MiB unless it is set otherwise), and 64 MiB if it does not; a control line and headers that
    /// servers add have 65,000 bytes beside that. So memory is bounded by what the server says; with
    /// servers that are not trusted, say it yourself.
    #[must_use]
    pub const fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = Some(bytes);
        self
    }

    /// The longest control line that the server takes in bytes. Default 4096, nats-server's
    /// `max_control_line`.
    #[must_use]
    pub const fn max_control_line(mut self, bytes: usize) -> Self {
        self.config.max_control_line = bytes;
        self
    }

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

    /// Connects to one of `servers`. Empty addresses are left out; one empty text, and nothing else,
    /// is `nats://localhost:4222`.
    ///
    /// A runtime's task is spawned that reads and writes until the connection is closed, or the
    /// last [`Client`] and [`Subscriber`](crate::Subscriber) is gone.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), nats_tokio::ConnectError> {
    /// let client = nats_tokio::ConnectOptions::new()
    ///     .name("billing-7")
    ///     .connect(["nats://a.example", "nats://b.example"])
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the options do not make sense, or no server takes us. Each is tried once;
    /// if there are several, the error [tells](ConnectError::failures) of all of them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what it opened.
    pub async fn connect(self, servers: impl IntoServers) -> Result<Client, ConnectError> {
        let servers = servers.into_servers();
        Client::connect(self, &servers).await
    }

    /// Talks NATS over a stream that is open already. The client is closed with it.
    ///
    /// If there is to be TLS on it, use [`connector`](Self::connector) and the server's address
    /// instead: here nobody knows what name to expect in the certificate, and it is `stream`.
    ///
    /// ```no_run
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tunnel = tokio::net::TcpStream::connect("127.0.0.1:4222").await?;
    /// let client = nats_tokio::ConnectOptions::new().connect_stream(tunnel).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the options do not make sense, or the other end does not take us.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn connect_stream(mut self, stream: impl Transport) -> Result<Client, ConnectError> {
        #[cfg(feature = "proxy")]
        {
            // A malformed one is an error all the same.
            self.proxy = self.proxy.filter(Result::is_err);
        }
        self.connector = Some(Arc::new(Ready(Mutex::new(Some(Box::new(stream))))));
        self.config.reconnect = false;
        Client::connect(self, &["stream".to_owned()]).await
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
            .field("waits_for_connection", &self.waits_for_connection)
            .field("requests_wait", &self.requests_wait)
            .field("max_message", &self.max_message)
            .finish_non_exhaustive()
    }
}

/// Addresses of servers: one text, with commas between them, or several texts.
///
/// A comma in a password is written `%2C`, and `/`, `?`, `#` and `%` are `%2F`, `%3F`, `%23` and
/// `%25`: `nats://user:pa%2Css%2Fword@host`.
pub trait IntoServers {
    /// The addresses, each of which may still be a list.
    fn into_servers(self) -> Vec<String>;
}

impl IntoServers for &str {
    fn into_servers(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoServers for String {
    fn into_servers(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoServers for &String {
    fn into_servers(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<T: Into<String>> IntoServers for Vec<T> {
    fn into_servers(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: AsRef<str>> IntoServers for &[T] {
    fn into_servers(self) -> Vec<String> {
        self.iter().map(|text| text.as_ref().to_owned()).collect()
    }
}

impl<T: Into<String>, const N: usize> IntoServers for [T; N] {
    fn into_servers(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

/// Where a server is if nobody says otherwise.
const DEFAULT_SERVER: &str = "nats://localhost:4222";

/// All addresses in the lists, but for empty ones.
pub(crate) fn parse_servers(lists: &[String]) -> Result<Vec<ServerUrl<'_>>, ConnectError> {
    if let [list] = lists
        && list.trim().is_empty()
    {
        return ServerUrl::new(DEFAULT_SERVER)
            .map(|url| vec![url])
            .map_err(ConnectError::InvalidUrl);
    }
    let entries = lists.iter().flat_map(|list| list.split(','));
    let is_list = entries.clone().nth(1).is_some();
    let mut servers = Vec::new();
    for (number, entry) in (1..).zip(entries).filter(|(_, entry)| !entry.trim().is_empty()) {
        let url = ServerUrl::new(entry);
        let url = url.map_err(|error| if is_list { error.of_entry(number) } else { error });
        servers.push(url.map_err(ConnectError::InvalidUrl)?);
    }
    if servers.is_empty() {
        return Err(ConnectError::NoServers);
    }
    if !cfg!(feature = "websocket") && servers.iter().any(|url| is_websocket(url.scheme())) {
        return Err(ConnectError::WebSocketUnsupported);
    }
    Ok(servers)
}
