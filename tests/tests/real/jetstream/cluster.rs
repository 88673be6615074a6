//! Streams with three replicas, whose leaders die.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;

use nats_tests::Cluster;
use nats_tokio::Client;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::Messages;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;

/// An election takes 4 to 9 s, and as long again whenever nobody wins it: this is several of them.
const PATIENCE: Duration = Duration::from_secs(90);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Tries until it succeeds: servers that have just found each other have no leader yet.
async fn until_done<T, E>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    soon(async {
        loop {
            match attempt().await {
                Ok(done) => return done,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    })
    .await
}

async fn connect(cluster: &Cluster, node: usize) -> Client {
    let url = format!("nats://127.0.0.1:{}", cluster.port(node));
    nats_tokio::connect(url).await.expect("a connection")
}

/// Makes a stream with three replicas.
async fn replicated(jetstream: &Context) -> Stream {
    let config = stream::Config { num_replicas: 3, ..stream::Config::new("S", ["s.>"]) };
    until_done(async || jetstream.get_or_create_stream(config.clone()).await).await
}

/// The number of the node that leads the stream, once there is one.
async fn leader(stream: &Stream) -> usize {
    until_done(async || {
        let leader = stream.info().await.ok().and_then(|info| info.cluster).ok_or(())?.leader;
        leader.strip_prefix("node").and_then(|number| number.parse().ok()).ok_or(())
    })
    .await
}

/// Publishes so many messages one after the other, each with its number as its id.
async fn publish(jetstream: &Context, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let id = number.to_string();
        let publish = jetstream.publish("s.a", id.clone()).message_id(&id);
        let ack = soon(publish.timeout(PATIENCE).retries(255).into_future()).await;
        let ack = ack.unwrap_or_else(|error| panic!("message {number}: {error}"));
        assert_eq!(ack.sequence, number, "stored once, and in order");
    }
}

/// Takes messages, and acknowledges them, until all of these have come. What was acknowledged to a leader
/// that died may come again.
async fn take(messages: &mut Messages, numbers: std::ops::Range<u64>) {
    let mut missing: BTreeSet<_> = numbers.collect();
    while !missing.is_empty() {
        let next = soon(messages.next()).await.expect("a message");
        let Ok(message) = next else { continue };
        let payload = String::from_utf8_lossy(message.payload()).into_owned();
        missing.remove(&payload.parse().expect("a number"));
        // Or it comes again.
        let _ = message.ack().await;
    }
}

/// An election means seconds without responders, which publishing with retries survives: nothing fails,
/// and nothing is stored twice (nats-io/nats.net.v1#572, nats-io/nats.net#288, nats-io/nats.go#1664).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_and_consuming_survive_the_death_of_the_leader() {
    let mut cluster = Cluster::start(3, "jetstream { store_dir: $STORE }");
    let client = connect(&cluster, 0).await;
    let stream = replicated(&client.jetstream()).await;
    let first = leader(&stream).await;
    // Those that publish and consume are connected to another server than the one that dies.
    let other = connect(&cluster, (first + 1) % 3).await;
    let jetstream = other.jetstream();
    let stream = jetstream.stream("S").expect("a name");
    let config = consumer::Config::durable("w");
    let consumer = until_done(async || stream.get_or_create_consumer(config.clone()).await).await;
    let mut messages = consumer.messages().max_messages(10).await.expect("messages");
    publish(&jetstream, 1..21).await;
    take(&mut messages, 1..21).await;

    cluster.kill_node(first);
    tokio::join!(publish(&jetstream, 21..101), take(&mut messages, 21..101));
    cluster.start_node(first);
    tokio::join!(publish(&jetstream, 101..121), take(&mut messages, 101..121));

    let info = until_done(async || stream.info().await).await;
    assert_eq!((info.state.messages, info.state.last_sequence), (120, 120), "each once");
    another_publisher_is_noticed(&jetstream).await;
}

/// A publisher that has a stream for itself is told when it has not, and the stream goes on: nats-server 2.15.1
/// stops a stream with replicas for good when its last message has not the id that is expected.
async fn another_publisher_is_noticed(jetstream: &Context) {
    let builder = jetstream.publisher().window(64);
    let publisher = until_done(async || builder.clone().exactly_once("S", "only").await).await;
    for sequence in 121..131 {
        let sent = publisher.publish("s.a", "x").timeout(PATIENCE);
        let sent = soon(sent.into_future()).await.expect("room");
        assert_eq!(soon(sent).await.expect("stored").sequence, sequence);
    }
    let publish = |id| jetstream.publish("s.a", id).message_id(id).timeout(PATIENCE).retries(255);
    soon(publish("foreign").into_future()).await.unwrap();
    let refused = publisher.publish("s.a", "x").timeout(Duration::from_secs(2));
    let sent = soon(refused.into_future()).await.expect("room");
    soon(sent).await.expect_err("the stream's last message is another one");
    let ack = soon(publish("next").into_future()).await.unwrap();
    assert_eq!(ack.sequence, 132, "the stream goes on, and has what it should");
}
