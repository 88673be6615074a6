//! Many messages under way at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nats_proto::jetstream::WindowConfig;

use super::context::Context;
use super::publish::PublishInWindow;
use super::window::Window;
use crate::IntoSubject;
use crate::Payload;
use crate::entropy::jitter;
use crate::entropy::seed;

/// How many messages, and how many bytes of them, are under way at once by default.
const MESSAGES: u32 = 256;
const BYTES: u32 = 8 * 1024 * 1024;
/// How long a message may take by default: longer than an election.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How a [`Publisher`] is to be. Made by [`Context::publisher`].
#[derive(Clone, Debug)]
#[must_use = "a publisher is made by `build`"]
pub struct PublisherBuilder {
    context: Context,
    config: WindowConfig,
    timeout: Duration,
    retries: u8,
}

/// Publishes to a stream without waiting for each acknowledgement, in order.
///
/// So many messages may be under way at once; who publishes more waits. Each has an outcome of its own,
/// no later than its time-out, and true: whether it is stored, is not, or may be.
///
/// Messages with an [id](PublishInWindow::message_id) are sent again after a lost connection and without an
/// answer. The order is kept, but where the server refuses single messages for a while (an election), or an
/// acknowledgement is lost; a [window](PublisherBuilder::window) of one keeps it always.
///
/// Dropped, it still sees to the messages under way.
pub struct Publisher {
    window: Arc<Window>,
    timeout: Duration,
    retries: u8,
}

impl Context {
    /// A publisher that has many messages under way at once.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let config = nats_tokio::jetstream::stream::Config::new("LINES", ["lines.>"]);
    /// # let lines = jetstream.get_or_create_stream(config).await?;
    /// let publisher = jetstream.publisher().window(1024).build();
    /// let mut sent = Vec::new();
    /// for line in ["first", "second", "third"] {
    ///     sent.push(publisher.publish("lines.4", line).await?);
    /// }
    /// for sent in sent {
    ///     println!("stored as {}", sent.await?.sequence);
    /// }
    /// # lines.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn publisher(&self) -> PublisherBuilder {
        PublisherBuilder {
            context: self.clone(),
            config: WindowConfig::new(MESSAGES).max_bytes(BYTES),
            timeout: TIMEOUT,
            retries: u8::MAX,
        }
    }
}

impl PublisherBuilder {
    /// How many messages may be under way at once. Default 256; zero counts as one.
    pub fn window(self, messages: u32) -> Self {
        Self { config: self.config.max_messages(messages), ..self }
    }

    /// How many bytes of messages may be under way at once. Default 8 MiB. A message that is longer cannot
    /// be published.
    pub fn window_bytes(self, bytes: u32) -> Self {
        Self { config: self.config.max_bytes(bytes), ..self }
    }

    /// How long to wait for an acknowledgement before a message with an id is sent again. Default 5 s.
    pub fn ack_wait(self, ack_wait: Duration) -> Self {
        Self { config: self.config.ack_wait(ack_wait), ..self }
    }

    /// For how long the stream knows an id again, its `duplicate_window`. Default 2 min, as that of the
    /// server.
    pub fn duplicate_window(self, window: Duration) -> Self {
        Self { config: self.config.duplicate_window(window), ..self }
    }

    /// How long a message may take: waiting for room and for a connection, every attempt, and the answer.
    /// Default 30 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How often a message is sent again while nobody answers for its stream, or the server has too much
    /// to do. By default as often as the time allows.
    pub fn retries(self, retries: u8) -> Self {
        Self { retries, ..self }
    }

    /// Makes the publisher.
    #[must_use]
    pub fn build(self) -> Publisher {
        let Self { context, config, timeout, retries } = self;
        let seed = seed();
        let window = Window::start(context.shared(), config.seed(jitter(&seed)), seed);
        Publisher { window, timeout, retries }
    }
}

impl Publisher {
    /// Publishes a message: awaited, it waits for room, and gives a future of what becomes of it.
    ///
    /// # Errors
    ///
    /// [`PublishError`](super::PublishError) if it is invalid, or there was no room in time.
    pub fn publish<'a, S: IntoSubject<'a>>(
        &'a self,
        subject: S,
        payload: impl Into<Payload<'a>>,
    ) -> PublishInWindow<'a> {
        let (subject, payload) = (subject.into_name(), payload.into());
        PublishInWindow::new(&self.window, subject, payload, self.timeout, self.retries)
    }

    /// Waits until every message that was published has its outcome.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn flush(&self) {
        self.window.when_empty().await;
    }

    /// How many messages are under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.window.len()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.window.let_go();
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("window", &self.window).finish_non_exhaustive()
    }
}
