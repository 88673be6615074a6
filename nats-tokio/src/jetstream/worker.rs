//! A handler for each message, so many at a time.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use tokio::task::Id;
use tokio::task::JoinError;
use tokio::task::JoinSet;

use super::consumer::AckPolicy;
use super::consumer::Config;
use super::consumer::Consumer;
use super::error::Error;
use super::message::Message;
use super::messages::Messages;
use super::messages::MessagesBuilder;
use super::messages::MessagesError;
use super::pulling::JobId;

/// The server is not told more often than this that a message is being worked on.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// Runs a handler for each message of a consumer, so many at a time. Made by [`Consumer::worker`].
#[must_use = "nothing is done unless it runs"]
pub struct Worker<'a> {
    messages: MessagesBuilder<'a>,
    statistics: WorkerStatistics,
    on_error: Option<OnError<'a>>,
}

type OnError<'a> = Box<dyn FnMut(MessagesError) + Send + 'a>;

/// What a [`Worker`] has done so far; it may be asked while it runs. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct WorkerStatistics(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    started: AtomicU64,
    expired: AtomicU64,
}

impl WorkerStatistics {
    /// How many messages a handler was run for.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.0.started.load(Relaxed)
    }

    /// How many messages were dropped because the consumer's `ack_wait` had run out before a handler could be
    /// run: the server has delivered them again, and somebody else may be working on them.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.0.expired.load(Relaxed)
    }
}

/// What a handler says of its message. Made of `()` and of a `Result`, too: an error is [`Nak`](Self::Nak).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is done with.
    Ack,
    /// It is to be delivered again, at once.
    Nak,
    /// It is to be delivered again, after a while.
    NakAfter(Duration),
    /// It is never to be delivered again.
    Term,
}

impl From<()> for Verdict {
    fn from((): ()) -> Self {
        Self::Ack
    }
}

impl<T, E> From<Result<T, E>> for Verdict {
    fn from(result: Result<T, E>) -> Self {
        if result.is_ok() { Self::Ack } else { Self::Nak }
    }
}

/// Why a worker has ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerError {
    /// The consumer's configuration could not be asked for.
    Consumer(Error),
    /// There are no more messages.
    Messages(MessagesError),
}

impl Consumer {
    /// A worker that runs a handler for so many messages at a time; zero counts as one.
    ///
    /// ```no_run
    /// # use nats_tokio::jetstream::{consumer, stream};
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let orders = jetstream.get_or_create_stream(stream::Config::new("ORDERS", ["orders.>"])).await?;
    /// let consumer = orders.get_or_create_consumer(consumer::Config::durable("worker")).await?;
    /// let shutdown = tokio::time::sleep(std::time::Duration::from_millis(100));
    /// consumer
    ///     .worker(8)
    ///     .run_until(shutdown, |message| async move {
    ///         println!("{message}");
    ///         Ok::<(), std::io::Error>(())
    ///     })
    ///     .await?;
    /// # orders.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn worker(&self, concurrency: u32) -> Worker<'_> {
        let messages = self.messages().max_messages(concurrency.max(1));
        Worker { messages, statistics: WorkerStatistics::default(), on_error: None }
    }
}

