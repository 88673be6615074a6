//! The configuration of a consumer.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_proto::jetstream::Timestamp;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;

use crate::jetstream::json;
use crate::jetstream::json::is_default;
use crate::jetstream::json::null_as_default;
use crate::jetstream::stream::choices;

/// The configuration of a consumer. What is left at its default is the server's to decide.
///
/// A consumer with a `durable_name` stays until it is deleted; one without is removed when nobody has
/// used it for `inactive_threshold`, 5 seconds by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Its name, if it is to stay. One token, at most 255 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_name: Option<String>,
    /// Its name, if it is not to stay. By default, the server finds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Anything.
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// Where it begins.
    #[serde(flatten)]
    pub deliver_policy: DeliverPolicy,
    /// What has to be acknowledged.
    pub ack_policy: AckPolicy,
    /// How long to wait for an acknowledgement before a message is delivered again. Zero is the
    /// server's default, 30 s. The first of `backoff` wins.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub ack_wait: Duration,
    /// How often a message is delivered at most. Zero and -1 are without a limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_deliver: i64,
    /// How long to wait for the acknowledgement of the first, second, … delivery of a message. The last
    /// counts for all that follow.
    #[serde(with = "json::nanos::list", skip_serializing_if = "is_default")]
    pub backoff: Vec<Duration>,
    /// Which subjects it delivers. Default: all of the stream's. More than one: since 2.10.
    #[serde(flatten)]
    pub filter_subjects: FilterSubjects,
    /// Whether messages are delivered as fast as they were published.
    #[serde(skip_serializing_if = "is_default")]
    pub replay_policy: ReplayPolicy,
    /// How many bits a second are delivered at most. Push consumers only.
    #[serde(rename = "rate_limit_bps", skip_serializing_if = "is_default")]
    pub rate_limit: u64,
    /// How many percent of the acknowledgements are told of in advisories.
    #[serde(rename = "sample_freq", with = "percentage", skip_serializing_if = "is_default")]
    pub sample_frequency: u8,
    /// How many pulls may wait. Zero is the server's default, 512.
    #[serde(skip_serializing_if = "is_default")]
    pub max_waiting: i64,
    /// How many messages may be unacknowledged before no more are delivered. Zero is the server's default,
    /// 1,000; -1 is without a limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    /// Whether the server waits for the client. Push consumers only.
    #[serde(skip_serializing_if = "is_default")]
    pub flow_control: bool,
    /// Without payloads; `Nats-Msg-Size` says how long they are.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
    /// How many messages a pull may ask for.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch: i64,
    /// How long a pull may wait.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub max_expires: Duration,
    /// How many bytes a pull may ask for.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    /// Where messages are delivered without being asked for: that makes a push consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_subject: Option<String>,
    /// The queue group of those that subscribe to it. Push consumers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_group: Option<String>,
    /// How often an idle server says that it is alive. Push consumers only.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub idle_heartbeat: Duration,
    /// After how long without use it is removed.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub inactive_threshold: Duration,
    /// How many servers have its state. Zero is as many as have the stream.
    #[serde(skip_serializing_if = "is_default")]
    pub num_replicas: u32,
    /// Whether its state is in memory only.
    #[serde(rename = "mem_storage", skip_serializing_if = "is_default")]
    pub memory_storage: bool,
    /// Anything, by name. Since 2.10.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
    /// Until when it delivers nothing. Since 2.11.
    #[serde(with = "json::time", skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<Timestamp>,
    /// Its priority groups, of which servers support one. Since 2.11.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_as_default")]
    pub priority_groups: Vec<String>,
    /// Who of a priority group gets messages. Since 2.11.
    #[serde(skip_serializing_if = "is_default")]
    pub priority_policy: PriorityPolicy,
    /// After how long without a pull a client is not pinned any more. Since 2.11.
    #[serde(with = "json::nanos", skip_serializing_if = "is_default")]
    pub priority_timeout: Duration,
}

impl Config {
    /// A consumer of that name, which stays until it is deleted.
    pub fn durable(name: impl Into<String>) -> Self {
        Self { durable_name: Some(name.into()), ..Self::default() }
    }

    /// Its name, unless the server is to find one.
    #[must_use]
    pub fn consumer_name(&self) -> Option<&str> {
        self.name.as_deref().or(self.durable_name.as_deref())
    }
}

/// Where a consumer begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "deliver_policy")]
#[non_exhaustive]
pub enum DeliverPolicy {
    /// With the first message.
    #[default]
    #[serde(rename = "all")]
    All,
    /// With the last message.
    #[serde(rename = "last")]
    Last,
    /// With the first message that is stored after it was made.
    #[serde(rename = "new")]
    New,
    /// With that sequence number, or the next that there is.
    #[serde(rename = "by_start_sequence")]
    ByStartSequence {
        /// The sequence number, from 1 on.
        #[serde(rename = "opt_start_seq")]
        start_sequence: u64,
    },
    /// With the first message that was stored then, or later.
    #[serde(rename = "by_start_time")]
    ByStartTime {
        /// The time.
        #[serde(rename = "opt_start_time", with = "json::time::required")]
        start_time: Timestamp,
    },
    /// With the last message of each subject.
    #[serde(rename = "last_per_subject")]
    LastPerSubject,
    /// One that this version does not know. It cannot be asked for.
    Unknown,
}

