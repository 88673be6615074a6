#![no_std]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![expect(async_fn_in_trait, reason = "nothing here needs futures to be Send")]

#[cfg(test)]
extern crate std;

mod fmt;

mod auth;
mod client;
mod config;
mod error;
mod event;
#[cfg(feature = "defmt")]
mod format;
mod headers;
#[cfg(feature = "jetstream")]
pub mod jetstream;
mod memory;
mod runner;
mod server;
mod state;
mod time;
mod transport;
mod wakers;

pub use auth::Auth;
pub use auth::Credentials;
#[cfg(feature = "nkeys")]
pub use auth::KeySigner;
pub use auth::NoSigner;
pub use auth::PerAttempt;
pub use auth::ResolvedAuth;
pub use auth::SignError;
pub use auth::Signer;
pub use client::Client;
pub use client::link::BorrowedMessage;
pub use client::link::Link;
pub use client::link::LinkMemory;
pub use client::new::new;
pub use client::replies::Replies;
pub use client::subscriber::Frame;
pub use client::subscriber::Message;
pub use client::subscriber::Subscriber;
pub use config::Config;
pub use config::Offline;
pub use error::BatchError;
pub use error::ConfigError;
pub use error::FlushError;
pub use error::PublishError;
pub use error::RequestError;
pub use error::SubscribeError;
pub use event::Event;
pub use event::Statistics;
pub use headers::HeaderBuf;
pub use memory::Memory;
pub use memory::Resources;
pub use memory::link::LinkResources;
pub use nats_proto;
pub use nats_proto::Filter;
pub use nats_proto::HeaderError;
pub use nats_proto::Headers;
pub use nats_proto::HeadersIter;
pub use nats_proto::QueueGroup;
pub use nats_proto::RepliesEndReason;
pub use nats_proto::ReplyLimits;
pub use nats_proto::Scheme;
pub use nats_proto::ServerUrl;
pub use nats_proto::Sid;
pub use nats_proto::Status;
pub use nats_proto::StatusCode;
pub use nats_proto::Subject;
pub use nats_proto::SubjectError;
pub use nats_proto::UrlError;
pub use nats_proto::session::Backoff;
pub use nats_proto::session::CloseReason;
pub use nats_proto::session::Config as SessionConfig;
pub use nats_proto::session::DisconnectReason;
pub use nats_proto::session::EndReason;
pub use nats_proto::session::Tls;
pub use nats_proto::wire::ErrorKind;
pub use nats_proto::wire::Publish;
pub use runner::Runner;
pub use server::ServerInfo;
pub use state::chunks::Chunk;
pub use state::slots::Overflow;
pub use state::slots::PendingLimits;
pub use time::Timeout;
pub use transport::Connector;
pub use transport::Transport;
pub use transport::TransportError;
#[cfg(feature = "nal")]
pub use transport::nal::NalConnector;
#[cfg(feature = "nal")]
pub use transport::nal::NalReader;
#[cfg(feature = "nal")]
pub use transport::nal::NalTransport;
#[cfg(feature = "nal")]
pub use transport::nal::NalWriter;
#[cfg(feature = "nal")]
pub use transport::nal::NoDns;
#[cfg(feature = "net")]
pub use transport::net::NetConnector;
#[cfg(feature = "net")]
pub use transport::net::NetReader;
#[cfg(feature = "net")]
pub use transport::net::NetTransport;
#[cfg(feature = "net")]
pub use transport::net::NetWriter;
#[cfg(feature = "tls")]
pub use transport::tls::Algorithm;
#[cfg(feature = "tls")]
pub use transport::tls::CertificateError;
#[cfg(feature = "tls")]
pub use transport::tls::ClientCertificate;
#[cfg(feature = "tls")]
pub use transport::tls::Entropy;
#[cfg(feature = "tls")]
pub use transport::tls::NoClock;
#[cfg(feature = "tls")]
pub use transport::tls::TlsClock;
#[cfg(feature = "tls")]
pub use transport::tls::TlsConnector;
#[cfg(feature = "tls")]
pub use transport::tls::TlsError;
#[cfg(feature = "tls")]
pub use transport::tls::TlsMemory;
#[cfg(feature = "tls")]
pub use transport::tls::TlsReader;
#[cfg(feature = "tls")]
pub use transport::tls::TlsTransport;
#[cfg(feature = "tls")]
pub use transport::tls::TlsWriter;
#[cfg(all(feature = "tls", any(test, fuzzing)))]
#[doc(hidden)]
pub use transport::tls::fuzzing;
