//! Messages of consumers: as they come, and so many at once.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::ConnectionStatus;
use nats_tokio::jetstream::AckError;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::FetchEndReason;
use nats_tokio::jetstream::FetchError;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::Messages;
use nats_tokio::jetstream::MessagesError;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::Verdict;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;

use super::start;
use crate::soon;

const SECOND: Duration = Duration::from_secs(1);

async fn stream_of(jetstream: &Context, count: usize) -> Stream {
    let stream = jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    put(jetstream, 1, count).await;
    stream
}

async fn put(jetstream: &Context, first: usize, last: usize) {
    let publisher = jetstream.publisher().build();
    for at in first..=last {
        publisher.publish("s.a", at.to_string()).await.unwrap().await.unwrap();
    }
}

async fn durable(stream: &Stream) -> Consumer {
    stream.create_consumer(consumer::Config::durable("w")).await.unwrap()
}

/// Takes so many messages, which have to be these numbers in order, and acknowledges them.
async fn take(messages: &mut Messages, first: usize, last: usize) {
    for at in first..=last {
        let message = soon(messages.next()).await.expect("a message").expect("no error");
        assert_eq!(message.payload(), at.to_string().as_bytes());
        message.ack().await.unwrap();
    }
}

/// Waits until the consumer's state is as it should be.
async fn until(consumer: &Consumer, is_it: impl Fn(&consumer::Info) -> bool) -> consumer::Info {
    soon(async {
        loop {
            match consumer.info().await {
                Ok(info) if is_it(&info) => return info,
                _ => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn messages_come_in_order_and_are_acknowledged() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 1_000).await;
    let consumer = durable(&stream).await;
    for max in [1, 7, 100] {
        let consumer = stream.create_consumer(consumer::Config::durable(format!("w{max}"))).await;
        let consumer = consumer.unwrap();
        let mut messages = consumer.messages().max_messages(max).await.unwrap();
        take(&mut messages, 1, 300).await;
        let info = until(&consumer, |info| info.ack_floor.stream_sequence == 300).await;
        assert!(info.num_ack_pending <= u64::from(max), "{info:?}");
        messages.stop().await;
        let info = until(&consumer, |info| info.num_waiting == 0).await;
        assert_eq!(info.ack_floor.stream_sequence, 300);
    }
    let mut messages = consumer.messages().await.unwrap();
    let message = soon(messages.next()).await.unwrap().unwrap();
    let delivery = message.delivery().unwrap();
    assert_eq!((delivery.stream, delivery.consumer, delivery.stream_sequence), ("S", "w", 1));
    assert_eq!(delivery.pending, 999);
}

#[tokio::test]
async fn each_acknowledgement_does_what_it_says() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 6).await;
    let consumer = durable(&stream).await;
    let mut messages = consumer.messages().await.unwrap();
    let mut next = async || soon(messages.next()).await.unwrap().unwrap();
    next().await.ack_confirmed().await.unwrap();
    next().await.nak().await.unwrap();
    next().await.nak_after(SECOND / 10).await.unwrap();
    next().await.term().await.unwrap();
    next().await.term_because("no such order").await.unwrap();
    let last = next().await;
    last.in_progress().await.unwrap();
    let again = [next().await, next().await];
    for (message, payload) in again.iter().zip(["2", "3"]) {
        assert_eq!(message.payload(), payload.as_bytes());
        let delivery = message.delivery().unwrap();
        assert_eq!(delivery.delivered, 2);
        message.ack().await.unwrap();
    }
    last.ack().await.unwrap();
    until(&consumer, |info| info.num_ack_pending == 0).await;
    stream.delete_consumer("w").await.unwrap();
    let error = soon(last.ack_confirmed()).await.unwrap_err();
    assert!(matches!(error, AckError::NoResponders), "{error}");
}

#[tokio::test]
async fn what_was_not_handed_out_is_given_back() {
    let (_server, client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 20).await;
    let consumer = durable(&stream).await;
    let mut messages = consumer.messages().max_messages(100).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(soon(messages.next()).await.unwrap().unwrap());
    }
    until(&consumer, |info| info.num_ack_pending == 20).await;
    drop(messages);
    // What a server delivers to a pull that is being left is lost until the `ack_wait` is over.
    until(&consumer, |info| info.num_waiting == 0).await;
    put(&jetstream, 21, 30).await;
    let other = consumer.clone();
    let mut messages = other.messages().await.unwrap();
    let mut found = Vec::new();
    for _ in 0..25 {
        let message = soon(messages.next()).await.unwrap().unwrap();
        found.push(String::from_utf8(message.payload().to_vec()).unwrap().parse::<u32>().unwrap());
        message.ack().await.unwrap();
    }
    found.sort_unstable();
    assert_eq!(found, (6..=30).collect::<Vec<_>>());
    assert_eq!(client.status(), ConnectionStatus::Connected);
}

