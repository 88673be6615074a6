//! JetStream together with other clients: the same streams and consumers, in both directions.

mod configurations;

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::Client;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::ErrorCode;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::NotStored;
use nats_tokio::jetstream::PublishError;
use nats_tokio::jetstream::Ttl;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;
use serde_json::Value;
use serde_json::json;

use self::configurations::both_read_the_same_configurations;
use self::configurations::changed;
use super::peer::Kind;
use super::peer::Peer;
use crate::connect;
use crate::jetstream::is_recent;
use crate::soon;

const SECOND: Duration = Duration::from_secs(1);

/// A server with the clients of a test.
struct World {
    peer: Peer,
    client: Client,
    jetstream: Context,
    /// The others end before it.
    _server: NatsServer,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let server =
            NatsServer::start("jetstream { store_dir: $STORE, max_mem: 64M, max_file: 256M }");
        let client = connect(&server).await;
        let peer = Peer::start(kind, &server);
        Self { jetstream: client.jetstream(), client, peer, _server: server }
    }
}

/// Each test once with each of the other clients. `cargo xtask test` skips those of a client that is missing.
macro_rules! with_both {
    ($($test:ident,)*) => {
        mod nats_py {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::World::new(super::Kind::NatsPy).await).await;
            })*
        }

        mod nats_js {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::World::new(super::Kind::NatsJs).await).await;
            })*
        }
    };
}

with_both! {
    they_create_and_we_use,
    we_create_and_they_use,
    both_share_a_durable_consumer,
    both_read_the_same_configurations,
    acknowledgements_do_the_same_to_both,
    headers_of_a_publish_mean_the_same_to_both,
}

async fn they_create_and_we_use(mut world: World) {
    let World { jetstream, peer, .. } = &mut world;
    let config = json!({ "name": "S", "subjects": ["s.>"], "max_age": 3_600_000_000_000_u64 });
    peer.ask("create_stream", json!({ "config": config })).await;
    let config = json!({ "durable_name": "w", "ack_policy": "explicit", "filter_subject": "s.a" });
    peer.ask("create_consumer", json!({ "stream": "S", "config": config })).await;

    let stream = jetstream.get_stream("S").await.unwrap();
    let consumer = stream.get_consumer("w").await.unwrap();
    assert_eq!(stream.info().await.unwrap().config.max_age, 3_600 * SECOND);
    for at in 0..20 {
        let subject = if at % 2 == 0 { "s.a" } else { "s.b" };
        publish(peer, subject, &at.to_string()).await;
    }
    let mut messages = consumer.messages().max_messages(3).await.unwrap();
    for at in 0..10 {
        let message = soon(messages.next()).await.unwrap().unwrap();
        assert_eq!(text(&message), (2 * at).to_string());
        message.ack_confirmed().await.unwrap();
    }
    let info = consumer.info().await.unwrap();
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));

    let before = peer.ask("read_stream", json!({ "stream": "S" })).await;
    stream.update(|config| config.max_messages = 500).await.unwrap();
    let after = peer.ask("read_stream", json!({ "stream": "S" })).await;
    assert_eq!(changed(&before, &after), ["max_msgs"]);
    assert_eq!(after["max_msgs"], 500);
    let before = stream.info().await.unwrap().config;
    let change = json!({ "stream": "S", "change": { "max_msgs": 600 } });
    peer.ask("update_stream", change).await;
    let expected = stream::Config { max_messages: 600, ..before };
    assert_eq!(stream.info().await.unwrap().config, expected);
}

async fn we_create_and_they_use(mut world: World) {
    let World { jetstream, peer, .. } = &mut world;
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    let consumer = stream.create_consumer(consumer::Config::durable("w")).await.unwrap();
    for at in 0..10 {
        let publish = jetstream.publish("s.a", at.to_string()).headers([("At", at.to_string())]);
        publish.await.unwrap();
    }
    let found = fetch(peer, "w", 10).await;
    for (at, message) in found.iter().enumerate() {
        let expected = json!({
            "subject": "s.a", "data": at.to_string(), "headers": { "At": at.to_string() },
            "sequence": at + 1, "delivered": 1,
        });
        assert_eq!(message, &expected);
        acknowledge(peer, at as u64 + 1, "ack_confirmed").await;
    }
    let info = consumer.info().await.unwrap();
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));
    assert_eq!(info.ack_floor.stream_sequence, 10);
    stream.purge().await.unwrap();
    let published = publish(peer, "s.b", "next").await;
    assert_eq!(published, json!({ "stream": "S", "sequence": 11, "duplicate": false }));
    assert_eq!(&stream.get_last("s.b").await.unwrap().payload[..], b"next");
}

