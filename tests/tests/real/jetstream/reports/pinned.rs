//! Groups of which one member is pinned. Since nats-server 2.11.

use nats_tokio::Client;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Messages;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::consumer::PriorityPolicy;

use super::SECOND;
use super::make_stream;
use super::next;
use super::number;
use super::put;
use super::until;
use crate::jetstream::is_recent;
use crate::jetstream::start;

/// A consumer of a stream whose messages go to one member of a group at a time.
async fn pinning(client: &Client) -> Consumer {
    let stream = make_stream(&client.jetstream(), "S").await;
    let config = consumer::Config {
        priority_groups: vec!["g".into()],
        priority_policy: PriorityPolicy::PinnedClient,
        priority_timeout: 3 * SECOND,
        ..consumer::Config::durable("w")
    };
    stream.create_consumer(config).await.unwrap()
}

async fn member(consumer: &Consumer) -> Messages {
    consumer.messages().max_messages(10).group("g").await.unwrap()
}

async fn take(messages: &mut Messages, numbers: std::ops::RangeInclusive<u32>) {
    for expected in numbers {
        let message = next(messages).await;
        assert_eq!(number(&message), expected);
        message.ack().await.unwrap();
    }
}

/// A pinned consumer stands still after it lost its pin (nats-io/nats.net#1098, nats-io/nats.net#1011).
#[tokio::test]
async fn who_is_unpinned_is_pinned_again() {
    let (_server, client, jetstream) = start().await;
    if !is_recent(&client) {
        return;
    }
    let consumer = pinning(&client).await;
    let mut messages = member(&consumer).await;
    put(&jetstream, "S", 1..=2).await;
    take(&mut messages, 1..=2).await;
    for first in [3, 6] {
        consumer.unpin("g").await.unwrap();
        put(&jetstream, "S", first..=first + 2).await;
        take(&mut messages, first..=first + 2).await;
    }
}

/// The pinned client is gone, and the others of its group get nothing (nats-io/nats.py#1015).
#[tokio::test]
async fn another_member_takes_over_from_one_that_is_gone() {
    let (server, client, jetstream) = start().await;
    if !is_recent(&client) {
        return;
    }
    let consumer = pinning(&client).await;
    let first = crate::connect(&server).await;
    let of_first = first.jetstream().get_stream("S").await.unwrap();
    let mut of_first = member(&of_first.get_consumer("w").await.unwrap()).await;
    put(&jetstream, "S", 1..=2).await;
    take(&mut of_first, 1..=2).await;
    until(&consumer, |info| info.num_waiting == 1).await;
    let mut of_second = member(&consumer).await;
    until(&consumer, |info| info.num_waiting == 2).await;
    put(&jetstream, "S", 3..=4).await;
    take(&mut of_first, 3..=4).await;
    assert!(of_second.try_next().is_none());
    first.close().await;
    // What the server sends before it sees that nobody is there is delivered again after the `ack_wait`.
    until(&consumer, |info| info.num_waiting == 1).await;
    put(&jetstream, "S", 5..=8).await;
    take(&mut of_second, 5..=8).await;
}
