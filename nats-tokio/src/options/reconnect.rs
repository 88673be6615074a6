//! Options for reconnecting.

use std::sync::Arc;
use std::time::Duration;

use nats_proto::session::Backoff;

use crate::options::ConnectOptions;
use crate::options::limits::ReconnectBuffer;
use crate::server_info::ServerInfo;

/// A server that might be connected to next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolServer {
    /// Its address, without credentials.
    pub server: String,
    /// How many attempts in a row to connect to it have failed, or led to a connection that was lost
    /// within 10 s.
    pub failures: u32,
    /// Whether another server announced it.
    pub is_discovered: bool,
}

type Delay = dyn Fn(u32) -> Duration + Send + Sync;
type Choice = dyn Fn(&[PoolServer], &ServerInfo) -> Option<(usize, Duration)> + Send + Sync;

/// The application's own word on when and where to connect again.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) delay: Option<Arc<Delay>>,
    pub(crate) choice: Option<Arc<Choice>>,
}

impl ConnectOptions {
    /// Closes the client when its connection is lost, instead of making another one.
    #[must_use]
    pub const fn no_reconnect(mut self) -> Self {
        self.config.reconnect = false;
        self
    }

    /// Goes on trying when no server can be reached at first:
    /// [`connect`](Self::connect) returns a client that connects in the background, as after a
    /// lost connection. Default off: each server is tried once.
    ///
    /// ```no_run
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Back at once, though nothing may listen there yet.
    /// let client = nats_tokio::ConnectOptions::new().retry_on_initial_connect().connect("127.0.0.1").await?;
    /// client.publish("service.started", "").await?; // kept until there is a connection
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn retry_on_initial_connect(mut self) -> Self {
        self.config.retry_on_initial_connect = true;
        self
    }

    /// How long to wait between two attempts at the same server, and at least 20 ms. Another server
    /// is tried at once, and so is one that kept a connection for longer than that: with several
    /// servers there is one wait for each round of them. Default 2 s, and at random up to 100 ms
    /// more, or 1 s with TLS.
    ///
    /// An exponential back-off grows with each failure in a row. A connection that was lost within
    /// 10 s is one of them: a server that lets us in and drops us is not hammered.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use nats_tokio::Backoff;
    ///
    /// let (min, max) = (Duration::from_millis(100), Duration::from_secs(30));
    /// let options = nats_tokio::ConnectOptions::new().backoff(Backoff::Exponential { min, max });
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.config.backoff = backoff;
        self
    }

    /// Asks `delay`, in place of the [back-off](Self::backoff), how long to wait before a server is
    /// tried again. It is asked once for every attempt that failed and every connection that was
    /// lost, and told how many of these there were in a row at this server: zero behind a connection
    /// that has lasted for 10 s or more. The answer counts from then on, and as at least 20 ms.
    ///
    /// Servers that are not waited for are tried at once: with several there is one wait for each
    /// round of them. Should not give everybody the same answer, lest all come back at once.
    ///
    /// `delay` must be quick, and must not use the client.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let options = nats_tokio::ConnectOptions::new()
    ///     .reconnect_delay_callback(|failures| Duration::from_millis(250 * u64::from(failures.min(40))));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn reconnect_delay_callback(
        mut self,
        delay: impl Fn(u32) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.hooks.delay = Some(Arc::new(delay));
        self
    }

    /// Asks `choose` before each attempt which of the candidates to try, and after how long;
    /// `None` leaves that to the client. The client's own choice is the first one. What the last
    /// server said about itself is there to look at, too. A server that has just failed is tried
    /// no sooner than after 20 ms.
    ///
    /// `choose` must be quick, and must not use the client.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let options = nats_tokio::ConnectOptions::new().reconnect_to_server_callback(|candidates, _info| {
    ///     let near = candidates.iter().position(|server| server.server.contains("eu-"))?;
    ///     Some((near, Duration::ZERO))
    /// });
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn reconnect_to_server_callback(
        mut self,
        choose: impl Fn(&[PoolServer], &ServerInfo) -> Option<(usize, Duration)> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.choice = Some(Arc::new(choose));
        self
    }

    /// After how many failed attempts in a row a server is given up; `None` is never, and zero is
    /// one. When none is left, the client is closed. A server that was given up comes back if another
    /// one announces it. A log-in is the end of a row, however soon the connection is lost. Before the
    /// first connection it counts with [`retry_on_initial_connect`](Self::retry_on_initial_connect); without,
    /// each server is tried once anyway. Default 60.
    ///
    /// ```
    /// // Goes on forever.
    /// let options = nats_tokio::ConnectOptions::new().max_reconnects(None);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn max_reconnects(mut self, count: Option<u32>) -> Self {
        self.config.max_reconnects = count;
        self
    }

    /// Goes on with a server that refuses the credentials for the same reason twice, instead of
    /// giving it up. Default off.
    #[must_use]
    pub const fn ignore_auth_error_abort(mut self) -> Self {
        self.config.ignore_auth_error_abort = true;
        self
    }

    /// Connects to no servers but those given, whatever others there are in the cluster. Default
    /// off.
    #[must_use]
    pub const fn ignore_discovered_servers(mut self) -> Self {
        self.config.ignore_discovered_servers = true;
        self
    }

    /// Within what time, at random, to move to another server when one is about to shut down;
    /// `None` is to wait until it closes the connection. Moving loses nothing: messages that are on
    /// their way come first. Default 5 s.
    #[must_use]
    pub const fn lame_duck_jitter(mut self, time: Option<Duration>) -> Self {
        self.config.lame_duck_jitter = time;
        self
    }

    /// How much of what is published while there is no connection is kept for the next one; when
    /// that is full, publishing fails with
    /// [`PublishError::Disconnected`](crate::PublishError::Disconnected). Default 8 MiB.
    ///
    /// ```
    /// use nats_tokio::ReconnectBuffer;
    ///
    /// let small = ReconnectBuffer::DEFAULT.messages(100);
    /// let options = nats_tokio::ConnectOptions::new().reconnect_buffer(small);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn reconnect_buffer(mut self, buffer: ReconnectBuffer) -> Self {
        self.reconnect_buffer = buffer;
        self
    }

    /// Waits for the next connection where publishing would fail because the
    /// [buffer](Self::reconnect_buffer) is full. Default off.
    #[must_use]
    pub const fn wait_for_connection(mut self) -> Self {
        self.wait_for_connection = true;
        self
    }

    /// Lets a request whose connection is lost wait for its reply all the same: the responder may
    /// still answer, to the next connection. Default off: it fails at once with
    /// [`RequestError::Disconnected`](crate::RequestError::Disconnected).
    #[must_use]
    pub const fn keep_requests_on_disconnect(mut self) -> Self {
        self.keep_requests_on_disconnect = true;
        self
    }
}
