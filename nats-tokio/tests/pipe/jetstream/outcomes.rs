//! The outcomes of a publisher's messages as a stream.

use std::future::IntoFuture;
use std::time::Duration;

use nats_tokio::ConnectOptions;
use nats_tokio::jetstream::NotSent;
use nats_tokio::jetstream::NotStored;
use nats_tokio::jetstream::PublishError;

use super::publishing::not_stored;
use super::stream::streaming;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn every_message_published_from_then_on_is_there_once_as_its_outcome_is_known() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().build();
    let before = publisher.publish("s.a", "before").await.unwrap();
    let mut outcomes = publisher.outcomes();
    assert_eq!(outcomes.try_next(), None);
    for payload in ["1", "2", "3"] {
        drop(publisher.publish("s.a", payload).await.unwrap());
    }
    let mut published = Vec::new();
    for _ in 0..4 {
        published.push(stream.next().await);
    }
    stream.store(&published[2], 1).await;
    stream.store(&published[0], 2).await;
    stream.status(&published[3], "503").await;
    stream.refuse(&published[1], 10077, "maximum messages exceeded").await;
    assert_eq!(before.await.unwrap().sequence, 2);
    let first = outcomes.next().await.unwrap();
    assert_eq!((first.number, first.result.unwrap().sequence), (3, 1));
    let second = outcomes.next().await.unwrap();
    assert_eq!(second.number, 2);
    assert!(matches!(not_stored(&second.result.unwrap_err()), Some(NotStored::Rejected(_))));
    // It goes on until the last outcome is known, and was taken.
    drop(publisher);
    let again = stream.next().await;
    stream.store(&again, 3).await;
    let third = outcomes.next().await.unwrap();
    assert_eq!((third.number, third.result.unwrap().sequence), (4, 3));
    assert_eq!(outcomes.next().await, None);
    assert_eq!(outcomes.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_are_not_taken_keep_their_places_and_none_is_lost() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().window(2).timeout(SECOND).build();
    let mut outcomes = publisher.outcomes();
    for sequence in 1..=2 {
        drop(publisher.publish("s.a", "x").await.unwrap());
        let published = stream.next().await;
        stream.store(&published, sequence).await;
    }
    publisher.flush().await;
    assert_eq!(publisher.in_flight(), 0);
    let error = publisher.publish("s.a", "x").await.unwrap_err();
    assert_eq!(error, PublishError::NotSent(NotSent::TimedOut));
    // Taking one makes room for whoever waits.
    let waiting = publisher.publish("s.a", "x").timeout(30 * SECOND).into_future();
    let taking = async {
        tokio::time::sleep(SECOND).await;
        outcomes.next().await.unwrap().number
    };
    let (sent, number) = tokio::join!(waiting, taking);
    assert_eq!((sent.unwrap().number(), number), (3, 1));
    let published = stream.next().await;
    stream.store(&published, 3).await;
    publisher.flush().await;
    // Another stream begins with what is published then, and the first one ends.
    let mut others = publisher.outcomes();
    assert_eq!(outcomes.next().await, None);
    drop(publisher.publish("s.a", "x").await.unwrap());
    let published = stream.next().await;
    stream.store(&published, 4).await;
    assert_eq!(others.next().await.unwrap().number, 4);
    // Without a stream, all places are for messages.
    drop(publisher.publish("s.a", "x").await.unwrap());
    let published = stream.next().await;
    stream.store(&published, 5).await;
    publisher.flush().await;
    drop(others);
    for _ in 0..2 {
        drop(publisher.publish("s.a", "x").await.unwrap());
    }
    drop(outcomes);
    assert_eq!(publisher.in_flight(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_outcomes_is_woken_by_the_end() {
    let (client, _servers, stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    let (first, second, third) = (
        jetstream.publisher().build(),
        jetstream.publisher().build(),
        jetstream.publisher().build(),
    );
    let mut ends = Vec::new();
    for publisher in [&first, &second, &third] {
        let mut outcomes = publisher.outcomes();
        ends.push(tokio::spawn(async move { outcomes.next().await }));
    }
    let serving = tokio::spawn(stream.peer.serve());
    tokio::time::sleep(SECOND).await;
    assert!(ends.iter().all(|end| !end.is_finished()));
    let _other = first.outcomes();
    drop(second);
    let third_end = ends.pop().unwrap();
    for end in ends {
        assert_eq!(end.await.unwrap(), None);
    }
    assert!(!third_end.is_finished());
    client.close().await;
    assert_eq!(third_end.await.unwrap(), None);
    serving.await.unwrap();
}
