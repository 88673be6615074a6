//! A consumer's messages, as they come.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context as Task;
use std::task::Poll;
use std::time::Duration;

use nats_proto::jetstream::PullConfig;
use nats_proto::jetstream::PullConfigError;
use nats_proto::jetstream::PullConsumer;
use nats_proto::jetstream::PullEndReason;
use nats_proto::jetstream::PullEvent;

use super::consumer::Consumer;
use super::machine::End;
use super::machine::Machine;
use super::message::Message;
use super::pulling::Names;
use super::pulling::Pulling;
use super::pulling::Taken;
use super::pulling::Waiting;
use super::pulling::is_wanted;
use crate::entropy::jitter;
use crate::entropy::seed;

/// How messages of a consumer are asked for, made by [`Consumer::messages`]: awaited, it gives the
/// [`Messages`].
#[derive(Debug)]
#[must_use = "nothing is asked for unless it is awaited"]
pub struct MessagesBuilder<'a> {
    consumer: &'a Consumer,
    config: PullConfig,
    max_messages: u32,
    names: Priority,
}

/// What belongs to a priority group.
#[derive(Clone, Debug, Default)]
pub(super) struct Priority {
    pub(super) group: String,
    pub(super) min_pending: u64,
    pub(super) min_ack_pending: u64,
    pub(super) priority: u8,
}

/// A consumer's messages, as they come. A [`Stream`](futures_core::Stream).
///
/// So many messages as it may hold are asked for before the application wants them, and more as soon as half
/// of them are taken. That goes on whether or not the application waits for messages, and over lost
/// connections, restarts and elections. It ends when the consumer is deleted.
///
/// Dropped, it gives back what was not handed out.
pub struct Messages {
    consumer: Consumer,
    pulling: Arc<Pulling>,
    /// Messages that were taken over and not handed out.
    taken: VecDeque<Waiting>,
    /// What was handed out and not released.
    released: (u32, u32),
    /// How much is released at once.
    batch: u32,
    /// Whether what was handed out counts until [`release_one`](Self::release_one).
    is_kept: bool,
    is_over: bool,
}

/// Why there are no messages, or that something is worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessagesError {
    /// How messages are to be asked for is invalid.
    InvalidConfig(PullConfigError),
    /// The consumer or its stream was deleted. Messages end here.
    ConsumerDeleted,
    /// The consumer delivers to a subject of its own, and cannot be pulled from. Messages end here.
    PushBased,
    /// The server does not understand the request, or the priority group is missing or wrong. Messages end
    /// here.
    BadRequest,
    /// The server is too old for what was asked for. Messages end here.
    Unsupported,
    /// The client may not ask for messages. Messages end here.
    NotPermitted,
    /// The client is closed. Messages end here.
    Closed,
    /// Nothing is heard of the consumer; it is asked again. Told once until something is.
    Stalled,
    /// The next message is longer than all bytes that may be held. It is asked for again and again.
    MessageTooLarge,
    /// The consumer allows less than was asked for; from now on less is.
    Limited(super::PullLimit),
    /// The consumer delivers nothing until messages are acknowledged: as many are under way as
    /// `max_ack_pending` allows.
    MaxAckPending,
}

impl MessagesError {
    /// Whether messages end here. If not, they go on.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        !matches!(
            self,
            Self::Stalled | Self::MessageTooLarge | Self::Limited(_) | Self::MaxAckPending
        )
    }

    const fn of_event(event: PullEvent) -> Self {
        match event {
            PullEvent::MessageTooLarge => Self::MessageTooLarge,
            PullEvent::Limited(limit) => Self::Limited(limit),
            PullEvent::MaxAckPending => Self::MaxAckPending,
            _ => Self::Stalled,
        }
    }

    const fn of_end(end: PullEndReason) -> Self {
        match end {
            PullEndReason::PushBased => Self::PushBased,
            PullEndReason::BadRequest => Self::BadRequest,
            PullEndReason::Unsupported => Self::Unsupported,
            PullEndReason::NotPermitted => Self::NotPermitted,
            PullEndReason::Stopped | PullEndReason::Drained => Self::Closed,
            _ => Self::ConsumerDeleted,
        }
    }
}

