#![doc = include_str!("../README.md")]

mod clock;
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
