//! Publishing to streams: one message, and many at once.

use std::fmt;
use std::future::Future;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context as Task;
use std::task::Poll;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::Headers;
use nats_proto::Subject;
use nats_proto::jetstream::PublishHandle;
use nats_proto::jetstream::PublishHeaders;
use nats_proto::jetstream::Rollup;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::Ttl;
use nats_proto::jetstream::header;
use nats_proto::wire;
use nats_proto::wire::PublishLens;

use super::context::Context;
use super::outcome::Listener;
use super::outcome::Outcome;
use super::outcome::PublishAck;
use super::publish_error::InvalidMessage;
use super::publish_error::PublishError;
use super::window::Kept;
use super::window::Terms;
use super::window::Window;
use crate::HeaderMap;
use crate::IntoHeaders;
use crate::IntoSubject;
use crate::Payload;
use crate::message::headers::Block;
use crate::message::name::Name;
use crate::sync::lock;

/// How often a message is sent again by default after 503 or 429 (ADR-22: two retries, 250 ms apart).
const RETRIES: u8 = 2;

impl Context {
    /// Publishes a message to a stream, and waits for its acknowledgement.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let config = nats_tokio::jetstream::stream::Config::new("ORDERS", ["orders.>"]);
    /// # let orders = jetstream.get_or_create_stream(config).await?;
    /// let ack = jetstream.publish("orders.new", "two of them").message_id("order-17").await?;
    /// println!("{} has it as {}", ack.stream, ack.sequence);
    /// # orders.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`], which says whether the message may be in the stream all the same.
    pub fn publish<'a, S: IntoSubject<'a>>(
        &'a self,
        subject: S,
        payload: impl Into<Payload<'a>>,
    ) -> Publish<'a> {
        Publish(Message::new(
            self.window(),
            subject.into_name(),
            payload.into(),
            self.request_timeout(),
        ))
    }
}

/// A message for a stream, with what it asks for.
struct Message<'a> {
    window: &'a Arc<Window>,
    subject: Name<Subject<'a>>,
    headers: Block<'a>,
    payload: Payload<'a>,
    options: PublishHeaders<'a>,
    invalid_stream: Option<nats_proto::jetstream::NameError>,
    timeout: Duration,
    retries: u8,
}

impl<'a> Message<'a> {
    const fn new(
        window: &'a Arc<Window>,
        subject: Name<Subject<'a>>,
        payload: Payload<'a>,
        timeout: Duration,
    ) -> Self {
        Self {
            window,
            subject,
            headers: Block::NONE,
            payload,
            options: PublishHeaders::NONE,
            invalid_stream: None,
            timeout,
            retries: RETRIES,
        }
    }

    /// What is kept of it, and on what terms; or what is wrong with it.
    fn check(self) -> Result<(&'a Arc<Window>, Kept, Terms), InvalidMessage> {
        if let Some(error) = self.invalid_stream {
            return Err(InvalidMessage::Stream(error));
        }
        let subject = self.subject.get().map_err(InvalidMessage::Subject)?;
        let headers = self.headers.get().map_err(InvalidMessage::Header)?;
        let with_options;
        let headers = if self.options.is_empty() {
            headers
        } else {
            with_options = with_options_of(headers, &self.options)?;
            with_options.as_headers()
        };
        let message = wire::Publish {
            headers,
            // As long as that of an inbox is.
            reply: Some(self.window.longest_reply()),
            ..wire::Publish::new(subject, self.payload.as_bytes())
        };
        let added = self.window.chain_len();
        let mut lens = PublishLens::of(&message);
        if added > 0 {
            self.check_numbered(headers)?;
            lens.body += added;
            lens.has_headers = true;
        }
        let limits = lock(&self.window.shared.outbound).limits();
        limits.check_lens(lens).map_err(InvalidMessage::Refused)?;
        let size = u32::try_from(message.encoded_len() + added).unwrap_or(u32::MAX);
        let deadline = self.window.shared.now() + self.timeout;
        let has_id = added > 0 || self.options.has_message_id();
        let terms = Terms { size, deadline, has_id, retries: self.retries };
        let kept = Kept::new(subject, headers, self.payload.clone());
        Ok((self.window, kept, terms))
    }

