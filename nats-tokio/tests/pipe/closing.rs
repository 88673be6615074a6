use std::time::Duration;

use nats_tokio::CloseReason;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::DisconnectReason;
use nats_tokio::DrainError;
use nats_tokio::Pending;
use nats_tokio::PublishError;
use nats_tokio::SubscribeError;
use tokio::time::Instant;

use crate::peer::connected;
use crate::peer::pair;

#[tokio::test(start_paused = true)]
async fn draining_keeps_the_documented_order() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    let mut jobs = client.subscribe("jobs").await.unwrap();
    client.subscribe("other").await.unwrap().drain();
    peer.expect(&["SUB jobs 1", "SUB other 2", "UNSUB 2", "PING"]).await;
    peer.send("PONG").await;
    // The worker answers every job, also those that come while it drains.
    let worker = tokio::spawn({
        let client = client.clone();
        async move {
            while let Some(job) = jobs.next().await {
                tokio::time::sleep(Duration::from_secs(1)).await;
                client.respond(&job, "done").await.unwrap();
            }
        }
    });
    peer.send("MSG jobs 1 r1 0|").await;
    let draining = tokio::spawn({
        let client = client.clone();
        async move { client.drain().await }
    });
    peer.expect(&["UNSUB 1", "PING"]).await;
    assert_eq!(client.status(), ConnectionStatus::Draining);
    assert_eq!(client.subscribe("late").await.unwrap_err(), SubscribeError::Closed);
    peer.send("MSG jobs 1 r2 0||PONG").await;
    peer.expect(&["PUB r1: done", "PUB r2: done", "PING"]).await;
    worker.await.unwrap();
    assert_eq!(client.publish("late", "x").await, Err(PublishError::Closed));
    assert!(!draining.is_finished(), "it waits for the last PONG");
    peer.send("PONG").await;
    draining.await.unwrap().unwrap();
    peer.expect(&["closed"]).await;
    assert_event!(
        events.next().await.unwrap(),
        Closed { reason: CloseReason::Drained, unsent: 0, unconfirmed: 0 }
    );
    assert_eq!(client.closed().await, CloseReason::Drained);
    assert_eq!(client.drain().await, Ok(()), "it is");
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_subscribers_until_its_time_is_up() {
    for drops in [false, true] {
        let (client, mut peer) = pair().await;
        let idle = client.subscribe("a").await.unwrap();
        peer.send("MSG a 1 1|x").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let start = Instant::now();
        let draining = tokio::spawn({
            let client = client.clone();
            async move { client.drain().await }
        });
        let server = tokio::spawn(peer.serve());
        if drops {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(idle);
            draining.await.unwrap().unwrap();
            assert_eq!(start.elapsed().as_secs(), 1);
        } else {
            assert_eq!(draining.await.unwrap(), Err(DrainError::TimedOut));
            assert_eq!(start.elapsed().as_secs(), 30);
        }
        assert!(server.await.unwrap().ends_with(&["closed".to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn draining_fails_when_the_connection_is_lost() {
    let (client, mut peer) = pair().await;
    let _subscriber = client.subscribe("a").await.unwrap();
    let lose = async {
        peer.expect(&["SUB a 1", "UNSUB 1", "PING"]).await;
        drop(peer);
    };
    let (drained, ()) = tokio::join!(client.drain(), lose);
    assert_eq!(drained, Err(DrainError::Closed));
    assert_eq!(client.closed().await, CloseReason::Disconnected(DisconnectReason::Closed));
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_was_published_and_waits_for_it() {
    let (client, mut peer) = connected(ConnectOptions::new(), 64).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    peer.send("MSG a 1 1|x").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    for _ in 0..100 {
        client.publish("a", "0123456789").await.unwrap();
    }
    let closing = tokio::spawn({
        let client = client.clone();
        async move { client.close().await }
    });
    for _ in 0..100 {
        peer.expect(&["PUB a: 0123456789"]).await;
    }
    peer.expect(&["PING"]).await;
    assert!(!closing.is_finished());
    peer.send("PONG").await;
    peer.expect(&["closed"]).await;
    closing.await.unwrap();
    assert_eq!(subscriber.next().await.unwrap().payload(), b"x", "it was there before");
    assert!(subscriber.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn closing_takes_no_longer_than_allowed() {
    let (client, _peer) = connected(ConnectOptions::new(), 64).await;
    client.publish("a", vec![0; 10_000]).await.unwrap();
    let start = Instant::now();
    client.close().await;
    assert!((10..12).contains(&start.elapsed().as_secs()), "nobody reads: {:?}", start.elapsed());
    client.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_closes_the_connection() {
    let (client, mut peer) = pair().await;
    let other = client.clone();
    let subscriber = client.subscribe("a").await.unwrap();
    client.publish("b", "x").await.unwrap();
    drop((client, other));
    peer.expect(&["SUB a 1", "PUB b: x"]).await;
    peer.expect_silence().await;
    drop(subscriber);
    peer.expect(&["UNSUB 1", "PING"]).await;
    peer.send("PONG").await;
    peer.expect(&["closed"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_ends_a_subscription_keeps_nothing() {
    let (client, mut peer) = pair().await;
    let subscriber = client.subscribe("a").await.unwrap();
    let handle = subscriber.handle();
    drop((client, subscriber));
    peer.expect(&["SUB a 1", "UNSUB 1", "PING"]).await;
    peer.send("PONG").await;
    peer.expect(&["closed"]).await;
    handle.unsubscribe();
    handle.drain();
    handle.unsubscribe_after(1);
    assert_eq!(handle.pending(), Pending::default());
}

#[tokio::test(start_paused = true)]
async fn what_a_server_did_not_confirm_is_told_when_closing_takes_too_long() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    for _ in 0..3 {
        client.publish("a", "x").await.unwrap();
        peer.take().await;
    }
    // It says nothing more.
    client.close().await;
    assert_event!(
        events.next().await.unwrap(),
        Closed { reason: CloseReason::DrainTimedOut, unsent: 0, unconfirmed: 3 }
    );
    assert_eq!(client.statistics().unconfirmed_messages, 3);
}
