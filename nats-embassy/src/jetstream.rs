//! JetStream: messages that a stream keeps, with feature `jetstream`.
//!
//! [`Client::jetstream`](crate::Client::jetstream) is where it begins. With a [`Link`](crate::Link), all futures
//! of this module are [driven](crate::Link::drive) by it.

mod confirm;
mod consumer;
mod context;
mod fetch;
mod fetch_error;
mod goal;
mod link;
mod message;
mod publish;
mod publish_error;
mod puller;

pub use consumer::Consumer;
pub use consumer::Oversized;
pub use context::Context;
pub use fetch::Batch;
pub use fetch_error::FetchError;
pub use link::LinkConsumer;
pub use message::Message;
pub use nats_proto::jetstream::AckKind;
pub use nats_proto::jetstream::ConsumerName;
pub use nats_proto::jetstream::DeliveryInfo;
pub use nats_proto::jetstream::ErrorClass;
pub use nats_proto::jetstream::ErrorCode;
pub use nats_proto::jetstream::FetchEndReason;
pub use nats_proto::jetstream::MayBeStored;
pub use nats_proto::jetstream::MessageId;
pub use nats_proto::jetstream::NameError;
pub use nats_proto::jetstream::NotSent;
pub use nats_proto::jetstream::NotStored;
pub use nats_proto::jetstream::PublishHeaderError;
pub use nats_proto::jetstream::PublishHeaders;
pub use nats_proto::jetstream::Rollup;
pub use nats_proto::jetstream::StreamName;
pub use nats_proto::jetstream::Ttl;
pub use publish::PublishAck;
pub use publish::Publishing;
pub use publish_error::InvalidMessage;
pub use publish_error::PublishError;
