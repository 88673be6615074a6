#![no_std]
#![doc = include_str!("../README.md")]
#![expect(async_fn_in_trait, reason = "nothing here needs futures to be Send")]

#[cfg(test)]
extern crate std;

mod fmt;

mod auth;
mod client;
mod clock;
mod config;
mod connector;
mod count;
mod delivery;
mod error;
mod event;
#[cfg(feature = "defmt")]
mod format;
mod inbound;
mod link;
mod mailbox;
#[cfg(feature = "nal")]
mod nal;
#[cfg(feature = "net")]
mod net;
mod outbound;
mod pieces;
mod places;
mod replies;
mod request;
mod resources;
mod runner;
mod server;
mod shared;
mod state;
mod subscription;
#[cfg(feature = "tls")]
mod tls;
mod wakers;

pub use auth::Credentials;
#[cfg(feature = "nkeys")]
pub use auth::KeySigner;
pub use auth::Login;
pub use auth::NoSigner;
pub use auth::PerAttempt;
pub use auth::Proof;
pub use auth::SignError;
pub use auth::Signer;
pub use client::Client;
pub use clock::Timeout;
pub use config::Config;
pub use config::Offline;
pub use connector::Connection;
pub use connector::Connector;
pub use connector::Failed;
pub use error::BatchError;
pub use error::ConfigError;
pub use error::FlushError;
pub use error::PublishError;
pub use error::RequestError;
pub use error::SubscribeError;
pub use event::Event;
pub use event::Statistics;
pub use link::Link;
pub use link::LinkMemory;
pub use link::LinkResources;
pub use mailbox::Overflow;
pub use mailbox::Queueing;
#[cfg(feature = "nal")]
pub use nal::NalConnection;
#[cfg(feature = "nal")]
pub use nal::NalConnector;
#[cfg(feature = "nal")]
pub use nal::NalReader;
#[cfg(feature = "nal")]
pub use nal::NalWriter;
#[cfg(feature = "nal")]
pub use nal::NoDns;
pub use nats_proto;
#[cfg(feature = "net")]
pub use net::NetConnection;
#[cfg(feature = "net")]
pub use net::NetConnector;
#[cfg(feature = "net")]
pub use net::NetWriter;
pub use pieces::Piece;
pub use replies::Replies;
pub use resources::Memory;
pub use resources::Resources;
pub use runner::Runner;
pub use runner::new;
pub use server::ServerInfo;
pub use subscription::Frame;
pub use subscription::Received;
pub use subscription::Subscription;
#[cfg(feature = "tls")]
pub use tls::Algorithm;
#[cfg(feature = "tls")]
pub use tls::CertificateError;
#[cfg(feature = "tls")]
pub use tls::ClientCertificate;
#[cfg(feature = "tls")]
pub use tls::Entropy;
#[cfg(feature = "tls")]
pub use tls::NoClock;
#[cfg(feature = "tls")]
pub use tls::TlsClock;
#[cfg(feature = "tls")]
pub use tls::TlsConnection;
#[cfg(feature = "tls")]
pub use tls::TlsConnector;
#[cfg(feature = "tls")]
pub use tls::TlsError;
#[cfg(feature = "tls")]
pub use tls::TlsMemory;
#[cfg(feature = "tls")]
pub use tls::TlsReader;
#[cfg(feature = "tls")]
pub use tls::TlsWriter;
#[cfg(all(feature = "tls", any(test, fuzzing)))]
#[doc(hidden)]
pub use tls::fuzzing;
