//! A NATS client on [smol](https://docs.rs/smol), made of `nats-proto`: publish, subscribe, queue
//! groups, requests, flush, drain, and connections that are made again. An example to copy, and to
//! grow.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use nats_smol::Options;
//! use nats_smol::SmolNetwork;
//!
//! let options = Options::new("nats://127.0.0.1:4222");
//! let (client, driver) = nats_smol::connect(SmolNetwork::new(), options)?;
//! smol::block_on(async {
//!     smol::spawn(driver).detach();
//!     let mut greetings = client.subscribe("greet.*")?;
//!     client.publish("greet.sue", b"hello").await?;
//!     assert_eq!(greetings.next().await.unwrap().payload(), b"hello");
//!     Ok(client.drain().await?)
//! })
//! # }
//! ```
//!
//! The [`Driver`] is the task that moves bytes; [`Client`] and driver share a session, and what is to
//! be written, behind one lock. What the protocol asks for, the session knows: the driver asks it, and
//! has no rule of its own.

mod client;
mod driver;
mod error;
mod network;
mod options;
mod state;

use std::error::Error as StdError;
use std::sync::Arc;

use nats_proto::Inbox;
use nats_proto::RngSeed;
use nats_proto::session::Session;

pub use client::Client;
pub use client::Message;
pub use client::Subscription;
pub use driver::Driver;
pub use error::Error;
pub use error::RequestError;
pub use network::BoxFuture;
pub use network::Network;
pub use network::SmolNetwork;
pub use options::Notice;
pub use options::Options;

use crate::state::Shared;

/// A client, and the task of its connection: everything happens in that, so it has to be polled, by
/// [`smol::spawn`] for example. It ends with the client.
///
/// # Errors
///
/// If an address is invalid, or the system has no randomness.
pub fn connect<N: Network>(
    network: N,
    mut options: Options,
) -> Result<(Client, Driver<N>), Box<dyn StdError>> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)?;
    let mut session = Session::new(options.config, RngSeed(seed));
    for address in options.addresses()? {
        session.add_server(&address.without_user_info())?;
    }
    let inbox = session.new_inbox(Inbox::DEFAULT_PREFIX)?;
    let network = Arc::new(network);
    session.connect(network.now());
    let clock = Arc::clone(&network);
    let shared = Arc::new(Shared::new(session, inbox, move || clock.now()));
    Ok((Client::new(&shared), Driver::new(network, shared, options)))
}
