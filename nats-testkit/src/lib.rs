#![doc = include_str!("../README.md")]

pub mod checklist;
mod clock;
mod driver;
mod executor;
#[cfg(feature = "futures-io")]
mod futures_io;
mod network;
mod server;
#[cfg(feature = "tokio")]
mod tokio;

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

pub use clock::Clock;
pub use clock::Sleep;
pub use driver::Ability;
pub use driver::Driver;
pub use driver::Event;
pub use driver::Failure;
pub use driver::Options;
pub use driver::Pending;
pub use driver::Reason;
pub use driver::Resolver;
pub use executor::Executor;
pub use network::Connection;
pub use network::Dial;
pub use network::Network;
pub use network::Pipe;
pub use network::Server;
pub use server::Info;
pub use server::Login;
pub use server::Message;
pub use server::Op;
pub use server::Script;

/// Locks, also after a panic of another thread: the state is consistent whenever the lock is free.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
