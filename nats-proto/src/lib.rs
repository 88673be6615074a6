#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod error;
mod headers;
mod message;
mod rng;
mod status;
mod subject;
mod time;
pub mod wire;

pub use error::Full;
pub use headers::HeaderBuf;
pub use headers::HeaderError;
pub use headers::Headers;
pub use message::Layout;
pub use message::Message;
pub use message::Sid;
pub use message::Unsubscription;
pub use rng::Seed;
pub use status::Status;
pub use status::StatusCode;
pub use subject::Filter;
pub use subject::Queue;
pub use subject::Subject;
pub use subject::SubjectError;
pub use time::Instant;
