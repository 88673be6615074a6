//! Every field that servers know, as they echo it: set, read back as JSON, and the same after a change of another.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::Client;
use nats_tokio::jetstream::Timestamp;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::consumer::DeliverPolicy;
use nats_tokio::jetstream::stream;
use nats_tokio::jetstream::stream::Config;
use serde_json::Value;
use serde_json::json;

use super::is_recent;

const MINUTE: Duration = Duration::from_secs(60);

/// The fields of a stream, those within others with a slash.
const STREAM_OLD: &str = "name description subjects retention max_consumers max_msgs max_bytes max_age \
    max_msgs_per_subject max_msg_size discard storage num_replicas no_ack duplicate_window placement \
    placement/cluster placement/tags mirror mirror/name mirror/opt_start_time mirror/external \
    mirror/external/api mirror/external/deliver sources sources/name sources/opt_start_seq sources/filter_subject \
    republish republish/src republish/dest republish/headers_only allow_direct mirror_direct \
    discard_new_per_subject sealed deny_delete deny_purge allow_rollup_hdrs";
const STREAM_NEW: &str = "compression first_seq subject_transform subject_transform/src subject_transform/dest \
    consumer_limits consumer_limits/inactive_threshold consumer_limits/max_ack_pending metadata metadata/owner \
    allow_msg_ttl subject_delete_marker_ttl allow_msg_counter allow_atomic allow_msg_schedules persist_mode \
    allow_batched sources/subject_transforms sources/subject_transforms/src sources/subject_transforms/dest \
    sources/consumer sources/consumer/name sources/consumer/deliver_subject";
const CONSUMER_OLD: &str = "durable_name name description deliver_policy opt_start_seq opt_start_time ack_policy \
    ack_wait max_deliver backoff filter_subject replay_policy rate_limit_bps sample_freq max_waiting \
    max_ack_pending flow_control headers_only max_batch max_expires max_bytes deliver_subject deliver_group \
    idle_heartbeat inactive_threshold num_replicas mem_storage";
const CONSUMER_NEW: &str = "filter_subjects metadata metadata/owner pause_until priority_groups priority_policy priority_timeout";

/// Streams that have all fields between them: some fields exclude others.
fn streams(is_recent: bool) -> Vec<Config> {
    let all = Config {
        description: "of everything \"quoted\" é".into(),
        retention: stream::RetentionPolicy::Interest,
        max_consumers: 7,
        max_messages: 1_000,
        max_messages_per_subject: 100,
        max_bytes: 1 << 20,
        max_age: 10 * MINUTE,
        max_message_size: 4_000,
        discard: stream::DiscardPolicy::New,
        discard_new_per_subject: true,
        storage: stream::StorageType::Memory,
        num_replicas: 1,
        no_ack: true,
        duplicate_window: MINUTE,
        placement: Some(stream::Placement { cluster: "C".into(), tags: vec!["t".into()] }),
        republish: Some(stream::Republish {
            source: "all.*".into(),
            destination: "again.{{wildcard(1)}}".into(),
            headers_only: true,
        }),
        allow_direct: true,
        deny_delete: true,
        deny_purge: true,
        ..Config::new("ALL", ["all.*"])
    };
    let mirror = Config {
        mirror: Some(stream::Source {
            start_time: Some(Timestamp::from_nanos(1_700_000_000_123_456_789)),
            external: Some(stream::External {
                api: "$JS.other.API".into(),
                deliver: "deliver".into(),
            }),
            ..stream::Source::new("ORIGIN")
        }),
        mirror_direct: true,
        allow_direct: true,
        ..Config::new("MIRROR", [] as [&str; 0])
    };
    let source = stream::Source {
        start_sequence: 5,
        filter_subject: "origin.a".into(),
        ..stream::Source::new("ORIGIN")
    };
    let sourcing =
        Config { sources: vec![source], allow_rollup: true, ..Config::new("SOURCING", ["own.>"]) };
    let mut streams = vec![all, mirror, sourcing];
    if is_recent {
        streams.extend(new_streams());
    }
    streams
}

