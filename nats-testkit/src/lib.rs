#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod checklist;
mod clock;
mod driver;
mod executor;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(any(doc, doctest))]
pub mod guide;
mod network;
mod server;
mod sync;
#[cfg(feature = "tokio")]
mod tokio;

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
