//! Publishing to a stream that says what a test wants: what every message is told, and when.

use std::future::IntoFuture;
use std::time::Duration;

use nats_tokio::ConnectOptions;
use nats_tokio::jetstream::ErrorCode;
use nats_tokio::jetstream::MayBeStored;
use nats_tokio::jetstream::NotSent;
use nats_tokio::jetstream::NotStored;
use nats_tokio::jetstream::PublishError;
use tokio::time::Instant;

use super::stream::StreamPeer;
use super::stream::streaming;

const SECOND: Duration = Duration::from_secs(1);

pub(super) const fn may_be_stored(error: &PublishError) -> Option<MayBeStored> {
    match error {
        PublishError::MayBeStored { reason, .. } => Some(*reason),
        _ => None,
    }
}

pub(super) const fn not_stored(error: &PublishError) -> Option<NotStored> {
    match error {
        PublishError::NotStored { reason, .. } => Some(*reason),
        _ => None,
    }
}

/// nats-io/nats.go#1346, numaproj/numaflow#244.
#[tokio::test(start_paused = true)]
async fn a_full_window_that_is_cut_a_hundred_times_tells_each_message_once_and_is_free_then() {
    let (client, mut servers, mut stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    let publisher = jetstream.publisher().window(64).timeout(30 * SECOND).build();
    let mut outcomes = publisher.outcomes();
    let mut told = vec![0_u32; 6_401];
    let mut may_be = 0;
    for round in 0..100 {
        let mut sent = Vec::new();
        let begun = Instant::now();
        for at in 0..64 {
            let id = format!("{round}-{at}");
            let message = publisher.publish("s.a", "x");
            // Those without an id are not sent again.
            let message = if at % 2 == 0 { message.message_id(&id) } else { message };
            sent.push(message.await.unwrap());
        }
        for _ in 0..64 {
            stream.next().await;
        }
        drop(stream);
        stream = StreamPeer::new(servers.accept().await);
        for sequence in 1..=32 {
            let again = stream.next().await;
            assert!(again.header("Nats-Msg-Id").is_some());
            stream.store_again(&again, sequence).await;
        }
        for sent in sent {
            let number = sent.number();
            let outcome = sent.await;
            assert!(begun.elapsed() <= 30 * SECOND);
            let taken = outcomes.next().await.unwrap();
            told[usize::try_from(taken.number).unwrap()] += 1;
            match outcome {
                Ok(ack) => assert!(ack.is_duplicate && number % 2 == 1),
                Err(error) => {
                    assert_eq!(may_be_stored(&error), Some(MayBeStored::Disconnected));
                    may_be += 1;
                }
            }
        }
        publisher.flush().await;
        assert_eq!(publisher.in_flight(), 0);
    }
    assert_eq!(may_be, 3_200);
    assert!(told[1..].iter().all(|count| *count == 1), "each is told once");
    assert_eq!(outcomes.try_next(), None);
    // The next one is sent at once.
    let next = publisher.publish("s.a", "next").await.unwrap();
    let published = stream.next().await;
    stream.store(&published, 6_401).await;
    assert_eq!(next.await.unwrap().sequence, 6_401);
}

/// nats-io/nats.net.v1#641, nats-io/nats.rs#1558.
#[tokio::test(start_paused = true)]
async fn the_time_out_of_a_call_covers_everything_and_wins() {
    let options = ConnectOptions::new().request_timeout(50 * SECOND);
    let (client, servers, mut stream) = streaming(options).await;
    let jetstream = client.jetstream().timeout(40 * SECOND);
    let publisher = jetstream.publisher().window(1).timeout(30 * SECOND).build();
    // An answer that does not come.
    let begun = Instant::now();
    let silent = jetstream.publish("s.a", "x").timeout(2 * SECOND).into_future();
    let (error, _) = tokio::join!(silent, stream.next());
    assert_eq!(may_be_stored(&error.unwrap_err()), Some(MayBeStored::TimedOut));
    assert_eq!(begun.elapsed(), 2 * SECOND);
    // A place in a window that is full.
    let _held = publisher.publish("s.a", "x").await.unwrap();
    stream.next().await;
    let begun = Instant::now();
    let error = publisher.publish("s.a", "y").timeout(2 * SECOND).await.unwrap_err();
    assert_eq!(error, PublishError::NotSent(NotSent::TimedOut));
    assert_eq!(begun.elapsed(), 2 * SECOND);
    // All retries.
    let begun = Instant::now();
    let refused = jetstream.publish("s.a", "x").timeout(2 * SECOND).retries(255).into_future();
    let refusing = async {
        loop {
            let published = stream.next().await;
            stream.status(&published, "503").await;
        }
    };
    let error =
        tokio::select! { result = refused => result.unwrap_err(), () = refusing => panic!() };
    assert_eq!(not_stored(&error), Some(NotStored::NoResponders));
    assert_eq!(begun.elapsed(), 2 * SECOND);
    // A reconnect, and no server at all.
    servers.set_down(true);
    drop(stream);
    let begun = Instant::now();
    let error = jetstream.publish("s.a", "x").timeout(2 * SECOND).await.unwrap_err();
    assert_eq!(error, PublishError::NotSent(NotSent::TimedOut));
    assert_eq!(error.to_string(), "not sent: timed out");
    assert_eq!(begun.elapsed(), 2 * SECOND);
    // The context's, where the call says nothing.
    let begun = Instant::now();
    assert!(jetstream.publish("s.a", "x").await.is_err());
    assert_eq!(begun.elapsed(), 40 * SECOND);
}

/// nats-io/nats.net.v1#752, nats-io/nats.java#708.
#[tokio::test(start_paused = true)]
async fn without_responders_there_are_three_attempts_in_half_a_second() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    let begun = Instant::now();
    let refusing = async {
        let mut times = Vec::new();
        for _ in 0..3 {
            let published = stream.next().await;
            times.push(begun.elapsed());
            stream.status(&published, "503").await;
        }
        times
    };
    let (error, times) = tokio::join!(jetstream.publish("s.a", "x").into_future(), refusing);
    assert_eq!(not_stored(&error.unwrap_err()), Some(NotStored::NoResponders));
    for (before, after) in times.iter().zip(&times[1..]) {
        let pause = *after - *before;
        assert!(
            (SECOND / 8..=SECOND / 4).contains(&pause),
            "{pause:?}, spread over the half of it"
        );
    }
    assert!(begun.elapsed() <= SECOND / 2);
    stream.expect_silence().await;
}

