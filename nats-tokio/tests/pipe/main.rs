//! The client at one end of a pipe in memory, a server in a few lines at the other, and a clock that
//! jumps to the next thing that is due.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

/// Compares the fields of an event: only the library can make one to compare with.
macro_rules! assert_event {
    ($event:expr, $variant:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        // Before the fields are in scope under their names.
        let expected = ($($value,)*);
        match $event {
            nats_tokio::Event::$variant { $($field,)* .. } => assert_eq!(($($field,)*), expected),
            event => panic!("{event:?}"),
        }
    }};
}

mod auth;
mod batches;
mod cancel;
mod choosing;
mod closing;
mod connecting;
mod draining;
mod forms;
#[cfg(feature = "jetstream")]
mod jetstream;
#[cfg(feature = "tracing")]
mod logging;
mod many;
mod outcomes;
mod peer;
#[cfg(feature = "proxy")]
mod proxies;
mod publishing;
mod receiving;
mod rechecking;
mod reconnecting;
mod refusing;
mod releasing;
mod requesting;
mod runtime;
mod secrets;
mod server_info;
mod servers;
mod subscribing;
mod texts;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod tls;
mod waiting;
mod waking;
