//! The servers to choose from.

use crate::auth::UrlCredentials;
use crate::client::Client;
use crate::error::ConnectError;
use crate::options::reconnect::PoolServer;
use crate::options::servers::IntoServers;
use crate::options::servers::parse_servers;
use crate::sync::lock;

impl Client {
    /// Leaves the connection and makes another one, to any of the servers. Does not wait for it;
    /// what was published and not yet sent comes with it.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// // The credentials were renewed: log in with them before the old ones expire.
    /// client.force_reconnect();
    /// # Ok(())
    /// # }
    /// ```
    pub fn force_reconnect(&self) {
        let shared = &self.handle.shared;
        let mut control = lock(&shared.control);
        let now = shared.now();
        if let Some(event) = control.session.force_reconnect(now) {
            shared.apply(&mut control, &event);
        }
        control.wake_driver();
    }

    /// Exchanges the servers to choose from. The connection there is stays as long as it lasts.
    ///
    /// Empty addresses are left out; one empty text, and nothing else, is `nats://localhost:4222`.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.set_server_pool(["nats://c.example", "nats://d.example"])?;
    /// client.force_reconnect(); // moves to one of them now
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError::InvalidUrl`], [`ConnectError::NoServers`] or
    /// [`ConnectError::WebSocketUnsupported`], and nothing changes.
    pub fn set_server_pool(&self, servers: impl IntoServers) -> Result<(), ConnectError> {
        let servers = servers.into_servers();
        let servers = parse_servers(&servers)?;
        let shared = &self.handle.shared;
        let mut control = lock(&shared.control);
        control.url_credentials = UrlCredentials::new(&servers);
        control.session.remove_servers();
        for server in &servers {
            control
                .session
                .add_server(&server.without_user_info())
                .map_err(|_| ConnectError::TooManyServers)?;
        }
        control.note_servers();
        Ok(())
    }

    /// The servers to choose from, the one that is connected to first.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// for server in client.server_pool() {
    ///     println!("{}: {} failures", server.server, server.failures);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn server_pool(&self) -> Vec<PoolServer> {
        lock(&self.handle.shared.control).candidates().collect()
    }
}
