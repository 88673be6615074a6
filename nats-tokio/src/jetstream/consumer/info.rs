//! The state of a consumer.

use std::fmt;
use std::time::Duration;

use nats_proto::jetstream::Timestamp;
use serde::Deserialize;

use super::config::Config;
use crate::jetstream::json;
use crate::jetstream::json::null_as_default;
use crate::jetstream::stream::ClusterInfo;

/// A consumer's configuration and state, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Info {
    /// The stream's name.
    pub stream_name: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    #[serde(with = "json::time::required")]
    pub created: Timestamp,
    /// The configuration, with what the server has added.
    pub config: Config,
    /// The last message that was delivered.
    pub delivered: SequenceInfo,
    /// The last message up to which all are acknowledged.
    pub ack_floor: SequenceInfo,
    /// How many messages are delivered and not acknowledged.
    pub num_ack_pending: u64,
    /// How many of them were delivered more than once.
    pub num_redelivered: u64,
    /// How many pulls wait.
    pub num_waiting: u64,
    /// How many messages are still to be delivered for the first time.
    pub num_pending: u64,
    /// Which servers have it, in a cluster.
    pub cluster: Option<ClusterInfo>,
    /// Whether somebody is subscribed to a push consumer's subject.
    pub push_bound: bool,
    /// Whether it is paused. Since 2.11.
    pub paused: bool,
    /// For how long. Since 2.11.
    #[serde(with = "json::nanos")]
    pub pause_remaining: Duration,
    /// Who of which group is pinned. Since 2.11.
    #[serde(deserialize_with = "null_as_default")]
    pub priority_groups: Vec<PriorityGroup>,
    /// When the server wrote this. Since 2.10.
    #[serde(rename = "ts", with = "json::time")]
    pub timestamp: Option<Timestamp>,
}

impl Info {
    /// Whether it delivers nothing until messages are acknowledged, and how many those are. No error tells of
    /// that, since it is how a consumer is meant to work.
    #[must_use]
    pub fn held_up(&self) -> Option<HeldUp> {
        let max_ack_pending = u64::try_from(self.config.max_ack_pending).ok()?;
        let is_held_up = max_ack_pending > 0 && self.num_ack_pending >= max_ack_pending;
        is_held_up.then_some(HeldUp { num_ack_pending: self.num_ack_pending, max_ack_pending })
    }
}

/// As many messages are delivered and not acknowledged as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldUp {
    /// How many messages are delivered and not acknowledged.
    pub num_ack_pending: u64,
    /// How many may be.
    pub max_ack_pending: u64,
}

impl fmt::Display for HeldUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { num_ack_pending, max_ack_pending } = self;
        write!(f, "held up by unacknowledged messages: {num_ack_pending} of {max_ack_pending}")
    }
}

/// A message, by its sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SequenceInfo {
    /// That of the delivery.
    #[serde(rename = "consumer_seq")]
    pub consumer_sequence: u64,
    /// That of the message.
    #[serde(rename = "stream_seq")]
    pub stream_sequence: u64,
    /// When that was.
    #[serde(with = "json::time")]
    pub last_active: Option<Timestamp>,
}

/// The state of a priority group.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PriorityGroup {
    /// Its name.
    pub group: String,
    /// The id of the client that is pinned.
    pub pinned_client_id: Option<String>,
    /// Since when.
    #[serde(rename = "pinned_ts", with = "json::time")]
    pub pinned_since: Option<Timestamp>,
}

/// What became of pausing a consumer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Paused {
    /// Whether it is paused now.
    pub paused: bool,
    /// Until when.
    #[serde(with = "json::time")]
    pub pause_until: Option<Timestamp>,
    /// For how long.
    #[serde(with = "json::nanos")]
    pub pause_remaining: Duration,
}
