//! Stopping, cancelling and dropping: nothing stays with a client that is not interested any more.

use std::future::IntoFuture;
use std::time::Duration;

use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Messages;

use super::server::Line;
use super::server::SECOND;
use super::server::Server;
use super::server::Setup;

/// How messages are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Stop,
    /// Stopping is dropped after so many polls.
    StopDropped(usize),
    /// Dropped where there is no runtime, so that nothing can be spawned.
    Drop,
    /// With the next message waited for.
    DropWaiting,
}

/// Polls so often, and returns whether it was done by then.
async fn polled<T>(future: impl Future<Output = T>, polls: usize) -> bool {
    let mut future = Box::pin(future);
    let mut count = 0;
    std::future::poll_fn(|task| {
        if count == polls {
            return std::task::Poll::Ready(false);
        }
        count += 1;
        future.as_mut().poll(task).map(|_| true)
    })
    .await
}

async fn leave(mut messages: Messages, way: Way) -> bool {
    match way {
        Way::Stop => messages.stop().await,
        Way::StopDropped(polls) => return polled(messages.stop(), polls).await,
        Way::Drop => std::thread::spawn(move || drop(messages)).join().unwrap(),
        Way::DropWaiting => {
            // The rest of what is here is taken first, so it is given to the test, which drops it.
            let waiting = tokio::time::timeout(Duration::ZERO, messages.next()).await;
            assert!(waiting.is_ok());
            drop(messages);
        }
    }
    true
}

/// What is there for another client within a second.
async fn found(consumer: &Consumer) -> usize {
    let mut messages = consumer.messages().await.unwrap();
    let mut count = 0;
    let all = async {
        while let Some(message) = messages.next().await {
            message.unwrap().ack().await.unwrap();
            count += 1;
        }
    };
    assert!(tokio::time::timeout(SECOND, all).await.is_err());
    count
}

/// Twenty messages came of a pull of a hundred, and five were taken.
async fn left_in_the_middle(way: Way) -> bool {
    let server = Server::new(Setup::default());
    let (first, second) = (server.consumer().await, server.consumer().await);
    let mut messages = first.messages().max_messages(100).await.unwrap();
    server.publish(20);
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(messages.next().await.unwrap().unwrap());
    }
    tokio::time::sleep(SECOND / 100).await;
    assert_eq!((server.num_unacked(), server.num_waiting()), (20, 1));
    let is_done = leave(messages, way).await;
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(server.num_waiting(), 0, "{way:?}");
    let kept = if way == Way::DropWaiting { 6 } else { 5 };
    assert_eq!((server.num_unacked(), server.num_pending()), (kept, 20 - kept), "{way:?}");
    server.publish(10);
    assert_eq!(found(&second).await, 30 - kept, "{way:?}");
    is_done
}

