//! Publishing to streams: one message, and many at once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context as Task;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::Headers;
use nats_proto::Instant;
use nats_proto::Subject;
use nats_proto::jetstream::NotSent;
use nats_proto::jetstream::PublishHandle;
use nats_proto::jetstream::PublishHeaders;
use nats_proto::jetstream::Rollup;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::Ttl;
use nats_proto::jetstream::header;
use tokio::sync::futures::Notified;
use tokio::time::Timeout;

use super::context::Context;
use super::outcome::Listener;
use super::outcome::Outcome;
use super::publish_error::InvalidMessage;
use super::publish_error::PublishError;
use super::window::Accepted;
use super::window::Parts;
use super::window::Refused;
use super::window::Terms;
use super::window::Window;
use crate::HeaderMap;
use crate::IntoHeaders;
use crate::IntoSubject;
use crate::Payload;
use crate::message::headers::Block;
use crate::message::name::Name;

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
        let (subject, payload) = (subject.into_name(), payload.into());
        Publish(Message::new(self.window(), subject, payload, self.request_timeout()), None)
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
    /// By when it has its outcome, once it was awaited.
    deadline: Option<Instant>,
    /// While there is no room: ready if there may be.
    room: Option<Pin<Box<Timeout<Notified<'a>>>>>,
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
            deadline: None,
            room: None,
        }
    }

    /// Sends it if there is room.
    #[inline]
    fn send(&self, deadline: Instant, now: Instant) -> Result<Accepted, Refused> {
        if let Some(error) = self.invalid_stream {
            return Err(Refused::Invalid(InvalidMessage::Stream(error)));
        }
        let invalid = |error| Refused::Invalid(InvalidMessage::Subject(error));
        let subject = self.subject.get().map_err(invalid)?;
        let invalid = |error| Refused::Invalid(InvalidMessage::Header(error));
        let headers = self.headers.get().map_err(invalid)?;
        let is_numbered = self.window.is_numbered();
        if is_numbered {
            self.check_numbered(headers).map_err(Refused::Invalid)?;
        }
        let with_options;
        let headers = if self.options.is_empty() {
            headers
        } else {
            with_options = with_options_of(headers, &self.options).map_err(Refused::Invalid)?;
            with_options.as_headers()
        };
        let parts = Parts { subject, headers, payload: &self.payload };
        let has_id = is_numbered || self.options.has_message_id();
        self.window.publish(&parts, &Terms { deadline, has_id, retries: self.retries }, now)
    }

    /// A publisher that numbers its messages gives them what they would give themselves here.
    #[cold]
    fn check_numbered(&self, headers: Headers<'_>) -> Result<(), InvalidMessage> {
        const OWN: [&str; 3] =
            [header::MESSAGE_ID, header::EXPECTED_LAST_MESSAGE_ID, header::EXPECTED_LAST_SEQUENCE];
        let is_own = |(name, _): (&[u8], _)| OWN.iter().any(|own| own.as_bytes() == name);
        let is_taken = self.options.has_message_id()
            || self.options.expects_last()
            || headers.iter_bytes().any(is_own);
        if is_taken { Err(InvalidMessage::Numbered) } else { Ok(()) }
    }

    /// Sends it as soon as there is room. The outcome may follow.
    #[inline]
    fn poll_send(&mut self, task: &mut Task<'_>) -> Poll<Result<Accepted, PublishError>> {
        if self.room.is_some() {
            return self.poll_room(task);
        }
        let now = self.window.shared.now();
        let deadline = now + self.timeout;
        match self.send(deadline, now) {
            Ok(accepted) => Poll::Ready(Ok(accepted)),
            Err(Refused::Invalid(invalid)) => Poll::Ready(Err(PublishError::Invalid(invalid))),
            Err(Refused::Full) => {
                self.deadline = Some(deadline);
                self.wait_for_room(deadline);
                self.poll_room(task)
            }
        }
    }

    #[cold]
    fn poll_room(&mut self, task: &mut Task<'_>) -> Poll<Result<Accepted, PublishError>> {
        let shared = &self.window.shared;
        let deadline = self.deadline.unwrap_or_else(|| shared.now());
        while let Some(room) = &mut self.room {
            match room.as_mut().poll(task) {
                Poll::Ready(Ok(())) => self.wait_for_room(deadline),
                Poll::Ready(Err(_)) => {
                    self.room = None;
                    return Poll::Ready(Err(PublishError::NotSent(NotSent::TimedOut)));
                }
                Poll::Pending => break,
            }
        }
        // Whatever becomes free from here on wakes this task.
        let accepted = match self.send(deadline, shared.now()) {
            Err(Refused::Full) => return Poll::Pending,
            Err(Refused::Invalid(invalid)) => Err(PublishError::Invalid(invalid)),
            Ok(accepted) => Ok(accepted),
        };
        self.room = None;
        self.window.pass_turn();
        Poll::Ready(accepted)
    }

    fn wait_for_room(&mut self, deadline: Instant) {
        let deadline = self.window.shared.sleep_until(deadline);
        self.room = Some(Box::pin(tokio::time::timeout_at(deadline, self.window.room())));
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
            ///
            /// Not for streams with replicas: nats-server 2.15.1 stops one for good if its last message has
            /// another id.
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
pub struct Publish<'a>(Message<'a>, Option<Awaited<'a>>);

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

impl Future for Publish<'_> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Outcome> {
        let Self(message, awaited) = self.get_mut();
        let awaited = match awaited {
            Some(awaited) => awaited,
            None => {
                let Accepted { handle, listener } = ready!(message.poll_send(task))?;
                awaited.insert(Awaited { window: message.window, handle, listener })
            }
        };
        let outcome = ready!(Pin::new(&mut awaited.listener).poll(task));
        awaited.handle = None;
        Poll::Ready(outcome)
    }
}

impl Future for PublishInWindow<'_> {
    type Output = Result<Sent, PublishError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let Accepted { handle, listener } = ready!(self.get_mut().0.poll_send(task))?;
        let number = handle.map_or(0, PublishHandle::number);
        Poll::Ready(Ok(Sent { number, listener }))
    }
}

/// A message that is on its way: a future of what becomes of it.
///
/// # Cancel safety
///
/// Dropped, the message goes on its way, and what becomes of it is not told.
#[must_use = "without it, nobody knows whether the message is stored"]
pub struct Sent {
    number: u64,
    listener: Listener,
}

impl Sent {
    /// Its number among all messages of its publisher, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Future for Sent {
    type Output = Outcome;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.listener).poll(task)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").field("number", &self.number()).finish_non_exhaustive()
    }
}

/// A message whose outcome somebody waits for, who does not want it sent again once he is gone: dropped,
/// it takes the message out of the window.
struct Awaited<'a> {
    window: &'a Window,
    handle: Option<PublishHandle>,
    listener: Listener,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle {
            self.window.abandon(handle);
        }
    }
}
