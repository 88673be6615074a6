use std::time::Duration;

use bytes::Bytes;
use nats_tokio::ConnectOptions;
use nats_tokio::FlushError;
use nats_tokio::HeaderMap;
use nats_tokio::PublishError;
use nats_tokio::Subject;

use crate::peer::connected;
use crate::peer::pair;

#[tokio::test(start_paused = true)]
async fn every_kind_of_message() {
    const LIGHTS: Subject<'static> = Subject::from_static("lights");
    let (client, mut peer) = pair().await;
    let mut headers = HeaderMap::new();
    headers.append("A", "1").unwrap();
    headers.append("B", "2").unwrap();
    let name = String::from("made.of.a.string");
    client.publish("a", "text").await.unwrap();
    client.publish("a", b"bytes").await.unwrap();
    client.publish("a", &[1, 2][..]).await.unwrap();
    client.publish("a", vec![3]).await.unwrap();
    client.publish("a", String::from("owned")).await.unwrap();
    client.publish("a", Bytes::from_static(b"shared")).await.unwrap();
    client.publish(LIGHTS, "").await.unwrap();
    client.publish(&name, "x").await.unwrap();
    client.publish("a", "x").reply("b.c").await.unwrap();
    client.publish("a", "x").headers(&headers).await.unwrap();
    client.publish("a", "x").headers(&headers).reply(&name).try_send().unwrap();
    client.publish("last", "x").try_send().unwrap();
    peer.expect(&[
        "PUB a: text",
        "PUB a: bytes",
        "PUB a: \\x01\\x02",
        "PUB a: \\x03",
        "PUB a: owned",
        "PUB a: shared",
        "PUB lights: ",
        "PUB made.of.a.string: x",
        "PUB a b.c: x",
        "HPUB a A=1 B=2: x",
        "HPUB a made.of.a.string A=1 B=2: x",
        "PUB last: x",
    ])
    .await;
    assert_eq!(client.statistics().out_messages, 12);
}

