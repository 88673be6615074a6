//! The configuration of a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_proto::jetstream::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::jetstream::json;
use crate::jetstream::json::is_default;
use crate::jetstream::json::null_as_default;

/// The configuration of a stream. What is left at its default is the server's to decide.
///
/// Numbers are limits: zero and -1 are none. Fields of newer servers are marked with the version that
/// brought them; an older one leaves them out without a word, which
/// [`create_stream`](crate::jetstream::Context::create_stream) notices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Its name: one token, at most 255 bytes.
    pub name: String,
    /// Anything.
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// What it stores. Default: its name. A mirror has none.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_as_default")]
    pub subjects: Vec<String>,
    /// When messages are removed.
    #[serde(skip_serializing_if = "is_default")]
    pub retention: RetentionPolicy,
    /// How many consumers it may have.
    #[serde(skip_serializing_if = "is_default")]
    pub max_consumers: i64,
    /// How many messages it keeps.
    #[serde(rename = "max_msgs", skip_serializing_if = "is_default")]
    pub max_messages: i64,
    /// How many messages of each subject it keeps.
    #[serde(rename = "max_msgs_per_subject", skip_serializing_if = "is_default")]
    pub max_messages_per_subject: i64,
    /// How many bytes it keeps.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    /// How long it keeps a message. Zero is for good.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub max_age: Duration,
    /// How long a message may be in bytes, headers included.
    #[serde(rename = "max_msg_size", skip_serializing_if = "is_default")]
    pub max_message_size: i64,
    /// What happens at a limit.
    #[serde(skip_serializing_if = "is_default")]
    pub discard: DiscardPolicy,
    /// Whether [`DiscardPolicy::New`] counts for the limit of a subject, too.
    #[serde(skip_serializing_if = "is_default")]
    pub discard_new_per_subject: bool,
    /// Where it keeps them.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: StorageType,
    /// How many servers have it, 1 to 5. Zero is one.
    #[serde(skip_serializing_if = "is_default")]
    pub num_replicas: u32,
    /// Whether publishers get no acknowledgement.
    #[serde(skip_serializing_if = "is_default")]
    pub no_ack: bool,
    /// For how long ids of messages are remembered. Zero is the server's default, two minutes, or
    /// `max_age` if that is shorter.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub duplicate_window: Duration,
    /// Which servers may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// The stream that it is a copy of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Source>,
    /// Streams whose messages it stores besides its own.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_as_default")]
    pub sources: Vec<Source>,
    /// Publishes what was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Whether messages may be got from any replica.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_direct: bool,
    /// Whether messages of the origin may be got from this mirror.
    #[serde(skip_serializing_if = "is_default")]
    pub mirror_direct: bool,
    /// Whether nothing can be changed any more. Cannot be undone.
    #[serde(skip_serializing_if = "is_default")]
    pub sealed: bool,
    /// Whether messages cannot be deleted.
    #[serde(skip_serializing_if = "is_default")]
    pub deny_delete: bool,
    /// Whether it cannot be purged.
    #[serde(skip_serializing_if = "is_default")]
    pub deny_purge: bool,
    /// Whether a message may replace all others, or those of its subject.
    #[serde(rename = "allow_rollup_hdrs", skip_serializing_if = "is_default")]
    pub allow_rollup: bool,
    /// How files are compressed. Since 2.10.
    #[serde(skip_serializing_if = "is_default")]
    pub compression: Compression,
    /// The sequence number of the first message. Zero is 1. Since 2.10.
    #[serde(rename = "first_seq", skip_serializing_if = "is_default")]
    pub first_sequence: u64,
    /// Changes subjects before messages are stored. Since 2.10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    /// Limits and defaults of its consumers. Since 2.10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_limits: Option<ConsumerLimits>,
    /// Anything, by name. Servers from 2.11 on add some beginning with `_nats.`. Since 2.10.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
    /// Whether a message may have a TTL. Cannot be taken back. Since 2.11.
    #[serde(rename = "allow_msg_ttl", skip_serializing_if = "is_default")]
    pub allow_message_ttl: bool,
    /// For how long a marker is kept where the last message of a subject was removed by age; zero is
    /// without. A TTL that is shorter is raised to it. Since 2.11.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub subject_delete_marker_ttl: Duration,
    /// Whether messages are counters (ADR-49). Since 2.12.
    #[serde(rename = "allow_msg_counter", skip_serializing_if = "is_default")]
    pub allow_message_counter: bool,
    /// Whether messages may be stored all together or not at all (ADR-50). Since 2.12.
    #[serde(rename = "allow_atomic", skip_serializing_if = "is_default")]
    pub allow_atomic_publish: bool,
    /// Whether messages may be schedules (ADR-51). Since 2.12.
    #[serde(rename = "allow_msg_schedules", skip_serializing_if = "is_default")]
    pub allow_message_schedules: bool,
    /// Whether a message is on disk before it is acknowledged. Since 2.12.
    #[serde(skip_serializing_if = "is_default")]
    pub persist_mode: PersistMode,
    /// Whether messages may be published in fast batches. Since 2.14.
    #[serde(rename = "allow_batched", skip_serializing_if = "is_default")]
    pub allow_batch_publish: bool,
}

