//! The state of a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_proto::jetstream::Timestamp;
use serde::Deserialize;

use super::config::Config;
use super::config::External;
use super::config::SubjectTransform;
use crate::jetstream::json;
use crate::jetstream::json::null_as_default;

/// A stream's configuration and state, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Info {
    /// The configuration, with what the server has added.
    pub config: Config,
    /// When it was made.
    #[serde(with = "json::time::required")]
    pub created: Timestamp,
    /// What is in it.
    pub state: State,
    /// Its domain; empty if the server has none.
    pub domain: String,
    /// Which servers have it, in a cluster.
    pub cluster: Option<ClusterInfo>,
    /// How far a mirror is.
    pub mirror: Option<SourceInfo>,
    /// How far its sources are.
    #[serde(deserialize_with = "null_as_default")]
    pub sources: Vec<SourceInfo>,
    /// When the server wrote this. Since 2.10.
    #[serde(rename = "ts", with = "json::time")]
    pub timestamp: Option<Timestamp>,
}

/// What is in a stream.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct State {
    /// How many messages.
    pub messages: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The first message's sequence number; if there is none, that of the next.
    #[serde(rename = "first_seq")]
    pub first_sequence: u64,
    /// The first message's time.
    #[serde(rename = "first_ts", with = "json::time")]
    pub first_time: Option<Timestamp>,
    /// The last message's sequence number.
    #[serde(rename = "last_seq")]
    pub last_sequence: u64,
    /// The last message's time.
    #[serde(rename = "last_ts", with = "json::time")]
    pub last_time: Option<Timestamp>,
    /// How many consumers there are.
    pub consumer_count: u64,
    /// How many subjects there are.
    pub num_subjects: u64,
    /// How many messages between the first and the last were deleted.
    pub num_deleted: u64,
    /// Their sequence numbers, if they were [asked for](super::Stream::info_with_deleted).
    #[serde(deserialize_with = "null_as_default")]
    pub deleted: Vec<u64>,
    /// How many messages each subject has, if that was [asked for](super::Stream::info_with_subjects).
    #[serde(deserialize_with = "null_as_default")]
    pub subjects: BTreeMap<String, u64>,
}

/// Which servers have a stream or a consumer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterInfo {
    /// The cluster's name.
    pub name: String,
    /// The leader's name; empty while there is none.
    pub leader: String,
    /// The other servers that have it.
    #[serde(deserialize_with = "null_as_default")]
    pub replicas: Vec<PeerInfo>,
}

/// A server that has a replica.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The server's name.
    pub name: String,
    /// Whether it has everything.
    pub current: bool,
    /// Whether it cannot be reached.
    pub offline: bool,
    /// For how long nothing was heard of it.
    #[serde(with = "json::nanos")]
    pub active: Duration,
    /// How many operations it has not done yet.
    pub lag: u64,
}

/// How far a stream is with what another stream has.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceInfo {
    /// The other stream's name.
    pub name: String,
    /// How many messages are missing.
    pub lag: u64,
    /// For how long nothing was heard of it; zero if it was never reached.
    #[serde(with = "json::nanos")]
    pub active: Duration,
    /// Which subjects.
    pub filter_subject: String,
    /// Which subjects, and what they become.
    #[serde(deserialize_with = "null_as_default")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// Where it is.
    pub external: Option<External>,
    /// What is wrong with it.
    pub error: Option<SourceError>,
}

/// What is wrong with a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceError {
    /// A code like those of HTTP.
    pub code: u16,
    /// Which error it is.
    pub err_code: u16,
    /// The text of the server.
    pub description: String,
}