impl Consumer {
    /// Messages as they come.
    ///
    /// ```no_run
    /// # use nats_tokio::jetstream::{consumer, stream};
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let orders = jetstream.get_or_create_stream(stream::Config::new("ORDERS", ["orders.>"])).await?;
    /// # jetstream.publish("orders.1", "one").await?;
    /// let consumer = orders.get_or_create_consumer(consumer::Config::durable("worker")).await?;
    /// let mut messages = consumer.messages().max_messages(100).await?;
    /// while let Some(message) = messages.next().await {
    ///     let message = message?;
    ///     println!("{}: {message}", message.subject());
    ///     message.ack().await?;
    ///     # break;
    /// }
    /// # orders.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn messages(&self) -> MessagesBuilder<'_> {
        MessagesBuilder {
            consumer: self,
            config: PullConfig::DEFAULT,
            max_messages: 500,
            names: Priority::default(),
        }
    }

    pub(super) fn pull_names(&self, priority: &Priority) -> Option<Names> {
        let (stream, name) = self.checked_names().ok()?;
        use nats_proto::jetstream::ApiSubject;
        Some(Names {
            next: self.context.subject(ApiSubject::consumer_next(stream, name)),
            info: self.context.subject(ApiSubject::consumer_info(stream, name)),
            group: priority.group.clone(),
            min_pending: priority.min_pending,
            min_ack_pending: priority.min_ack_pending,
            priority: priority.priority,
        })
    }
}

impl MessagesBuilder<'_> {
    /// How many messages may be under way or wait for the application. Default 500.
    ///
    /// The consumer's `ack_wait` runs while a message waits, so work that takes long wants few.
    pub const fn max_messages(mut self, messages: u32) -> Self {
        self.max_messages = messages;
        self.config = self.config.max_messages(messages);
        self
    }

    /// How many bytes of messages may be under way or wait for the application. No limit by default.
    pub const fn max_bytes(mut self, bytes: u32) -> Self {
        self.config = self.config.max_bytes(bytes);
        self
    }

    /// How long a request for messages waits in the server before it is renewed. Default 30 s, at least 1 s.
    pub fn expires(mut self, after: Duration) -> Self {
        self.config = self.config.expires(after);
        self
    }

    /// How often the server says that it is alive where there is no message. When nothing comes for twice as
    /// long, messages are asked for again. Default 5 s, at most half of [`expires`](Self::expires).
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.config = self.config.heartbeat(interval);
        self
    }

    /// When the consumer is deleted, waits until there is one by its name again.
    pub const fn await_consumer(mut self) -> Self {
        self.config = self.config.await_consumer();
        self
    }

    /// The priority group; a consumer that has groups insists on it.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.names.group = group.into();
        self
    }

    /// Gets messages only when so many wait, for groups of the policy `overflow`.
    pub const fn min_pending(mut self, messages: u64) -> Self {
        self.names.min_pending = messages;
        self
    }

    /// Gets messages only when so many are unacknowledged, for groups of the policy `overflow`.
    pub const fn min_ack_pending(mut self, messages: u64) -> Self {
        self.names.min_ack_pending = messages;
        self
    }

    /// Whose turn it is, 0 first and 9 last, for groups of the policy `prioritized`.
    pub const fn priority(mut self, priority: u8) -> Self {
        self.names.priority = priority;
        self
    }

    async fn start(self) -> Result<Messages, MessagesError> {
        let seed = seed();
        let machine = PullConsumer::new(self.config.seed(jitter(&seed)));
        let machine = machine.map_err(MessagesError::InvalidConfig)?;
        let names = self.consumer.pull_names(&self.names).ok_or(MessagesError::Closed)?;
        let shared = self.consumer.context.shared();
        let pulling = Pulling::start(shared, Machine::Pull(Box::new(machine)), names, seed);
        let pulling = pulling.ok_or(MessagesError::Closed)?;
        Ok(Messages {
            consumer: self.consumer.clone(),
            pulling,
            taken: VecDeque::new(),
            released: (0, 0),
            batch: (self.max_messages / 4).max(1),
            is_kept: false,
            is_over: false,
        })
    }
}