impl Config {
    /// A stream of that name that stores these subjects.
    pub fn new<S: Into<String>>(
        name: impl Into<String>,
        subjects: impl IntoIterator<Item = S>,
    ) -> Self {
        let subjects = subjects.into_iter().map(Into::into).collect();
        Self { name: name.into(), subjects, ..Self::default() }
    }
}

/// A choice of the server's. What this crate does not know is `Unknown`; an
/// [update](crate::jetstream::Stream::update) leaves it as it is.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
            /// One that this version does not know. It cannot be asked for.
            #[serde(other)]
            Unknown,
        }
    )*};
}
pub(in crate::jetstream) use choices;

choices! {
    /// When a stream removes messages.
    RetentionPolicy {
        /// At its limits.
        #[default]
        Limits = "limits",
        /// When all its consumers have acknowledged them, or there are none.
        Interest = "interest",
        /// When one consumer has acknowledged them: a work queue.
        WorkQueue = "workqueue",
    }
    /// What happens when a limit is reached.
    DiscardPolicy {
        /// The oldest message is removed.
        #[default]
        Old = "old",
        /// The new message is refused.
        New = "new",
    }
    /// Where messages are kept.
    StorageType {
        /// In files.
        #[default]
        File = "file",
        /// In memory.
        Memory = "memory",
    }
    /// How files are compressed.
    Compression {
        /// Not at all.
        #[default]
        None = "none",
        /// With S2.
        S2 = "s2",
    }
    /// When a message is acknowledged.
    PersistMode {
        /// When it is stored.
        #[default]
        Default = "default",
        /// Before it is written to the disk; for streams with one replica.
        Async = "async",
    }
}

/// Which servers may have a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// The cluster's name.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    /// Tags that all of them have.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
}

/// Another stream, whose messages a stream has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The other stream's name.
    pub name: String,
    /// From which sequence number on. Zero is all.
    #[serde(rename = "opt_start_seq", skip_serializing_if = "is_default")]
    pub start_sequence: u64,
    /// From which time on.
    #[serde(
        rename = "opt_start_time",
        with = "json::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_time: Option<Timestamp>,
    /// Which subjects. Default: all.
    #[serde(skip_serializing_if = "is_default")]
    pub filter_subject: String,
    /// Which subjects, and what they become. Instead of `filter_subject`. Since 2.10.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_as_default")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// Where the other stream is, if it is in another account or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// A consumer of the other stream to use instead of one that the server makes. Since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<SourceConsumer>,
}

impl Source {
    /// All messages of a stream of the same account and domain.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The stream is in another domain.
    #[must_use]
    pub fn domain(self, domain: &str) -> Self {
        let external = External { api: format!("$JS.{domain}.API"), deliver: String::new() };
        Self { external: Some(external), ..self }
    }
}

/// Where a stream of another account or domain is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct External {
    /// The prefix of its API: `$JS.<domain>.API` for one of another domain.
    pub api: String,
    /// The prefix of subjects that its messages are delivered to.
    pub deliver: String,
}

/// A consumer that a source uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceConsumer {
    /// The consumer's name.
    pub name: String,
    /// The subject that it delivers to.
    pub deliver_subject: String,
}

/// Publishes what was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Republish {
    /// Which subjects. Default: all.
    #[serde(rename = "src", skip_serializing_if = "is_default")]
    pub source: String,
    /// To which subject, which may have `{{wildcard(1)}}` and the like.
    #[serde(rename = "dest")]
    pub destination: String,
    /// Without payloads.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
}

/// What a subject becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTransform {
    /// Which subjects. Default: all.
    #[serde(rename = "src")]
    pub source: String,
    /// What they become: `{{wildcard(1)}}` and the like.
    #[serde(rename = "dest")]
    pub destination: String,
}

/// Limits and defaults of a stream's consumers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerLimits {
    /// After how long without use a consumer is removed.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub inactive_threshold: Duration,
    /// How many messages may be unacknowledged.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
}
