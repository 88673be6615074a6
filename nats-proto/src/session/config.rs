//! How a session behaves.

use core::time::Duration;

/// How a [`Session`](super::Session) behaves. All of it has a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// How long [`finish`](super::Session::finish) may take, unless it is part of draining. Default
    /// 10 s.
    pub flush_timeout: Duration,
    /// When to use TLS. Default: if the server's address or the server itself says so.
    pub tls: Tls,
    /// Whether to connect to the servers in the order in which they were added, instead of a
    /// random one. Default false.
    pub keep_order: bool,
    /// The longest control line that servers take, in bytes without the line end. Default 4096,
    /// nats-server's.
    pub max_control_line: usize,
}

/// When to use TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// If the scheme is `tls` or `wss`, or the server insists.
    #[default]
    Auto,
    /// Always, after INFO. A server that does not offer it, or a `ws` address, is not connected to.
    Required,
    /// Always, before INFO (nats-server's `handshake_first`). A `ws` address is not connected to.
    First,
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
        keep_order: false,
        max_control_line: 4096,
    };
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
