//! Limits of consumers, pins, and what acknowledgements say.

use std::time::Duration;

use nats_tokio::RequestError;
use nats_tokio::jetstream::AckError;
use nats_tokio::jetstream::MessagesError;
use tokio::time::Instant;

use super::server::Line;
use super::server::SECOND;
use super::server::Server;
use super::server::Setup;

/// A message larger than the limit in bytes makes client and server spin (nats-io/nats.go#1718).
#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_told_of_once_and_asked_for_now_and_then() {
    let server = Server::new(Setup::default());
    let consumer = server.consumer().await;
    let mut messages = consumer.messages().max_bytes(100).await.unwrap();
    server.publish_one(&[b'x'; 500]);
    server.publish_one(b"small");
    let error = messages.next().await.unwrap().unwrap_err();
    assert_eq!(error, MessagesError::MessageTooLarge { max_bytes: 100 });
    assert_eq!(error.to_string(), "the next message is larger than max_bytes, 100");
    let told = tokio::time::timeout(60 * SECOND, messages.next()).await;
    assert!(told.is_err(), "{told:?}");
    let pulls = server.pulls().len();
    assert!((10..=20).contains(&pulls), "{pulls} pulls in a minute");
    server.remove(1);
    let began = Instant::now();
    assert_eq!(messages.next().await.unwrap().unwrap().payload(), b"small");
    assert!(began.elapsed() <= 5 * SECOND, "{:?}", began.elapsed());
}

/// A pull beyond the consumer's limits looks like a time-out (nats-io/nats.java#1194).
#[tokio::test(start_paused = true)]
async fn a_limit_of_the_consumer_is_quoted_after_one_round_trip() {
    let server = Server::new(Setup { max_batch: 5, ..Setup::default() });
    let consumer = server.consumer().await;
    let began = Instant::now();
    let error = consumer.fetch(6).max_wait(30 * SECOND).await.unwrap_err();
    assert_eq!(error.to_string(), "the consumer allows less: max_batch is 5");
    let mut messages = consumer.messages().max_messages(6).await.unwrap();
    let error = messages.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the consumer allows less: max_batch is 5");
    assert!(began.elapsed() <= SECOND / 100, "{:?}", began.elapsed());
    assert!(!error.is_end());
    server.publish(20);
    for _ in 0..20 {
        messages.next().await.unwrap().unwrap();
    }
}

/// A pinned consumer stands still after it lost its pin (nats-io/nats.net#1098, nats-io/nats-server#7815).
#[tokio::test(start_paused = true)]
async fn a_pin_that_is_lost_is_one_pull_without_it_and_then_the_new_one() {
    for says_counts in [true, false] {
        let server = Server::new(Setup { is_pinned: true, says_counts, ..Setup::default() });
        let consumer = server.consumer().await;
        let messages = consumer.messages().max_messages(10).heartbeat(15 * SECOND);
        let mut messages = messages.group("g").await.unwrap();
        server.publish(10);
        for _ in 0..10 {
            messages.next().await.unwrap().unwrap().ack().await.unwrap();
        }
        // A heartbeat goes by: the pull that waits has the pin.
        tokio::time::sleep(SECOND).await;
        let pin = |at: usize| server.pulls()[at].1["id"].as_str().map(ToOwned::to_owned);
        let before = server.pulls().len();
        assert_eq!(pin(before - 1).as_deref(), Some("pin1"));
        server.unpin();
        tokio::time::sleep(SECOND).await;
        let began = Instant::now();
        server.publish(1);
        messages.next().await.unwrap().unwrap().ack().await.unwrap();
        assert!(began.elapsed() <= SECOND / 10, "{:?}", began.elapsed());
        let lost = server.pulls().len() - before;
        assert!((1..=2).contains(&lost), "{lost} pulls");
        assert_eq!(pin(before), None);
        server.publish(100);
        for _ in 0..100 {
            messages.next().await.unwrap().unwrap().ack().await.unwrap();
        }
        let pins = (before + lost..server.pulls().len()).map(pin).collect::<Vec<_>>();
        assert!(
            pins.len() > 5 && pins.iter().all(|pin| pin.as_deref() == Some("pin2")),
            "{pins:?}"
        );
    }
}

/// An acknowledgement to a consumer that is gone succeeds (nats-io/nats.rs#1042).
#[tokio::test(start_paused = true)]
async fn a_confirmed_acknowledgement_to_a_consumer_that_is_gone_fails_at_once() {
    let server = Server::new(Setup::default());
    let consumer = server.consumer().await;
    server.publish(1);
    let message = consumer.next(SECOND).await.unwrap().unwrap();
    server.delete_consumer();
    let began = Instant::now();
    let error = message.ack_confirmed().await.unwrap_err();
    assert!(matches!(error, AckError::NoResponders), "{error}");
    assert!(error.to_string().contains("the consumer is gone"), "{error}");
    assert!(began.elapsed() <= SECOND / 100, "{:?}", began.elapsed());
}

