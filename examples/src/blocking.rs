//! A client without a runtime: the bare core, and a `std` socket. One that can be copied.
//!
//! [`Client::next`] drives it all, and is the only place where anything is read, written or waited
//! for. The files stand in the package of nats-proto, whose documentation has a chapter that ends in
//! them.

#[path = "../../nats-proto/docs/driver/client.rs"]
mod client;
#[path = "../../nats-proto/docs/driver/incoming.rs"]
mod incoming;
#[path = "../../nats-proto/docs/driver/login.rs"]
mod login;
#[path = "../../nats-proto/docs/driver/network.rs"]
mod network;

pub use client::Client;
pub use incoming::FlushNumber;
pub use incoming::Incoming;
pub use incoming::NotRequested;
pub use login::Login;
pub use network::Network;
pub use network::StdNetwork;
