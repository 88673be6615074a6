//! How messages of a consumer are asked for.

use std::future::Future;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use nats_proto::jetstream::PullConfig;
use nats_proto::jetstream::PullConsumer;

use super::Messages;
use super::MessagesError;
use super::Priority;
use crate::entropy::jitter;
use crate::entropy::seed;
use crate::jetstream::consumer::Consumer;
use crate::jetstream::machine::Machine;
use crate::jetstream::pulling::Pulling;

/// How messages of a consumer are asked for, made by [`Consumer::messages`]: awaited, it gives the
/// [`Messages`].
#[derive(Debug)]
#[must_use = "nothing is asked for unless it is awaited"]
pub struct MessagesBuilder<'a> {
    pub(in crate::jetstream) consumer: &'a Consumer,
    pub(super) config: PullConfig,
    pub(super) max_messages: u32,
    pub(super) names: Priority,
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

    /// When the consumer is deleted, waits until there is one by its name again, and asks for it once a second.
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
        let mut config = self.config.seed(jitter(&seed));
        if self.consumer.settings.has_unlimited_deliveries() {
            config = config.unlimited_deliveries();
        }
        let machine = PullConsumer::new(config);
        let machine = machine.map_err(MessagesError::InvalidConfig)?;
        let names = self.consumer.pull_names(&self.names).ok_or(MessagesError::Closed)?;
        let shared = self.consumer.context.shared();
        let pulling = Pulling::start(shared, Machine::Pull(Box::new(machine)), names, seed);
        let pulling = pulling.ok_or(MessagesError::Closed)?;
        Ok(Messages::new(self.consumer, pulling, (self.max_messages / 4).max(1)))
    }
}

impl<'a> IntoFuture for MessagesBuilder<'a> {
    type Output = Result<Messages, MessagesError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
