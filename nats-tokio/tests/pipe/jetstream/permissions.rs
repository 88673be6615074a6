//! Publishing what the user may not publish, or without an inbox.

use std::future::IntoFuture;
use std::time::Duration;

use nats_tokio::ConnectOptions;
use nats_tokio::jetstream::MayBeStored;
use nats_tokio::jetstream::NotSent;
use nats_tokio::jetstream::NotStored;
use nats_tokio::jetstream::PublishError;
use tokio::time::Instant;

use super::publishing::may_be_stored;
use super::publishing::not_stored;
use super::stream::StreamPeer;
use super::stream::streaming;

const DENIED: &str = "-ERR 'Permissions Violation for Publish to \"s.no\"'";

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_permitted_is_told_of_at_once() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    let begun = Instant::now();
    let denying = async {
        stream.next().await;
        stream.peer.send(DENIED).await;
    };
    let (error, ()) = tokio::join!(jetstream.publish("s.no", "x").into_future(), denying);
    let error = error.unwrap_err();
    assert_eq!(not_stored(&error), Some(NotStored::NotPermitted));
    assert_eq!(error.to_string(), "not stored: not permitted");
    assert!(begun.elapsed() < Duration::from_secs(1));
    // The next one is sent, as permissions may have changed.
    let publish = jetstream.publish("s.no", "x").into_future();
    let storing = async {
        let published = stream.next().await;
        stream.store(&published, 1).await;
    };
    assert_eq!(tokio::join!(publish, storing).0.unwrap().sequence, 1);
}

#[tokio::test(start_paused = true)]
async fn of_many_it_is_told_which_when_it_is_certain() {
    let (client, mut servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().build();
    let mut sent = Vec::new();
    for subject in ["s.no", "s.yes", "s.no", "s.no"] {
        sent.push(publisher.publish(subject, "x").message_id("m").await.unwrap());
    }
    let mut published = Vec::new();
    for _ in 0..4 {
        published.push(stream.next().await);
    }
    // Permission was taken away after the first.
    stream.peer.send(DENIED).await;
    stream.peer.send(DENIED).await;
    stream.expect_silence().await;
    assert_eq!(publisher.in_flight(), 4, "two of three");
    stream.store(&published[0], 7).await;
    let mut sent = sent.into_iter();
    assert_eq!(sent.next().unwrap().await.unwrap().sequence, 7);
    let other = sent.next().unwrap();
    for denied in sent {
        assert_eq!(not_stored(&denied.await.unwrap_err()), Some(NotStored::NotPermitted));
    }
    stream.store(&published[1], 8).await;
    assert_eq!(other.await.unwrap().sequence, 8);
    // What may be stored by way of an earlier connection.
    let lost = publisher.publish("s.no", "x").message_id("n").await.unwrap();
    stream.next().await;
    drop(stream);
    let mut stream = StreamPeer::new(servers.accept().await);
    stream.next().await;
    stream.peer.send(DENIED).await;
    assert_eq!(may_be_stored(&lost.await.unwrap_err()), Some(MayBeStored::NotPermitted));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_that_are_not_permitted_are_all_told_of() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().window(1_000).build();
    let mut sent = Vec::new();
    for _ in 0..1_000 {
        sent.push(publisher.publish("s.no", "x").await.unwrap());
    }
    let begun = Instant::now();
    for _ in 0..1_000 {
        stream.next().await;
        stream.peer.send(DENIED).await;
    }
    for sent in sent {
        assert_eq!(not_stored(&sent.await.unwrap_err()), Some(NotStored::NotPermitted));
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn without_an_inbox_nothing_is_published_and_everything_is_told() {
    let (client, mut servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().build();
    let begun = Instant::now();
    let sent = publisher.publish("s.a", "x").message_id("m").await.unwrap();
    let published = stream.next().await;
    let inbox = published.reply.rsplit_once('.').unwrap().0;
    let denied = format!("-ERR 'Permissions Violation for Subscription to \"{inbox}.*\"'");
    stream.peer.send(&denied).await;
    let error = sent.await.unwrap_err();
    assert_eq!(may_be_stored(&error), Some(MayBeStored::InboxNotPermitted));
    let words = "may be stored: the subscription to the inbox is not permitted";
    assert_eq!(error.to_string(), words);
    let error = publisher.publish("s.a", "y").await.unwrap().await.unwrap_err();
    assert_eq!(error, PublishError::NotSent(NotSent::InboxNotPermitted));
    stream.expect_silence().await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    // Another connection may have other permissions.
    drop(stream);
    let mut stream = StreamPeer::new(servers.accept().await);
    let sent = publisher.publish("s.a", "z").await.unwrap();
    let published = stream.next().await;
    stream.store(&published, 1).await;
    assert_eq!(sent.await.unwrap().sequence, 1);
}
