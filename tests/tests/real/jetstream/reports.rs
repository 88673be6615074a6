//! What users of other clients reported of their consumers, shown not to be so here.

mod gone;
mod pinned;
mod workers;

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::Backoff;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::jetstream::AckError;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::Messages;
use nats_tokio::jetstream::MessagesError;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;

use super::start;

const SECOND: Duration = Duration::from_secs(1);

/// The configuration of a server that is killed and comes back with what it has stored.
const STORING: &str = "jetstream { store_dir: $STORE, max_mem: 64M, max_file: 256M }";

/// Longer than any test takes: what comes back in time does not come because of this.
const LONG_ACK_WAIT: Duration = Duration::from_secs(600);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(30 * SECOND, future).await.expect("it takes too long")
}

/// A client that is back soon after its server is.
async fn connect_eagerly(server: &NatsServer, wait: Duration) -> Client {
    let backoff = Backoff::Fixed { wait, jitter: Duration::ZERO, jitter_tls: Duration::ZERO };
    let options = ConnectOptions::new().backoff(backoff).max_reconnects(None);
    options.connect(server.url()).await.expect("a connection")
}

async fn make_stream(jetstream: &Context, name: &str) -> Stream {
    let subjects = [format!("{name}.>")];
    jetstream.create_stream(stream::Config::new(name, subjects)).await.unwrap()
}

/// Publishes these numbers to a stream, each with itself as its id.
async fn put(jetstream: &Context, stream: &str, numbers: std::ops::RangeInclusive<u32>) {
    let publisher = jetstream.publisher().timeout(30 * SECOND).build();
    let subject = format!("{stream}.a");
    let mut sent = Vec::new();
    for number in numbers {
        let text = number.to_string();
        let publish = publisher.publish(&subject, text.clone()).message_id(&text);
        sent.push(soon(publish.into_future()).await.unwrap());
    }
    for sent in sent {
        soon(sent).await.unwrap();
    }
}

fn number(message: &Message) -> u32 {
    String::from_utf8_lossy(message.payload()).parse().expect("a number")
}

/// The next message, which has to come without an error.
async fn next(messages: &mut Messages) -> Message {
    soon(messages.next()).await.expect("a message").expect("no error")
}

/// Waits until the consumer's state is as it should be.
async fn until(consumer: &Consumer, is_it: impl Fn(&consumer::Info) -> bool) -> consumer::Info {
    soon(async {
        loop {
            match consumer.info().await {
                Ok(info) if is_it(&info) => return info,
                _ => tokio::time::sleep(SECOND / 50).await,
            }
        }
    })
    .await
}

/// A pull consumer is dead after a reconnect (nats-io/nats.go#1729).
#[tokio::test]
async fn everything_is_handed_out_over_twenty_kills_of_the_server() {
    let mut server = NatsServer::start(STORING);
    let client = connect_eagerly(&server, SECOND / 20).await;
    let jetstream = client.jetstream();
    let stream = make_stream(&jetstream, "S").await;
    let consumer = stream.create_consumer(consumer::Config::durable("w")).await.unwrap();
    let mut messages = consumer.messages().max_messages(100).heartbeat(SECOND).await.unwrap();
    for first in (1..=60).step_by(3) {
        server.restart(STORING);
        put(&jetstream, "S", first..=first + 2).await;
        // A server that is killed may have forgotten acknowledgements, and delivers again.
        let mut missing: BTreeSet<_> = (first..=first + 2).collect();
        while !missing.is_empty() {
            match soon(messages.next()).await.expect("a message") {
                Ok(message) => {
                    missing.remove(&number(&message));
                    message.ack().await.unwrap();
                }
                Err(error) => assert_eq!(error, MessagesError::Stalled),
            }
        }
    }
}

