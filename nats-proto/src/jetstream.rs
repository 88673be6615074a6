//! JetStream: streams that keep messages, and consumers that deliver them.
//!
//! All of it is ordinary messages, so it stands above [`wire`](crate::wire) and
//! [`session`](crate::session), which know nothing of it: no I/O, no clock, no allocation.
//!
//! | what | with |
//! |---|---|
//! | names, and the subjects of requests | [`StreamName`], [`ConsumerName`], [`ApiPrefix`], [`ApiSubject`] |
//! | a message to a stream | [`PublishHeaders`] |
//! | the answer to it | [`PublishReply`], [`PublishResponse`], [`PublishScanner`] |
//! | messages that were published, until it is known what became of them | [`PublishWindow`] |
//! | the same for one message at a time | [`SinglePublish`] |
//! | messages of a consumer, as they come | [`PullConsumer`] |
//! | or so many at once | [`Fetch`] |
//! | their inboxes | [`PullInbox`] |
//! | asking for messages | [`PullRequest`] |
//! | a message of a consumer | [`Delivery`], [`AckKind`] |
//! | what comes instead of one | [`PullStatus`], [`Heartbeat`], [`Undelivered`] |
//! | a consumer's state | [`ConsumerScanner`], [`ConsumerInfo`] |
//! | errors | [`ApiError`], [`ErrorCode`], [`ErrorClass`] |
//! | times in JSON | [`Timestamp`] |
//!
//! # What keeps going by itself
//!
//! Servers forget things: that a pull has ended, that it was refused, that a message was stored. Three
//! state machines of time and input heal that, whatever is not said: [`PullConsumer`], [`Fetch`] and
//! [`PublishWindow`]. They are told what happens and asked what to do, and `tests/jetstream-sim` runs them
//! against servers that forget, under a virtual clock.
//!
//! They write nothing themselves. A driver turns what they want into frames: a pull is a
//! [`PullRequest`] to [`ApiSubject::consumer_next`] with a reply subject of [`PullInbox::reply`], and an
//! acknowledgement is an [`AckKind`] to the message's reply subject. Frames of the machines belong to the
//! connection that they are made for; what is left of them when it is lost is dropped.
//!
//! ```
//! use nats_proto::jetstream::{
//!     ApiPrefix, ApiSubject, ConsumerName, Fetch, FetchConfig, FetchOutput, PullInbox, StreamName,
//! };
//! use nats_proto::wire::Publish;
//! use nats_proto::{Inbox, Instant, Seed};
//!
//! type Text = heapless::Vec<u8, 128>;
//!
//! let now = Instant::from_millis(0);
//! let inbox = PullInbox::<Text>::new(Inbox::<()>::DEFAULT_PREFIX, Seed([7; 16]))?;
//! let next = ApiSubject::consumer_next(
//!     StreamName::from_static("ORDERS"),
//!     ConsumerName::from_static("worker"),
//! );
//! let mut fetch = Fetch::new();
//! fetch.handle_connected();
//! fetch.start(FetchConfig::new(10), now);
//!
//! let (mut subject, mut reply, mut body) = (Text::new(), Text::new(), Text::new());
//! let mut frame = heapless::Vec::<u8, 256>::new();
//! while let Some(output) = fetch.poll_output(now) {
//!     match output {
//!         FetchOutput::Subscribe(id) => {
//!             // session.subscribe(inbox.filter(id, &mut subject)?, None, …)
//!             assert!(inbox.filter(id, &mut subject)?.as_str().starts_with("_INBOX."));
//!         }
//!         FetchOutput::Pull(pull) => {
//!             pull.request().encode(&mut body)?;
//!             let subject = next.encode(ApiPrefix::DEFAULT, &mut subject)?;
//!             let reply = Some(inbox.reply(pull.id, &mut reply)?);
//!             Publish { reply, ..Publish::new(subject, &body) }.encode(&mut frame)?;
//!         }
//!         // session.drain_subscription(…), or the fetch is over
//!         _ => {}
//!     }
//! }
//! assert!(frame.starts_with(b"PUB $JS.API.CONSUMER.MSG.NEXT.ORDERS.worker _INBOX."));
//! assert!(frame.ends_with(b"\r\n{\"batch\":10,\"no_wait\":true}\r\n"));
//! # Ok::<(), nats_proto::Full>(())
//! ```

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
pub use window::SinglePublish;
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
