//! Many messages under way at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nats_proto::jetstream::ChainIds;
use nats_proto::jetstream::WindowConfig;
use nats_proto::jetstream::header::MESSAGE_ID;

use super::context::Context;
use super::error::Error;
use super::outcomes::Outcomes;
use super::publish::PublishInWindow;
use super::window::ChainStart;
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
    messages: u32,
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
            messages: MESSAGES,
            timeout: TIMEOUT,
            retries: u8::MAX,
        }
    }
}

impl PublisherBuilder {
    /// How many messages may be under way at once. Default 256; zero counts as one.
    pub fn window(self, messages: u32) -> Self {
        let messages = messages.max(1);
        Self { config: self.config.max_messages(messages), messages, ..self }
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
        self.start(None)
    }

    /// Makes the publisher the only one of a stream: each message is stored once and in order, whatever
    /// fails, and not at all once somebody else has published to the stream.
    ///
    /// The publisher looks up the stream's last message, and numbers its messages from there:
    /// [`last_number`](Publisher::last_number) is the last one's number if it was published under this
    /// `name`, by an earlier run of the program for example, and zero if not. So a program that publishes the
    /// items of a list knows after a restart with which one to go on. Each message has the id
    /// `<name>.<session>.<number>`, where the session is random, and expects the id of the one before it
    /// to be the stream's last; neither can be set for a single message. They take about 100 bytes of headers.
    ///
    /// On a stream with replicas, one message is under way at a time, whatever the
    /// [window](Self::window), and it expects the sequence number of the last one:
    /// nats-server 2.15.1 stops such a stream for good when the id of its last message is not the expected one.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let config = nats_tokio::jetstream::stream::Config::new("LINES", ["lines.>"]);
    /// # let lines = jetstream.get_or_create_stream(config).await?;
    /// let text = ["first", "second", "third"];
    /// let publisher = jetstream.publisher().exactly_once("LINES", "importer").await?;
    /// let stored = usize::try_from(publisher.last_number())?;
    /// let mut sent = Vec::new();
    /// for line in text.iter().skip(stored) {
    ///     sent.push(publisher.publish("lines.4", *line).await?);
    /// }
    /// for sent in sent {
    ///     sent.await?;
    /// }
    /// # lines.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What ends it
    ///
    /// When another publisher has stored a message, also one that was made later under the same name, all
    /// further messages are [`NotStored`](super::PublishError::NotStored) with
    /// [`WRONG_LAST_MESSAGE_ID`](super::ErrorCode::WRONG_LAST_MESSAGE_ID), or
    /// [`MayBeStored`](super::PublishError::MayBeStored) with that error where an earlier attempt may have been
    /// in time. On a stream with replicas it is
    /// [`WRONG_LAST_SEQUENCE`](super::ErrorCode::WRONG_LAST_SEQUENCE), and told when the time is over where an
    /// earlier attempt may have been in time. Then, as after any message that may be stored, and when a stream
    /// got replicas, make another publisher: it finds out what the stream has. The same goes for a stream that
    /// is deleted and made anew, and for markers that a server stores itself
    /// ([`subject_delete_marker_ttl`](super::stream::Config::subject_delete_marker_ttl)).
    ///
    /// A stream whose messages are removed, by age or because they were acknowledged, does not know the last
    /// number after a restart of this program: then the program has to know how far it had come.
    /// Within one publisher that is of no account, nor is a purge, also with a restart of the server.
    ///
    /// The stream's `duplicate_window` takes the place of
    /// [what was set](Self::duplicate_window).
    ///
    /// # Errors
    ///
    /// [`Error`]: the name is invalid (it is one token of a subject), there is no such stream, or it does
    /// not answer. The user needs permission for `STREAM.INFO` and `STREAM.MSG.GET`.
    ///
    /// # Cancel safety
    ///
    /// Nothing was published yet.
    pub async fn exactly_once(self, stream: &str, name: &str) -> Result<Publisher, Error> {
        let ids = ChainIds::new(name, seed()).map_err(Error::InvalidName)?;
        let stream = self.context.get_stream(stream).await?;
        // In this order: a message that is stored in between is found, and one that is stored later is
        // noticed.
        let info = stream.info().await?;
        let last = match stream.get_last(">").await {
            Ok(last) => Some(last),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let id = last.as_ref().and_then(|last| last.headers.get(MESSAGE_ID));
        let number = id.and_then(|id| ChainIds::<Vec<u8>>::number_of(name, id)).unwrap_or(0);
        let sequence = last.map_or(0, |last| last.sequence).max(info.state.last_sequence);
        let is_replicated = info.config.num_replicas > 1;
        let builder = if is_replicated { self.window(1) } else { self };
        let builder = builder.duplicate_window(info.config.duplicate_window);
        Ok(builder.start(Some(ChainStart { ids, number, sequence, is_replicated })))
    }

    fn start(self, chain: Option<ChainStart>) -> Publisher {
        let Self { context, config, messages, timeout, retries } = self;
        let seed = seed();
        let config = (config.seed(jitter(&seed)), messages);
        let window = Window::start(context.shared(), config, seed, chain);
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

    /// The outcomes of all messages that are published from now on, for a program that does not keep a
    /// future for each. An outcome keeps its message's place in the window until it is taken, so take them
    /// in another task than the one that publishes, or with
    /// [`try_next`](Outcomes::try_next) in between.
    ///
    /// An earlier stream of outcomes ends.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let config = nats_tokio::jetstream::stream::Config::new("LINES", ["lines.>"]);
    /// # let lines = jetstream.get_or_create_stream(config).await?;
    /// let publisher = jetstream.publisher().build();
    /// let mut outcomes = publisher.outcomes();
    /// let watching = tokio::spawn(async move {
    ///     while let Some(outcome) = outcomes.next().await {
    ///         if let Err(error) = outcome.result {
    ///             eprintln!("line {}: {error}", outcome.number);
    ///         }
    ///     }
    /// });
    /// for line in ["first", "second", "third"] {
    ///     drop(publisher.publish("lines.4", line).await?);
    /// }
    /// drop(publisher);
    /// watching.await?; // every outcome was taken
    /// # lines.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn outcomes(&self) -> Outcomes {
        Outcomes::new(&self.window)
    }

    /// Waits until every message that was published before has its outcome: stored, not stored, or perhaps
    /// stored. That is so no later than their time-outs.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn flush(&self) {
        self.window.when_settled().await;
    }

    /// The number of the last message that was published; zero if there was none. In the beginning of a
    /// publisher made by [`exactly_once`](PublisherBuilder::exactly_once) it is the number of the stream's
    /// last message.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.window.last_number()
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