async fn both_share_a_durable_consumer(mut world: World) {
    let World { jetstream, peer, .. } = &mut world;
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    let consumer = stream.create_consumer(consumer::Config::durable("w")).await.unwrap();
    peer.ask("eat", json!({ "stream": "S", "consumer": "w" })).await;
    let mut messages = consumer.messages().max_messages(10).await.unwrap();
    let mut published = BTreeSet::new();
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    // The server gives each open pull a message in turn, so both get some of a few rounds.
    for round in 0.. {
        assert!(round < 50, "{} for us, {} for them", ours.len(), theirs.len());
        for at in 0..20 {
            let text = format!("{round} {at}");
            if at % 2 == 0 {
                jetstream.publish("s.a", text.clone()).await.unwrap();
            } else {
                publish(peer, "s.a", &text).await;
            }
            published.insert(text);
        }
        soon(async {
            while ours.len() + theirs.len() < published.len() {
                if let Ok(message) = tokio::time::timeout(SECOND / 20, messages.next()).await {
                    let message = message.unwrap().unwrap();
                    message.ack_confirmed().await.unwrap();
                    ours.push(text(&message));
                }
                theirs = strings(&peer.ask("eaten_so_far", json!({})).await);
            }
        })
        .await;
        if !ours.is_empty() && !theirs.is_empty() {
            break;
        }
    }
    assert_eq!(ours.len() + theirs.len(), published.len(), "each once");
    assert_eq!(ours.into_iter().chain(theirs).collect::<BTreeSet<_>>(), published);
    // Their last acknowledgement may still be on its way.
    soon(async { while consumer.info().await.unwrap().num_ack_pending > 0 {} }).await;
}

async fn acknowledgements_do_the_same_to_both(mut world: World) {
    let World { jetstream, peer, .. } = &mut world;
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    let consumer = stream.create_consumer(consumer::Config::durable("w")).await.unwrap();
    let publish = async |count: usize| {
        for at in 0..count {
            jetstream.publish("s.a", at.to_string()).await.unwrap();
        }
    };

    publish(6).await;
    let held = soon(consumer.fetch(6).max_wait(20 * SECOND).into_future()).await.unwrap();
    held[0].ack().await.unwrap();
    held[1].ack_confirmed().await.unwrap();
    held[2].term().await.unwrap();
    held[3].in_progress().await.unwrap();
    held[4].nak_after(SECOND / 10).await.unwrap();
    held[5].nak().await.unwrap();
    let mut again = fetch(peer, "w", 2).await;
    again.sort_by_key(|message| message["sequence"].as_u64());
    for (message, sequence) in again.iter().zip([5, 6]) {
        assert_eq!(message["sequence"], sequence);
        assert_eq!(message["delivered"], 2);
        acknowledge(peer, sequence, "ack").await;
    }
    held[3].ack().await.unwrap();
    nothing_is_left(&consumer).await;

    publish(6).await;
    let held = fetch(peer, "w", 6).await;
    assert_eq!(held[0]["sequence"], 7);
    let kinds = ["ack", "ack_confirmed", "term", "in_progress", "nak_after", "nak"];
    for (sequence, kind) in (7..).zip(kinds) {
        acknowledge(peer, sequence, kind).await;
    }
    let mut again = Vec::new();
    while again.len() < 2 {
        let fetched = soon(consumer.fetch(2).max_wait(5 * SECOND).into_future()).await.unwrap();
        again.extend(fetched);
    }
    again.sort_by_key(|message| message.delivery().unwrap().stream_sequence);
    for (message, sequence) in again.iter().zip([11, 12]) {
        let delivery = message.delivery().unwrap();
        assert_eq!((delivery.stream_sequence, delivery.delivered), (sequence, 2));
        message.ack().await.unwrap();
    }
    acknowledge(peer, 10, "ack").await;
    nothing_is_left(&consumer).await;
}