    /// A publisher that numbers its messages gives them what they would give themselves here.
    fn check_numbered(&self, headers: Headers<'_>) -> Result<(), InvalidMessage> {
        const OWN: [&str; 3] =
            [header::MESSAGE_ID, header::EXPECTED_LAST_MESSAGE_ID, header::EXPECTED_LAST_SEQUENCE];
        let is_own = |(name, _): (&[u8], _)| OWN.iter().any(|own| own.as_bytes() == name);
        let is_taken = self.options.has_message_id()
            || self.options.expects_last()
            || headers.iter_bytes().any(is_own);
        if is_taken { Err(InvalidMessage::Numbered) } else { Ok(()) }
    }

    /// Waits for room and sends it. The outcome may follow.
    async fn send(self) -> Result<Sent, PublishError> {
        let (window, kept, terms) = self.check()?;
        let now = window.shared.now();
        let mut refused = match window.publish(kept, &terms, now) {
            Ok((handle, listener)) => return Ok(Sent::new(window, handle, listener)),
            Err(refused) if refused.is_too_large => return Err(super::window::TOO_LARGE),
            Err(refused) => Some(refused.kept),
        };
        let waiting = window.when_room(|| {
            let kept = refused.take()?;
            match window.publish(kept, &terms, window.shared.now()) {
                Ok((handle, listener)) => Some(Sent::new(window, handle, listener)),
                Err(again) => {
                    refused = Some(again.kept);
                    None
                }
            }
        });
        let deadline = window.shared.sleep_until(terms.deadline);
        tokio::time::timeout_at(deadline, waiting)
            .await
            .map_err(|_| PublishError::NotSent(nats_proto::jetstream::NotSent::TimedOut))
    }
}

fn with_options_of(
    headers: Headers<'_>,
    options: &PublishHeaders<'_>,
) -> Result<HeaderMap, InvalidMessage> {
    let mut map = HeaderMap::from(headers);
    options.write(map.as_buf()).map_err(InvalidMessage::Option)?;
    Ok(map)
}

macro_rules! options {
    ($name:ident) => {
        impl<'a> $name<'a> {
            /// Adds headers: a [`HeaderMap`], borrowed or not, an array of names and values, or those of
            /// another message.
            pub fn headers<H: IntoHeaders<'a>>(mut self, headers: H) -> Self {
                self.0.headers = headers.into_block();
                self
            }

            /// Gives the message an id: it is stored once, however often it is published within the
            /// stream's `duplicate_window`. So it is sent again after a lost connection, and without an
            /// answer.
            pub const fn message_id(mut self, id: &'a str) -> Self {
                self.0.options = self.0.options.message_id(id);
                self
            }

            /// Has it stored only in this stream.
            pub const fn expect_stream(mut self, name: &'a str) -> Self {
                match StreamName::new(name) {
                    Ok(name) => self.0.options = self.0.options.expected_stream(name),
                    Err(error) => self.0.invalid_stream = Some(error),
                }
                self
            }

            /// Has it stored only if the stream's last message has this sequence number; zero for an empty
            /// stream.
            pub const fn expect_last_sequence(mut self, sequence: u64) -> Self {
                self.0.options = self.0.options.expected_last_sequence(sequence);
                self
            }

            /// Has it stored only if the last message of its subject has this sequence number; zero if
            /// there is to be none.
            pub const fn expect_last_subject_sequence(mut self, sequence: u64) -> Self {
                self.0.options = self.0.options.expected_last_subject_sequence(sequence);
                self
            }

            /// Has it stored only if the last message that the filter matches has this sequence number.
            /// Servers before 2.11 look at the subject instead.
            pub const fn expect_last_sequence_of(
                mut self,
                filter: Filter<'a>,
                sequence: u64,
            ) -> Self {
                let options = self.0.options.expected_last_subject_sequence(sequence);
                self.0.options = options.last_subject_sequence_of(filter);
                self
            }

            /// Has it stored only if the stream's last message has this id.
            pub const fn expect_last_message_id(mut self, id: &'a str) -> Self {
                self.0.options = self.0.options.expected_last_message_id(id);
                self
            }

            /// Has it removed after a time. The stream has to
            /// [allow it](super::stream::Config::allow_message_ttl); servers before 2.11 keep it for good.
            pub const fn ttl(mut self, ttl: Ttl) -> Self {
                self.0.options = self.0.options.ttl(ttl);
                self
            }

            /// Has it replace all other messages, or those of its subject. The stream has to
            /// [allow it](super::stream::Config::allow_rollup).
            pub const fn rollup(mut self, rollup: Rollup) -> Self {
                self.0.options = self.0.options.rollup(rollup);
                self
            }

            /// How long all of it may take: waiting for room and for a connection, every attempt, and the
            /// answer.
            pub const fn timeout(mut self, timeout: Duration) -> Self {
                self.0.timeout = timeout;
                self
            }

            /// How often it is sent again when nobody answers for its stream, or the server has too much
            /// to do: neither has stored it. By default twice, 250 ms apart (ADR-22); 255 is as often as
            /// the time allows, which an election needs, that takes five seconds.
            pub const fn retries(mut self, retries: u8) -> Self {
                self.0.retries = retries;
                self
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("subject", &self.0.subject)
                    .field("options", &self.0.options)
                    .finish_non_exhaustive()
            }
        }
    };
}