impl<'de> Deserialize<'de> for DeliverPolicy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Fields {
            deliver_policy: Option<String>,
            opt_start_seq: u64,
            #[serde(with = "json::time")]
            opt_start_time: Option<Timestamp>,
        }
        let fields = Fields::deserialize(from)?;
        Ok(match fields.deliver_policy.as_deref() {
            None | Some("all") => Self::All,
            Some("last") => Self::Last,
            Some("new") => Self::New,
            Some("by_start_sequence") => {
                Self::ByStartSequence { start_sequence: fields.opt_start_seq }
            }
            Some("by_start_time") => {
                Self::ByStartTime { start_time: fields.opt_start_time.unwrap_or_default() }
            }
            Some("last_per_subject") => Self::LastPerSubject,
            Some(_) => Self::Unknown,
        })
    }
}

choices! {
    /// What has to be acknowledged.
    AckPolicy {
        /// Each message.
        #[default]
        Explicit = "explicit",
        /// A message, and with it all before it.
        All = "all",
        /// Nothing.
        None = "none",
        /// As `All`, by the flow control of a push consumer. Since 2.14.
        FlowControl = "flow_control",
    }
    /// How fast messages are delivered.
    ReplayPolicy {
        /// As fast as possible.
        #[default]
        Instant = "instant",
        /// As fast as they were published.
        Original = "original",
    }
    /// Who of a priority group gets messages.
    PriorityPolicy {
        /// There are no groups.
        #[default]
        None = "none",
        /// Whoever asks only when so much is waiting, gets it only then.
        Overflow = "overflow",
        /// One client, until it is gone.
        PinnedClient = "pinned_client",
        /// Those of a lower number first. Since 2.12.
        Prioritized = "prioritized",
    }
}

/// Which subjects a consumer delivers: none is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterSubjects(pub Vec<String>);

impl<S: Into<String>> From<S> for FilterSubjects {
    fn from(subject: S) -> Self {
        Self(vec![subject.into()])
    }
}

impl<S: Into<String>> FromIterator<S> for FilterSubjects {
    fn from_iter<I: IntoIterator<Item = S>>(subjects: I) -> Self {
        Self(subjects.into_iter().map(Into::into).collect())
    }
}

impl Serialize for FilterSubjects {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self.0.as_slice() {
            [] => {}
            // Servers before 2.10 know a single one only.
            [one] => map.serialize_entry("filter_subject", one)?,
            several => map.serialize_entry("filter_subjects", several)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FilterSubjects {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Fields {
            filter_subject: Option<String>,
            filter_subjects: Option<Vec<String>>,
        }
        let fields = Fields::deserialize(from)?;
        let several = fields.filter_subjects.unwrap_or_default();
        let mut subjects =
            if several.is_empty() { fields.filter_subject.into_iter().collect() } else { several };
        // No filter is an empty one, or none.
        subjects.retain(|subject| !subject.is_empty());
        Ok(Self(subjects))
    }
}

/// A number of percent, which servers have as a text, with or without `%`.
mod percentage {
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serializer;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(percent: &u8, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(percent)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
        let text = Option::<String>::deserialize(from)?.unwrap_or_default();
        Ok(text.trim_end_matches('%').parse().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_and_policies_are_fields_of_the_configuration() {
        let one = Config { filter_subjects: "a.>".into(), ..Config::durable("w") };
        assert_eq!(
            serde_json::to_value(&one).unwrap(),
            json!({
                "durable_name": "w", "deliver_policy": "all", "ack_policy": "explicit",
                "filter_subject": "a.>",
            })
        );
        let two = Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: 7 },
            filter_subjects: ["a", "b"].into_iter().collect(),
            ..Config::default()
        };
        let value = serde_json::to_value(&two).unwrap();
        assert_eq!(
            value,
            json!({
                "deliver_policy": "by_start_sequence", "opt_start_seq": 7,
                "ack_policy": "explicit", "filter_subjects": ["a", "b"],
            })
        );
        assert_eq!(serde_json::from_value::<Config>(value).unwrap(), two);
    }

    #[test]
    fn what_is_not_known_does_not_make_a_consumer_unreadable() {
        let value = json!({
            "deliver_policy": "by_moon_phase", "ack_policy": "maybe", "backoff": null,
            "sample_freq": "30%", "x_new": 1, "metadata": null,
        });
        let config: Config = serde_json::from_value(value).unwrap();
        assert_eq!(config.deliver_policy, DeliverPolicy::Unknown);
        assert_eq!(config.ack_policy, AckPolicy::Unknown);
        assert_eq!(config.sample_frequency, 30);
        assert!(serde_json::from_value::<Config>(json!({})).is_ok());
    }
}
