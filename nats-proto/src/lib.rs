#![no_std]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, fuzzing))]
extern crate std;

// The modules are layers, the highest first: none imports from a layer above its own. `cargo xtask
// lint` checks that (`xtask/src/layers.rs`).

// On top: what shows or tests everything else.
#[cfg(feature = "defmt")]
mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(all(any(doc, doctest), feature = "alloc"))]
pub mod guide;

// JetStream is ordinary messages to the layers below.
#[cfg(feature = "jetstream")]
pub mod jetstream;

// The control plane: connections, servers, subscriptions, requests.
pub mod session;

// The data plane: bytes to operations, and operations to bytes.
pub mod wire;

// Values, checked when they are made.
pub mod creds;
mod headers;
mod inbox;
mod message;
pub mod nkeys;
mod status;
mod subject;
mod url;

// Buffers and tables, of fixed size or growing.
mod storage;

// The base.
mod ascii;
mod checked_text;
mod error;
mod rng;
mod setters;
mod time;

pub use error::Full;
pub use headers::HeaderBuf;
pub use headers::HeaderError;
pub use headers::Headers;
pub use headers::HeadersIter;
pub use inbox::Inbox;
pub use inbox::RequestId;
pub use message::Layout;
pub use message::Message;
pub use message::Sid;
pub use rng::RngSeed;
pub use session::pending_requests::FixedRequests;
#[cfg(feature = "alloc")]
pub use session::pending_requests::GrowableRequests;
pub use session::pending_requests::Outcome;
pub use session::pending_requests::PendingRequest;
pub use session::pending_requests::PendingRequests;
pub use session::pending_requests::Refusal;
pub use session::pending_requests::Then;
pub use session::pending_requests::fingerprint;
pub use session::request_inbox::RequestError;
pub use session::request_inbox::RequestInbox;
pub use session::request_many::RepliesEndReason;
pub use session::request_many::ReplyLimits;
pub use session::request_many::RequestMany;
pub use session::store::Fixed;
#[cfg(feature = "alloc")]
pub use session::store::Growable;
pub use session::store::Store;
pub use status::Status;
pub use status::StatusCode;
#[cfg(feature = "alloc")]
pub use storage::Capped;
pub use storage::Slot;
pub use storage::Table;
pub use subject::Filter;
pub use subject::QueueGroup;
pub use subject::Subject;
pub use subject::SubjectError;
pub use time::Instant;
pub use url::PercentEncoded;
pub use url::Scheme;
pub use url::ServerUrl;
pub use url::UrlError;
pub use wire::op::Unsubscribe;
