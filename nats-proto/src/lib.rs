#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, fuzzing))]
extern crate std;

mod arena;
pub mod creds;
mod error;
#[cfg(feature = "defmt")]
mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod inbox;
#[cfg(feature = "jetstream")]
pub mod jetstream;
mod message;
pub mod nkeys;
mod request_many;
mod requests;
mod rng;
mod run;
pub mod session;
mod status;
mod store;
mod subject;
mod time;
mod url;
pub mod wire;

pub use arena::Slot;
pub use error::Full;
pub use headers::HeaderBuf;
pub use headers::HeaderError;
pub use headers::Headers;
pub use headers::HeadersIter;
pub use inbox::Inbox;
pub use inbox::Token;
pub use message::Layout;
pub use message::Message;
pub use message::Sid;
pub use message::Unsubscription;
pub use request_many::RepliesEnded;
pub use request_many::ReplyLimits;
pub use request_many::RequestMany;
pub use requests::Pending;
pub use requests::Requests;
pub use rng::Seed;
pub use status::Status;
pub use status::StatusCode;
pub use store::Fixed;
#[cfg(feature = "alloc")]
pub use store::Growable;
pub use store::Store;
pub use store::Table;
pub use subject::Filter;
pub use subject::Queue;
pub use subject::Subject;
pub use subject::SubjectError;
pub use time::Instant;
pub use url::Encoded;
pub use url::Scheme;
pub use url::ServerUrl;
pub use url::UrlError;