impl<'a> IntoFuture for MessagesBuilder<'a> {
    type Output = Result<Messages, MessagesError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

impl Messages {
    /// The next message; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`MessagesError`], which says whether this [is the end](MessagesError::is_end).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: a message is handed out or stays.
    pub async fn next(&mut self) -> Option<Result<Message, MessagesError>> {
        std::future::poll_fn(|task| self.poll_next(task)).await
    }

    /// The next message if there is one now.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn try_next(&mut self) -> Option<Result<Message, MessagesError>> {
        match self.poll(None) {
            Poll::Ready(next) => next,
            Poll::Pending => None,
        }
    }

    /// Asks for no more messages, and hands out those that are here or on their way; then they end.
    pub fn drain(&mut self) {
        self.pulling.tell(|machine, now| machine.drain(now));
    }

    /// Asks for no more messages, gives back those that were not handed out, and waits until the server
    /// has done with it: a round trip, and up to two seconds for a consumer that delivers messages only so
    /// many times.
    ///
    /// # Cancel safety
    ///
    /// It goes on without being waited for.
    pub async fn stop(mut self) {
        self.give_back();
        while let Some(_told) = self.next().await {}
    }

    /// What is handed out counts until it is released.
    pub(super) const fn keep_until_released(&mut self) {
        self.is_kept = true;
    }

    /// The application is done with a message that took so many bytes.
    pub(super) fn release_one(&self, size: u32) {
        self.pulling.tell(|machine, _| machine.release(1, size));
    }

    fn give_back(&mut self) {
        let (messages, bytes) = std::mem::take(&mut self.released);
        self.pulling.tell(|machine, _| machine.release(messages, bytes));
        self.pulling.stop(&mut self.taken, false);
    }

    pub(super) fn poll_next(
        &mut self,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Message, MessagesError>>> {
        self.poll(Some(task))
    }

    fn poll(
        &mut self,
        task: Option<&mut Task<'_>>,
    ) -> Poll<Option<Result<Message, MessagesError>>> {
        let waker = task.map(|task| task.waker());
        loop {
            if let Some(Waiting { message, size }) = self.taken.pop_front() {
                if !self.is_kept {
                    self.released.0 += 1;
                    self.released.1 = self.released.1.saturating_add(size);
                    if self.released.0 >= self.batch || self.taken.is_empty() {
                        self.release();
                    }
                }
                let client = self.consumer.context.client().clone();
                return Poll::Ready(Some(Ok(Message::new(message, client))));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            return Poll::Ready(match self.pulling.take(&mut self.taken, waker) {
                Some(Taken::Messages) => continue,
                Some(Taken::Event(event)) => Some(Err(MessagesError::of_event(event))),
                Some(Taken::Closed) => {
                    self.is_over = true;
                    Some(Err(MessagesError::Closed))
                }
                Some(Taken::End(End::Pull(end))) => {
                    self.is_over = true;
                    (!is_wanted(end)).then(|| Err(MessagesError::of_end(end)))
                }
                Some(Taken::End(End::Fetch(_))) => None,
                None => return Poll::Pending,
            });
        }
    }

    fn release(&mut self) {
        let (messages, bytes) = std::mem::take(&mut self.released);
        self.pulling.tell(|machine, _| machine.release(messages, bytes));
    }
}

impl futures_core::Stream for Messages {
    type Item = Result<Message, MessagesError>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(Some(task))
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        if !self.is_over {
            self.pulling.stop(&mut self.taken, true);
        }
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("consumer", &self.consumer).finish_non_exhaustive()
    }
}

impl fmt::Display for MessagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidConfig(_) => "invalid configuration",
            Self::ConsumerDeleted => "the consumer is gone",
            Self::PushBased => "the consumer is push based",
            Self::BadRequest => "the server refuses the request",
            Self::Unsupported => "the server is too old",
            Self::NotPermitted => "asking for messages is not permitted",
            Self::Closed => "the client is closed",
            Self::Stalled => "nothing is heard of the consumer",
            Self::MessageTooLarge => "the next message exceeds the limit in bytes",
            Self::Limited(limit) => return write!(f, "the consumer allows less: {limit:?}"),
            Self::MaxAckPending => "the consumer waits for acknowledgements",
        })
    }
}

impl std::error::Error for MessagesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidConfig(error) => Some(error),
            _ => None,
        }
    }
}