#[tokio::test]
async fn a_drain_hands_out_what_is_here() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 20).await;
    let consumer = durable(&stream).await;
    let mut messages = consumer.messages().await.unwrap();
    until(&consumer, |info| info.num_ack_pending == 20).await;
    messages.drain();
    take(&mut messages, 1, 20).await;
    assert!(soon(messages.next()).await.is_none());
    assert!(soon(messages.next()).await.is_none());
}

#[tokio::test]
async fn a_restart_of_the_server_is_survived() {
    let config = "jetstream { store_dir: $STORE }";
    let mut server = NatsServer::start(config);
    let client = crate::connect(&server).await;
    let jetstream = client.jetstream();
    let stream = stream_of(&jetstream, 10).await;
    let consumer = durable(&stream).await;
    let mut messages = consumer.messages().max_messages(100).await.unwrap();
    take(&mut messages, 1, 10).await;
    for round in 1..=5 {
        server.restart(config);
        let first = round * 10 + 1;
        for at in first..first + 10 {
            let id = at.to_string();
            let publish = jetstream.publish("s.a", at.to_string()).message_id(&id);
            soon(publish.retries(255).timeout(10 * SECOND).into_future()).await.unwrap();
        }
        // A server that is killed may have forgotten acknowledgements, and delivers again.
        let mut missing: BTreeSet<_> = (first..first + 10).map(|at| at.to_string()).collect();
        while !missing.is_empty() {
            let message = soon(messages.next()).await.expect("a message").expect("no error");
            missing.remove(&String::from_utf8_lossy(message.payload()).into_owned());
            message.ack().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_consumer_that_is_deleted_ends_its_messages() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 1).await;
    let consumer = durable(&stream).await;
    let mut messages = consumer.messages().heartbeat(SECOND / 2).await.unwrap();
    take(&mut messages, 1, 1).await;
    stream.delete_consumer("w").await.unwrap();
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(error, MessagesError::ConsumerDeleted);
    assert!(soon(messages.next()).await.is_none());

    let mut messages = consumer.messages().heartbeat(SECOND / 2).await.unwrap();
    let error = soon(async {
        loop {
            let error = messages.next().await.unwrap().unwrap_err();
            if error.is_end() {
                return error;
            }
        }
    });
    assert_eq!(error.await, MessagesError::ConsumerDeleted);
    for max_wait in [Duration::ZERO, 30 * SECOND] {
        let error = soon(consumer.fetch(1).max_wait(max_wait).into_future()).await;
        assert_eq!(error.unwrap_err(), FetchError::Ended(FetchEndReason::ConsumerDeleted));
    }
}

#[tokio::test]
async fn batches_are_fetched() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 25).await;
    let consumer = durable(&stream).await;
    let mut first = 1;
    for len in [10, 10, 5, 0] {
        let batch = soon(consumer.fetch(10).into_future()).await.unwrap();
        assert_eq!(batch.len(), len);
        for (message, at) in batch.iter().zip(first..) {
            assert_eq!(message.payload(), at.to_string().as_bytes());
            message.ack().await.unwrap();
        }
        first += len;
    }
    assert!(soon(consumer.next(SECOND)).await.unwrap().is_none());
    let (message, ()) = tokio::join!(consumer.next(10 * SECOND), put(&jetstream, 26, 26));
    assert_eq!(message.unwrap().unwrap().payload(), b"26");
    until(&consumer, |info| info.num_waiting == 0).await;
}

