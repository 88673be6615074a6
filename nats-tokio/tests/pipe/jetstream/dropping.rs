//! The futures of publishing, dropped at every await.

use std::future::Future;
use std::future::IntoFuture;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use nats_tokio::ConnectOptions;

use super::stream::StreamPeer;
use super::stream::streaming;

const SECOND: Duration = Duration::from_secs(1);

/// Polls a future so many times, and drops it at the await at which it is then. What it returned, if it was
/// done before.
async fn dropped_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut count = 0;
    std::future::poll_fn(|cx| {
        if count < polls {
            count += 1;
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
        }
        if count == polls { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_dropped_is_not_sent_again_and_leaves_nothing() {
    for polls in 0.. {
        let (client, mut servers, mut stream) = streaming(ConnectOptions::new()).await;
        let jetstream = client.jetstream();
        let answering = tokio::spawn(async move {
            if let Some(published) = stream.try_next().await {
                tokio::time::sleep(SECOND).await;
                stream.store(&published, 1).await;
            }
            stream
        });
        let publish = jetstream.publish("s.a", "x").message_id("m").into_future();
        let is_done = dropped_after(polls, publish).await.is_some();
        // Without it, there would be a second attempt on the next connection.
        client.force_reconnect();
        let mut again = StreamPeer::new(servers.accept().await);
        again.expect_silence().await;
        let next = jetstream.publish("s.a", "next").into_future();
        let storing = async {
            let published = again.next().await;
            assert_eq!(published.payload, "next");
            again.store(&published, 2).await;
        };
        assert_eq!(tokio::join!(next, storing).0.unwrap().sequence, 2);
        answering.abort();
        if is_done {
            assert!(polls > 1);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_dropped_while_it_waits_for_room_leaves_it_to_the_next() {
    for is_told in [false, true] {
        let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
        let publisher = client.jetstream().publisher().window(1).build();
        let held = publisher.publish("s.a", "held").await.unwrap();
        let published = stream.next().await;
        let mut dropped = publisher.publish("s.a", "dropped").into_future();
        let mut other = publisher.publish("s.a", "other").into_future();
        assert!(dropped_after(1, &mut dropped).await.is_none());
        assert!(dropped_after(1, &mut other).await.is_none());
        if is_told {
            // That there is room, and drops it all the same.
            stream.store(&published, 1).await;
            tokio::time::sleep(SECOND).await;
            drop(dropped);
        } else {
            drop(dropped);
            stream.store(&published, 1).await;
        }
        let other = other.await.unwrap();
        let published = stream.next().await;
        assert_eq!(published.payload, "other");
        stream.store(&published, 2).await;
        assert_eq!((held.await.unwrap().sequence, other.await.unwrap().sequence), (1, 2));
        stream.expect_silence().await;
        assert_eq!(publisher.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_future_is_dropped_goes_on_its_way() {
    let (client, mut servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().build();
    let sent = publisher.publish("s.a", "x").message_id("m").await.unwrap();
    assert!(dropped_after(1, sent).await.is_none());
    stream.next().await;
    drop(stream);
    let mut stream = StreamPeer::new(servers.accept().await);
    let again = stream.next().await;
    assert_eq!(publisher.in_flight(), 1);
    stream.store(&again, 1).await;
    publisher.flush().await;
    assert_eq!(publisher.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_outcomes_that_is_dropped_loses_none() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().build();
    let mut outcomes = publisher.outcomes();
    for sequence in 1..=5 {
        drop(publisher.publish("s.a", "x").await.unwrap());
        for polls in 0..2 {
            assert!(dropped_after(polls, publisher.flush()).await.is_none());
            assert!(dropped_after(polls, outcomes.next()).await.is_none());
        }
        let published = stream.next().await;
        stream.store(&published, sequence).await;
        publisher.flush().await;
        assert_eq!(outcomes.next().await.map(|outcome| outcome.number), Some(sequence));
    }
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_is_dropped_before_it_is_made_has_published_nothing() {
    for polls in 0..2 {
        let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
        let jetstream = client.jetstream();
        let making = jetstream.publisher().exactly_once("S", "name");
        assert!(dropped_after(polls, making).await.is_none());
        let next = jetstream.publish("s.a", "next").into_future();
        let storing = async {
            loop {
                let published = stream.next().await;
                if published.subject == "s.a" {
                    return stream.store(&published, 1).await;
                }
                assert_eq!(published.subject, "$JS.API.STREAM.INFO.S");
            }
        };
        assert_eq!(tokio::join!(next, storing).0.unwrap().sequence, 1);
    }
}
