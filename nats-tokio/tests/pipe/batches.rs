//! Several messages at once.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::task::Context;
use std::task::Waker;

use nats_tokio::ConnectOptions;
use nats_tokio::PublishError;
use nats_tokio::ReconnectBuffer;

use crate::peer::connected;
use crate::peer::pair;

#[tokio::test(start_paused = true)]
async fn a_batch_is_published_in_order() {
    let (client, mut peer) = pair().await;
    let numbers = (0..3).map(|number| client.publish(format!("n.{number}"), format!("{number}")));
    client.publish_batch(numbers).await.unwrap();
    client
        .publish_batch([
            client.publish("a", "x").reply("b"),
            client.publish("a", vec![b'x'; 5000]).headers([("A", "1")]),
            client.publish("a", ""),
        ])
        .try_send()
        .unwrap();
    client.publish_batch([]).await.unwrap();
    peer.expect(&["PUB n.0: 0", "PUB n.1: 1", "PUB n.2: 2"]).await;
    peer.expect(&["PUB a b: x", "HPUB a A=1: (5000 bytes)", "PUB a: "]).await;
    assert_eq!(client.statistics().out_messages, 6);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_if_one_is_refused() {
    let (client, mut peer) = pair().await;
    let bad = [
        client.publish("a b", "x"),
        client.publish("a", "x").reply("b..c"),
        client.publish("a", vec![0; 1_000_001]),
        client.publish(format!("a.{}", "b".repeat(5000)), "x"),
        client.publish(String::new(), "x"),
    ];
    for (number, bad) in bad.into_iter().enumerate() {
        let mut messages: Vec<_> = (0..number).map(|_| client.publish("good", "x")).collect();
        messages.push(bad);
        messages.push(client.publish("good", "x"));
        let error = client.publish_batch(messages).await.unwrap_err();
        assert_eq!(error.index, Some(number));
        assert_eq!(error.to_string(), format!("message {number} of the batch was not published"));
        assert_eq!(error.source().unwrap().to_string(), error.error.to_string());
    }
    peer.expect_silence().await;
    assert_eq!(client.statistics().out_messages, 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_room_as_a_whole_and_in_turn() {
    let (client, mut peer) = connected(ConnectOptions::new().send_buffer(100), 16).await;
    client.publish("filler", vec![b'x'; 500]).await.unwrap();
    let full = client.try_publish_batch([client.publish("a", "x")]).unwrap_err();
    assert_eq!((full.index, full.error), (None, PublishError::Full));
    // Dropped while it waits, none of it is sent.
    let is_pending = |future: std::pin::Pin<&mut dyn Future<Output = _>>| {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    {
        let mut dropped = pin!(client.publish_batch([client.publish("dropped", "x")]));
        assert!(is_pending(dropped.as_mut()));
    }
    // More than fits beside anything else.
    let batch = tokio::spawn({
        let client = client.clone();
        async move {
            let messages = (0..20).map(|_| client.publish("batch", "0123456789"));
            client.publish_batch(messages).await
        }
    });
    let behind = tokio::spawn(client.publish("behind", "x").into_owned());
    peer.expect(&["PUB filler: (500 bytes)"]).await;
    for _ in 0..20 {
        peer.expect(&["PUB batch: 0123456789"]).await;
    }
    peer.expect(&["PUB behind: x"]).await;
    batch.await.unwrap().unwrap();
    behind.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_a_batch_is_kept_as_a_whole_or_not_at_all() {
    let options = ConnectOptions::new()
        .retry_on_initial_connect()
        .reconnect_buffer(ReconnectBuffer::DEFAULT.messages(3))
        .connector(|_| async {
            Err::<tokio::io::DuplexStream, _>(std::io::ErrorKind::ConnectionRefused.into())
        });
    let client = options.connect("a").await.unwrap();
    let batch = |count: usize| client.publish_batch((0..count).map(|_| client.publish("a", "x")));
    let error = batch(4).await.unwrap_err();
    assert_eq!((error.index, error.error), (None, PublishError::Disconnected));
    assert_eq!(client.statistics().out_messages, 0);
    batch(3).await.unwrap();
    assert_eq!(batch(1).await.unwrap_err().error, PublishError::Disconnected);
    client.close().await;
    assert_eq!(batch(1).await.unwrap_err().error, PublishError::Closed);
}
