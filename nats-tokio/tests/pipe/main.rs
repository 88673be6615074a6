//! The client at one end of a pipe in memory, a server in a few lines at the other, and a clock that
//! jumps to the next thing that is due.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod auth;
mod cancel;
mod closing;
mod connecting;
mod draining;
mod forms;
mod outcomes;
mod peer;
mod publishing;
mod receiving;
mod reconnecting;
mod releasing;
mod requesting;
mod runtime;
mod server_info;
mod servers;
mod subscribing;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod tls;
mod waiting;
mod waking;
