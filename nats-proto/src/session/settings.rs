//! A session's [`Config`], in less than half of its size.

use super::Backoff;
use super::Config;
use super::Tls;
use crate::rng::Rng;
use crate::time::Millis;

/// No server is tried again sooner, whatever the back-off.
pub(super) const MIN_DELAY: Millis = Millis(20);

/// What a session keeps of its [`Config`]: a [`Duration`](core::time::Duration) takes four times
/// what a number of milliseconds does.
pub(super) struct Settings {
    pub(super) connect_timeout: Millis,
    /// Zero is never.
    pub(super) ping_interval: Millis,
    pub(super) drain_timeout: Millis,
    pub(super) flush_timeout: Millis,
    pub(super) lame_duck_jitter: Option<Millis>,
    delays: Delays,
    pub(super) max_reconnects: Option<u32>,
    pub(super) max_control_line: usize,
    pub(super) max_pings_out: u8,
    pub(super) tls: Tls,
    pub(super) retain_servers_order: bool,
    pub(super) reconnect: bool,
    pub(super) retry_on_initial_connect: bool,
    pub(super) ignore_auth_error_abort: bool,
    pub(super) ignore_discovered_servers: bool,
}

/// A [`Backoff`].
enum Delays {
    Fixed { wait: Millis, jitter: Millis, jitter_tls: Millis },
    Exponential { min: Millis, max: Millis },
}

impl Settings {
    /// How long it takes until a server may be tried again that has failed `failures` times in a
    /// row before, or did not keep the connection.
    pub(super) fn delay(&self, failures: u32, is_tls: bool, rng: &mut Rng) -> Millis {
        let delay = match self.delays {
            Delays::Fixed { wait, jitter, jitter_tls } => {
                let jitter = if is_tls { jitter_tls } else { jitter };
                Millis(wait.0.saturating_add(rng.up_to(jitter.0)))
            }
            Delays::Exponential { min: Millis(mut longest), max: Millis(max) } => {
                // No time can be doubled more often.
                for _ in 0..failures.min(u32::BITS) {
                    longest = longest.saturating_add(longest);
                }
                let longest = longest.min(max);
                Millis(longest - rng.up_to(longest / 2))
            }
        };
        delay.max(MIN_DELAY)
    }
}

impl From<Config> for Settings {
    fn from(config: Config) -> Self {
        Self {
            connect_timeout: config.connect_timeout.into(),
            ping_interval: config.ping_interval.into(),
            drain_timeout: config.drain_timeout.into(),
            flush_timeout: config.flush_timeout.into(),
            lame_duck_jitter: config.lame_duck_jitter.map(Millis::from),
            delays: match config.backoff {
                Backoff::Fixed { wait, jitter, jitter_tls } => Delays::Fixed {
                    wait: wait.into(),
                    jitter: jitter.into(),
                    jitter_tls: jitter_tls.into(),
                },
                Backoff::Exponential { min, max } => {
                    Delays::Exponential { min: min.into(), max: max.into() }
                }
            },
            max_reconnects: config.max_reconnects,
            max_control_line: config.max_control_line,
            max_pings_out: config.max_pings_out,
            tls: config.tls,
            retain_servers_order: config.retain_servers_order,
            reconnect: config.reconnect,
            retry_on_initial_connect: config.retry_on_initial_connect,
            ignore_auth_error_abort: config.ignore_auth_error_abort,
            ignore_discovered_servers: config.ignore_discovered_servers,
        }
    }
}