/// What was not handed out is nobody's until its `ack_wait` is over (nats-io/nats.go#2103,
/// nats-io/nats.net#1085).
#[tokio::test(start_paused = true)]
async fn what_was_not_handed_out_is_somebody_elses_within_a_second() {
    for way in [Way::Stop, Way::Drop, Way::DropWaiting] {
        left_in_the_middle(way).await;
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_may_be_dropped_at_every_await() {
    for polls in 0.. {
        if left_in_the_middle(Way::StopDropped(polls)).await {
            return;
        }
    }
}

/// A fetch that was cancelled takes messages all the same (nats-io/nats.net#1066).
#[tokio::test(start_paused = true)]
async fn a_fetch_may_be_dropped_at_every_await() {
    for polls in 0.. {
        let server = Server::new(Setup::default());
        let (first, second) = (server.consumer().await, server.consumer().await);
        server.publish(3);
        let fetch = first.fetch(100).max_wait(5 * SECOND).into_future();
        let is_done = polled(fetch, polls).await;
        tokio::time::sleep(SECOND).await;
        assert_eq!(server.num_waiting(), 0, "{polls}");
        let kept = if is_done { 3 } else { 0 };
        assert_eq!((server.num_unacked(), server.num_pending()), (kept, 3 - kept), "{polls}");
        server.publish(2);
        assert_eq!(found(&second).await, 5 - kept, "{polls}");
        if is_done {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_never_polled_asks_for_nothing() {
    let server = Server::new(Setup::default());
    let consumer = server.consumer().await;
    drop(consumer.fetch(10).max_wait(SECOND).into_future());
    tokio::time::sleep(SECOND).await;
    assert!(server.pulls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn messages_and_the_next_of_them_may_be_dropped_at_every_await() {
    for polls in 0.. {
        let server = Server::new(Setup::default());
        let consumer = server.consumer().await;
        let is_made = polled(consumer.messages().into_future(), polls).await;
        tokio::time::sleep(SECOND).await;
        assert_eq!(server.num_waiting(), 0);
        let mut messages = consumer.messages().await.unwrap();
        for number in 1..=20 {
            // It waits, and is dropped: before the message comes, and behind it.
            let waiting = Duration::from_millis(number % 3);
            assert!(tokio::time::timeout(waiting, messages.next()).await.is_err());
            server.publish(1);
            if number % 2 == 0 {
                tokio::time::sleep(SECOND / 100).await;
            }
            let message = messages.next().await.unwrap().unwrap();
            assert_eq!(message.payload(), number.to_string().as_bytes());
        }
        if is_made {
            return;
        }
    }
}

/// What becomes of a message when saying so is dropped.
#[tokio::test(start_paused = true)]
async fn acknowledgements_may_be_dropped_at_every_await() {
    for kind in 0..7 {
        for polls in 0.. {
            let server = Server::new(Setup { ack_wait: 3 * SECOND, ..Setup::default() });
            let consumer = server.consumer().await;
            server.publish(1);
            let message = consumer.next(SECOND).await.unwrap().unwrap();
            let is_done = match kind {
                0 => polled(message.ack(), polls).await,
                1 => polled(message.ack_confirmed(), polls).await,
                2 => polled(message.nak(), polls).await,
                3 => polled(message.nak_after(SECOND), polls).await,
                4 => polled(message.term(), polls).await,
                5 => polled(message.term_because("why"), polls).await,
                _ => polled(message.in_progress(), polls).await,
            };
            tokio::time::sleep(SECOND / 10).await;
            // All of it was sent, or nothing.
            let sent = server.count(|line| matches!(line, Line::Ack { .. }));
            assert!(if is_done { sent == 1 } else { sent <= 1 }, "{kind}, {polls}: {sent}");
            message.ack_confirmed().await.unwrap();
            assert!(server.state().unacked.is_empty());
            if is_done {
                break;
            }
        }
    }
}

/// Draining hands out what is here and ends, also when waiting for that is dropped again and again.
#[tokio::test(start_paused = true)]
async fn a_drain_goes_on_whoever_waits_for_it() {
    let server = Server::new(Setup::default());
    let consumer = server.consumer().await;
    let mut messages = consumer.messages().await.unwrap();
    server.publish(20);
    tokio::time::sleep(SECOND / 100).await;
    messages.drain();
    let mut count = 0;
    loop {
        assert!(!polled(messages.next(), 0).await);
        match messages.next().await {
            Some(message) => message.unwrap().ack().await.unwrap(),
            None => break,
        }
        count += 1;
    }
    assert_eq!((count, server.num_waiting()), (20, 0));
    server.publish(1);
    assert_eq!(found(&consumer).await, 1);
}

/// A worker that is dropped leaves its messages to others: those that were not begun at once.
#[tokio::test(start_paused = true)]
async fn a_worker_may_be_dropped_at_every_await() {
    for polls in 0..40 {
        let server = Server::new(Setup { ack_wait: 3 * SECOND, ..Setup::default() });
        let (first, second) = (server.consumer().await, server.consumer().await);
        server.publish(4);
        let running = first.worker(2).run(|_| tokio::time::sleep(60 * SECOND));
        // Polled whenever it is woken, but only so often.
        let is_done = tokio::time::timeout(2 * SECOND, polled(running, polls)).await;
        assert!(!is_done.unwrap_or_default());
        tokio::time::sleep(4 * SECOND).await;
        // Nobody says of the jobs that they are in progress.
        assert_eq!((server.num_waiting(), server.num_unacked()), (0, 0), "{polls}");
        assert_eq!(found(&second).await, 4, "{polls}");
    }
}

/// A worker that is told to stop lets its jobs end, of which the server is told, and gives back the rest.
#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_to_stop_lets_its_jobs_end() {
    let server = Server::new(Setup { ack_wait: 3 * SECOND, ..Setup::default() });
    let consumer = server.consumer().await;
    server.publish(4);
    let worker = consumer.worker(2);
    let statistics = worker.statistics();
    let handler = |_| tokio::time::sleep(20 * SECOND);
    worker.run_until(tokio::time::sleep(SECOND), handler).await.unwrap();
    assert_eq!((statistics.started(), statistics.expired()), (2, 0));
    tokio::time::sleep(SECOND).await;
    assert_eq!((server.num_unacked(), server.num_pending()), (0, 2));
}