fn new_streams() -> [Config; 4] {
    let transform = |source: &str, destination: &str| stream::SubjectTransform {
        source: source.into(),
        destination: destination.into(),
    };
    let new = Config {
        compression: stream::Compression::S2,
        first_sequence: 1_000,
        subject_transform: Some(transform("new.*", "new.{{wildcard(1)}}")),
        consumer_limits: Some(stream::ConsumerLimits {
            inactive_threshold: MINUTE,
            max_ack_pending: 50,
        }),
        metadata: BTreeMap::from([("owner".into(), "nobody".into())]),
        allow_message_ttl: true,
        subject_delete_marker_ttl: 2 * MINUTE,
        allow_rollup: true,
        allow_atomic_publish: true,
        allow_message_schedules: true,
        allow_batch_publish: true,
        ..Config::new("NEW", ["new.*"])
    };
    let counter = Config {
        allow_message_counter: true,
        allow_direct: true,
        ..Config::new("COUNTER", ["counter.>"])
    };
    let fast = Config { persist_mode: stream::PersistMode::Async, ..Config::new("FAST", ["fast"]) };
    let transforming = stream::Source {
        subject_transforms: vec![transform("origin.*", "moved.{{wildcard(1)}}")],
        ..stream::Source::new("ORIGIN")
    };
    let by_consumer = stream::Source {
        consumer: Some(stream::SourceConsumer {
            name: "sourcing".into(),
            deliver_subject: "sourced.here".into(),
        }),
        ..stream::Source::new("ORIGIN")
    };
    let sourcing = Config {
        sources: vec![transforming, by_consumer],
        ..Config::new("TRANSFORMING", [] as [&str; 0])
    };
    [new, counter, fast, sourcing]
}

/// Consumers that have all fields between them.
fn consumers(is_recent: bool) -> Vec<consumer::Config> {
    let pull = consumer::Config {
        description: "of everything".into(),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: 3 },
        ack_wait: MINUTE,
        max_deliver: 4,
        backoff: vec![MINUTE, 2 * MINUTE],
        filter_subjects: "s.a".into(),
        replay_policy: consumer::ReplayPolicy::Original,
        sample_frequency: 30,
        max_waiting: 12,
        max_ack_pending: 34,
        headers_only: true,
        max_batch: 56,
        max_expires: MINUTE,
        max_bytes: 9_000,
        inactive_threshold: 10 * MINUTE,
        num_replicas: 1,
        memory_storage: true,
        ..consumer::Config::durable("pull")
    };
    let push = consumer::Config {
        deliver_policy: DeliverPolicy::ByStartTime {
            start_time: Timestamp::from_nanos(1_700_000_000_123_456_789),
        },
        deliver_subject: Some("there".into()),
        deliver_group: Some("group".into()),
        flow_control: true,
        idle_heartbeat: MINUTE,
        rate_limit: 1_000_000,
        ..consumer::Config::durable("push")
    };
    let unnamed = consumer::Config { name: Some("unnamed".into()), ..consumer::Config::default() };
    let mut consumers = vec![pull, push, unnamed];
    if is_recent {
        consumers.push(consumer::Config {
            filter_subjects: ["s.a", "s.b"].into_iter().collect(),
            metadata: BTreeMap::from([("owner".into(), "nobody".into())]),
            pause_until: Some(Timestamp::from_nanos(4_000_000_000_123_000_000)),
            priority_groups: vec!["g".into()],
            priority_policy: consumer::PriorityPolicy::PinnedClient,
            priority_timeout: 2 * MINUTE,
            ..consumer::Config::durable("grouped")
        });
    }
    consumers
}

async fn start() -> (NatsServer, Client) {
    // Placement needs a name and tags, also where there is one server.
    let config = "server_name: one\nserver_tags: [\"t\"]\n\
                  jetstream { store_dir: $STORE, max_mem: 64M, max_file: 256M }";
    let server = NatsServer::start(config);
    let client = crate::connect(&server).await;
    (server, client)
}

/// What the server says, as it says it.
async fn echo(client: &Client, subject: &str) -> Value {
    let answer = client.request(subject, "").await.unwrap();
    let mut answer: Value = serde_json::from_slice(answer.payload()).unwrap();
    assert_eq!(answer.get("error"), None, "{subject}");
    answer["config"].take()
}

