//! JetStream: streams that keep messages, and consumers that deliver them.
//!
//! All of it is ordinary messages, so it stands above [`wire`](crate::wire) and
//! [`session`](crate::session), which know nothing of it: no I/O, no clock, no allocation.
//!
//! | what | with |
//! |---|---|
//! | names, and the subjects of requests | [`StreamName`], [`ConsumerName`], [`ApiPrefix`], [`ApiSubject`] |
//! | a message to a stream | [`PublishHeaders`] |
//! | the answer to it | [`PublishResponse`], [`PublishScanner`] |
//! | asking for messages | [`PullRequest`] |
//! | a message of a consumer | [`Delivery`], [`AckKind`] |
//! | what comes instead of one | [`PullStatus`], [`Heartbeat`], [`Undelivered`] |
//! | a consumer's state | [`ConsumerScanner`], [`ConsumerInfo`] |
//! | errors | [`ApiError`], [`ErrorCode`], [`ErrorClass`] |
//! | times in JSON | [`Timestamp`] |

mod ack;
mod api;
mod consumer_info;
mod delivery;
mod error;
mod fetch;
pub mod header;
mod inbox;
mod name;
mod pause;
mod publish_ack;
mod pull;
mod request;
mod response;
mod slot;
mod status;
mod time;
mod window;

use core::time::Duration;

pub use ack::AckKind;
pub use api::ApiPrefix;
pub use api::ApiSubject;
pub use consumer_info::ConsumerInfo;
pub use consumer_info::ConsumerScanner;
pub use consumer_info::Sequences;
pub use delivery::Delivery;
pub use error::ApiError;
pub use error::ErrorClass;
pub use error::ErrorCode;
pub use fetch::Fetch;
pub use fetch::FetchConfig;
pub use fetch::FetchEnd;
pub use fetch::FetchOutput;
pub use header::PublishHeaderError;
pub use header::PublishHeaders;
pub use header::Rollup;
pub use header::Ttl;
pub use inbox::InboxId;
pub use inbox::PullId;
pub use inbox::PullInbox;
pub use inbox::pulled_size;
pub use name::ConsumerName;
pub use name::MAX_NAME_LEN;
pub use name::NameError;
pub use name::StreamName;
pub use publish_ack::PublishAck;
pub use publish_ack::PublishResponse;
pub use publish_ack::PublishScanner;
pub use pull::ConsumerState;
pub use pull::Handling;
pub use pull::Pull;
pub use pull::PullConfig;
pub use pull::PullConfigError;
pub use pull::PullConsumer;
pub use pull::PullEnd;
pub use pull::PullEvent;
pub use pull::PullLimit;
pub use pull::PullOutput;
pub use request::PullRequest;
pub use response::ResponseError;
pub use status::Heartbeat;
pub use status::PullStatus;
pub use status::Undelivered;
pub use time::Timestamp;
pub use time::TimestampError;
pub use window::LastMessage;
pub use window::MayBeStored;
pub use window::NotAccepted;
pub use window::NotSent;
pub use window::NotStored;
pub use window::Outcome;
pub use window::PublishHandle;
pub use window::PublishReply;
pub use window::PublishWindow;
pub use window::Settled;
pub use window::Transmit;
pub use window::WindowConfig;
pub use window::WindowMessage;
pub use window::WindowSlot;

/// A duration in nanoseconds as Go has them: at most 292 years. `Duration::as_nanos` calculates in
/// 128 bits.
fn nanos(duration: Duration) -> u64 {
    const MAX: u64 = i64::MAX as u64;
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(duration.subsec_nanos().into()).min(MAX)
}