#[tokio::test]
async fn a_fetch_that_is_dropped_gives_back() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 0).await;
    let consumer = durable(&stream).await;
    {
        let mut fetch = std::pin::pin!(consumer.fetch(10).max_wait(30 * SECOND).into_future());
        let none = tokio::time::timeout(SECOND / 5, fetch.as_mut()).await;
        assert!(none.is_err());
    }
    put(&jetstream, 1, 3).await;
    let mut found = Vec::new();
    while found.len() < 3 {
        for message in soon(consumer.fetch(10).max_wait(SECOND).into_future()).await.unwrap() {
            message.ack().await.unwrap();
            found.push(message.payload().to_vec());
        }
    }
    found.sort();
    assert_eq!(found, [b"1", b"2", b"3"]);
}

#[tokio::test]
async fn limits_of_the_consumer_are_kept_to_and_told() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 10).await;
    let config = consumer::Config { max_batch: 2, ..consumer::Config::durable("small") };
    let consumer = stream.create_consumer(config).await.unwrap();
    let error = soon(consumer.fetch(5).into_future()).await.unwrap_err();
    assert!(error.to_string().contains("max_batch is 2"), "{error}");
    let mut messages = consumer.messages().max_messages(5).await.unwrap();
    let told = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(!told.is_end() && told.to_string().contains("max_batch is 2"), "{told}");
    take(&mut messages, 1, 10).await;

    let config = consumer::Config { max_ack_pending: 2, ..consumer::Config::durable("held") };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().max_messages(5).await.unwrap();
    let one = soon(messages.next()).await.unwrap().unwrap();
    let two = soon(messages.next()).await.unwrap().unwrap();
    assert!(messages.try_next().is_none());
    one.ack().await.unwrap();
    two.ack().await.unwrap();
    take(&mut messages, 3, 10).await;
}

#[tokio::test]
async fn a_worker_keeps_long_jobs_alive_and_acknowledges() {
    let (_server, _client, jetstream) = start().await;
    let stream = stream_of(&jetstream, 10).await;
    let config = consumer::Config { ack_wait: SECOND / 2, ..consumer::Config::durable("jobs") };
    let consumer = stream.create_consumer(config).await.unwrap();
    let done = Arc::new(Mutex::new(Vec::new()));
    let (enough, is_enough) = tokio::sync::oneshot::channel::<()>();
    let enough = Arc::new(Mutex::new(Some(enough)));
    let handler = |message: Message| {
        let (done, enough) = (Arc::clone(&done), Arc::clone(&enough));
        async move {
            let text = String::from_utf8_lossy(message.payload()).into_owned();
            if text == "3" {
                // Longer than the server waits for a word.
                tokio::time::sleep(SECOND).await;
            }
            if text == "4" && message.delivery().unwrap().delivered == 1 {
                return Verdict::Nak;
            }
            let mut done = done.lock().unwrap();
            done.push(text);
            if done.len() == 10 {
                drop(enough.lock().unwrap().take());
            }
            Verdict::Ack
        }
    };
    soon(consumer.worker(2).run_until(is_enough, handler)).await.unwrap();
    let mut done = done.lock().unwrap().clone();
    done.sort_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!(done, (1..=10).map(|at| at.to_string()).collect::<Vec<_>>(), "each once");
    let info = until(&consumer, |info| info.num_ack_pending == 0).await;
    assert_eq!(info.num_pending, 0);
}