/// nats-io/nats-server#7801.
#[tokio::test(start_paused = true)]
async fn four_acknowledgements_of_one_message_tell_one_outcome_and_touch_no_other() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().window(1).build();
    let first = publisher.publish("s.a", "first").await.unwrap();
    let published = stream.next().await;
    stream.store(&published, 1).await;
    stream.store(&published, 2).await;
    assert_eq!(first.await.unwrap().sequence, 1);
    // The next one has its place, and not its acknowledgements.
    let second = publisher.publish("s.a", "second").await.unwrap();
    let other = stream.next().await;
    assert_ne!(published.reply, other.reply);
    stream.store(&published, 3).await;
    stream.store(&published, 4).await;
    stream.store(&other, 5).await;
    assert_eq!(second.await.unwrap().sequence, 5);
    assert_eq!(publisher.in_flight(), 0);
}

/// nats-io/nats.node#628, nats-io/nats.java#1581.
#[tokio::test(start_paused = true)]
async fn a_lost_acknowledgement_is_asked_for_again_with_an_id_and_told_without_one() {
    let (client, mut servers, mut stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    // With an id, after a lost connection, and after silence.
    let publisher = jetstream.publisher().build();
    let with_id = publisher.publish("s.a", "x").message_id("one").await.unwrap();
    let without = publisher.publish("s.a", "x").await.unwrap();
    stream.next().await;
    stream.next().await;
    drop(stream);
    let mut stream = StreamPeer::new(servers.accept().await);
    assert_eq!(may_be_stored(&without.await.unwrap_err()), Some(MayBeStored::Disconnected));
    let again = stream.next().await;
    stream.store_again(&again, 1).await;
    let ack = with_id.await.unwrap();
    assert_eq!((ack.sequence, ack.is_duplicate), (1, true));
    let begun = Instant::now();
    let silent = publisher.publish("s.a", "x").message_id("two").await.unwrap();
    stream.next().await;
    let again = stream.next().await;
    assert_eq!(begun.elapsed(), 5 * SECOND, "the time to wait for an acknowledgement");
    stream.store_again(&again, 2).await;
    assert!(silent.await.unwrap().is_duplicate);
    // Without an id it is not sent again, whatever its time-out.
    let silent = publisher.publish("s.a", "x").await.unwrap();
    stream.next().await;
    assert_eq!(may_be_stored(&silent.await.unwrap_err()), Some(MayBeStored::TimedOut));
    stream.expect_silence().await;
}

/// nats-io/nats.go#1781, nats-io/nats-server#8038.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_acknowledgement_is_an_error_of_that_message_alone() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    let brackets = "[".repeat(1_000_000);
    for answer in ["hello", "{}", r#"{"stream":7}"#, &brackets, "", r#"{"stream":"S"}"#] {
        let answering = async {
            let published = stream.next().await;
            stream.answer(&published, answer).await;
        };
        let (error, ()) = tokio::join!(jetstream.publish("s.a", "x").into_future(), answering);
        let error = error.unwrap_err();
        assert_eq!(may_be_stored(&error), Some(MayBeStored::NotAnAck), "{}", answer.len());
    }
    // Silence takes the default time-out, and the place is free then.
    let publisher = jetstream.publisher().window(1).timeout(5 * SECOND).build();
    let begun = Instant::now();
    let silent = publisher.publish("s.a", "x").await.unwrap();
    stream.next().await;
    assert_eq!(may_be_stored(&silent.await.unwrap_err()), Some(MayBeStored::TimedOut));
    assert_eq!(begun.elapsed(), 5 * SECOND);
    let next = publisher.publish("s.a", "x").await.unwrap();
    let published = stream.next().await;
    stream.store(&published, 1).await;
    assert_eq!(next.await.unwrap().sequence, 1);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_was_published_before_and_for_nothing_else() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().build();
    publisher.flush().await;
    let first = publisher.publish("s.a", "1").await.unwrap();
    let second = publisher.publish("s.a", "2").await.unwrap();
    let flush = async { publisher.flush().await };
    let mut flush = std::pin::pin!(flush);
    let (one, two) = (stream.next().await, stream.next().await);
    assert!(tokio::time::timeout(SECOND, flush.as_mut()).await.is_err());
    let third = publisher.publish("s.a", "3").await.unwrap();
    let three = stream.next().await;
    // Out of order.
    stream.store(&two, 1).await;
    assert!(tokio::time::timeout(SECOND, flush.as_mut()).await.is_err());
    stream.refuse(&one, 10077, "maximum messages exceeded").await;
    flush.await;
    let error = first.await.unwrap_err();
    assert_eq!(not_stored(&error), Some(NotStored::Rejected(ErrorCode::STREAM_STORE_FAILED)));
    assert_eq!(error.to_string(), "not stored: the stream rejected the message (10077)");
    assert_eq!((second.await.unwrap().sequence, publisher.in_flight()), (1, 1));
    stream.store(&three, 2).await;
    publisher.flush().await;
    assert_eq!(third.await.unwrap().sequence, 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_another_server_does_not_take_is_told_of_at_once() {
    let (client, mut servers, mut stream) = streaming(ConnectOptions::new()).await;
    let publisher = client.jetstream().publisher().build();
    let lost = publisher.publish("s.a", vec![0; 2_000]).message_id("lost").await.unwrap();
    stream.next().await;
    servers.set_down(true);
    drop(stream);
    servers.next().await;
    let unsent = publisher.publish("s.a", vec![0; 2_000]).await.unwrap();
    let small = publisher.publish("s.a", "x").await.unwrap();
    servers.let_up();
    let (_, mut peer) = servers.next().await;
    peer.send(&crate::peer::INFO.replace("1000000", "1000")).await;
    assert!(peer.next().await.starts_with("CONNECT"));
    assert_eq!(peer.next().await, "PING");
    peer.send("PONG").await;
    let mut stream = StreamPeer::new(peer);
    let begun = Instant::now();
    let published = stream.next().await;
    assert_eq!(published.payload, "x");
    assert_eq!(may_be_stored(&lost.await.unwrap_err()), Some(MayBeStored::Disconnected));
    assert_eq!(unsent.await.unwrap_err(), PublishError::NotSent(NotSent::TooLarge));
    assert!(begun.elapsed() < SECOND);
    stream.store(&published, 1).await;
    assert_eq!(small.await.unwrap().sequence, 1);
    // What is too long for a server that is known is not taken.
    let error = publisher.publish("s.a", vec![0; 2_000]).await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_closed_tells_what_is_true_of_each_message() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    let publisher = jetstream.publisher().window(1).build();
    let mut outcomes = publisher.outcomes();
    let sent = publisher.publish("s.a", "x").message_id("a").await.unwrap();
    stream.next().await;
    let waiting = publisher.publish("s.a", "y").into_future();
    let serving = tokio::spawn(async move { while stream.try_next().await.is_some() {} });
    let closing = async {
        tokio::time::sleep(SECOND).await;
        client.close().await;
    };
    let (waited, ()) = tokio::join!(waiting, closing);
    assert_eq!(may_be_stored(&sent.await.unwrap_err()), Some(MayBeStored::Closed));
    let waited = waited.unwrap().await.unwrap_err();
    assert_eq!(waited, PublishError::NotSent(NotSent::Closed));
    let late = jetstream.publish("s.a", "z").await.unwrap_err();
    assert_eq!(late, PublishError::NotSent(NotSent::Closed));
    publisher.flush().await;
    assert_eq!(outcomes.next().await.map(|outcome| outcome.number), Some(1));
    assert_eq!(outcomes.next().await, None);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drains_tells_what_is_true_of_each_message() {
    let (client, _servers, mut stream) = streaming(ConnectOptions::new()).await;
    let jetstream = client.jetstream();
    let publisher = jetstream.publisher().window(1).build();
    let sent = publisher.publish("s.a", "x").message_id("a").await.unwrap();
    stream.next().await;
    let waiting = publisher.publish("s.a", "y").into_future();
    let serving = tokio::spawn(async move { while stream.try_next().await.is_some() {} });
    let draining = async {
        tokio::time::sleep(SECOND).await;
        client.drain().await.unwrap();
    };
    let (waited, ()) = tokio::join!(waiting, draining);
    assert_eq!(may_be_stored(&sent.await.unwrap_err()), Some(MayBeStored::Closed));
    let waited = waited.unwrap().await.unwrap_err();
    assert_eq!(waited, PublishError::NotSent(NotSent::Closed));
    let late = jetstream.publish("s.a", "z").await.unwrap_err();
    assert_eq!(late, PublishError::NotSent(NotSent::Closed));
    serving.await.unwrap();
}
