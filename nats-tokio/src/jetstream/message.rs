//! A message of a consumer, and what is said about it.

mod error;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub use error::AckError;
use nats_proto::Instant;
use nats_proto::Subject;
use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::DeliveryInfo;
use nats_proto::jetstream::pulled_size;
use nats_proto::wire::Publish;

use super::consumer::Consumer;
use super::consumer::Settings;
use super::pulling::Waiting;
use crate::Client;
use crate::Payload;
use crate::PublishError;
use crate::RequestError;

/// A message that a consumer has delivered.
///
/// It derefs to the [message](crate::Message) itself. Unless the consumer wants no acknowledgements, it
/// has to be [acknowledged](Self::ack) within the consumer's `ack_wait`, or is delivered again.
pub struct Message {
    message: crate::Message,
    source: Arc<Source>,
    came: Instant,
    /// When the server was last told that it is being worked on, in milliseconds; shared by all clones.
    extended: OnceLock<Arc<AtomicU64>>,
}

/// What a consumer's messages have in common.
#[derive(Debug)]
pub(super) struct Source {
    client: Client,
    settings: Arc<Settings>,
}

/// That the server has read an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AckConfirmation {
    /// Whether the consumer's `ack_wait` was over when the message was acknowledged: it has probably been
    /// delivered again, perhaps to somebody else.
    ///
    /// The time runs from when the message came, or the server was last told that it is
    /// [being worked on](Message::in_progress). False if the `ack_wait` is not [known](super::Consumer).
    pub was_late: bool,
}

impl Source {
    pub(super) fn new(consumer: &Consumer) -> Arc<Self> {
        let client = consumer.context.client().clone();
        Arc::new(Self { client, settings: Arc::clone(&consumer.settings) })
    }
}

impl Message {
    pub(super) fn new(waiting: Waiting, source: &Arc<Source>) -> Self {
        let Waiting { message, came, .. } = waiting;
        Self { message, source: Arc::clone(source), came, extended: OnceLock::new() }
    }

    /// Whether the server does not wait for an acknowledgement any more, as far as is known.
    pub(super) fn is_late(&self) -> bool {
        let Some(ack_wait) = self.source.settings.ack_wait() else { return false };
        let extended = self.extended.get().map(|at| Instant::from_millis(at.load(Relaxed)));
        let since = extended.map_or(self.came, |at| at.max(self.came));
        since + ack_wait < self.source.client.shared().now()
    }