#[tokio::test(start_paused = true)]
async fn large_payloads_keep_their_place() {
    let (client, mut peer) = connected(ConnectOptions::new(), 10_000).await;
    let lengths = [4095, 4096, 4097, 100_000, 1, 5000, 4096, 300_000];
    let large =
        |len: usize| (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<u8>>();
    let publish = async {
        for len in lengths {
            client.publish("small", "x").await.unwrap();
            client.publish("shared", Bytes::from(large(len))).await.unwrap();
            client.publish("copied", large(len).as_slice()).await.unwrap();
        }
    };
    let take = async {
        for len in lengths {
            assert_eq!(peer.take().await, ("small".to_owned(), b"x".to_vec()));
            assert_eq!(peer.take().await, ("shared".to_owned(), large(len)));
            assert_eq!(peer.take().await, ("copied".to_owned(), large(len)));
        }
    };
    tokio::join!(publish, take);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_published_is_refused_before_anything_is_sent() {
    let (client, mut peer) = pair().await;
    for subject in ["", "a b", "a..b", "a.*", ">", "a\r\nPUB b 0"] {
        let error = client.publish(subject, "x").await.unwrap_err();
        assert!(matches!(error, PublishError::InvalidSubject(_)), "{subject:?}");
        let error = client.publish("a", "x").reply(subject).await.unwrap_err();
        assert!(matches!(error, PublishError::InvalidSubject(_)), "{subject:?}");
    }
    let long = "a".repeat(5000);
    let error = client.publish(&long, "x").await.unwrap_err();
    assert_eq!(error, PublishError::LineTooLong { len: 5006, max: 4096 });
    let error = client.publish("a", vec![0; 1_000_001]).await.unwrap_err();
    assert_eq!(error, PublishError::PayloadTooLarge { len: 1_000_001, max: 1_000_000 });
    let mut headers = HeaderMap::new();
    headers.append("A", "1").unwrap();
    let error = client.publish("a", vec![0; 1_000_000]).headers(&headers).await.unwrap_err();
    assert_eq!(error, PublishError::PayloadTooLarge { len: 1_000_018, max: 1_000_000 });
    peer.expect_silence().await;

    // The server changes its mind.
    peer.send("INFO {\"max_payload\":3}|PING").await;
    peer.expect(&["PONG"]).await;
    let error = client.publish("a", "1234").await.unwrap_err();
    assert_eq!(error, PublishError::PayloadTooLarge { len: 4, max: 3 });
    let error = client.publish("a", "").headers(&headers).await.unwrap_err();
    assert!(matches!(error, PublishError::PayloadTooLarge { .. }));
    peer.send("INFO {}|PING").await;
    peer.expect(&["PONG"]).await;
    let error = client.publish("a", "").headers(&headers).await.unwrap_err();
    assert_eq!(error, PublishError::HeadersUnsupported);
    client.publish("a", vec![0; 2_000_000]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn publishing_waits_for_a_server_that_does_not_read() {
    let options = ConnectOptions::new().send_buffer(1000);
    let (client, mut peer) = connected(options, 64).await;
    let mut sent = 0;
    let full = loop {
        match client.publish("a", "0123456789").try_send() {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(full, PublishError::Full);
    assert!((40..60).contains(&sent), "{sent} messages of 20 bytes in 1000 + 64");

    // One that awaits is sent when there is room, and not before.
    let waiting = tokio::time::timeout(Duration::from_secs(1), client.publish("late", "x"));
    assert!(waiting.await.is_err(), "it waits");
    let task = tokio::spawn({
        let client = client.clone();
        async move { client.publish("late", "x").await }
    });
    for _ in 0..sent {
        peer.expect(&["PUB a: 0123456789"]).await;
    }
    peer.expect(&["PUB late: x"]).await;
    task.await.unwrap().unwrap();
    peer.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn many_waiting_publishers_are_all_served() {
    let options = ConnectOptions::new().send_buffer(200);
    let (client, mut peer) = connected(options, 64).await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.publish("a", format!("message {number:03}")).await })
        })
        .collect();
    let mut got = Vec::new();
    for _ in 0..50 {
        got.push(peer.next().await);
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn one_message_fits_whatever_its_length() {
    let options = ConnectOptions::new().send_buffer(10);
    let (client, mut peer) = connected(options, 64).await;
    client.publish("a", vec![0; 5000]).await.unwrap();
    assert_eq!(client.publish("b", "x").try_send(), Err(PublishError::Full));
    peer.expect(&["PUB a: (5000 bytes)"]).await;
    client.publish("b", "x").await.unwrap();
    peer.expect(&["PUB b: x"]).await;
}

#[tokio::test(start_paused = true)]
async fn flushing_waits_for_the_pong() {
    let (client, mut peer) = pair().await;
    client.publish("a", "x").await.unwrap();
    let flush = tokio::spawn({
        let client = client.clone();
        async move { client.flush().await }
    });
    peer.expect(&["PUB a: x", "PING"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!flush.is_finished());
    peer.send("PONG").await;
    flush.await.unwrap().unwrap();

    // There is no answer.
    let start = tokio::time::Instant::now();
    assert_eq!(client.flush().await, Err(FlushError::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 10);
    peer.expect(&["PING"]).await;

    // The connection is lost in between.
    let flush = tokio::spawn({
        let client = client.clone();
        async move { client.flush().await }
    });
    peer.expect(&["PING"]).await;
    drop(peer);
    assert_eq!(flush.await.unwrap(), Err(FlushError::Disconnected));
    assert_eq!(client.flush().await, Err(FlushError::Closed));
}

#[tokio::test(start_paused = true)]
async fn rtt_is_the_time_of_a_ping() {
    let (client, mut peer) = pair().await;
    let server = async {
        peer.expect(&["PING"]).await;
        tokio::time::sleep(Duration::from_millis(250)).await;
        peer.send("PONG").await;
    };
    let (rtt, ()) = tokio::join!(client.rtt(), server);
    assert_eq!(rtt.unwrap(), Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_after_the_end() {
    let (client, peer) = pair().await;
    let server = tokio::spawn(peer.serve());
    client.close().await;
    assert_eq!(client.publish("a", "x").await, Err(PublishError::Closed));
    assert_eq!(client.publish("a", "x").try_send(), Err(PublishError::Closed));
    assert_eq!(server.await.unwrap(), ["PING", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn who_wants_no_answer_gets_none() {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    peer.send("MSG a 1 1|x").await;
    let message = subscriber.next().await.unwrap();
    let error = client.respond(&message, "").await.unwrap_err();
    assert_eq!(error, PublishError::NoReply);
    assert_eq!(error.to_string(), "the message has no reply subject");
    assert!(std::error::Error::source(&error).is_none());
    assert_eq!(client.respond(&message, "").try_send(), Err(PublishError::NoReply));
    assert_eq!(client.respond(&message, "").into_owned().await, Err(PublishError::NoReply));
    let batch = [client.publish("b", "x"), client.respond(&message, "")];
    let error = client.publish_batch(batch).await.unwrap_err();
    assert_eq!((error.index, error.error), (Some(1), PublishError::NoReply));
    // A reply subject that is none is another matter.
    peer.send("MSG a 1 b..c 1|x").await;
    let message = subscriber.next().await.unwrap();
    let error = client.respond(&message, "").await.unwrap_err();
    assert!(matches!(error, PublishError::InvalidSubject(_)), "{error:?}");
    // What wants no answer can be forwarded.
    peer.send("MSG a 1 1|x").await;
    let message = subscriber.next().await.unwrap();
    client.forward(&message, "c").await.unwrap();
    peer.expect(&["PUB c: x"]).await;
}

/// How often `once` completes in a loop, before a time-out around it has a say that has passed
/// already.
async fn turns_of(once: impl AsyncFn()) -> u32 {
    tokio::task::yield_now().await;
    let mut count = 0;
    let all = async {
        while count < 10_000 {
            once().await;
            count += 1;
        }
    };
    assert!(tokio::time::timeout(Duration::ZERO, all).await.is_err(), "it never gives way");
    count
}

#[tokio::test(start_paused = true)]
async fn a_time_out_ends_a_loop_that_never_has_to_wait() {
    let options = ConnectOptions::new().send_buffer(1 << 30);
    let (client, _peer) = connected(options, 1 << 20).await;
    let long = vec![0; 4096];
    let short = async || client.publish("a", "x").await.unwrap();
    assert!((1000..=4096).contains(&turns_of(short).await));
    let owned = async || client.publish("a", "x").into_owned().await.unwrap();
    assert!((1000..=4096).contains(&turns_of(owned).await));
    assert!(
        (1..=256).contains(&turns_of(async || client.publish("a", &long).await.unwrap()).await)
    );
    let batch = async || {
        let messages = (0..16).map(|_| client.publish("a", "x"));
        client.publish_batch(messages).await.unwrap();
    };
    assert!((1..=256).contains(&turns_of(batch).await));
    let subscribe = async || drop(client.subscribe("a").await.unwrap());
    assert!((1..=4096).contains(&turns_of(subscribe).await));
}
