//! A message of a consumer, and what is said about it.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::DeliveryInfo;
use nats_proto::jetstream::pulled_size;

use crate::Client;
use crate::PublishError;
use crate::RequestError;

/// A message that a consumer has delivered.
///
/// It derefs to the [message](crate::Message) itself. Unless the consumer wants no acknowledgements, it
/// has to be [acknowledged](Self::ack) within the consumer's `ack_wait`, or is delivered again.
#[derive(Clone)]
pub struct Message {
    message: crate::Message,
    client: Client,
}

/// Why an acknowledgement is not known to have arrived.
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// The message has no reply subject to acknowledge at.
    NoReply,
    /// It could not be published.
    Publish(PublishError),
    /// The consumer does not exist any more, or has no leader at present.
    NoResponders,
    /// The server did not confirm it.
    Request(RequestError),
}

impl Message {
    pub(super) const fn new(message: crate::Message, client: Client) -> Self {
        Self { message, client }
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
    /// [`AckError`] if it could not be published.
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
    /// somebody else already.
    ///
    /// # Errors
    ///
    /// [`AckError`]: [`NoResponders`](AckError::NoResponders) if the consumer is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is not known whether the acknowledgement was sent.
    pub async fn ack_confirmed(&self) -> Result<(), AckError> {
        self.say_confirmed(AckKind::Ack).await
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
    /// this and deliver it again: they get [`term`](Self::term) instead.
    ///
    /// # Errors
    ///
    /// [`AckError`] if it could not be published.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing is sent.
    pub async fn term_because(&self, reason: &str) -> Result<(), AckError> {
        let knows_reasons = version(&self.client.server_info().version) >= (2, 10, 4);
        self.say(if knows_reasons { AckKind::TermWithReason(reason) } else { AckKind::Term }).await
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
        self.say(AckKind::InProgress).await
    }

    async fn say(&self, kind: AckKind<'_>) -> Result<(), AckError> {
        let reply = self.message.reply().ok_or(AckError::NoReply)?;
        let said = match kind.as_static() {
            Some(body) => self.client.publish(reply, body).await,
            None => self.client.publish(reply, body(kind)).await,
        };
        said.map_err(AckError::Publish)
    }

    async fn say_confirmed(&self, kind: AckKind<'_>) -> Result<(), AckError> {
        let reply = self.message.reply().ok_or(AckError::NoReply)?;
        match self.client.request(reply, body(kind)).await {
            Ok(_) => Ok(()),
            Err(RequestError::NoResponders) => Err(AckError::NoResponders),
            Err(error) => Err(AckError::Request(error)),
        }
    }
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

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoReply => "the message has no reply subject",
            Self::Publish(_) => "the acknowledgement was not sent",
            Self::NoResponders => "no responders: the consumer is gone",
            Self::Request(_) => "the acknowledgement was not confirmed",
        })
    }
}

impl std::error::Error for AckError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoReply | Self::NoResponders => None,
            Self::Publish(error) => Some(error),
            Self::Request(error) => Some(error),
        }
    }
}