    /// What the server says about the delivery: sequence numbers, how often, how many more. `None` if the
    /// reply subject is not a consumer's.
    #[must_use]
    pub fn delivery(&self) -> Option<DeliveryInfo<'_>> {
        DeliveryInfo::parse(self.message.reply_bytes()?)
    }

    /// How many bytes of a pull's limit it takes.
    pub(super) fn pulled_size(&self) -> u32 {
        pulled_size(self.message.as_proto())
    }

    /// The message without what belongs to its consumer.
    #[must_use]
    pub fn into_message(self) -> crate::Message {
        self.message
    }

    /// Says that it is done with: it is not delivered again.
    ///
    /// The acknowledgement is queued like a published message. [`ack_confirmed`](Self::ack_confirmed) waits
    /// until the server has it.
    ///
    /// # Errors
    ///
    /// [`AckError`] if it could not be published, or the consumer wants no acknowledgements.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing is sent.
    pub async fn ack(&self) -> Result<(), AckError> {
        self.say(AckKind::Ack).await
    }

    /// Says that it is done with, and waits until the server has confirmed that it has read this.
    ///
    /// It confirms an acknowledgement that comes too late, too: when the message has been delivered to
    /// somebody else already. [`was_late`](AckConfirmation::was_late) says so.
    ///
    /// Acknowledgements are processed in order, so one that is confirmed confirms those before it.
    ///
    /// # Errors
    ///
    /// [`AckError`]: [`NoResponders`](AckError::NoResponders) if the consumer is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is not known whether the acknowledgement was sent.
    pub async fn ack_confirmed(&self) -> Result<AckConfirmation, AckError> {
        let reply = self.acked_at()?;
        let was_late = self.is_late();
        match self.source.client.request(reply, body(AckKind::Ack)).await {
            Ok(_) => Ok(AckConfirmation { was_late }),
            Err(RequestError::NoResponders) => Err(AckError::NoResponders),
            Err(error) => Err(AckError::Request(error)),
        }
    }

    /// Gives it back: it is delivered again, at once.
    ///
    /// # Errors
    ///
    /// [`AckError`] if it could not be published.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing is sent.
    pub async fn nak(&self) -> Result<(), AckError> {
        self.say(AckKind::Nak).await
    }

    /// Gives it back: it is delivered again after a while.
    ///
    /// # Errors
    ///
    /// [`AckError`] if it could not be published.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing is sent.
    pub async fn nak_after(&self, delay: Duration) -> Result<(), AckError> {
        self.say(AckKind::NakWithDelay(delay)).await
    }

    /// Gives it up: it is never delivered again.
    ///
    /// # Errors
    ///
    /// [`AckError`] if it could not be published.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing is sent.
    pub async fn term(&self) -> Result<(), AckError> {
        self.say(AckKind::Term).await
    }

    /// Gives it up, and says why, which an advisory of the server quotes. Servers before 2.10.4 ignore
    /// this and deliver it again: where the consumer's server may be one, it gets [`term`](Self::term) instead.
    ///
    /// # Errors
    ///
    /// [`AckError`] if it could not be published.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing is sent.
    pub async fn term_because(&self, reason: &str) -> Result<(), AckError> {
        let settings = &self.source.settings;
        let version = version(&self.source.client.server_info().version);
        // A server from 2.11 on says so in what it says of its consumers, wherever we are connected to.
        let is_silent = settings.is_known() && version >= (2, 11, 0);
        let is_understood = settings.understands_reasons() || (version >= (2, 10, 4) && !is_silent);
        self.say(if is_understood { AckKind::TermWithReason(reason) } else { AckKind::Term }).await
    }

    /// Says that it is being worked on: the consumer's `ack_wait` begins anew.
    ///
    /// # Errors
    ///
    /// [`AckError`] if it could not be published.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing is sent.
    pub async fn in_progress(&self) -> Result<(), AckError> {
        self.say(AckKind::InProgress).await?;
        let now = self.source.client.shared().now();
        self.extended().store(now.as_millis(), Relaxed);
        Ok(())
    }

    async fn say(&self, kind: AckKind<'_>) -> Result<(), AckError> {
        let reply = self.acked_at()?;
        let client = &self.source.client;
        let said = match kind.as_static() {
            // Most of the time there is room.
            Some(body) => match publish_now(client, reply, body) {
                Err(PublishError::Full | PublishError::Disconnected) => {
                    client.publish(reply, body).await
                }
                said => said,
            },
            None => client.publish(reply, body(kind)).await,
        };
        said.map_err(AckError::Publish)
    }

    /// Where to acknowledge it, if that is wanted.
    fn acked_at(&self) -> Result<&str, AckError> {
        if self.source.settings.wants_no_acks() {
            return Err(AckError::NotWanted);
        }
        self.message.reply().ok_or(AckError::NoReply)
    }

    /// When the server was last told that it is being worked on, in milliseconds.
    pub(super) fn extended(&self) -> &Arc<AtomicU64> {
        self.extended.get_or_init(|| Arc::new(AtomicU64::new(self.came.as_millis())))
    }
}

/// Publishes without waiting, and without what a message may have besides.
#[inline]
fn publish_now(client: &Client, subject: &str, body: &[u8]) -> Result<(), PublishError> {
    let subject = Subject::new(subject).map_err(PublishError::InvalidSubject)?;
    let queued = client.shared().queue(&Publish::new(subject, body), &Payload::from(body))?;
    queued.wake();
    Ok(())
}

fn body(kind: AckKind<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    // A vector has room for it.
    let _ = kind.encode(&mut body);
    body
}

fn version(text: &str) -> (u32, u32, u32) {
    let mut numbers = text.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    let mut number = || numbers.next().unwrap_or(0);
    (number(), number(), number())
}

impl Clone for Message {
    fn clone(&self) -> Self {
        Self {
            message: self.message.clone(),
            source: Arc::clone(&self.source),
            came: self.came,
            extended: OnceLock::from(Arc::clone(self.extended())),
        }
    }
}

impl Deref for Message {
    type Target = crate::Message;

    fn deref(&self) -> &crate::Message {
        &self.message
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.message, f)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.message, f)
    }
}