/// The names of all fields that have a value, those of lists together.
fn fields(config: &Value, before: &str, found: &mut BTreeSet<String>) {
    match config {
        Value::Object(object) => {
            for (name, value) in object {
                if [json!(""), json!(false), json!(0), json!(null)].contains(value) {
                    continue;
                }
                let name = format!("{before}{name}");
                fields(value, &format!("{name}/"), found);
                found.insert(name);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| fields(value, before, found)),
        _ => {}
    }
}

/// All names of the lists, and no others but what servers add.
fn assert_all(found: &BTreeSet<String>, is_recent: bool, old: &str, new: &str) {
    let new = if is_recent { new } else { "" };
    let expected: BTreeSet<_> =
        [old, new].join(" ").split_whitespace().map(str::to_owned).collect();
    let found: BTreeSet<_> =
        found.iter().filter(|name| !name.contains("_nats.")).cloned().collect();
    assert_eq!(found, expected);
}

/// What is asked for is there, with the same value.
fn assert_echoed(asked: &Value, echo: &Value, at: &str) {
    match (asked, echo) {
        (Value::Object(asked), Value::Object(echo)) => {
            for (name, asked) in asked {
                assert_echoed(
                    asked,
                    echo.get(name).unwrap_or(&Value::Null),
                    &format!("{at}/{name}"),
                );
            }
        }
        (asked, echo) => assert_eq!(asked, echo, "{at}"),
    }
}

/// `nats-io/nats.ex#162`: the types did not have all fields, and an update reset them.
#[tokio::test]
async fn every_field_of_a_stream_is_echoed_and_survives_a_change_of_another() {
    let (_server, client) = start().await;
    let jetstream = client.jetstream();
    let is_recent = is_recent(&client);
    let mut found = BTreeSet::new();
    for asked in streams(is_recent) {
        let name = asked.name.clone();
        let subject = format!("$JS.API.STREAM.INFO.{name}");
        let stream = jetstream.create_stream(asked.clone()).await.unwrap();
        let created = echo(&client, &subject).await;
        assert_echoed(&serde_json::to_value(&asked).unwrap(), &created, &name);
        fields(&created, "", &mut found);

        let change = |config: &mut Config| config.description = "changed".into();
        stream.update(change).await.unwrap();
        let mut expected = created;
        expected["description"] = json!("changed");
        assert_eq!(echo(&client, &subject).await, expected);
        if name == "SOURCING" {
            stream.seal().await.unwrap();
            let sealed = echo(&client, &subject).await;
            assert_eq!(sealed["sources"], expected["sources"]);
            fields(&sealed, "", &mut found);
        }
    }
    assert_all(&found, is_recent, STREAM_OLD, STREAM_NEW);
}

/// `nats-io/nats.ex#208`, for consumers.
#[tokio::test]
async fn every_field_of_a_consumer_is_echoed_and_survives_a_change_of_another() {
    let (_server, client) = start().await;
    let is_recent = is_recent(&client);
    let stream = client.jetstream().create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let mut found = BTreeSet::new();
    for asked in consumers(is_recent) {
        let consumer = stream.create_consumer(asked.clone()).await.unwrap();
        let subject = format!("$JS.API.CONSUMER.INFO.S.{}", consumer.name());
        let created = echo(&client, &subject).await;
        assert_echoed(&serde_json::to_value(&asked).unwrap(), &created, consumer.name());
        fields(&created, "", &mut found);

        let change = |config: &mut consumer::Config| config.description = "changed".into();
        let updated = stream.update_consumer(consumer.name(), change).await;
        if !is_recent && matches!(asked.deliver_policy, DeliverPolicy::ByStartTime { .. }) {
            // Old servers take every start time for another one.
            let error = updated.unwrap_err().to_string();
            assert!(error.contains("start time can not be updated"), "{error}");
            continue;
        }
        updated.unwrap();
        let mut expected = created;
        expected["description"] = json!("changed");
        assert_eq!(echo(&client, &subject).await, expected);
    }
    assert_all(&found, is_recent, CONSUMER_OLD, CONSUMER_NEW);
}
