//! So many messages of a consumer at once.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::future::IntoFuture;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use nats_proto::jetstream::Fetch as FetchMachine;
use nats_proto::jetstream::FetchConfig;
use nats_proto::jetstream::FetchEndReason;

use super::consumer::Consumer;
use super::idle::Idle;
use super::machine::End;
use super::machine::Machine;
use super::message::Message;
use super::message::Source;
use super::messages::Priority;
use super::pulling::Pulling;
use super::pulling::Taken;
use super::pulling::Waiting;
use crate::entropy::seed;

/// Fetches messages, made by [`Consumer::fetch`]: awaited, it gives them.
///
/// # Cancel safety
///
/// Dropped, it gives back what has come and what still comes.
#[derive(Debug)]
#[must_use = "nothing is fetched unless it is awaited"]
pub struct Fetch<'a> {
    consumer: &'a Consumer,
    config: FetchConfig,
    priority: Priority,
}

/// Why a fetch got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// The fetch ended so.
    Ended(FetchEndReason),
    /// The client is closed.
    Closed,
}

impl Consumer {
    /// Fetches up to so many messages: those that are there, or the first to come within
    /// [`max_wait`](Fetch::max_wait).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use nats_tokio::jetstream::{consumer, stream};
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let orders = jetstream.get_or_create_stream(stream::Config::new("ORDERS", ["orders.>"])).await?;
    /// # let consumer = orders.get_or_create_consumer(consumer::Config::durable("worker")).await?;
    /// # jetstream.publish("orders.1", "one").await?;
    /// for message in consumer.fetch(100).max_wait(Duration::from_secs(5)).await? {
    ///     println!("{message:?}");
    ///     message.ack().await?;
    /// }
    /// # orders.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`FetchError`] if nothing came for another reason than that the server says there is nothing.
    pub fn fetch(&self, batch: u32) -> Fetch<'_> {
        Fetch { consumer: self, config: FetchConfig::new(batch), priority: Priority::default() }
    }

    /// The next message, if one comes in time.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives back what still comes.
    pub async fn next(&self, max_wait: Duration) -> Result<Option<Message>, FetchError> {
        Ok(self.fetch(1).max_wait(max_wait).await?.pop())
    }
}

impl Fetch<'_> {
    /// If no message is there, waits for the first for so long; that is also how long it takes at most.
    /// The server waits a tenth less, 250 ms at most, so that its word is here in time.
    ///
    /// By default, it does not wait, and takes 1 s at most: a consumer that waits for acknowledgements does not
    /// answer.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.config = self.config.max_wait(max_wait);
        self
    }

    /// Up to so many bytes: of subject, reply subject, headers and payload of each message. No limit by
    /// default.
    pub const fn max_bytes(mut self, bytes: u32) -> Self {
        self.config = self.config.max_bytes(bytes);
        self
    }

    /// The priority group; a consumer that has groups insists on it.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.priority.group = group.into();
        self
    }

    async fn run(mut self) -> Result<Vec<Message>, FetchError> {
        if self.consumer.settings.has_unlimited_deliveries() {
            self.config = self.config.unlimited_deliveries();
        }
        let mut running = Running::start(&self).ok_or(FetchError::Closed)?;
        let pulling = Arc::clone(&running.pulling);
        let mut messages = VecDeque::new();
        let end = poll_fn(|task| {
            loop {
                match pulling.take(&mut messages, Some(task.waker())) {
                    Some(Taken::Messages) => running.came.append(&mut messages),
                    Some(Taken::End(End::Fetch(end))) => return Poll::Ready(Some(end)),
                    Some(Taken::Closed) => return Poll::Ready(None),
                    Some(Taken::Event(_) | Taken::End(End::Pull(_))) => {}
                    None => return Poll::Pending,
                }
            }
        })
        .await;
        let came = running.finish();
        let source = Source::new(self.consumer);
        let came = came.into_iter().map(|one| Message::new(one, &source));
        match end {
            _ if came.len() > 0 => Ok(came.collect()),
            Some(FetchEndReason::Full | FetchEndReason::NoMoreMessages) => Ok(Vec::new()),
            Some(end) => Err(FetchError::Ended(end)),
            None => Err(FetchError::Closed),
        }
    }
}

impl<'a> IntoFuture for Fetch<'a> {
    type Output = Result<Vec<Message>, FetchError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// A fetch under way. Dropped, it gives back what came.
struct Running {
    pulling: Arc<Pulling>,
    idle: Arc<Idle>,
    came: VecDeque<Waiting>,
    is_finished: bool,
}

impl Running {
    fn start(fetch: &Fetch<'_>) -> Option<Self> {
        let consumer = fetch.consumer;
        let names = consumer.pull_names(&fetch.priority)?;
        let idle = Arc::clone(&consumer.idle);
        let known = idle.take();
        let pulling = match known {
            Some(pulling) => pulling,
            None => {
                let machine = Machine::Fetch(Box::new(FetchMachine::new()));
                Pulling::start(consumer.context.shared(), machine, names.clone(), seed())?
            }
        };
        pulling.restart(names, |machine, now| {
            if let Machine::Fetch(machine) = machine {
                machine.start(fetch.config, now);
            }
        });
        Some(Self { pulling, idle, came: VecDeque::new(), is_finished: false })
    }

    fn finish(mut self) -> VecDeque<Waiting> {
        self.is_finished = true;
        std::mem::take(&mut self.came)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_finished {
            self.pulling.stop(&mut self.came, false);
        }
        self.idle.put(Arc::clone(&self.pulling));
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(end) => f.write_str(match end {
                FetchEndReason::ConsumerDeleted => "the consumer is gone",
                FetchEndReason::NoResponders => {
                    "no responders: the consumer is gone, or has no leader"
                }
                FetchEndReason::Disconnected => "disconnected",
                FetchEndReason::Interrupted => "the consumer has moved to another server",
                FetchEndReason::MessageTooLarge => "the next message exceeds the limit in bytes",
                FetchEndReason::Limited(limit) => {
                    return write!(f, "the consumer allows less: {limit}");
                }
                FetchEndReason::TimedOut => "nothing is heard of the consumer",
                FetchEndReason::NotPermitted => "asking for messages is not permitted",
                FetchEndReason::MaxWaiting => "too many pulls wait for the consumer",
                FetchEndReason::PushBased => "the consumer is push based",
                FetchEndReason::BadRequest => "the server refuses the request",
                FetchEndReason::Unsupported => "the server is too old",
                FetchEndReason::NotPinned => "another client is pinned",
                _ => "the fetch failed",
            }),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for FetchError {}
