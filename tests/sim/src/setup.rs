//! The setup of a simulated history.

use std::time::Duration;

use nats_proto::session::Backoff;
use nats_proto::session::Config;

use crate::flaw::Flaw;
use crate::rng::Rng;

/// What a life begins with.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// What all chance comes from.
    pub seed: u64,
    /// How the session behaves.
    pub config: Config,
    /// How many servers the application names.
    pub servers: usize,
    /// Whether servers differ, and links are odd.
    pub variety: bool,
    /// How much room the driver has for what it sends, in bytes.
    pub room: usize,
    /// What is wrong.
    pub flaw: Option<Flaw>,
    /// Whether to say on standard error what happens.
    pub trace: bool,
}

impl Setup {
    /// Nothing out of the ordinary, and two servers.
    #[must_use]
    pub const fn plain(seed: u64) -> Self {
        Self {
            seed,
            config: Config::DEFAULT.ping_interval(PING_INTERVAL),
            servers: 2,
            variety: false,
            room: 4096,
            flaw: None,
            trace: false,
        }
    }

    /// Anything.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let exponential =
            Backoff::Exponential { min: Duration::from_millis(100), max: Duration::from_secs(8) };
        let config = Config::DEFAULT
            .ping_interval(PING_INTERVAL)
            .retain_servers_order(rng.percent(30))
            .reconnect(!rng.percent(3))
            .retry_on_initial_connect(rng.percent(70))
            .backoff(if rng.percent(30) { exponential } else { Backoff::DEFAULT })
            .max_reconnects(rng.percent(20).then_some(3))
            .ignore_auth_error_abort(rng.percent(70))
            .ignore_discovered_servers(rng.percent(20))
            .lame_duck_jitter((!rng.percent(20)).then_some(Duration::from_secs(5)));
        let rooms = [16, 24, 40, 100, 500, 4096];
        Self {
            seed: rng.next(),
            config,
            servers: 1 + rng.index(3),
            variety: rng.percent(60),
            room: rooms.get(rng.index(rooms.len())).copied().unwrap_or(4096),
            flaw: None,
            trace: false,
        }
    }
}

const PING_INTERVAL: Duration = Duration::from_secs(10);
