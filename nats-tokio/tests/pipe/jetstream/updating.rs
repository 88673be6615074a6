//! Changes of one setting, where the server has settings that this version does not know.

#![expect(clippy::indexing_slicing, reason = "a test")]

use std::time::Duration;

use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;
use serde_json::Value;
use serde_json::json;

use crate::peer::pair;

/// Values of every kind.
fn unknown() -> Value {
    json!({
        "a": [1, "é", -1, 18_446_744_073_709_551_615_u64, 0.5, [], {}], "b": null, "c": true,
        "d": { "e": "\"\\\n\u{1}😀" },
    })
}

fn stream_config() -> Value {
    json!({
        "name": "S", "subjects": ["s.>"], "retention": "by_moon_phase", "max_consumers": -1,
        "max_msgs": -1, "max_bytes": -1, "max_age": 60_000_000_000_u64, "x_new": unknown(),
        "placement": { "cluster": "c", "tags": ["t"], "x_new": unknown() },
        "sources": [
            { "name": "A", "opt_start_time": "2026-11-28T07:06:56.12Z", "x_new": unknown() },
            { "name": "B", "external": { "api": "$JS.b.API", "deliver": "", "x_new": unknown() } },
        ],
        "republish": { "dest": "r.>", "x_new": unknown() }, "duplicate_window": 60_000_000_000_u64,
        "subject_transform": { "src": "", "dest": "t.>", "x_new": unknown() },
        "consumer_limits": { "x_new": unknown() }, "metadata": { "_nats.ver": "9.9.9", "a": "b" },
        "storage": "file", "num_replicas": 1, "sealed": false, "compression": "zstd",
    })
}

fn consumer_config() -> Value {
    json!({
        "durable_name": "w", "name": "w", "deliver_policy": "by_start_sequence", "opt_start_seq": 7,
        "ack_policy": "explicit", "ack_wait": 30_000_000_000_u64, "backoff": [30_000_000_000_u64],
        "filter_subjects": ["s.a", "s.b"], "replay_policy": "backwards", "sample_freq": "30%",
        "x_new": unknown(), "metadata": { "_nats.ver": "9.9.9", "a": "b" }, "max_deliver": -1,
        "pause_until": "2030-01-01T00:00:00.10Z", "priority_policy": "by_age",
    })
}

/// What the server is asked for when something is done with a stream of which it has this configuration.
async fn asked(config: &Value, work: impl AsyncFn(&Stream)) -> Value {
    let (client, mut peer) = pair().await;
    let stream = client.jetstream().stream("S").unwrap();
    let serving = async {
        let subscription = peer.next().await;
        let sid = subscription.rsplit(' ').next().unwrap();
        let mut current = config.clone();
        let mut asked = None;
        loop {
            let (subject, reply, body) = peer.take_request().await;
            if !subject.contains(".INFO.") {
                let body: Value = serde_json::from_slice(&body).unwrap();
                current = body.get("config").unwrap_or(&body).clone();
                asked = Some(body);
            }
            let answer = json!({ "config": current, "name": "w" }).to_string();
            peer.send(&format!("MSG {reply} {sid} {}|{answer}", answer.len())).await;
            if let Some(asked) = asked {
                return asked;
            }
        }
    };
    tokio::join!(work(&stream), serving).1
}

/// The same with a change of the stream.
async fn changed(change: impl Fn(&mut stream::Config) + Send + Copy) -> Value {
    let config = stream_config();
    asked(&config, async |stream| drop(stream.update(change).await.unwrap())).await
}

/// The same with a change of a consumer.
async fn consumer_changed(change: impl Fn(&mut consumer::Config) + Send + Copy) -> Value {
    let config = consumer_config();
    let asked = asked(&config, async |stream| {
        drop(stream.update_consumer("w", change).await.unwrap());
    })
    .await;
    assert_eq!((&asked["stream_name"], &asked["action"]), (&json!("S"), &json!("update")));
    asked["config"].clone()
}

/// The configuration with this at the place that the pointer names.
fn with(mut config: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[field] = value;
    config
}

