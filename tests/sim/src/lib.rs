//! A simulated world for sessions.
//!
//! A driver on a [`Session`](nats_proto::session::Session), servers that insist on the protocol,
//! wires that are slow and break, and a clock that jumps: all in one thread, from one seed. A life
//! that goes wrong can be lived again, step by step.
//!
//! Beside it goes a naive account of what the application asked for and what it got. Whatever is
//! found not to be [true](Invariant) is a [`Violation`].

mod app;
mod body;
mod checks;
mod cluster;
mod flaw;
mod life;
mod operation;
mod request;
mod rng;
mod scenario;
mod server;
mod setup;
mod wire;
mod world;

pub use app::Recipient;
pub use checks::Checks;
pub use checks::Invariant;
pub use checks::Violation;
pub use flaw::Flaw;
pub use life::Life;
pub use life::bytes_of;
pub use life::live;
pub use scenario::length;
pub use scenario::play;
pub use setup::Setup;
pub use wire::Cut;
pub use wire::Direction;
pub use world::Counts;
pub use world::World;

/// How many subscriptions a fixed store has to have room for.
pub const SUBSCRIPTIONS: usize = 6;

/// A life of whatever bytes a fuzzer makes.
///
/// # Panics
///
/// If something is not as it has to be.
pub fn session_life(bytes: &[u8]) {
    let life = live(bytes, None, false);
    assert!(
        life.checks.violation().is_none(),
        "{}",
        life.checks.violation().map_or_else(String::new, ToString::to_string)
    );
}
