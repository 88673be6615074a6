//! Consumers and streams that are deleted under those who use them (nats-io/nats.net#628,
//! nats-io/nats.rs#1584, nats-io/nats-server#2107).

use std::future::IntoFuture;

use nats_tests::NatsServer;
use nats_tokio::ConnectionStatus;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::FetchEndReason;
use nats_tokio::jetstream::FetchError;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::Messages;
use nats_tokio::jetstream::MessagesError;
use nats_tokio::jetstream::consumer;

use super::SECOND;
use super::STORING;
use super::connect_eagerly;
use super::make_stream;
use super::number;
use super::put;
use super::soon;
use super::until;

/// Two consumers of streams of their own: of one the consumer is deleted, of the other the stream.
struct Used {
    consumers: [Consumer; 2],
    messages: [Messages; 2],
}

impl Used {
    async fn start(jetstream: &Context) -> Self {
        let (first, second) = tokio::join!(used(jetstream, "C"), used(jetstream, "S"));
        Self { consumers: [first.0, second.0], messages: [first.1, second.1] }
    }

    /// Waits until both consumers are as they should be.
    async fn until(&self, is_it: impl Fn(&consumer::Info) -> bool) {
        for consumer in &self.consumers {
            until(consumer, &is_it).await;
        }
    }

    /// Tells of both once that the consumer is gone, and so does a fetch. What was handed out before.
    async fn are_gone(self) -> Vec<u32> {
        let [first, second] = self.messages;
        let (first, second) = tokio::join!(until_gone(first), until_gone(second));
        let [of_first, of_second] = &self.consumers;
        tokio::join!(fetch_fails(of_first), fetch_fails(of_second));
        first.iter().chain(&second).map(number).collect()
    }
}

async fn used(jetstream: &Context, name: &str) -> (Consumer, Messages) {
    let stream = make_stream(jetstream, name).await;
    let consumer = stream.create_consumer(consumer::Config::durable("w")).await.unwrap();
    let messages = consumer.messages().max_messages(1).heartbeat(SECOND).await.unwrap();
    (consumer, messages)
}

/// Deletes one of the consumers, and the stream of the other.
async fn delete(jetstream: &Context) {
    jetstream.get_stream("C").await.unwrap().delete_consumer("w").await.unwrap();
    jetstream.delete_stream("S").await.unwrap();
}

/// What is handed out until the end, of which one error tells.
async fn until_gone(mut messages: Messages) -> Vec<Message> {
    let mut handed_out = Vec::new();
    loop {
        match soon(messages.next()).await.expect("an error before the end") {
            Ok(message) => handed_out.push(message),
            // On a slow machine, an answer may take longer than two heartbeats.
            Err(MessagesError::Stalled) => {}
            Err(error) => {
                assert_eq!(error, MessagesError::ConsumerDeleted);
                break;
            }
        }
    }
    assert!(soon(messages.next()).await.is_none());
    handed_out
}

/// A consumer that is gone is no empty batch.
async fn fetch_fails(consumer: &Consumer) {
    let error = soon(consumer.fetch(1).max_wait(10 * SECOND).into_future()).await.unwrap_err();
    assert_eq!(error, FetchError::Ended(FetchEndReason::ConsumerDeleted));
}

/// A consumer is deleted while a pull waits, and its application waits for ever.
#[tokio::test]
async fn who_waits_is_told_of_the_end() {
    let (_server, _client, jetstream) = super::start().await;
    let used = Used::start(&jetstream).await;
    used.until(|info| info.num_waiting == 1).await;
    delete(&jetstream).await;
    assert!(used.are_gone().await.is_empty());
}

/// A consumer is deleted while no pull waits, and the next one is never answered.
#[tokio::test]
async fn who_asks_later_is_told_of_the_end() {
    let (_server, _client, jetstream) = super::start().await;
    let used = Used::start(&jetstream).await;
    // One message is all that may be here: no more is asked for until it is taken.
    put(&jetstream, "C", 1..=1).await;
    put(&jetstream, "S", 2..=2).await;
    used.until(|info| info.num_ack_pending == 1 && info.num_waiting == 0).await;
    delete(&jetstream).await;
    assert_eq!(used.are_gone().await, [1, 2]);
}

/// A consumer is deleted while the client is disconnected, and it goes on asking for ever.
#[tokio::test]
async fn who_comes_back_is_told_of_the_end() {
    let mut server = NatsServer::start(STORING);
    let client = connect_eagerly(&server, SECOND).await;
    let used = Used::start(&client.jetstream()).await;
    used.until(|info| info.num_waiting == 1).await;
    server.kill();
    soon(async {
        while client.status() == ConnectionStatus::Connected {
            tokio::time::sleep(SECOND / 100).await;
        }
    })
    .await;
    server.restart(STORING);
    delete(&crate::connect(&server).await.jetstream()).await;
    assert!(used.are_gone().await.is_empty());
}
