//! Those who publish jobs, and those who work on them.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nats_examples::command;
use nats_tokio::Client;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::Verdict;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;
use nats_tokio::jetstream::stream::RetentionPolicy;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::servers::Servers;
use crate::tally::Tally;

const PRODUCERS: usize = 2;
/// How long a producer rests after each job.
const PACE: Duration = Duration::from_millis(80);
/// How long publishing a job may take: longer than an election.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);
/// How many jobs a worker works on at a time.
const CONCURRENCY: u32 = 8;
/// After how long without a word from its worker a job is given to another one.
const ACK_WAIT: Duration = Duration::from_secs(2);
/// The longest job takes longer than that.
const LONGEST_JOB: Duration = Duration::from_secs(4);
/// How long servers may take that have just been started.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everybody at work.
pub(crate) struct Crew {
    client: Client,
    pub(crate) stream: Stream,
    pub(crate) consumer: Consumer,
    tasks: JoinSet<()>,
    /// Ends the tasks when it is dropped.
    end: watch::Sender<bool>,
}

impl Crew {
    /// Makes the queue, and starts those who publish and work.
    pub(crate) async fn start(
        servers: &Servers,
        tally: &Arc<Tally>,
        workers: u64,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, Box<dyn Error>> {
        let client = command::connect_to(servers.url()).await?;
        let jetstream = client.jetstream();
        let name = format!("example-jobs-{}", std::process::id());
        let subject = format!("example.jobs.{}", std::process::id());
        let stream = make_queue(&jetstream, name, &subject, servers.replicas(), &stopped).await?;
        let config =
            consumer::Config { ack_wait: ACK_WAIT, ..consumer::Config::durable("workers") };
        let consumer = stream.create_consumer(config).await?;
        let end = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for first in 0..PRODUCERS {
            let jetstream = command::connect_to(servers.url()).await?.jetstream();
            let (tally, subject) = (Arc::clone(tally), subject.clone());
            let mut stopped = stopped.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = publish(&jetstream, &subject, first, &tally) => {}
                    // What is under way then may be published, or not.
                    _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
                }
                jetstream.client().close().await;
            });
        }
        for _ in 0..workers {
            let client = command::connect_to(servers.url()).await?;
            let consumer = client.jetstream().stream(stream.name())?.consumer(consumer.name())?;
            tasks.spawn(work(client, consumer, Arc::clone(tally), end.subscribe()));
        }
        println!(
            "{} jobs of up to {} s, for {workers} workers",
            tally.len(),
            LONGEST_JOB.as_secs()
        );
        Ok(Self { client, stream, consumer, tasks, end })
    }

    /// Has the workers finish what they are at, and removes the queue.
    pub(crate) async fn finish(mut self) {
        self.end.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.stream.delete().await {
            eprintln!("the queue {} is left: {}", self.stream.name(), command::chain(&error));
        }
        self.client.close().await;
    }
}

/// A stream that keeps each job until a worker has acknowledged it.
async fn make_queue(
    jetstream: &Context,
    name: String,
    subject: &str,
    num_replicas: u32,
    stopped: &watch::Receiver<bool>,
) -> Result<Stream, Box<dyn Error>> {
    let retention = RetentionPolicy::WorkQueue;
    let config = stream::Config { retention, num_replicas, ..stream::Config::new(name, [subject]) };
    let begin = Instant::now();
    loop {
        match jetstream.get_or_create_stream(config.clone()).await {
            Ok(stream) => return Ok(stream),
            // Servers that have just found each other have no leader yet.
            Err(_) if num_replicas > 1 && begin.elapsed() < PATIENCE && !*stopped.borrow() => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Publishes every job of this producer, and each until it is in the queue.
async fn publish(jetstream: &Context, subject: &str, first: usize, tally: &Tally) {
    for number in (first..tally.len()).step_by(PRODUCERS) {
        let job = format!("{number} {}", duration_of(number).as_millis());
        // With an id a job is in the queue once, however often it is published.
        let id = number.to_string();
        loop {
            let publish = jetstream.publish(subject, &job).message_id(&id);
            match publish.timeout(PUBLISH_TIMEOUT).retries(u8::MAX).await {
                Ok(_) => break tally.published(number),
                Err(error) => {
                    eprintln!("job {number} once more: {}", command::chain(&error));
                    // Not all errors take their time.
                    tokio::time::sleep(PACE).await;
                }
            }
        }
        tokio::time::sleep(PACE).await;
    }
}

/// How long a job takes: anything up to the longest, and the same each time.
fn duration_of(number: usize) -> Duration {
    LONGEST_JOB.mul_f64(f64::from(u32::try_from(number * 37 % 101).unwrap_or_default()) / 100.0)
}

/// Works on jobs until the end is near.
async fn work(client: Client, consumer: Consumer, tally: Arc<Tally>, end: watch::Receiver<bool>) {
    loop {
        let tally = Arc::clone(&tally);
        let handler = move |job: Message| {
            let tally = Arc::clone(&tally);
            async move {
                let Some((number, duration)) = read(job.payload()) else { return Verdict::Term };
                tokio::time::sleep(duration).await;
                tally.worked_on(number);
                Verdict::Ack
            }
        };
        let mut ended = end.clone();
        let shutdown = async move { drop(ended.wait_for(|is_over| *is_over).await) };
        match consumer.worker(CONCURRENCY).run_until(shutdown, handler).await {
            Ok(()) => break,
            Err(error) => {
                eprintln!("a worker begins anew: {}", command::chain(&error));
                tokio::time::sleep(PACE).await;
            }
        }
        if *end.borrow() {
            break;
        }
    }
    // The last acknowledgements have left before the connection is closed.
    if let Err(error) = client.drain().await {
        eprintln!("a worker's last words may be lost: {}", command::chain(&error));
    }
}

/// A job's number, and how long it takes.
fn read(job: &[u8]) -> Option<(usize, Duration)> {
    let (number, millis) = std::str::from_utf8(job).ok()?.split_once(' ')?;
    Some((number.parse().ok()?, Duration::from_millis(millis.parse().ok()?)))
}
