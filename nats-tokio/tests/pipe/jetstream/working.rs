//! Workers: slow handlers, several of them, and consumers that hold back.

#![expect(clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::MessagesError;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::server::Line;
use super::server::SECOND;
use super::server::Server;
use super::server::Setup;

/// Which worker began and ended which message when.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Job>>>);

#[derive(Clone, Debug)]
struct Job {
    worker: usize,
    message: u64,
    began: Instant,
    ended: Option<Instant>,
}

impl Log {
    fn jobs(&self) -> Vec<Job> {
        self.0.lock().unwrap().clone()
    }

    fn begin(&self, worker: usize, message: &Message) -> usize {
        let number = std::str::from_utf8(message.payload()).unwrap().parse().unwrap();
        let mut jobs = self.0.lock().unwrap();
        jobs.push(Job { worker, message: number, began: Instant::now(), ended: None });
        jobs.len() - 1
    }

    fn end(&self, at: usize) {
        self.0.lock().unwrap()[at].ended = Some(Instant::now());
    }

    async fn until_done(&self, count: usize) {
        let done = async {
            while self.jobs().iter().filter(|job| job.ended.is_some()).count() < count {
                tokio::time::sleep(SECOND / 100).await;
            }
        };
        tokio::time::timeout(1000 * SECOND, done).await.expect("it takes too long");
    }
}

/// A worker whose jobs take so long, and which tells of every error.
fn work(
    consumer: Consumer,
    worker: usize,
    concurrency: u32,
    time: Duration,
    log: &Log,
) -> JoinHandle<Vec<MessagesError>> {
    let log = log.clone();
    tokio::spawn(async move {
        let errors = Mutex::new(Vec::new());
        let running = consumer
            .worker(concurrency)
            .heartbeat(SECOND)
            .on_error(|error| errors.lock().unwrap().push(error))
            .run_until(tokio::time::sleep(900 * SECOND), |message| {
                let log = log.clone();
                async move {
                    let at = log.begin(worker, &message);
                    tokio::time::sleep(time).await;
                    log.end(at);
                }
            });
        running.await.unwrap();
        errors.into_inner().unwrap()
    })
}

/// A handler that takes longer than the heartbeat is taken for a dead consumer (nats-io/nats.go#1726,
/// nats-io/nats.rs#1596).
#[tokio::test(start_paused = true)]
async fn a_handler_of_a_minute_is_no_error_and_the_next_message_comes_at_once() {
    for restarts in [false, true] {
        for forgets_workers in [false, true] {
            let inactive_threshold = 5 * SECOND;
            let server =
                Server::new(Setup { inactive_threshold, forgets_workers, ..Setup::default() });
            let consumer = server.consumer().await;
            let log = Log::default();
            server.publish(2);
            let worker = work(consumer, 0, 1, 60 * SECOND, &log);
            if restarts {
                tokio::time::sleep(20 * SECOND).await;
                server.state().is_down = true;
                server.cut();
                tokio::time::sleep(SECOND).await;
                server.state().is_down = false;
            }
            log.until_done(2).await;
            let jobs = log.jobs();
            assert_eq!(jobs.iter().map(|job| job.message).collect::<Vec<_>>(), [1, 2]);
            let pause = jobs[1].began - jobs[0].ended.unwrap();
            assert!(pause <= SECOND, "{pause:?}");
            assert!(server.state().exists, "it was used all the time");
            assert_eq!(worker.await.unwrap(), []);
        }
    }
}

/// When each message was said to be in progress.
fn progress(server: &Server) -> BTreeMap<u64, Vec<Instant>> {
    let mut progress: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for sent in &server.state().sent {
        if let Line::Ack { sequence, body } = &sent.line
            && body == "+WPI"
        {
            progress.entry(*sequence).or_default().push(sent.at);
        }
    }
    progress
}

