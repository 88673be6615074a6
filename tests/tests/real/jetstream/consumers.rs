//! Consumers: made with everything that can be set, changed, paused, asked and deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_tokio::jetstream::ErrorClass;
use nats_tokio::jetstream::Timestamp;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::consumer::Config;
use nats_tokio::jetstream::consumer::DeliverPolicy;
use nats_tokio::jetstream::stream;

use super::is_recent;
use super::start;

const SECOND: Duration = Duration::from_secs(1);

fn everything_old() -> Config {
    Config {
        description: "of everything".into(),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: 3 },
        ack_wait: 5 * SECOND,
        max_deliver: 4,
        backoff: vec![5 * SECOND, 6 * SECOND, 7 * SECOND],
        filter_subjects: "s.a".into(),
        replay_policy: consumer::ReplayPolicy::Original,
        sample_frequency: 30,
        max_waiting: 12,
        max_ack_pending: 34,
        headers_only: true,
        max_batch: 56,
        max_expires: 78 * SECOND,
        max_bytes: 9_000,
        inactive_threshold: 600 * SECOND,
        num_replicas: 1,
        memory_storage: true,
        ..Config::durable("all")
    }
}

fn everything_new() -> Config {
    Config {
        filter_subjects: ["s.a", "s.b"].into_iter().collect(),
        metadata: BTreeMap::from([("owner".into(), "nobody".into())]),
        pause_until: Some(Timestamp::from_nanos(4_000_000_000_123_000_000)),
        priority_groups: vec!["g".into()],
        priority_policy: consumer::PriorityPolicy::PinnedClient,
        priority_timeout: 90 * SECOND,
        ..everything_old()
    }
}

fn without_additions(mut config: Config) -> Config {
    config.metadata.retain(|name, _| !name.starts_with("_nats."));
    // A durable consumer has its name twice.
    config.name = None;
    config
}

#[tokio::test]
async fn all_settings_are_read_back_and_one_changes_alone() {
    let (_server, client, jetstream) = start().await;
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    let asked = if is_recent(&client) { everything_new() } else { everything_old() };
    let consumer = stream.create_consumer(asked.clone()).await.unwrap();
    let created = consumer.info().await.unwrap();
    assert_eq!(without_additions(created.config.clone()), asked);

    let updated =
        stream.update_consumer("all", |config| config.max_ack_pending = 35).await.unwrap();
    let expected = Config { max_ack_pending: 35, ..created.config };
    assert_eq!(updated.config, expected);
    let updated = stream.update_consumer("all", |config| config.filter_subjects = "s.c".into());
    assert_eq!(updated.await.unwrap().config.filter_subjects, "s.c".into());
}

#[tokio::test]
async fn a_push_consumer_is_read_back() {
    let (_server, _client, jetstream) = start().await;
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    let asked = Config {
        deliver_subject: Some("there".into()),
        deliver_group: Some("group".into()),
        flow_control: true,
        idle_heartbeat: 5 * SECOND,
        rate_limit: 1_000_000,
        ack_wait: 30 * SECOND,
        max_deliver: -1,
        max_ack_pending: 1_000,
        ..Config::durable("push")
    };
    let consumer = stream.create_consumer(asked.clone()).await.unwrap();
    assert_eq!(without_additions(consumer.info().await.unwrap().config), asked);
}

#[tokio::test]
async fn consumers_are_made_once() {
    let (_server, _client, jetstream) = start().await;
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    assert!(stream.get_consumer("w").await.unwrap_err().is_not_found());
    let config = Config::durable("w");
    stream.create_consumer(config.clone()).await.unwrap();
    stream.create_consumer(config.clone()).await.unwrap();
    let other = Config { max_deliver: 5, ..config.clone() };
    let error = stream.create_consumer(other.clone()).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    stream.get_or_create_consumer(other.clone()).await.unwrap();
    let consumer = stream.create_or_update_consumer(other).await.unwrap();
    assert_eq!(consumer.info().await.unwrap().config.max_deliver, 5);

    let unnamed = stream.create_consumer(Config::default()).await.unwrap();
    assert!(!unnamed.name().is_empty());
    let mut names = stream.consumer_names();
    let mut found = Vec::new();
    while let Some(name) = names.next().await {
        found.push(name.unwrap());
    }
    found.sort();
    let mut expected = vec![unnamed.name().to_owned(), "w".to_owned()];
    expected.sort();
    assert_eq!(found, expected);
    let mut infos = stream.consumers();
    let mut count = 0;
    while let Some(info) = infos.next().await {
        assert_eq!(info.unwrap().stream_name, "S");
        count += 1;
    }
    assert_eq!(count, 2);
    stream.delete_consumer("w").await.unwrap();
    assert!(consumer.info().await.unwrap_err().is_not_found());
    let update = stream.update_consumer("w", |config| config.max_deliver = 1).await;
    assert!(update.unwrap_err().is_not_found(), "an update makes none");
}

#[tokio::test]
async fn pausing_resetting_and_pinning() {
    let (_server, client, jetstream) = start().await;
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    let jetstream = jetstream.timeout(SECOND);
    if !is_recent(&client) {
        let stream = jetstream.stream("S").unwrap();
        let consumer = stream.create_consumer(Config::durable("w")).await.unwrap();
        let error = consumer.pause(Timestamp::from_nanos(4_000_000_000_000_000_000)).await;
        assert_eq!(error.unwrap_err().class(), ErrorClass::Unavailable, "it does not answer");
        return;
    }
    let config = Config {
        priority_groups: vec!["g".into()],
        priority_policy: consumer::PriorityPolicy::PinnedClient,
        ..Config::durable("w")
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let until = Timestamp::from_nanos(4_000_000_000_000_000_000);
    let paused = consumer.pause(until).await.unwrap();
    assert_eq!((paused.paused, paused.pause_until), (true, Some(until)));
    assert!(consumer.info().await.unwrap().paused);
    let resumed = consumer.resume().await.unwrap();
    assert_eq!((resumed.paused, resumed.pause_until), (false, None));
    consumer.unpin("g").await.unwrap();
    assert_eq!(consumer.unpin("h").await.unwrap_err().class(), ErrorClass::Invalid);
    client.request("s.a", "1").await.unwrap();
    client.request("s.a", "2").await.unwrap();
    assert_eq!(consumer.reset(Some(2)).await.unwrap().num_pending, 1);
    assert_eq!(consumer.reset(None).await.unwrap().num_pending, 1);
    assert_eq!(consumer.reset(Some(1)).await.unwrap().num_pending, 2);
}
