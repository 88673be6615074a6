//! JetStream on one connection for a long time: what is in use at the end is what was in use after the first
//! hundred.
//!
//! `NATS_TESTS_ROUNDS=100` does everything 100 times as often as continuous integration: 1,000,000 fetches, 100,000
//! consumers, 5,000,000 heartbeats, and 10,000,000 published messages.

mod server;

use std::cell::RefCell;
use std::future::IntoFuture;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::consumer;

use self::server::Server;
use super::ALONE;
use super::KIB;
use super::USED;

/// What may be more at the end: the client reads into up to four buffers of 64 KiB by turns, and the first hundred
/// do not fill one.
const SLACK: usize = (4 * 64 + 8) * KIB;

/// What is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Usage {
    tasks: usize,
    /// As the server has them.
    subscriptions: usize,
}

struct World {
    client: Client,
    server: Server,
}

impl World {
    async fn new() -> Self {
        let (client, server) = server::connected().await;
        Self { client, server }
    }

    fn stream(&self) -> Stream {
        self.client.jetstream().stream("S").unwrap()
    }

    fn consumer(&self) -> Consumer {
        self.stream().consumer("C").unwrap()
    }

    async fn settled(&self) -> (usize, Usage) {
        // Longer than what was given up waits for messages on their way, shorter than two heartbeats; the clock jumps.
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.client.flush().await.unwrap();
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        (USED.load(Relaxed), Usage { tasks, subscriptions: self.server.subscriptions() })
    }

    /// Does something a hundred times, and then `count` times more: nothing is left of that.
    async fn assert_flat(&self, count: usize, work: impl AsyncFn(&Self)) {
        for _ in 0..100 {
            work(self).await;
        }
        let (bytes, usage) = self.settled().await;
        for _ in 0..count {
            work(self).await;
        }
        let (bytes_after, usage_after) = self.settled().await;
        let grown = bytes_after.saturating_sub(bytes);
        assert_eq!(usage_after, usage);
        assert!(grown < SLACK, "{grown} bytes more");
    }
}

/// How often to do what is done so often in continuous integration.
fn rounds(count: usize) -> usize {
    let factor = std::env::var("NATS_TESTS_ROUNDS");
    factor.map_or(1, |factor| factor.parse::<usize>().expect("a number")) * count
}

/// `nats-io/nats.js#253`, `nats-io/nats.go#1856`: each fetch left something behind.
#[tokio::test(start_paused = true)]
async fn fetches_leave_nothing_behind() {
    let _alone = ALONE.lock().await;
    let world = World::new().await;
    let consumer = world.consumer();
    // Every other one gets a message; the clock jumps over the wait of the rest.
    world
        .assert_flat(rounds(5_000), async |_| {
            let fetch = consumer.fetch(1).max_wait(Duration::from_millis(5));
            for message in fetch.await.unwrap() {
                message.ack().await.unwrap();
            }
            assert!(consumer.fetch(1).await.unwrap().len() <= 1);
        })
        .await;
}

/// The same by futures that are dropped while they wait.
#[tokio::test(start_paused = true)]
async fn fetches_that_are_dropped_leave_nothing_behind() {
    let _alone = ALONE.lock().await;
    let world = World::new().await;
    let consumer = world.stream().consumer("silent").unwrap();
    world
        .assert_flat(rounds(500), async |_| {
            let fetch = consumer.fetch(1).max_wait(Duration::from_secs(60)).into_future();
            assert!(tokio::time::timeout(Duration::from_millis(5), fetch).await.is_err());
        })
        .await;
}

/// `nats-io/nats.net#1187`: each consumer stayed with the connection.
#[tokio::test(start_paused = true)]
async fn consumers_that_are_made_and_dropped_leave_nothing_behind() {
    let _alone = ALONE.lock().await;
    let world = World::new().await;
    let stream = world.stream();
    world
        .assert_flat(rounds(1_000), async |_| {
            let consumer = stream.create_consumer(consumer::Config::default()).await.unwrap();
            let mut messages = consumer.messages().max_messages(1).await.unwrap();
            messages.next().await.unwrap().unwrap().ack().await.unwrap();
            drop(messages);
            consumer.delete().await.unwrap();
            // Until nothing can be on its way any more.
            tokio::time::sleep(Duration::from_secs(1)).await;
        })
        .await;
}

/// `nats-io/nats.go#2027`, `nats-io/nats.net.v1#880`: a subscription that got nothing but heartbeats ended as a slow
/// consumer after days.
#[tokio::test(start_paused = true)]
async fn heartbeats_to_an_idle_consumer_leave_nothing_behind() {
    let _alone = ALONE.lock().await;
    for is_polled in [false, true] {
        let world = World::new().await;
        let consumer = world.stream().consumer("silent").unwrap();
        let messages = RefCell::new(consumer.messages().await.unwrap());
        world.client.flush().await.unwrap();
        world
            .assert_flat(rounds(50), async |world| {
                world.server.heartbeats(1_000);
                world.client.flush().await.unwrap();
                if is_polled {
                    assert!(messages.borrow_mut().try_next().is_none());
                }
            })
            .await;
        assert!(messages.borrow_mut().try_next().is_none(), "no error is told");
        assert_eq!(world.client.statistics().dropped_messages, 0);
    }
}

/// Memory is flat while messages are published in a window.
#[tokio::test(start_paused = true)]
async fn messages_through_a_window_leave_nothing_behind() {
    let _alone = ALONE.lock().await;
    let world = World::new().await;
    let publisher = world.client.jetstream().publisher().window(1_024).build();
    world
        .assert_flat(rounds(100), async |_| {
            let mut sent = Vec::with_capacity(1_000);
            for _ in 0..1_000 {
                sent.push(publisher.publish("s.a", "0123456789abcdef").await.unwrap());
            }
            for sent in sent {
                sent.await.unwrap();
            }
        })
        .await;
}