/// An acknowledgement after `ack_wait` succeeds, though the message is somebody else's by then
/// (nats-io/nats-server#4786).
#[tokio::test(start_paused = true)]
async fn a_confirmed_acknowledgement_that_is_late_says_so() {
    let ack_wait = Duration::from_millis(300);
    let server = Server::new(Setup { ack_wait, ..Setup::default() });
    let consumer = server.consumer().await;
    server.publish(2);
    let message = consumer.next(SECOND).await.unwrap().unwrap();
    assert!(!message.ack_confirmed().await.unwrap().was_late);
    let message = consumer.next(SECOND).await.unwrap().unwrap();
    tokio::time::sleep(ack_wait * 2 / 3).await;
    message.clone().in_progress().await.unwrap();
    tokio::time::sleep(ack_wait * 2 / 3).await;
    message.in_progress().await.unwrap();
    tokio::time::sleep(ack_wait + SECOND / 100).await;
    let again = consumer.next(SECOND).await.unwrap().unwrap();
    assert_eq!(again.delivery().unwrap().delivered, 2);
    assert!(message.ack_confirmed().await.unwrap().was_late);
    assert!(!again.ack_confirmed().await.unwrap().was_late);
}

/// An acknowledgement that was lost succeeds (nats-io/nats-server#5113).
#[tokio::test(start_paused = true)]
async fn none_is_confirmed_without_an_answer_to_that_very_acknowledgement() {
    let server = Server::new(Setup::default());
    let consumer = server.consumer().await;
    server.publish(2);
    let messages = consumer.fetch(2).max_wait(SECOND).await.unwrap();
    messages[0].ack_confirmed().await.unwrap();
    server.state().is_mute = true;
    let error = messages[1].ack_confirmed().await.unwrap_err();
    assert!(matches!(error, AckError::Request(RequestError::TimedOut)), "{error:?}");
    // Nor where the connection is lost after it was sent.
    let cut = async {
        tokio::time::sleep(SECOND / 10).await;
        server.state().is_mute = false;
        server.cut();
    };
    let (error, ()) = tokio::join!(messages[1].ack_confirmed(), cut);
    assert!(matches!(error.unwrap_err(), AckError::Request(_)));
}

#[tokio::test(start_paused = true)]
async fn who_wants_no_acknowledgements_gets_none() {
    let server = Server::new(Setup { ack_policy: "none", ..Setup::default() });
    let consumer = server.consumer().await;
    server.publish(3);
    let messages = consumer.fetch(3).max_wait(SECOND).await.unwrap();
    assert!(matches!(messages[0].ack().await, Err(AckError::NotWanted)));
    assert!(matches!(messages[0].ack_confirmed().await, Err(AckError::NotWanted)));
    assert!(matches!(messages[1].nak().await, Err(AckError::NotWanted)));
    assert!(matches!(messages[2].term_because("why").await, Err(AckError::NotWanted)));
    tokio::time::sleep(SECOND).await;
    assert_eq!(server.count(|line| matches!(line, Line::Ack { .. })), 0);
}

/// Draining with acknowledgements under way loses them (nats-io/nats.go#790).
#[tokio::test(start_paused = true)]
async fn a_drain_sends_all_acknowledgements_or_says_how_many_may_be_lost() {
    const COUNT: u64 = 10_000;
    for is_cut in [false, true] {
        let server = Server::new(Setup { max_ack_pending: 20_000, ..Setup::default() });
        let client = server.connect().await;
        let stream = client.jetstream().stream("S").unwrap();
        let consumer = stream.get_consumer("C").await.unwrap();
        let mut messages = consumer.messages().max_messages(20_000).await.unwrap();
        server.publish(COUNT);
        let mut held = Vec::new();
        for _ in 0..COUNT {
            held.push(messages.next().await.unwrap().unwrap());
        }
        for message in &held {
            message.ack().await.unwrap();
        }
        if is_cut {
            server.cut();
            let before = server.num_unacked() as u64;
            client.drain().await.unwrap_err();
            let unknown = client.statistics().unconfirmed_messages;
            assert!(unknown >= before, "{unknown} of {before}");
        } else {
            client.drain().await.unwrap();
            assert_eq!(server.num_unacked(), 0);
        }
    }
}
