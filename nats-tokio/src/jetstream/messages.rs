//! Messages of a consumer, as they come.

mod builder;
mod error;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context as Task;
use std::task::Poll;
use std::time::Duration;

pub use builder::MessagesBuilder;
pub use error::MessagesError;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::PullConfig;

use super::consumer::Consumer;
use super::machine::End;
use super::message::Message;
use super::message::Source;
use super::pulling::JobId;
use super::pulling::Names;
use super::pulling::Pulling;
use super::pulling::Taken;
use super::pulling::Waiting;
use super::pulling::is_wanted;

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
    source: Arc<Source>,
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

impl Messages {
    fn new(consumer: &Consumer, pulling: Arc<Pulling>, batch: u32) -> Self {
        Self {
            consumer: consumer.clone(),
            source: Source::new(consumer),
            pulling,
            taken: VecDeque::new(),
            released: (0, 0),
            batch,
            is_kept: false,
            is_over: false,
        }
    }

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
    /// has done with it: a round trip or two, 500 ms at most. It takes up to two seconds where messages are
    /// delivered only so many times (`max_deliver`), or that is not [known](Consumer), since a server with leaf
    /// nodes goes on delivering for so long.
    ///
    /// # Cancel safety
    ///
    /// It goes on without being waited for.
    pub async fn stop(mut self) {
        self.give_back();
        while let Some(_told) = self.next().await {}
    }

    /// Asks for no more messages, and gives back those that were not handed out.
    pub(super) fn stop_asking(&mut self) {
        self.give_back();
    }

    /// What is handed out counts until it is released.
    pub(super) const fn keep_until_released(&mut self) {
        self.is_kept = true;
    }

    /// The application is done with a message that took so many bytes.
    pub(super) fn release_one(&self, size: u32) {
        self.pulling.release(1, size);
    }

    /// The server is told that the message is being worked on, until it is [finished](Self::finish_job).
    pub(super) fn start_job(&self, message: &Message, interval: Duration) -> JobId {
        self.pulling.start_job(message, Arc::clone(message.extended()), interval)
    }

    /// The application is done with a message that took so many bytes.
    pub(super) fn finish_job(&self, job: JobId, size: u32) {
        self.pulling.finish_job(job, size);
    }

    fn give_back(&mut self) {
        let (messages, bytes) = std::mem::take(&mut self.released);
        self.pulling.release(messages, bytes);
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
            if let Some(waiting) = self.taken.pop_front() {
                if !self.is_kept {
                    self.released.0 += 1;
                    self.released.1 = self.released.1.saturating_add(waiting.size);
                    if self.released.0 >= self.batch || self.taken.is_empty() {
                        self.release();
                    }
                }
                return Poll::Ready(Some(Ok(Message::new(waiting, &self.source))));
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
        self.pulling.release(messages, bytes);
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
