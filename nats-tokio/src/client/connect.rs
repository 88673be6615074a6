//! Making a client.

use std::sync::Arc;
use std::sync::Mutex;

use nats_proto::Inbox;
use nats_proto::RngSeed;
use nats_proto::Subject;
use nats_proto::session::Session;

use crate::auth::UrlCredentials;
use crate::client::Client;
use crate::driver::Driver;
use crate::entropy::entropy;
use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::options::servers::IntoServers;
use crate::options::servers::parse_servers;
use crate::state::handle::Handle;
use crate::state::requests::MAX_INBOX;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::transport::Ready;
use crate::transport::Transport;

/// Connects to one of `servers` with the default [options](ConnectOptions).
///
/// Addresses may leave out the scheme and the port, and may be several in a list:
/// `nats://user:password@a.example:4222,b.example`. A comma in a password is written `%2C`. Empty
/// addresses are left out; one empty text, and nothing else, is `nats://localhost:4222`.
///
/// # Errors
///
/// [`ConnectError`] if no server accepts the connection. [`failures`](ConnectError::failures) lists all of them.
///
/// # Cancel safety
///
/// Dropping the future closes what it opened.
pub async fn connect(servers: impl IntoServers) -> Result<Client, ConnectError> {
    ConnectOptions::new().connect(servers).await
}

/// # Connecting
impl ConnectOptions {
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
    /// [`ConnectError`] if the options are inconsistent, or no server accepts the connection. Each is tried once;
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
    /// instead: the name to expect in the certificate is unknown here, and it is `stream`.
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

impl Client {
    pub(crate) async fn connect(
        options: ConnectOptions,
        servers: &[String],
    ) -> Result<Self, ConnectError> {
        let retries = options.config.retry_on_initial_connect;
        let client = Self::start(options, servers)?;
        client
            .wait_for(|control| {
                if let Some(stop) = control.stopped() {
                    return Some(Err(control.connect_error(stop)));
                }
                // There may have been one that is lost already.
                let has_begun = control.session.was_connected() || (retries && control.has_failed);
                has_begun.then_some(Ok(()))
            })
            .await?;
        Ok(client)
    }

    /// Spawns the driver, which connects.
    fn start(mut options: ConnectOptions, servers: &[String]) -> Result<Self, ConnectError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let servers = parse_servers(servers)?;
        let auth = options.take_auth().map_err(ConnectError::InvalidCredentials)?;
        let dialer = options.dialer()?;
        let mut session = Session::new(options.config, RngSeed(entropy()?));
        for server in &servers {
            session
                .add_server(&server.without_user_info())
                .map_err(|_| ConnectError::TooManyServers)?;
        }
        let prefix =
            Subject::new(&options.inbox_prefix).map_err(ConnectError::InvalidInboxPrefix)?;
        let inbox = Inbox::new(prefix, RngSeed(entropy()?))
            .ok()
            .filter(|inbox: &Inbox<Vec<u8>>| inbox.filter().as_str().len() + 11 <= MAX_INBOX)
            .ok_or(ConnectError::InboxPrefixTooLong)?;
        let hooks = std::mem::take(&mut options.hooks);
        let shared = Arc::new(Shared::new(session, options, inbox, runtime.clone()));
        {
            let mut control = lock(&shared.control);
            control.url_credentials = UrlCredentials::new(&servers);
            control.session.connect(shared.now());
        }
        let driver = Driver::new(Arc::clone(&shared), dialer, auth, hooks);
        runtime.spawn(driver.run());
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }
}