async fn headers_of_a_publish_mean_the_same_to_both(mut world: World) {
    let is_recent = is_recent(&world.client);
    let World { jetstream, peer, .. } = &mut world;
    let config =
        stream::Config { allow_message_ttl: is_recent, ..stream::Config::new("S", ["s.>"]) };
    let stream = jetstream.create_stream(config).await.unwrap();

    // An id is the same whoever publishes it.
    let ack = jetstream.publish("s.a", "1").message_id("one").await.unwrap();
    assert!(!ack.is_duplicate);
    let again = json!({ "subject": "s.a", "data": "1", "id": "one" });
    let expected = json!({ "stream": "S", "sequence": 1, "duplicate": true });
    assert_eq!(peer.ask("publish", again).await, expected);
    let second = json!({ "subject": "s.a", "data": "2", "id": "two", "headers": { "Of": "them" } });
    let expected = json!({ "stream": "S", "sequence": 2, "duplicate": false });
    assert_eq!(peer.ask("publish", second).await, expected);
    let ack = jetstream.publish("s.a", "2").message_id("two").await.unwrap();
    assert_eq!((ack.sequence, ack.is_duplicate), (2, true));

    // Each expectation, met and not, of one about what the other has published.
    let expecting = |expect: Value| json!({ "subject": "s.a", "data": "x", "expect": expect });
    let wrong = [
        (json!({ "stream": "T" }), 10060),
        (json!({ "last_sequence": 1 }), 10071),
        (json!({ "last_subject_sequence": 1 }), 10071),
        (json!({ "last_id": "one" }), 10070),
    ];
    for (expect, code) in wrong {
        assert_eq!(peer.ask("publish", expecting(expect)).await, json!({ "error": code }));
    }
    let right = json!({
        "stream": "S", "last_sequence": 2, "last_subject_sequence": 2, "last_id": "two",
    });
    assert_eq!(peer.ask("publish", expecting(right)).await["sequence"], 3);
    let publish = || jetstream.publish("s.a", "y");
    let wrong = [
        (publish().expect_stream("T"), ErrorCode::STREAM_MISMATCH),
        (publish().expect_last_sequence(2), ErrorCode::WRONG_LAST_SEQUENCE),
        (publish().expect_last_subject_sequence(2), ErrorCode::WRONG_LAST_SEQUENCE),
        (publish().expect_last_message_id("one"), ErrorCode::WRONG_LAST_MESSAGE_ID),
    ];
    for (publish, code) in wrong {
        match publish.await {
            Err(PublishError::NotStored { reason: NotStored::Rejected(found), .. }) => {
                assert_eq!(found, code);
            }
            other => panic!("{other:?}"),
        }
    }
    let right = publish().expect_stream("S").expect_last_sequence(3);
    assert_eq!(right.expect_last_subject_sequence(3).message_id("four").await.unwrap().sequence, 4);

    // What they have written is read here, and the other way round.
    let theirs = stream.get(2).await.unwrap();
    assert_eq!(theirs.headers.get("Of"), Some("them"));
    assert_eq!(theirs.headers.get("Nats-Msg-Id"), Some("two"));
    jetstream.publish("s.b", "é").headers([("Of", "us")]).message_id("five").await.unwrap();
    let ours = peer.ask("get", json!({ "stream": "S", "sequence": 5 })).await;
    assert_eq!((&ours["subject"], &ours["data"]), (&json!("s.b"), &json!("é")));
    assert_eq!(ours["headers"]["Of"], "us");
    assert_eq!(ours["headers"]["Nats-Msg-Id"], "five");

    if is_recent {
        let ttl = Ttl::After(3_600 * SECOND);
        let sequence = jetstream.publish("s.ttl", "").ttl(ttl).await.unwrap().sequence;
        let ours = peer.ask("get", json!({ "stream": "S", "sequence": sequence })).await;
        assert_eq!(ours["headers"]["Nats-TTL"], "3600s");
        let request = json!({ "subject": "s.ttl", "data": "", "ttl": 1_800 });
        let sequence = peer.ask("publish", request).await["sequence"].as_u64().unwrap();
        let theirs = stream.get(sequence).await.unwrap();
        let ttl = theirs.headers.get("Nats-TTL").unwrap();
        assert_eq!(ttl.trim_end_matches('s'), "1800");
    }
}

async fn publish(peer: &mut Peer, subject: &str, data: &str) -> Value {
    peer.ask("publish", json!({ "subject": subject, "data": data })).await
}

async fn fetch(peer: &mut Peer, consumer: &str, count: usize) -> Vec<Value> {
    let request = json!({ "stream": "S", "consumer": consumer, "count": count });
    let found = peer.ask("fetch", request).await;
    found.as_array().unwrap().clone()
}

async fn acknowledge(peer: &mut Peer, sequence: u64, kind: &str) {
    peer.ask("acknowledge", json!({ "sequence": sequence, "kind": kind })).await;
}

/// Waits until all is delivered and acknowledged.
async fn nothing_is_left(consumer: &Consumer) {
    let is_left = async || {
        let info = consumer.info().await.unwrap();
        info.num_pending + info.num_ack_pending > 0
    };
    soon(async { while is_left().await {} }).await;
}

fn text(message: &Message) -> String {
    String::from_utf8(message.payload().to_vec()).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}
