//! Every setting, as each client reads what another has created.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;
use serde_json::Value;
use serde_json::json;

use super::World;
use crate::interop::peer::Kind;
use crate::jetstream::is_recent;

const SECOND: Duration = Duration::from_secs(1);

pub(super) async fn both_read_the_same_configurations(mut world: World) {
    let is_recent = is_recent(&world.client);
    let World { jetstream, peer, .. } = &mut world;
    // What the others have no name for, or leave out of what they show.
    let unknown_to_them = match peer.kind {
        Kind::NatsPy => BTreeSet::from([
            "max_batch",
            "max_bytes",
            "max_expires",
            "priority_groups",
            "priority_policy",
            "priority_timeout",
        ]),
        Kind::NatsJs => BTreeSet::new(),
    };
    let stream = stream_config(is_recent);
    let stream = jetstream.create_stream(stream).await.unwrap();
    let ours = serde_json::to_value(stream.info().await.unwrap().config).unwrap();
    let theirs = peer.ask("read_stream", json!({ "stream": "ALL" })).await;
    assert_eq!(differing(&ours, &theirs), BTreeSet::new());

    let consumer = stream.create_consumer(consumer_config(is_recent)).await.unwrap();
    let ours = serde_json::to_value(consumer.info().await.unwrap().config).unwrap();
    let theirs = peer.ask("read_consumer", json!({ "stream": "ALL", "consumer": "all" })).await;
    let known: BTreeSet<&str> = ours.as_object().unwrap().keys().map(String::as_str).collect();
    let expected: BTreeSet<_> = unknown_to_them.intersection(&known).copied().collect();
    assert_eq!(differing(&ours, &theirs), expected);

    // The other way round: they create a copy of what they have read.
    stream.delete().await.unwrap();
    let mut asked = serde_json::to_value(stream_config(is_recent)).unwrap();
    asked["description"] = json!("theirs");
    peer.ask("create_stream", json!({ "config": asked })).await;
    let expected = stream::Config { description: "theirs".into(), ..stream_config(is_recent) };
    assert_eq!(without_stream_additions(stream.info().await.unwrap().config), expected);

    let mut asked = serde_json::to_value(consumer_config(is_recent)).unwrap();
    asked["description"] = json!("theirs");
    asked.as_object_mut().unwrap().retain(|name, _| !unknown_to_them.contains(name.as_str()));
    peer.ask("create_consumer", json!({ "stream": "ALL", "config": asked })).await;
    let expected: consumer::Config = serde_json::from_value(asked).unwrap();
    let mut found = consumer.info().await.unwrap().config;
    // Some create it in such a way that it has its name twice.
    found.name = None;
    found.metadata.retain(|name, _| !name.starts_with("_nats."));
    assert_eq!(found, expected);
}

/// Everything that both sides can set.
fn stream_config(is_recent: bool) -> stream::Config {
    let old = stream::Config {
        description: "of \"everything\" é".into(),
        max_consumers: 7,
        max_messages: 1_000,
        max_messages_per_subject: 100,
        max_bytes: 1 << 20,
        max_age: 600 * SECOND,
        max_message_size: 4_000,
        discard: stream::DiscardPolicy::New,
        discard_new_per_subject: true,
        storage: stream::StorageType::Memory,
        num_replicas: 1,
        duplicate_window: 60 * SECOND,
        republish: Some(stream::Republish {
            source: "all.*".into(),
            destination: "again.{{wildcard(1)}}".into(),
            headers_only: true,
        }),
        allow_direct: true,
        deny_delete: true,
        allow_rollup: true,
        ..stream::Config::new("ALL", ["all.*"])
    };
    if !is_recent {
        return old;
    }
    stream::Config {
        storage: stream::StorageType::File,
        compression: stream::Compression::S2,
        first_sequence: 1_000,
        subject_transform: Some(stream::SubjectTransform {
            source: "all.*".into(),
            destination: "all.{{wildcard(1)}}".into(),
        }),
        consumer_limits: Some(stream::ConsumerLimits {
            inactive_threshold: 600 * SECOND,
            max_ack_pending: 50,
        }),
        metadata: BTreeMap::from([("owner".into(), "nobody".into())]),
        allow_message_ttl: true,
        subject_delete_marker_ttl: 120 * SECOND,
        allow_atomic_publish: true,
        ..old
    }
}

fn consumer_config(is_recent: bool) -> consumer::Config {
    let old = consumer::Config {
        description: "of everything".into(),
        deliver_policy: consumer::DeliverPolicy::ByStartSequence { start_sequence: 3 },
        ack_wait: 5 * SECOND,
        max_deliver: 4,
        backoff: vec![5 * SECOND, 6 * SECOND, 7 * SECOND],
        filter_subjects: "all.a".into(),
        replay_policy: consumer::ReplayPolicy::Original,
        sample_frequency: 30,
        max_waiting: 12,
        max_ack_pending: 34,
        headers_only: true,
        max_batch: 56,
        max_expires: 78 * SECOND,
        max_bytes: 9_000,
        inactive_threshold: 500 * SECOND,
        num_replicas: 1,
        memory_storage: true,
        ..consumer::Config::durable("all")
    };
    if !is_recent {
        return old;
    }
    consumer::Config {
        filter_subjects: ["all.a", "all.b"].into_iter().collect(),
        metadata: BTreeMap::from([("owner".into(), "nobody".into())]),
        priority_groups: vec!["g".into()],
        priority_policy: consumer::PriorityPolicy::PinnedClient,
        priority_timeout: 90 * SECOND,
        ..old
    }
}

fn without_stream_additions(mut config: stream::Config) -> stream::Config {
    config.metadata.retain(|name, _| !name.starts_with("_nats."));
    config
}

/// The fields of ours that are not the same with them.
fn differing<'a>(ours: &'a Value, theirs: &Value) -> BTreeSet<&'a str> {
    let fields = ours.as_object().unwrap().iter();
    let differing = fields.filter(|(name, value)| theirs.get(name.as_str()) != Some(value));
    differing.map(|(name, _)| name.as_str()).collect()
}

/// The fields that have changed.
pub(super) fn changed<'a>(before: &Value, after: &'a Value) -> Vec<&'a str> {
    differing(after, before).into_iter().collect()
}
