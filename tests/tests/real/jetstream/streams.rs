//! Streams: made with everything that can be set, changed one setting at a time, asked and deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_tokio::jetstream::ErrorClass;
use nats_tokio::jetstream::Timestamp;
use nats_tokio::jetstream::stream;
use nats_tokio::jetstream::stream::Config;

use super::is_recent;
use super::start;

const MINUTE: Duration = Duration::from_secs(60);

/// What servers of every version have.
fn everything_old() -> Config {
    Config {
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
        republish: Some(stream::Republish {
            source: "all.*".into(),
            destination: "again.{{wildcard(1)}}".into(),
            headers_only: true,
        }),
        allow_direct: true,
        deny_delete: true,
        deny_purge: true,
        allow_rollup: false,
        ..Config::new("ALL", ["all.*"])
    }
}

/// What only newer ones have, too.
fn everything_new() -> Config {
    Config {
        compression: stream::Compression::S2,
        storage: stream::StorageType::File,
        first_sequence: 1_000,
        subject_transform: Some(stream::SubjectTransform {
            source: "all.*".into(),
            destination: "all.{{wildcard(1)}}".into(),
        }),
        consumer_limits: Some(stream::ConsumerLimits {
            inactive_threshold: MINUTE,
            max_ack_pending: 50,
        }),
        metadata: BTreeMap::from([("owner".into(), "nobody".into())]),
        allow_message_ttl: true,
        subject_delete_marker_ttl: 2 * MINUTE,
        // Markers need it.
        allow_rollup: true,
        deny_purge: false,
        retention: stream::RetentionPolicy::Limits,
        ..everything_old()
    }
}

/// Without what a server adds by itself.
fn without_additions(mut config: Config) -> Config {
    config.metadata.retain(|name, _| !name.starts_with("_nats."));
    config
}

#[tokio::test]
async fn all_settings_are_read_back_and_one_changes_alone() {
    let (_server, client, jetstream) = start().await;
    let asked = if is_recent(&client) { everything_new() } else { everything_old() };
    let stream = jetstream.create_stream(asked.clone()).await.unwrap();
    let created = stream.info().await.unwrap();
    assert_eq!(without_additions(created.config.clone()), asked);

    let updated = stream.update(|config| config.max_age = 20 * MINUTE).await.unwrap();
    let expected = Config { max_age: 20 * MINUTE, ..created.config };
    assert_eq!(updated.config, expected);
    assert_eq!(stream.info().await.unwrap().config, expected);
}

