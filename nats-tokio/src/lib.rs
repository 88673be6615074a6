#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Core NATS has some things for the sake of JetStream alone. What nobody needs shows with that feature.
#![cfg_attr(not(feature = "jetstream"), allow(dead_code))]

mod auth;
mod client;
mod driver;
mod entropy;
mod error;
mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "jetstream")]
pub mod jetstream;
mod message;
mod options;
mod server_info;
mod state;
mod statistics;
mod status;
mod sync;
mod transport;

pub use auth::Auth;
pub use auth::Challenge;
pub use client::Client;
pub use client::connect::connect;
pub use client::drain::Drain;
pub use client::drain::DrainingSubscription;
pub use client::events::Events;
pub use client::flush::Flush;
pub use client::publish::Publish;
pub use client::publish::batch::BatchError;
pub use client::publish::batch::PublishBatch;
pub use client::replies::Replies;
pub use client::request::Request;
pub use client::request_many::RequestMany;
pub use client::subscriber::Subscribe;
pub use client::subscriber::Subscriber;
pub use client::subscriber::SubscriptionHandle;
pub use error::AuthError;
pub use error::ConnectError;
pub use error::CredentialsError;
pub use error::DrainError;
pub use error::FlushError;
#[cfg(feature = "proxy")]
pub use error::ProxyError;
#[cfg(feature = "proxy")]
pub use error::ProxyUrlError;
pub use error::PublishError;
pub use error::RequestError;
pub use error::ServerFailure;
pub use error::SubscribeError;
pub use error::TlsError;
pub use event::Event;
pub use message::Message;
pub use message::headers::HeaderMap;
pub use message::headers::IntoHeaders;
pub use message::name::IntoFilter;
pub use message::name::IntoQueueGroup;
pub use message::name::IntoSubject;
pub use message::payload::Payload;
pub use nats_proto::Filter;
pub use nats_proto::HeaderError;
pub use nats_proto::Headers;
pub use nats_proto::HeadersIter;
pub use nats_proto::QueueGroup;
pub use nats_proto::RepliesEndReason;
pub use nats_proto::Scheme;
pub use nats_proto::Sid;
pub use nats_proto::Status;
pub use nats_proto::StatusCode;
pub use nats_proto::Subject;
pub use nats_proto::SubjectError;
pub use nats_proto::UrlError;
pub use nats_proto::creds::CredsParseError;
pub use nats_proto::nkeys::KeyKind;
pub use nats_proto::nkeys::NkeyError;
pub use nats_proto::session::Backoff;
pub use nats_proto::session::CloseReason;
pub use nats_proto::session::DisconnectReason;
pub use nats_proto::session::EndReason;
pub use nats_proto::wire::ErrorKind;
pub use options::ConnectOptions;
pub use options::limits::Overflow;
pub use options::limits::Pending;
pub use options::limits::PendingLimits;
pub use options::limits::ReconnectBuffer;
pub use options::reconnect::PoolServer;
pub use options::servers::IntoServers;
pub use server_info::ServerInfo;
pub use statistics::Statistics;
pub use status::ConnectionStatus;
/// The rustls that [`ConnectOptions::tls_config`] takes its configuration from. Its version is a part of
/// this crate's interface, there and inside of [`ConnectError::Tls`]; all else of TLS, certificates too, has
/// no type of rustls in it.
#[cfg(feature = "tls")]
#[doc(no_inline)]
pub use tokio_rustls::rustls;
pub use transport::Target;
pub use transport::Transport;
