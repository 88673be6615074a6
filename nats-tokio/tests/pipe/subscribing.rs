use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::Events;
use nats_tokio::Message;
use nats_tokio::PendingLimits;
use nats_tokio::PublishError;
use nats_tokio::SubscribeError;
use nats_tokio::Subscriber;

use crate::peer::Peer;
use crate::peer::connected;
use crate::peer::pair;

/// Lets the client deal with everything that the peer has sent.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

fn payload(message: Option<Message>) -> String {
    String::from_utf8(message.expect("a message").payload().to_vec()).unwrap()
}

fn pending(subscriber: &Subscriber) -> (u64, u64) {
    let pending = subscriber.pending();
    (pending.messages, pending.bytes)
}

fn waiting(subscriber: &mut Subscriber) -> Vec<String> {
    std::iter::from_fn(|| subscriber.try_next()).map(|message| payload(Some(message))).collect()
}

#[tokio::test(start_paused = true)]
async fn messages_have_all_their_parts() {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe("a.>").await.unwrap();
    let mut group = client.queue_subscribe("jobs", "workers").await.unwrap();
    peer.expect(&["SUB a.> 1", "SUB jobs workers 2"]).await;
    peer.send("MSG a.b 1 5|hello|HMSG a.c 1 back.to 18 20|NATS/1.0|A: 1||hi|MSG jobs 2 0|").await;
    let message = subscriber.next().await.unwrap();
    assert_eq!((message.subject(), message.reply()), ("a.b", None));
    assert_eq!((message.payload(), message.wire_len()), (&b"hello"[..], 20));
    assert!(message.headers().is_empty() && message.status().is_none());
    let message = subscriber.next().await.unwrap();
    assert_eq!((message.subject(), message.reply()), ("a.c", Some("back.to")));
    assert_eq!((message.headers().get("A"), message.payload()), (Some("1"), &b"hi"[..]));
    assert_eq!(message.payload_bytes(), message.payload());
    let detached = message.detach();
    assert_eq!(detached, message);
    assert!(group.next().await.unwrap().payload().is_empty());
    assert_eq!(client.statistics().in_messages, 3);
}

#[tokio::test(start_paused = true)]
async fn messages_in_the_smallest_pieces() {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    for byte in b"MSG a 1 5\r\nhello\r\nPING\r\nMSG a 1 0\r\n\r\n" {
        peer.send_bytes(&[*byte]).await;
        settle().await;
    }
    assert_eq!(payload(subscriber.next().await), "hello");
    assert_eq!(payload(subscriber.next().await), "");
    peer.expect(&["PONG"]).await;
}

