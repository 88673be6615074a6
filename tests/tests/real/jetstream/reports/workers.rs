//! Workers whose jobs take long.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::consumer;

use super::SECOND;
use super::STORING;
use super::connect_eagerly;
use super::make_stream;
use super::number;
use super::put;
use super::soon;
use super::start;
use super::until;

/// Which jobs were begun, and by which worker.
type Jobs = Arc<Mutex<Vec<(u32, u32)>>>;

async fn until_begun(jobs: &Jobs, count: usize) {
    soon(async {
        while jobs.lock().unwrap().len() < count {
            tokio::time::sleep(SECOND / 50).await;
        }
    })
    .await;
}

/// A handler that takes longer than all time-outs is taken for a dead consumer, and the consumer is removed
/// (nats-io/nats.go#1726, nats-io/nats.node#649).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_its_thread_does_its_job_once() {
    let mut server = NatsServer::start(STORING);
    let client = connect_eagerly(&server, SECOND / 20).await;
    let jetstream = client.jetstream();
    let stream = make_stream(&jetstream, "S").await;
    let config = consumer::Config {
        ack_wait: SECOND,
        inactive_threshold: 3 * SECOND,
        ..consumer::Config::durable("w")
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let jobs = Jobs::default();
    let worker = {
        let (consumer, jobs) = (consumer.clone(), Arc::clone(&jobs));
        let handler = move |message: Message| {
            let jobs = Arc::clone(&jobs);
            async move {
                jobs.lock().unwrap().push((0, number(&message)));
                if number(&message) == 1 {
                    std::thread::sleep(9 * SECOND / 2);
                }
            }
        };
        tokio::spawn(async move { consumer.worker(1).heartbeat(SECOND).run(handler).await })
    };
    put(&jetstream, "S", 1..=1).await;
    until_begun(&jobs, 1).await;
    server.restart(STORING);
    put(&jetstream, "S", 2..=2).await;
    until_begun(&jobs, 2).await;
    // Nobody makes the consumer again: one that was removed has no state to ask for.
    until(&consumer, |info| info.num_pending == 0 && info.num_ack_pending == 0).await;
    assert_eq!(*jobs.lock().unwrap(), [(0, 1), (0, 2)], "each once");
    worker.abort();
}

/// Two workers do everything twice, since messages wait in one of them for longer than the `ack_wait`, or are
/// worked on for longer (nats-io/nats.go#1929, nats-io/nats-server#4389).
#[tokio::test]
async fn two_workers_do_nothing_twice() {
    let (server, _client, jetstream) = start().await;
    let stream = make_stream(&jetstream, "S").await;
    let config = consumer::Config { ack_wait: 2 * SECOND, ..consumer::Config::durable("w") };
    let consumer = stream.create_consumer(config).await.unwrap();
    put(&jetstream, "S", 1..=6).await;
    let jobs = Jobs::default();
    let mut workers = Vec::new();
    for worker in [1, 2] {
        let stream = crate::connect(&server).await.jetstream().get_stream("S").await.unwrap();
        let consumer = stream.get_consumer("w").await.unwrap();
        let jobs = Arc::clone(&jobs);
        let handler = move |message: Message| {
            let number = number(&message);
            jobs.lock().unwrap().push((worker, number));
            // First less than the `ack_wait`, with others waiting behind, then twice as long.
            tokio::time::sleep(Duration::from_millis(if number <= 4 { 1_800 } else { 4_000 }))
        };
        workers.push(tokio::spawn(async move { consumer.worker(1).run(handler).await }));
    }
    until(&consumer, |info| info.num_pending == 0 && info.num_ack_pending == 0).await;
    let jobs = jobs.lock().unwrap().clone();
    let mut numbers: Vec<_> = jobs.iter().map(|&(_, number)| number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "each once: {jobs:?}");
    for worker in [1, 2] {
        assert!(jobs.iter().any(|&(by, _)| by == worker), "both work: {jobs:?}");
    }
    for worker in workers {
        worker.abort();
    }
}