#[tokio::test]
async fn sources_and_mirrors_are_read_back() {
    let (_server, _client, jetstream) = start().await;
    let origin = Config { allow_direct: true, ..Config::new("ORIGIN", ["origin.>"]) };
    jetstream.create_stream(origin).await.unwrap();
    let mirror = Config {
        mirror: Some(stream::Source {
            start_time: Some(Timestamp::from_nanos(1_700_000_000_123_456_789)),
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
    let sourcing = Config { sources: vec![source], ..Config::new("SOURCING", ["own.>"]) };
    for config in [mirror, sourcing] {
        let stream = jetstream.create_stream(config.clone()).await.unwrap();
        let info = stream.info().await.unwrap();
        assert_eq!(info.config.mirror, config.mirror);
        assert_eq!(info.config.sources, config.sources);
        assert_eq!(info.config.mirror_direct, config.mirror_direct);
    }
}

#[tokio::test]
async fn what_an_old_server_leaves_out_is_an_error() {
    let (_server, client, jetstream) = start().await;
    let config = Config { compression: stream::Compression::S2, ..Config::new("S", ["s"]) };
    let result = jetstream.create_stream(config).await;
    if is_recent(&client) {
        result.unwrap();
    } else {
        let error = result.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Unsupported);
        assert!(error.to_string().contains("`compression`"), "{error}");
    }
}

#[tokio::test]
async fn streams_are_made_once() {
    let (_server, _client, jetstream) = start().await;
    let error = jetstream.get_stream("S").await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let config = Config::new("S", ["s.>"]);
    jetstream.create_stream(config.clone()).await.unwrap();
    jetstream.create_stream(config.clone()).await.unwrap();

    let other = Config { max_messages: 5, ..config.clone() };
    let error = jetstream.create_stream(other.clone()).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    let error = jetstream.create_stream(Config::new("T", ["s.a"])).await.unwrap_err();
    assert!(error.is_already_exists(), "its subjects are taken: {error}");
    let stream = jetstream.get_or_create_stream(other.clone()).await.unwrap();
    assert_eq!(stream.info().await.unwrap().config.max_messages, -1);
    let stream = jetstream.create_or_update_stream(other).await.unwrap();
    assert_eq!(stream.info().await.unwrap().config.max_messages, 5);

    assert_eq!(jetstream.stream_by_subject("s.x").await.unwrap().as_deref(), Some("S"));
    assert_eq!(jetstream.stream_by_subject("x").await.unwrap(), None);
    jetstream.delete_stream("S").await.unwrap();
    assert!(stream.info().await.unwrap_err().is_not_found());
    for name in ["", "a.b", "a b", "a*"] {
        assert_eq!(jetstream.stream(name).unwrap_err().class(), ErrorClass::Invalid);
    }
}

#[tokio::test]
async fn lists_come_whole() {
    let (_server, _client, jetstream) = start().await;
    assert!(jetstream.stream_names().next().await.is_none());
    let mut expected = Vec::new();
    for at in 0..300 {
        let name = format!("S{at:03}");
        let memory = stream::StorageType::Memory;
        let config = Config { storage: memory, ..Config::new(&name, [format!("s.{at}")]) };
        jetstream.create_stream(config).await.unwrap();
        expected.push(name);
    }
    let mut names = jetstream.stream_names();
    let mut found = Vec::new();
    while let Some(name) = names.next().await {
        found.push(name.unwrap());
    }
    found.sort();
    assert_eq!(found, expected);
    let mut infos = jetstream.streams();
    let mut found = Vec::new();
    while let Some(info) = infos.next().await {
        found.push(info.unwrap().config.name);
    }
    found.sort();
    assert_eq!(found, expected);

    let mut names = jetstream.stream_names().subject("s.7");
    assert_eq!(names.next().await.unwrap().unwrap(), "S007");
    assert!(names.next().await.is_none());
    let mut infos = jetstream.streams().subject("s.8");
    assert_eq!(infos.next().await.unwrap().unwrap().config.name, "S008");
    assert!(infos.next().await.is_none());
    assert!(jetstream.stream_names().subject("t.>").next().await.is_none());
    let error = jetstream.stream_names().subject("s..").next().await.unwrap().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
}

#[tokio::test]
async fn messages_are_got_deleted_and_purged() {
    let (_server, client, jetstream) = start().await;
    let config = Config { allow_direct: true, ..Config::new("S", ["s.>"]) };
    let stream = jetstream.create_stream(config).await.unwrap();
    for at in 1..=9 {
        let subject = format!("s.{}", at % 3);
        let headers = [("At", at.to_string()), ("Nats-Subject", "mine".into())];
        client.request(&subject, format!("payload {at}")).headers(headers).await.unwrap();
    }
    for direct in [false, true] {
        let get =
            async |at| if direct { stream.direct_get(at).await } else { stream.get(at).await };
        let message = get(4).await.unwrap();
        assert_eq!((message.subject.as_str(), message.sequence), ("s.1", 4));
        assert_eq!(&message.payload[..], b"payload 4");
        assert_eq!(message.headers.get("At"), Some("4"));
        assert_eq!(message.headers.get("Nats-Subject"), Some("mine"));
        assert_eq!(message.headers.len(), 2);
        assert!(message.time > Timestamp::from_nanos(1_700_000_000_000_000_000));
        assert!(get(10).await.unwrap_err().is_not_found());
    }
    assert_eq!(stream.get_last("s.2").await.unwrap().sequence, 8);
    assert_eq!(stream.direct_get_last("s.2").await.unwrap().sequence, 8);
    assert_eq!(stream.direct_get_last("s.*").await.unwrap().sequence, 9);
    assert_eq!(stream.get_next(3, "s.2").await.unwrap().sequence, 5);
    assert_eq!(stream.direct_get_next(3, "s.2").await.unwrap().sequence, 5);

    stream.delete_message(5).await.unwrap();
    stream.delete_message_fast(6).await.unwrap();
    assert!(stream.delete_message(5).await.is_err());
    let info = stream.info_with_deleted().await.unwrap();
    assert_eq!(info.state.deleted, [5, 6]);
    let info = stream.info_with_subjects("s.*").await.unwrap();
    let subjects = [("s.0", 2), ("s.1", 3), ("s.2", 2)].map(|(name, n)| (name.to_owned(), n));
    assert_eq!(info.state.subjects, BTreeMap::from(subjects));
    assert_eq!(info.state.messages, 7);

    assert_eq!(stream.purge().filter("s.1").keep(1).await.unwrap(), 2);
    assert_eq!(stream.purge().before(4).await.unwrap(), 2, "2 and 3");
    assert_eq!(stream.purge().await.unwrap(), 3);
    stream.seal().await.unwrap();
    assert!(stream.info().await.unwrap().config.sealed);
}

#[tokio::test]
async fn an_account_says_what_it_has() {
    let (_server, client, jetstream) = start().await;
    let config = Config { max_bytes: 4_096, ..Config::new("S", ["s"]) };
    jetstream.create_stream(config).await.unwrap();
    let info = jetstream.account_info().await.unwrap();
    assert_eq!((info.streams, info.consumers), (1, 0));
    assert_eq!(info.reserved_storage, if is_recent(&client) { 4_096 } else { 0 });
    assert_eq!(info.api.level > 0, is_recent(&client));

    let plain = nats_tests::NatsServer::start("");
    let client = crate::connect(&plain).await;
    let error = client.jetstream().account_info().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotEnabled);
}
