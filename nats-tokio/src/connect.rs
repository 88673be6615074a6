//! Making a client.

use std::sync::Arc;

use nats_proto::Inbox;
use nats_proto::Seed;
use nats_proto::Subject;
use nats_proto::session::Session;

use crate::client::Client;
use crate::client::Handle;
use crate::dialer::Dialer;
use crate::driver::Driver;
use crate::error::ConnectError;
use crate::log::Log;
use crate::login::Login;
use crate::login::UrlCredentials;
use crate::options::ConnectOptions;
use crate::options::IntoServers;
use crate::options::parse_servers;
use crate::outbound::Outbound;
use crate::request::MAX_INBOX;
use crate::request::RequestTable;
use crate::shared::Settings;
use crate::shared::Shared;
use crate::sync::lock;

/// Connects to one of `servers` with the default [options](ConnectOptions).
///
/// Addresses may leave out the scheme and the port, and may be several in a list:
/// `nats://user:password@a.example:4222,b.example`. A comma in a password is written `%2C`. Empty
/// addresses are left out; one empty text, and nothing else, is `nats://localhost:4222`.
///
/// # Errors
///
/// [`ConnectError`] if no server takes us. It [tells](ConnectError::failures) of all of them.
///
/// # Cancel safety
///
/// Dropping the future closes what it opened.
pub async fn connect(servers: impl IntoServers) -> Result<Client, ConnectError> {
    ConnectOptions::new().connect(servers).await
}

impl Client {
    pub(crate) async fn connect(
        options: ConnectOptions,
        servers: &[String],
    ) -> Result<Self, ConnectError> {
        let retries = options.config.retry_first;
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
    fn start(options: ConnectOptions, servers: &[String]) -> Result<Self, ConnectError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let servers = parse_servers(servers)?;
        let login = Login::new(&options).map_err(ConnectError::InvalidCredentials)?;
        let dialer = Dialer::new(&options)?;
        let mut session = Session::new(options.config, Seed(entropy()?));
        for server in &servers {
            session.add_server(server).map_err(|_| ConnectError::TooManyServers)?;
        }
        let prefix =
            Subject::new(&options.inbox_prefix).map_err(ConnectError::InvalidInboxPrefix)?;
        let inbox = Inbox::new(prefix, Seed(entropy()?))
            .ok()
            .filter(|inbox: &Inbox<Vec<u8>>| inbox.filter().as_str().len() + 11 <= MAX_INBOX)
            .ok_or(ConnectError::InboxPrefixTooLong)?;
        let settings = Settings {
            request_timeout: options.request_timeout,
            flush_timeout: options.config.flush_timeout,
            pending_limits: options.pending_limits,
            inbox_prefix: options.inbox_prefix,
            waits_for_connection: options.waits_for_connection,
            requests_wait: options.requests_wait,
        };
        let outbound = Outbound::new(options.send_buffer, options.reconnect_buffer);
        let requests = RequestTable::new(options.max_requests);
        let log = Log::new(options.name.as_deref());
        let shared =
            Shared::new(session, outbound, requests, inbox, settings, runtime.clone(), log);
        let shared = Arc::new(shared);
        {
            let mut control = lock(&shared.control);
            control.url_credentials = UrlCredentials::new(&servers);
            control.session.connect(shared.now());
        }
        let driver =
            Driver::new(Arc::clone(&shared), dialer, login, options.hooks, options.max_message);
        runtime.spawn(driver.run());
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }
}

/// Sixteen random bytes.
pub(crate) fn entropy() -> Result<[u8; 16], ConnectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ConnectError::NoEntropy(error.into()))?;
    Ok(bytes)
}
