//! JetStream: streams that keep messages, and consumers that deliver them.
//!
//! [`Client::jetstream`](crate::Client::jetstream) is where it begins. [`Context`] makes, finds and deletes
//! streams, a [`Stream`] its consumers.
//!
//! A request to the API takes 5 s at most, unless [`Context::timeout`] says otherwise, waiting for a
//! connection included.

mod account;
mod base64;
pub mod consumer;
mod context;
mod error;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod idle;
mod json;
mod machine;
mod message;
mod messages;
mod outcome;
mod outcomes;
mod page;
mod publish;
mod publish_error;
mod publisher;
mod pulling;
pub mod stream;
mod window;
mod worker;

pub use account::AccountInfo;
pub use account::AccountLimits;
pub use account::ApiInfo;
pub use account::Tier;
pub use consumer::Consumer;
pub use context::Context;
pub use error::ApiError;
pub use error::Error;
pub use fetch::Fetch;
pub use fetch::FetchError;
pub use message::AckConfirmation;
pub use message::AckError;
pub use message::Message;
pub use messages::Messages;
pub use messages::MessagesBuilder;
pub use messages::MessagesError;
pub use nats_proto::jetstream::DeliveryInfo;
pub use nats_proto::jetstream::ErrorClass;
pub use nats_proto::jetstream::ErrorCode;
pub use nats_proto::jetstream::FetchEndReason;
pub use nats_proto::jetstream::MayBeStored;
pub use nats_proto::jetstream::NameError;
pub use nats_proto::jetstream::NotSent;
pub use nats_proto::jetstream::NotStored;
pub use nats_proto::jetstream::PublishHeaderError;
pub use nats_proto::jetstream::PullConfigError;
pub use nats_proto::jetstream::PullLimit;
pub use nats_proto::jetstream::Rollup;
pub use nats_proto::jetstream::Timestamp;
pub use nats_proto::jetstream::TimestampError;
pub use nats_proto::jetstream::Ttl;
pub use outcome::PublishAck;
pub use outcome::PublishOutcome;
pub use outcomes::Outcomes;
pub use publish::Publish;
pub use publish::PublishInWindow;
pub use publish::Sent;
pub use publish_error::InvalidMessage;
pub use publish_error::PublishError;
pub use publisher::Publisher;
pub use publisher::PublisherBuilder;
pub use stream::Stream;
pub use worker::Verdict;
pub use worker::Worker;
pub use worker::WorkerError;
pub use worker::WorkerStatistics;
