//! The configuration of a session.

use crate::setters::setters;
use core::time::Duration;

/// How a [`Session`](super::Session) behaves. Every field has a default, and a method of its own
/// that sets it. Times are rounded up to whole milliseconds; 49 days and more never end.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::session::Config;
///
/// const CONFIG: Config = Config::DEFAULT.connect_timeout(Duration::from_secs(5)).reconnect(false);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// How long connecting to one server may take, from dialling to the first PONG. Default 2 s.
    pub connect_timeout: Duration,
    /// How often to make sure that the server is alive; zero is never. Default 2 min.
    pub ping_interval: Duration,
    /// How many of these PINGs may go unanswered before the connection is taken for dead. Default
    /// 2.
    pub max_pings_out: u8,
    /// How long draining the connection may take. Default 30 s.
    pub drain_timeout: Duration,
    /// How long [`close`](super::Session::close) may take, unless it is part of draining. Default
    /// 10 s.
    pub flush_timeout: Duration,
    /// When to use TLS. Default: if the server's address or the server itself says so.
    pub tls: Tls,
    /// Whether to connect to the servers in the order in which they were added, instead of a
    /// random one. Default false.
    pub retain_servers_order: bool,
    /// Whether to connect again when a connection is lost. Default true.
    pub reconnect: bool,
    /// Whether to go on when no server can be reached at first, as after a lost connection.
    /// Default false: each server is tried once.
    pub retry_on_initial_connect: bool,
    /// How long to wait between two attempts at the same server. Default [`Backoff::DEFAULT`].
    pub backoff: Backoff,
    /// After how many failed attempts in a row a server is given up; `None` is never, and zero is
    /// one. A login is the end of a row, however soon the connection is lost. Before the first
    /// connection it counts with [`retry_on_initial_connect`](Self::retry_on_initial_connect); without, each server is tried
    /// once anyway. Default 60.
    pub max_reconnects: Option<u32>,
    /// Whether to go on with a server that has refused the credentials twice for the same reason.
    /// Default false: it is given up.
    pub ignore_auth_error_abort: bool,
    /// Whether to skip the servers that a server announces. Default false.
    pub ignore_discovered_servers: bool,
    /// Within what time to move to another server, if there is one, when a server is about to shut
    /// down; `None` is to wait for the end. Default 5 s: nats-server gives 10 s before it closes
    /// connections (`lame_duck_grace_period`).
    pub lame_duck_jitter: Option<Duration>,
    /// The longest control line that servers take, in bytes without the line end. Default 4096,
    /// nats-server's.
    pub max_control_line: usize,
}

/// How long a connection has to last, from the login on, until the failures before it are forgotten:
/// 10 s.
pub const STABLE_AFTER: Duration = Duration::from_secs(10);

/// When to use TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Tls {
    /// If the scheme is `tls` or `wss`, or the server insists.
    #[default]
    Auto,
    /// Always, after INFO. A server that does not offer it, or a `ws` address, is not connected to.
    Required,
    /// Always, before INFO (nats-server's `handshake_first`). A `ws` address is not connected to.
    First,
}

/// How long to wait between two attempts at the same server, counted from the start of the first
/// one, and at least 20 ms. A server that was not tried yet, or that kept a connection for longer
/// than that, is tried at once; one that another server announced, no sooner than that one. So with
/// several servers there is one wait for each round of them.
///
/// A failure is an attempt that failed, and also a connection that was lost within [`STABLE_AFTER`]: a
/// server that accepts the connection and drops it is no better than one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Backoff {
    /// Always the same time.
    Fixed {
        /// The least.
        wait: Duration,
        /// Up to how much more, at random: so that not everybody comes back at once.
        jitter: Duration,
        /// The same for connections over TLS, which cost a server more.
        jitter_tls: Duration,
    },
    /// Twice the time after each failure in a row, less up to a half at random.
    Exponential {
        /// The time after the first failure.
        min: Duration,
        /// The longest time.
        max: Duration,
    },
}

impl Backoff {
    /// 2 s, and up to 100 ms more, or 1 s with TLS: what nats.go does.
    pub const DEFAULT: Self = Self::Fixed {
        wait: Duration::from_secs(2),
        jitter: Duration::from_millis(100),
        jitter_tls: Duration::from_secs(1),
    };
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Config {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        connect_timeout: Duration::from_secs(2),
        ping_interval: Duration::from_secs(120),
        max_pings_out: 2,
        drain_timeout: Duration::from_secs(30),
        flush_timeout: Duration::from_secs(10),
        tls: Tls::Auto,
        retain_servers_order: false,
        reconnect: true,
        retry_on_initial_connect: false,
        backoff: Backoff::DEFAULT,
        max_reconnects: Some(60),
        ignore_auth_error_abort: false,
        ignore_discovered_servers: false,
        lame_duck_jitter: Some(Duration::from_secs(5)),
        max_control_line: 4096,
    };
}

impl Config {
    setters! {
        connect_timeout: Duration,
        ping_interval: Duration,
        max_pings_out: u8,
        drain_timeout: Duration,
        flush_timeout: Duration,
        tls: Tls,
        retain_servers_order: bool,
        reconnect: bool,
        retry_on_initial_connect: bool,
        backoff: Backoff,
        max_reconnects: Option<u32>,
        ignore_auth_error_abort: bool,
        ignore_discovered_servers: bool,
        lame_duck_jitter: Option<Duration>,
        max_control_line: usize,
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
