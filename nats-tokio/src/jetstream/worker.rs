//! A handler for each message, so many at a time.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;

use super::consumer::AckPolicy;
use super::consumer::Consumer;
use super::error::Error;
use super::message::Message;
use super::messages::Messages;
use super::messages::MessagesError;

/// Runs a handler for each message of a consumer, so many at a time. Made by [`Consumer::worker`].
#[derive(Debug)]
#[must_use = "nothing is done unless it runs"]
pub struct Worker<'a> {
    consumer: &'a Consumer,
    concurrency: u32,
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
    pub const fn worker(&self, concurrency: u32) -> Worker<'_> {
        let concurrency = if concurrency == 0 { 1 } else { concurrency };
        Worker { consumer: self, concurrency }
    }
}

impl Worker<'_> {
    /// Runs until there are no more messages: the consumer was deleted, or the client closed.
    ///
    /// Each message is handled in a task of its own. What the handler returns says whether the message is
    /// acknowledged. While it works, the server is told so twice in each `ack_wait`, so that a job may take
    /// as long as it likes. No more messages are asked for than are worked on, so that none waits here while
    /// another worker is idle. A handler that panics leaves its message to be delivered again after the
    /// `ack_wait`.
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
        let Self { consumer, concurrency } = self;
        let config = consumer.info().await.map_err(WorkerError::Consumer)?.config;
        let keep_alive = match config.ack_policy {
            AckPolicy::None => None,
            _ => config.backoff.first().or(Some(&config.ack_wait)).map(|wait| *wait / 2),
        };
        let messages = consumer.messages().max_messages(concurrency);
        let mut messages = messages.await.map_err(WorkerError::Messages)?;
        messages.keep_until_released();
        let mut jobs = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let ended = loop {
            match next(&mut messages, &mut jobs, shutdown.as_mut()).await {
                Step::Message(message) => {
                    let size = message.pulled_size();
                    let work = handler(message.clone());
                    jobs.spawn(async move {
                        settle(&message, work, keep_alive).await;
                        size
                    });
                }
                Step::Done(size) => messages.release_one(size),
                Step::Ended(ended) => break ended,
            }
        };
        messages.stop().await;
        while jobs.join_next().await.is_some() {}
        ended.map_err(WorkerError::Messages)
    }
}

/// What a worker has to see to.
enum Step {
    Message(Message),
    /// A job is over, whose message took so many bytes; none if it panicked.
    Done(u32),
    Ended(Result<(), MessagesError>),
}

async fn next(
    messages: &mut Messages,
    jobs: &mut JoinSet<u32>,
    mut shutdown: std::pin::Pin<&mut impl Future>,
) -> Step {
    poll_fn(|task| {
        if shutdown.as_mut().poll(task).is_ready() {
            return Poll::Ready(Step::Ended(Ok(())));
        }
        if let Poll::Ready(Some(done)) = jobs.poll_join_next(task) {
            return Poll::Ready(Step::Done(done.unwrap_or_default()));
        }
        loop {
            return Poll::Ready(match messages.poll_next(task) {
                Poll::Ready(Some(Ok(message))) => Step::Message(message),
                Poll::Ready(Some(Err(error))) if error.is_end() => Step::Ended(Err(error)),
                // It goes on.
                Poll::Ready(Some(Err(_))) => continue,
                Poll::Ready(None) => Step::Ended(Ok(())),
                Poll::Pending => return Poll::Pending,
            });
        }
    })
    .await
}

/// Works, says so from time to time, and says what came of it.
async fn settle<O: Into<Verdict>>(
    message: &Message,
    work: impl Future<Output = O>,
    keep_alive: Option<Duration>,
) {
    let mut work = pin!(work);
    let verdict = match keep_alive {
        None => work.await.into(),
        Some(pause) => loop {
            match tokio::time::timeout(pause, work.as_mut()).await {
                Ok(verdict) => break verdict.into(),
                // What cannot be said now is said the next time.
                Err(_) => drop(message.in_progress().await),
            }
        },
    };
    if keep_alive.is_some() {
        // Without an acknowledgement, the message is delivered again: nobody is to be told.
        let _ = match verdict {
            Verdict::Ack => message.ack().await,
            Verdict::Nak => message.nak().await,
            Verdict::NakAfter(delay) => message.nak_after(delay).await,
            Verdict::Term => message.term().await,
        };
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