/// Two replicas do everything twice, as messages lie in the buffer of the first (nats-io/nats.go#1929).
#[tokio::test(start_paused = true)]
async fn two_workers_share_the_work_and_do_nothing_twice() {
    for millis in [2_800, 6_000] {
        let time = Duration::from_millis(millis);
        let server = Server::new(Setup { ack_wait: 3 * SECOND, ..Setup::default() });
        let log = Log::default();
        server.publish(10);
        let _first = work(server.consumer().await, 0, 1, time, &log);
        tokio::time::sleep(SECOND / 10).await;
        let _second = work(server.consumer().await, 1, 1, time, &log);
        log.until_done(10).await;
        let jobs = log.jobs();
        let mut messages: Vec<_> = jobs.iter().map(|job| job.message).collect();
        messages.sort_unstable();
        assert_eq!(messages, (1..=10).collect::<Vec<_>>(), "each once");
        for worker in [0, 1] {
            let count = jobs.iter().filter(|job| job.worker == worker).count();
            assert!(count >= 4, "worker {worker} did {count}");
        }
        let progress = progress(&server);
        for job in &jobs {
            let mut told = vec![job.began];
            told.extend(progress.get(&job.message).into_iter().flatten());
            told.push(job.ended.unwrap());
            let most = told.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(most <= 3 * SECOND / 2 + SECOND / 50, "{most:?} without a word");
        }
    }
}

/// A job starts on a message that is somebody else's by now (nats-io/nats-server#4389).
#[tokio::test(start_paused = true)]
async fn a_message_whose_ack_wait_is_over_is_dropped_and_counted() {
    let server = Server::new(Setup { ack_wait: 3 * SECOND, ..Setup::default() });
    let consumer = server.consumer().await;
    let log = Log::default();
    let worker = consumer.worker(2);
    let statistics = worker.statistics();
    let mut running = Box::pin(worker.run(|message| {
        let log = log.clone();
        async move {
            let at = log.begin(0, &message);
            log.end(at);
        }
    }));
    assert!(tokio::time::timeout(SECOND, running.as_mut()).await.is_err());
    server.publish(1);
    // Nobody polls it, so it cannot run the handler; the message is delivered again meanwhile.
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!((statistics.started(), statistics.expired()), (0, 0));
    assert!(tokio::time::timeout(SECOND, running.as_mut()).await.is_err());
    assert_eq!((statistics.started(), statistics.expired()), (1, 1));
    assert_eq!(log.jobs().len(), 1);
    assert!(server.num_unacked() == 0);
    // Its place is free.
    server.publish_one(b"2");
    server.publish_one(b"3");
    assert!(tokio::time::timeout(SECOND, running.as_mut()).await.is_err());
    assert_eq!(statistics.started(), 3);
}

/// Several workers on one consumer run one after the other, and nobody says why (nats-io/nats-server#4112).
#[tokio::test(start_paused = true)]
async fn as_many_jobs_run_at_a_time_as_may_be_unacknowledged() {
    let server = Server::new(Setup { max_ack_pending: 4, ..Setup::default() });
    let consumer = server.consumer().await;
    let log = Log::default();
    server.publish(100);
    let began = Instant::now();
    let worker = work(consumer, 0, 8, SECOND, &log);
    log.until_done(100).await;
    let took = began.elapsed();
    assert!((25 * SECOND..=30 * SECOND).contains(&took), "{took:?}");
    let jobs = log.jobs();
    let at_a_time = |at: Instant| {
        let runs = |job: &&Job| job.began <= at && at < job.ended.unwrap();
        jobs.iter().filter(runs).count()
    };
    assert!(jobs.iter().all(|job| at_a_time(job.began) <= 4));
    assert!(at_a_time(began + SECOND / 2) == 4);
    assert_eq!(worker.await.unwrap(), []);
}

/// At `max_ack_pending` a consumer looks dead (nats-io/nats-server#2488, nats-io/nats.java#586).
#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_held_up_says_so_if_asked() {
    let ack_wait = 3600 * SECOND;
    let server = Server::new(Setup { max_ack_pending: 4, ack_wait, ..Setup::default() });
    let consumer = server.consumer().await;
    let mut messages = consumer.messages().await.unwrap();
    server.publish(100);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(messages.next().await.unwrap().unwrap());
    }
    let told = tokio::time::timeout(600 * SECOND, messages.next()).await;
    assert!(told.is_err(), "{told:?}");
    let info = consumer.info().await.unwrap();
    let held_up = info.held_up().unwrap().to_string();
    assert_eq!(held_up, "held up by unacknowledged messages: 4 of 4");

    let began = Instant::now();
    assert!(consumer.fetch(5).await.unwrap().is_empty());
    assert!(began.elapsed() <= SECOND, "{:?}", began.elapsed());

    let began = Instant::now();
    held.pop().unwrap().ack().await.unwrap();
    messages.next().await.unwrap().unwrap();
    assert!(began.elapsed() <= SECOND / 100, "{:?}", began.elapsed());
}