#[tokio::test(start_paused = true)]
async fn large_messages_come_whole() {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    for len in [100_000, 10, 1_000_000, 70_000] {
        let mut frame = format!("MSG a 1 {len}\r\n").into_bytes();
        frame.extend((0..len).map(|at| u8::try_from(at % 251).unwrap()));
        frame.extend(b"\r\n");
        let (message, ()) = tokio::join!(subscriber.next(), peer.send_bytes(&frame));
        let message = message.unwrap();
        assert_eq!(message.payload().len(), len);
        assert!(
            message.payload().iter().enumerate().all(|(at, &byte)| usize::from(byte) == at % 251)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_subscribed_to() {
    let (client, mut peer) = pair().await;
    for filter in ["", "a b", "a.>.b", "a..b"] {
        let error = client.subscribe(filter).await.unwrap_err();
        assert!(matches!(error, SubscribeError::InvalidSubject(_)), "{filter:?}");
    }
    for queue in ["", "a b", "*"] {
        let error = client.queue_subscribe("a", queue).await.unwrap_err();
        assert!(matches!(error, SubscribeError::InvalidQueue(_)), "{queue:?}");
    }
    let long = "a".repeat(4095);
    assert_eq!(client.subscribe(&long).await.unwrap_err(), SubscribeError::LineTooLong);
    peer.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_goes_before_what_is_published_later() {
    let options = ConnectOptions::new().send_buffer(500);
    let (client, mut peer) = connected(options, 64).await;
    for round in 0..20 {
        let name = format!("name.{round}");
        let work = async {
            let subscriber = client.subscribe(&name).await.unwrap();
            client.publish(&name, "x").await.unwrap();
            drop(subscriber);
            client.publish("after", "x").await.unwrap();
        };
        let ((), lines) = tokio::join!(work, async {
            [peer.next().await, peer.next().await, peer.next().await, peer.next().await]
        });
        assert!(lines[0].starts_with(&format!("SUB {name} ")), "{lines:?}");
        assert_eq!(lines[1], format!("PUB {name}: x"));
        assert!(lines[2].starts_with("UNSUB "), "{lines:?}");
        assert_eq!(lines[3], "PUB after: x");
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_end() {
    let (client, mut peer) = pair().await;

    // By being dropped, or unsubscribed.
    client.subscribe("a").await.unwrap().unsubscribe();
    peer.expect(&["SUB a 1", "UNSUB 1"]).await;

    // From elsewhere; what waits can still be taken.
    let mut subscriber = client.subscribe("a").await.unwrap();
    let sid = subscriber.sid();
    peer.expect(&[&format!("SUB a {sid}")]).await;
    peer.send(&format!("MSG a {sid} 1|x")).await;
    settle().await;
    subscriber.handle().unsubscribe();
    peer.expect(&[&format!("UNSUB {sid}")]).await;
    peer.send(&format!("MSG a {sid} 1|y")).await;
    assert_eq!(payload(subscriber.next().await), "x");
    assert!(subscriber.next().await.is_none());
    assert!(subscriber.next().await.is_none(), "for good");
    drop(subscriber);

    // After a number of messages, set at once or later.
    let mut first = client.subscribe("b").max_messages(2).await.unwrap();
    let mut second = client.subscribe("c").await.unwrap();
    let (b, c) = (first.sid(), second.sid());
    peer.expect(&[&format!("SUB b {b}"), &format!("UNSUB {b} 2"), &format!("SUB c {c}")]).await;
    peer.send(&format!("MSG b {b} 1|1|MSG b {b} 1|2|MSG b {b} 1|3|MSG c {c} 1|1")).await;
    settle().await;
    second.unsubscribe_after(2);
    peer.expect(&[&format!("UNSUB {c} 2")]).await;
    peer.send(&format!("MSG c {c} 1|2|MSG c {c} 1|3")).await;
    for subscriber in [&mut first, &mut second] {
        assert_eq!(payload(subscriber.next().await), "1");
        assert_eq!(payload(subscriber.next().await), "2");
        assert!(subscriber.next().await.is_none());
    }
    drop((first, second));
    peer.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_drained_subscription_gets_what_is_on_its_way() {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.send("MSG a 1 1|1").await;
    settle().await;
    subscriber.drain();
    peer.expect(&["SUB a 1", "UNSUB 1", "PING"]).await;
    peer.send("MSG a 1 1|2|PONG|MSG a 1 1|3").await;
    assert_eq!(payload(subscriber.next().await), "1");
    assert_eq!(payload(subscriber.next().await), "2");
    assert!(subscriber.next().await.is_none());
    assert_eq!(client.status(), ConnectionStatus::Connected, "the connection goes on");
}

async fn flood(peer: &mut Peer, sid: nats_tokio::Sid, count: usize) {
    let frames: String = (0..count).map(|at| format!("MSG a {sid} 3\r\n{at:03}\r\n")).collect();
    peer.send_bytes(frames.as_bytes()).await;
    settle().await;
}

async fn expect_slow_consumer(events: &mut Events, slow: nats_tokio::Sid, lost: u64) {
    assert_event!(
        events.next().await.unwrap(),
        SlowConsumer { sid: slow, subject: "a".to_owned(), queue: None, dropped: lost }
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_loses_the_newest_and_is_told_of_once() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    let limits = PendingLimits::NONE.messages(4);
    let mut slow = client.subscribe("a").pending_limits(limits).await.unwrap();
    let mut quick = client.subscribe("a").await.unwrap();
    let (sid, other) = (slow.sid(), quick.sid());
    flood(&mut peer, sid, 10).await;
    flood(&mut peer, other, 10).await;
    assert_eq!((pending(&slow), slow.dropped()), ((4, 4 * 16), 6));
    assert_eq!((quick.pending().messages, quick.dropped()), (10, 0), "others are not concerned");
    expect_slow_consumer(&mut events, sid, 6).await;

    // The episode goes on until half of it is taken.
    assert_eq!(payload(slow.next().await), "000");
    assert_eq!(slow.pending().messages, 3);
    flood(&mut peer, sid, 5).await;
    assert_eq!((slow.pending().messages, slow.dropped()), (4, 10));
    assert_eq!(waiting(&mut slow), ["001", "002", "003", "000"]);
    flood(&mut peer, sid, 1).await;
    flood(&mut peer, sid, 9).await;
    assert_eq!(slow.dropped(), 16);
    expect_slow_consumer(&mut events, sid, 16).await;
    assert_eq!(waiting(&mut slow), ["000", "000", "001", "002"]);
    assert_eq!(waiting(&mut quick).len(), 10);
    let statistics = client.statistics();
    assert_eq!((statistics.dropped_messages, statistics.in_messages), (16, 35));
}

/// A client that reads four messages at once, with a subscription of which 100 may wait.
async fn narrow_pair() -> (Client, Peer, Subscriber) {
    let (client, peer) = connected(ConnectOptions::new(), 4 * 16).await;
    let limits = PendingLimits::NONE.messages(100);
    let subscriber = client.subscribe("a").pending_limits(limits).await.unwrap();
    (client, peer, subscriber)
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_only_waits_for_a_processor_loses_nothing() {
    let (_client, mut peer, mut subscriber) = narrow_pair().await;
    let sid = subscriber.sid();
    let taking = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(subscriber.pending().messages > 50);
        for at in 0..400 {
            assert_eq!(payload(subscriber.next().await), format!("{at:03}"));
        }
    };
    tokio::join!(flood(&mut peer, sid, 400), taking);
    assert_eq!(subscriber.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_stuck_is_not_waited_for() {
    let (client, mut peer, stuck) = narrow_pair().await;
    let mut other = client.subscribe("b").await.unwrap();
    let (sid, start) = (stuck.sid(), tokio::time::Instant::now());
    for round in 1..5 {
        flood(&mut peer, sid, 400).await;
        flood(&mut peer, other.sid(), 1).await;
        assert_eq!(payload(other.next().await), "000");
        assert_eq!(stuck.dropped(), round * 400 - 100);
    }
    // Half of the limit, four at a time, and what `flood` takes.
    assert!(start.elapsed() < Duration::from_millis(100 / 2 / 4 + 2 + 8 * 5));
}

#[tokio::test(start_paused = true)]
async fn limits_in_bytes_are_exact_too() {
    let (client, mut peer) = pair().await;
    let limits = PendingLimits::NONE.bytes(16 * 3 + 15);
    let mut subscriber = client.subscribe("a").pending_limits(limits).await.unwrap();
    flood(&mut peer, subscriber.sid(), 5).await;
    assert_eq!((pending(&subscriber), subscriber.dropped()), ((3, 48), 2));
    subscriber.set_pending_limits(PendingLimits::NONE);
    flood(&mut peer, subscriber.sid(), 5).await;
    assert_eq!((pending(&subscriber), subscriber.dropped()), ((8, 128), 2));
    assert_eq!(waiting(&mut subscriber).len(), 8);
    assert_eq!(pending(&subscriber), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_is_passed_over() {
    let options = ConnectOptions::new().max_message(40);
    let (client, mut peer) = connected(options, 64).await;
    let mut events = client.events();
    let mut subscriber = client.subscribe("a").await.unwrap();
    let sid = subscriber.sid();
    let frame = format!("MSG a {sid} 50\r\n{}\r\nMSG a {sid} 2\r\nok\r\n", "x".repeat(50));
    peer.send_bytes(frame.as_bytes()).await;
    assert_eq!(payload(subscriber.next().await), "ok");
    assert_event!(
        events.next().await.unwrap(),
        Oversized { sid: subscriber.sid(), subject: "a".to_owned(), size: 50 }
    );
    assert_eq!(client.statistics().oversized_messages, 1);
}

#[tokio::test(start_paused = true)]
async fn hostile_messages_hurt_nobody() {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe(">").await.unwrap();
    peer.send_bytes(b"MSG \xFF\xFE 1 1\r\n1\r\n").await;
    peer.send_bytes(b"MSG a\rb 1 1\r\n2\r\n").await;
    peer.send_bytes(b"HMSG a 1 \xFF 24 25\r\nNATS/1.0\r\nA: x\ry\r\n: \r\n\r\n3\r\n").await;
    peer.send_bytes(b"HMSG a 1 5 6\r\n\xFF\xFF\xFF\xFF\xFF4\r\n").await;
    peer.send_bytes(b"HMSG a 1 0 1\r\n5\r\n").await;
    let message = subscriber.next().await.unwrap();
    assert_eq!((message.subject(), message.subject_bytes()), ("", &b"\xFF\xFE"[..]));
    assert_eq!(subscriber.next().await.unwrap().subject_bytes(), b"a\rb");
    let message = subscriber.next().await.unwrap();
    assert_eq!((message.reply(), message.headers().get("A")), (None, Some("x\ry")));
    assert_eq!(client.respond(&message, "").await, Err(PublishError::NoReply));
    let message = subscriber.next().await.unwrap();
    assert_eq!((message.headers().iter().count(), message.status()), (0, None));
    assert_eq!(payload(subscriber.next().await), "5");
    assert_eq!(client.status(), ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_a_stream() {
    use futures_core::Stream;
    use std::pin::pin;
    let (client, mut peer) = pair().await;
    let subscriber = client.subscribe("a").max_messages(1).await.unwrap();
    peer.send("MSG a 1 1|x").await;
    let mut stream = pin!(subscriber);
    let next = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await;
    assert_eq!(payload(next), "x");
    assert!(std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await.is_none());
}