/// A message to publish, made by [`Context::publish`]: awaited, it gives the acknowledgement.
///
/// # Cancel safety
///
/// Dropped before it is awaited, nothing is sent. Dropped later, the message may be stored, but is not sent
/// again.
#[must_use = "nothing is sent unless it is awaited"]
pub struct Publish<'a>(Message<'a>);

/// A message to publish, made by [`Publisher::publish`](super::Publisher::publish): awaited, it waits for
/// room in the window, and gives what stands for the acknowledgement to come.
///
/// # Cancel safety
///
/// Dropped before it completes, nothing is sent.
#[must_use = "nothing is sent unless it is awaited"]
pub struct PublishInWindow<'a>(Message<'a>);

options!(Publish);
options!(PublishInWindow);

impl<'a> PublishInWindow<'a> {
    pub(super) fn new(
        window: &'a Arc<Window>,
        subject: Name<Subject<'a>>,
        payload: Payload<'a>,
        timeout: Duration,
        retries: u8,
    ) -> Self {
        Self(Message { retries, ..Message::new(window, subject, payload, timeout) })
    }
}

impl<'a> IntoFuture for Publish<'a> {
    type Output = Result<PublishAck, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.0.send().await?.or_give_up().await })
    }
}

impl<'a> IntoFuture for PublishInWindow<'a> {
    type Output = Result<Sent, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.send())
    }
}

/// A message that is on its way: a future of what becomes of it.
///
/// # Cancel safety
///
/// Dropped, the message goes on its way, and what becomes of it is not told.
#[must_use = "without it, nobody knows whether the message is stored"]
pub struct Sent {
    window: Arc<Window>,
    handle: Option<PublishHandle>,
    listener: Listener,
}

impl Sent {
    fn new(window: &Arc<Window>, handle: Option<PublishHandle>, listener: Listener) -> Self {
        Self { window: Arc::clone(window), handle, listener }
    }

    /// Its number among all messages of its publisher, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.handle.map_or(0, PublishHandle::number)
    }

    /// The same for somebody who does not want it sent again if he is gone.
    const fn or_give_up(self) -> OrGiveUp {
        OrGiveUp(Some(self))
    }
}

impl Future for Sent {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.listener).poll(task)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").field("number", &self.number()).finish_non_exhaustive()
    }
}

/// Takes the message out of the window when it is dropped.
struct OrGiveUp(Option<Sent>);

impl Future for OrGiveUp {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Outcome> {
        let Some(sent) = self.0.as_mut() else { return Poll::Pending };
        let outcome = Pin::new(sent).poll(task);
        if outcome.is_ready() {
            self.0 = None;
        }
        outcome
    }
}

impl Drop for OrGiveUp {
    fn drop(&mut self) {
        if let Some(Sent { window, handle: Some(handle), .. }) = self.0.take() {
            window.abandon(handle);
        }
    }
}