/// What was asked for and not handed out is nobody's until the `ack_wait` is over (nats-io/nats.go#2103,
/// nats-io/nats.net#1085).
#[tokio::test]
async fn another_client_gets_what_the_first_gives_back() {
    for is_stopped in [true, false] {
        let (server, _client, jetstream) = start().await;
        let stream = make_stream(&jetstream, "S").await;
        let config = consumer::Config { ack_wait: LONG_ACK_WAIT, ..consumer::Config::durable("w") };
        let consumer = stream.create_consumer(config).await.unwrap();
        put(&jetstream, "S", 1..=20).await;
        let mut messages = consumer.messages().max_messages(100).await.unwrap();
        for _ in 0..5 {
            next(&mut messages).await;
        }
        until(&consumer, |info| info.num_ack_pending == 20 && info.num_waiting == 1).await;
        if is_stopped {
            soon(messages.stop()).await;
        } else {
            drop(messages);
        }
        until(&consumer, |info| info.num_waiting == 0).await;

        let other = crate::connect(&server).await.jetstream();
        put(&other, "S", 21..=30).await;
        let other = other.get_stream("S").await.unwrap().get_consumer("w").await.unwrap();
        let mut messages = other.messages().await.unwrap();
        let mut found = BTreeSet::new();
        for _ in 0..25 {
            let message = next(&mut messages).await;
            found.insert(number(&message));
            message.ack().await.unwrap();
        }
        assert_eq!(found, (6..=30).collect());
    }
}

/// At `max_ack_pending` delivery stops, nobody says why, and a fetch waits or fails (nats-io/nats-server#4112,
/// nats-io/nats.java#586).
#[tokio::test]
async fn a_consumer_that_is_held_up_says_so_and_goes_on() {
    let (_server, _client, jetstream) = start().await;
    let stream = make_stream(&jetstream, "S").await;
    let config = consumer::Config {
        max_ack_pending: 4,
        ack_wait: LONG_ACK_WAIT,
        ..consumer::Config::durable("w")
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    put(&jetstream, "S", 1..=10).await;
    let mut messages = consumer.messages().max_messages(8).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(next(&mut messages).await);
    }
    let info = until(&consumer, |info| info.held_up().is_some()).await;
    let held_up = info.held_up().unwrap().to_string();
    assert_eq!(held_up, "held up by unacknowledged messages: 4 of 4");
    let fetched = soon(consumer.fetch(5).into_future()).await.unwrap();
    assert!(fetched.is_empty(), "{fetched:?}");
    assert!(messages.try_next().is_none());
    for expected in 5..=10 {
        held.remove(0).ack().await.unwrap();
        let message = next(&mut messages).await;
        assert_eq!(number(&message), expected);
        held.push(message);
    }
}

/// Draining with acknowledgements under way loses some of them (nats-io/nats.go#790).
#[tokio::test]
async fn a_drain_sends_ten_thousand_acknowledgements() {
    let (server, client, jetstream) = start().await;
    let stream = make_stream(&jetstream, "S").await;
    let config = consumer::Config {
        max_ack_pending: -1,
        ack_wait: LONG_ACK_WAIT,
        ..consumer::Config::durable("w")
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    put(&jetstream, "S", 1..=10_000).await;
    let mut messages = consumer.messages().max_messages(10_000).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..10_000 {
        held.push(next(&mut messages).await);
    }
    for message in &held {
        message.ack().await.unwrap();
    }
    soon(client.drain()).await.unwrap();
    let other = crate::connect(&server).await.jetstream();
    let other = other.get_stream("S").await.unwrap().get_consumer("w").await.unwrap();
    let info = until(&other, |info| info.num_ack_pending == 0).await;
    assert_eq!(info.ack_floor.stream_sequence, 10_000);
}

/// Acknowledging after the consumer was deleted succeeds (nats-io/nats.go#1793).
#[tokio::test]
async fn an_acknowledgement_to_a_consumer_that_is_gone_is_not_confirmed() {
    let (server, _client, jetstream) = start().await;
    let stream = make_stream(&jetstream, "S").await;
    let consumer = stream.create_consumer(consumer::Config::durable("w")).await.unwrap();
    put(&jetstream, "S", 1..=1).await;
    let message = soon(consumer.next(30 * SECOND)).await.unwrap().expect("a message");
    let other = crate::connect(&server).await.jetstream();
    other.get_stream("S").await.unwrap().delete_consumer("w").await.unwrap();
    let error = soon(message.ack_confirmed()).await.unwrap_err();
    assert!(matches!(error, AckError::NoResponders), "{error}");
}
