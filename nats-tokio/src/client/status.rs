//! Methods for the status of the connection and its server.

use tokio::sync::watch;

use crate::client::Client;
use crate::server_info::ServerInfo;
use crate::statistics::Statistics;
use crate::status::ConnectionStatus;
use crate::sync::lock;

impl Client {
    /// How the connection stands.
    #[must_use]
    pub fn status(&self) -> ConnectionStatus {
        lock(&self.handle.shared.control).status()
    }

    /// The state of the connection, now and whenever that changes. What changes back before a task
    /// looks is not seen; [`events`](Self::events) tell everything. Behind
    /// [`Closed`](ConnectionStatus::Closed) the channel ends: waiting for another status is an error
    /// then.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_tokio::ConnectionStatus;
    ///
    /// let mut status = client.watch_status();
    /// status.wait_for(|status| *status == ConnectionStatus::Connected).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<ConnectionStatus> {
        self.handle.shared.status.watch()
    }

    /// What the server said about itself last. Between two connections that is the last one that
    /// said anything.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let server = client.server_info();
    /// println!("{} {} at {}", server.server_name, server.version, server.address);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn server_info(&self) -> ServerInfo {
        lock(&self.handle.shared.control).server_info()
    }

    /// The longest headers and payload together in bytes that the server takes.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let report = vec![0; 2_000_000];
    /// for part in report.chunks(client.max_payload()) {
    ///     client.publish("report.part", part).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn max_payload(&self) -> usize {
        lock(&self.handle.shared.outbound).limits().payload
    }

    /// What went over the connection so far.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let statistics = client.statistics();
    /// println!("{} messages out, {} in", statistics.out_messages, statistics.in_messages);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let shared = &self.handle.shared;
        Statistics {
            out_messages: lock(&shared.outbound).all_messages(),
            ..shared.counters.statistics()
        }
    }
}