impl<'a> Worker<'a> {
    /// How often the server says that it is alive where there is no message, as
    /// [`MessagesBuilder::heartbeat`]. Default 5 s.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.messages = self.messages.heartbeat(interval);
        self
    }

    /// The priority group; a consumer that has groups insists on it.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.messages = self.messages.group(group);
        self
    }

    /// When the consumer is deleted, waits until there is one by its name again, instead of ending.
    pub fn await_consumer(mut self) -> Self {
        self.messages = self.messages.await_consumer();
        self
    }

    /// What to do with errors after which messages go on, such as [`MessagesError::Stalled`]. By default,
    /// nothing.
    pub fn on_error(mut self, on_error: impl FnMut(MessagesError) + Send + 'a) -> Self {
        self.on_error = Some(Box::new(on_error));
        self
    }

    /// What it has done so far, also while it runs.
    #[must_use]
    pub fn statistics(&self) -> WorkerStatistics {
        self.statistics.clone()
    }

    /// Runs until there are no more messages: the consumer was deleted, or the client closed.
    ///
    /// Each message is handled in a task of its own. What the handler returns says whether the message is
    /// acknowledged. While it works, the server is told so twice in each `ack_wait`, and three times in the
    /// consumer's `inactive_threshold`, so that a job may take as long as it likes. The task of the connection
    /// does that, so it goes on while a handler blocks its thread, if the runtime has another one.
    ///
    /// No more messages are asked for than are worked on, so that none waits here while another worker is idle. If
    /// one does, since nothing polls this, and its `ack_wait` runs out, it is dropped and
    /// [counted](WorkerStatistics::expired): it belongs to somebody else. A handler that panics leaves its message
    /// to be delivered again after the `ack_wait`.
    ///
    /// # Errors
    ///
    /// [`WorkerError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it aborts the handlers, whose messages are delivered again after the `ack_wait`;
    /// [`run_until`](Self::run_until) ends without that.
    pub async fn run<F, O>(
        self,
        handler: impl FnMut(Message) -> F + Send,
    ) -> Result<(), WorkerError>
    where
        F: Future<Output = O> + Send + 'static,
        O: Into<Verdict> + Send + 'static,
    {
        self.run_until(std::future::pending::<()>(), handler).await
    }

    /// The same, until `shutdown` completes: then no more messages are asked for, those that no handler has
    /// are given back, and the handlers are waited for.
    ///
    /// # Errors
    ///
    /// [`WorkerError`].
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn run_until<F, O>(
        self,
        shutdown: impl Future + Send,
        mut handler: impl FnMut(Message) -> F + Send,
    ) -> Result<(), WorkerError>
    where
        F: Future<Output = O> + Send + 'static,
        O: Into<Verdict> + Send + 'static,
    {
        let Self { messages, statistics: WorkerStatistics(counts), mut on_error } = self;
        let config = messages.consumer.info().await.map_err(WorkerError::Consumer)?.config;
        let wants_acks = config.ack_policy != AckPolicy::None;
        let interval = progress_interval(&config);
        let mut messages = messages.await.map_err(WorkerError::Messages)?;
        messages.keep_until_released();
        let mut jobs = JoinSet::new();
        let mut running = HashMap::new();
        let mut shutdown = pin!(shutdown);
        let ended = loop {
            match next(&mut messages, &mut jobs, shutdown.as_mut()).await {
                Step::Message(message) if message.is_late() => {
                    counts.expired.fetch_add(1, Relaxed);
                    messages.release_one(message.pulled_size());
                }
                Step::Message(message) => {
                    counts.started.fetch_add(1, Relaxed);
                    let job = Job {
                        id: interval.map(|interval| messages.start_job(&message, interval)),
                        size: message.pulled_size(),
                    };
                    let work = handler(message.clone());
                    let task = jobs.spawn(async move {
                        let verdict = work.await.into();
                        if wants_acks {
                            settle(&message, verdict).await;
                        }
                    });
                    running.insert(task.id(), job);
                }
                Step::Error(error) => {
                    if let Some(on_error) = &mut on_error {
                        on_error(error);
                    }
                }
                Step::Done(task) => finish(&messages, running.remove(&task)),
                Step::Ended(ended) => break ended,
            }
        };
        messages.stop_asking();
        // Of what is being worked on, the server is told until it is done.
        while let Some(done) = jobs.join_next_with_id().await {
            finish(&messages, running.remove(&id_of(done)));
        }
        messages.stop().await;
        ended.map_err(WorkerError::Messages)
    }
}

/// What a worker has to see to.
enum Step {
    Message(Message),
    /// A job is over; perhaps it panicked.
    Done(Id),
    /// Messages go on all the same.
    Error(MessagesError),
    Ended(Result<(), MessagesError>),
}

async fn next(
    messages: &mut Messages,
    jobs: &mut JoinSet<()>,
    mut shutdown: std::pin::Pin<&mut impl Future>,
) -> Step {
    poll_fn(|task| {
        if shutdown.as_mut().poll(task).is_ready() {
            return Poll::Ready(Step::Ended(Ok(())));
        }
        if let Poll::Ready(Some(done)) = jobs.poll_join_next_with_id(task) {
            return Poll::Ready(Step::Done(id_of(done)));
        }
        messages.poll_next(task).map(|next| match next {
            Some(Ok(message)) => Step::Message(message),
            Some(Err(error)) if error.is_end() => Step::Ended(Err(error)),
            Some(Err(error)) => Step::Error(error),
            None => Step::Ended(Ok(())),
        })
    })
    .await
}

/// A message that a handler is run for.
struct Job {
    id: Option<JobId>,
    size: u32,
}

fn finish(messages: &Messages, job: Option<Job>) {
    match job {
        Some(Job { id: Some(id), size }) => messages.finish_job(id, size),
        Some(Job { id: None, size }) => messages.release_one(size),
        None => {}
    }
}

fn id_of(done: Result<(Id, ()), JoinError>) -> Id {
    done.map_or_else(|error| error.id(), |(id, ())| id)
}

/// How often the server is told of a message that it is being worked on: often enough that it neither delivers it
/// again nor, before 2.10, removes the consumer as one that nobody uses.
fn progress_interval(config: &Config) -> Option<Duration> {
    if config.ack_policy == AckPolicy::None {
        return None;
    }
    let ack_wait = config.backoff.first().unwrap_or(&config.ack_wait);
    let threshold = Some(config.inactive_threshold).filter(|threshold| !threshold.is_zero());
    let interval = threshold.map_or(*ack_wait / 2, |threshold| (*ack_wait / 2).min(threshold / 3));
    Some(interval.max(SHORTEST_INTERVAL))
}

/// Says what came of a message.
async fn settle(message: &Message, verdict: Verdict) {
    // Without an acknowledgement, the message is delivered again: nobody is to be told.
    let _ = match verdict {
        Verdict::Ack => message.ack().await,
        Verdict::Nak => message.nak().await,
        Verdict::NakAfter(delay) => message.nak_after(delay).await,
        Verdict::Term => message.term().await,
    };
}

impl fmt::Debug for Worker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("messages", &self.messages)
            .field("statistics", &self.statistics)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer(_) => "the consumer cannot be asked for its configuration",
            Self::Messages(_) => "there are no more messages",
        })
    }
}

impl StdError for WorkerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Consumer(error) => Some(error),
            Self::Messages(error) => Some(error),
        }
    }
}