fn without(mut config: Value, field: &str) -> Value {
    config.as_object_mut().unwrap().remove(field).unwrap();
    config
}

/// `nats-io/nats.ex#162`, `basis-company/nats.php#140`: changing `max_age` reset what the library did not know.
#[tokio::test(start_paused = true)]
async fn a_stream_is_changed_in_one_setting_and_keeps_all_others() {
    let config = stream_config;
    assert_eq!(changed(|_| {}).await, config());
    let asked = changed(|config| config.max_age = Duration::from_secs(90)).await;
    assert_eq!(asked, with(config(), "/max_age", json!(90_000_000_000_u64)));
    let asked = changed(|config| config.description = "é\"".into()).await;
    assert_eq!(asked, with(config(), "/description", json!("é\"")));
    let asked = changed(|config| config.placement.as_mut().unwrap().cluster = "d".into()).await;
    assert_eq!(asked, with(config(), "/placement/cluster", json!("d")));
    let asked = changed(|config| config.placement.as_mut().unwrap().tags.clear()).await;
    let mut expected = config();
    expected["placement"].as_object_mut().unwrap().remove("tags");
    assert_eq!(asked, expected);
    let asked = changed(|config| config.placement = None).await;
    assert_eq!(asked, without(config(), "placement"));
    let asked = changed(|config| config.sources[1].filter_subject = "b.>".into()).await;
    assert_eq!(asked, with(config(), "/sources/1/filter_subject", json!("b.>")));
    let asked = changed(|config| config.subjects.push("t.>".into())).await;
    assert_eq!(asked, with(config(), "/subjects", json!(["s.>", "t.>"])));
    let asked = changed(|config| {
        let limits = config.consumer_limits.as_mut().unwrap();
        limits.max_ack_pending = 5;
    });
    assert_eq!(asked.await, with(config(), "/consumer_limits/max_ack_pending", json!(5)));
    let asked = changed(|config| drop(config.metadata.insert("a".into(), "c".into()))).await;
    assert_eq!(asked, with(config(), "/metadata/a", json!("c")));
    let asked = changed(|config| config.retention = stream::RetentionPolicy::Limits).await;
    assert_eq!(asked, without(config(), "retention"), "the default");
}

/// The same as `nats-io/nats.ex#208`, for consumers.
#[tokio::test(start_paused = true)]
async fn a_consumer_is_changed_in_one_setting_and_keeps_all_others() {
    let config = consumer_config;
    assert_eq!(consumer_changed(|_| {}).await, config());
    let asked = consumer_changed(|config| config.ack_wait = Duration::from_secs(5)).await;
    assert_eq!(asked, with(config(), "/ack_wait", json!(5_000_000_000_u64)));
    let asked = consumer_changed(|config| config.max_ack_pending = 7).await;
    assert_eq!(asked, with(config(), "/max_ack_pending", json!(7)));
    let asked = consumer_changed(|config| config.sample_frequency = 40).await;
    assert_eq!(asked, with(config(), "/sample_freq", json!("40")));
    let asked = consumer_changed(|config| config.pause_until = None).await;
    assert_eq!(asked, without(config(), "pause_until"));
    let asked = consumer_changed(|config| config.metadata.clear()).await;
    assert_eq!(asked, without(config(), "metadata"));
    let asked = consumer_changed(|config| config.filter_subjects = "s.c".into()).await;
    let expected = without(config(), "filter_subjects");
    assert_eq!(asked, with(expected, "/filter_subject", json!("s.c")));
    let asked = consumer_changed(|config| config.filter_subjects.0.clear()).await;
    assert_eq!(asked, without(config(), "filter_subjects"));
    let asked =
        consumer_changed(|config| config.deliver_policy = consumer::DeliverPolicy::All).await;
    let expected = without(config(), "opt_start_seq");
    assert_eq!(asked, with(expected, "/deliver_policy", json!("all")));
    let asked = consumer_changed(|config| {
        config.priority_policy = consumer::PriorityPolicy::Overflow;
    });
    assert_eq!(asked.await, with(config(), "/priority_policy", json!("overflow")));
}
