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
//! | the same in the order of the stream, by consumers of its own | [`OrderedConsumer`] |
//! | or so many at once | [`Fetch`] |
//! | their inboxes | [`PullInbox`] |
//! | asking for messages | [`PullRequest`] |
//! | a message of a consumer | [`DeliveryInfo`], [`AckKind`] |
//! | what comes instead of one | [`PullStatus`], [`Heartbeat`], [`Undelivered`] |
//! | a consumer's state | [`ConsumerScanner`], [`ConsumerInfo`] |
//! | buckets of keys and values | [`BucketName`], [`Key`], [`KeyFilter`], [`KeyOperation`], [`KeyCreate`], [`InitialValues`] |
//! | errors | [`ApiError`], [`ErrorCode`], [`ErrorClass`] |
//! | times in JSON | [`Timestamp`] |
//!
//! # What keeps going by itself
//!
//! A server may not announce the end of a pull, its refusal, or that a message was stored. Three state
//! machines of time and input recover from each of these: [`PullConsumer`], [`Fetch`] and
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
//! use nats_proto::wire::{ArrayBuf, Publish};
//! use nats_proto::{Inbox, Instant, RngSeed};
//!
//! type Text = ArrayBuf<128>;
//!
//! let now = Instant::from_millis(0);
//! let inbox = PullInbox::<Text>::new(Inbox::<()>::DEFAULT_PREFIX, RngSeed([7; 16]))?;
//! let next = ApiSubject::consumer_next(
//!     StreamName::from_static("ORDERS"),
//!     ConsumerName::from_static("worker"),
//! );
//! let mut fetch = Fetch::new();
//! fetch.handle_connected();
//! fetch.start(FetchConfig::new(10), now);
//!
//! let (mut subject, mut reply, mut body) = (Text::new(), Text::new(), Text::new());
//! let mut frame = ArrayBuf::<256>::new();
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

mod api;
mod consume;
mod error;
mod kv;
mod name;
mod pause;
mod publish;
mod response;
mod time;

pub use api::ApiPrefix;
pub use api::ApiSubject;
pub use consume::ack::AckKind;
pub use consume::delivery::DeliveryInfo;
pub use consume::fetch::Fetch;
pub use consume::fetch::FetchConfig;
pub use consume::fetch::FetchEndReason;
pub use consume::fetch::FetchOutput;
pub use consume::inbox::InboxId;
pub use consume::inbox::PullId;
pub use consume::inbox::PullInbox;
pub use consume::inbox::pulled_size;
pub use consume::info::ConsumerInfo;
pub use consume::info::ConsumerScanner;
pub use consume::info::SequenceInfo;
pub use consume::ordered::CreateFailure;
pub use consume::ordered::DeliverPolicy;
pub use consume::ordered::OrderedConsumer;
pub use consume::ordered::OrderedEndReason;
pub use consume::ordered::OrderedEvent;
pub use consume::ordered::OrderedHandling;
pub use consume::ordered::OrderedInfo;
pub use consume::ordered::OrderedOutput;
pub use consume::pull::ConsumerState;
pub use consume::pull::Handling;
pub use consume::pull::Pull;
pub use consume::pull::PullConfig;
pub use consume::pull::PullConfigError;
pub use consume::pull::PullConsumer;
pub use consume::pull::PullEndReason;
pub use consume::pull::PullEvent;
pub use consume::pull::PullLimit;
pub use consume::pull::PullOutput;
pub use consume::request::PullRequest;
pub use consume::status::Heartbeat;
pub use consume::status::PullStatus;
pub use consume::status::Undelivered;
pub use error::ApiError;
pub use error::ErrorClass;
pub use error::ErrorCode;
pub use kv::create::KeyCreate;
pub use kv::create::KeyCreateStep;
pub use kv::initial::InitialValues;
pub use kv::name::BucketName;
pub use kv::name::Key;
pub use kv::name::KeyError;
pub use kv::name::KeyFilter;
pub use kv::operation::KeyOperation;
pub use name::ConsumerName;
pub use name::MAX_NAME_LEN;
pub use name::NameError;
pub use name::StreamName;
pub use publish::ack::PublishAck;
pub use publish::ack::PublishResponse;
pub use publish::ack::PublishScanner;
pub use publish::header;
pub use publish::header::PublishHeaderError;
pub use publish::header::PublishHeaders;
pub use publish::header::Rollup;
pub use publish::header::Ttl;
pub use publish::message_id::MessageId;
pub use publish::window::ChainIds;
pub use publish::window::ExpectedLast;
pub use publish::window::FixedPublishWindow;
#[cfg(feature = "alloc")]
pub use publish::window::GrowablePublishWindow;
pub use publish::window::MayBeStored;
pub use publish::window::NotAccepted;
pub use publish::window::NotSent;
pub use publish::window::NotStored;
pub use publish::window::Outcome;
pub use publish::window::PublishHandle;
pub use publish::window::PublishReply;
pub use publish::window::PublishWindow;
pub use publish::window::Settled;
pub use publish::window::SinglePublish;
pub use publish::window::Transmit;
pub use publish::window::WindowConfig;
pub use publish::window::WindowMessage;
pub use response::ResponseError;
pub use time::Timestamp;
pub use time::TimestampError;
