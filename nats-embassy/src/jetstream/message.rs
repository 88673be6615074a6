//! A message of a consumer, and its acknowledgement.

use core::fmt;
use core::future::poll_fn;
use core::ops::Deref;
use core::time::Duration;

use nats_proto::Subject;
use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::DeliveryInfo;
use nats_proto::wire::ArrayBuf;
use nats_proto::wire::Publish;

use super::confirm::confirm;
use super::context::Context;
use crate::client::subscriber;
use crate::client::subscriber::reply_subject;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::memory::Memory;
use crate::state::shared::Publisher;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::Timeout;

/// How long the body of an acknowledgement may be.
const BODY: usize = 64;

/// A message of a [`Consumer`](super::Consumer). It keeps its slot until it is dropped.
///
/// Unless it is acknowledged, it is delivered again. An acknowledgement is sent on whatever connection
/// there is, waits for one as publishing does ([`Config::offline`](crate::Config::offline)), and is lost
/// with its connection if that breaks before it is written: then the message is delivered again, too.
pub struct Message<'d, R: Memory<'d>> {
    shared: &'d Shared<'d, R>,
    message: subscriber::Message<'d, R>,
}

impl<'d, R: Memory<'d>> Message<'d, R> {
    pub(super) const fn new(
        shared: &'d Shared<'d, R>,
        message: subscriber::Message<'d, R>,
    ) -> Self {
        Self { shared, message }
    }

    /// What the server says of its delivery: how often it was delivered, its sequence number and its time.
    #[must_use]
    pub fn info(&self) -> Option<DeliveryInfo<'_>> {
        DeliveryInfo::parse(self.message.reply_bytes()?)
    }

    /// It is done with, and not delivered again.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future sends nothing.
    pub fn ack(&self) -> impl Future<Output = Result<(), PublishError>> {
        self.answer(AckKind::Ack)
    }

    /// Acknowledges it in any way.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing is sent then. A [reason](AckKind::TermWithReason) that is longer than 58
    /// bytes is [too long](PublishError::TooLong).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future sends nothing.
    pub fn ack_with(&self, kind: AckKind<'_>) -> impl Future<Output = Result<(), PublishError>> {
        self.answer(kind)
    }

    /// It is not done with, and is delivered again at once.
    ///
    /// # Errors
    ///
    /// Like [`ack`](Self::ack).
    ///
    /// # Cancel safety
    ///
    /// Like that of [`ack`](Self::ack).
    pub fn nak(&self) -> impl Future<Output = Result<(), PublishError>> {
        self.answer(AckKind::Nak)
    }

    /// It is not done with, and is delivered again after `delay`.
    ///
    /// # Errors
    ///
    /// Like [`ack`](Self::ack).
    ///
    /// # Cancel safety
    ///
    /// Like that of [`ack`](Self::ack).
    pub fn nak_with_delay(
        &self,
        delay: Duration,
    ) -> impl Future<Output = Result<(), PublishError>> {
        self.answer(AckKind::NakWithDelay(delay))
    }

    /// It is still being worked on: the time to acknowledge it, `ack_wait`, starts anew.
    ///
    /// # Errors
    ///
    /// Like [`ack`](Self::ack).
    ///
    /// # Cancel safety
    ///
    /// Like that of [`ack`](Self::ack).
    pub fn in_progress(&self) -> impl Future<Output = Result<(), PublishError>> {
        self.answer(AckKind::InProgress)
    }

    /// It is given up, and not delivered again.
    ///
    /// # Errors
    ///
    /// Like [`ack`](Self::ack).
    ///
    /// # Cancel safety
    ///
    /// Like that of [`ack`](Self::ack).
    pub fn term(&self) -> impl Future<Output = Result<(), PublishError>> {
        self.answer(AckKind::Term)
    }

    /// Like [`ack`](Self::ack), and waits until the server has confirmed it, no longer than `timeout`. It
    /// takes one of the `REQS` of [`Resources`](crate::Resources), and no slot.
    ///
    /// A confirmation says that the consumer has read the acknowledgement, not that it came in time.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; [`NoResponders`](RequestError::NoResponders) if there is no such consumer any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the confirmation up. The acknowledgement may have been sent.
    pub async fn ack_confirmed(&self, timeout: impl Into<Timeout>) -> Result<(), RequestError> {
        let reply = reply_subject(&self.message)?;
        confirm(self.shared, reply, AckKind::Ack, timeout.into().deadline()).await
    }

    fn answer(&self, kind: AckKind<'_>) -> impl Future<Output = Result<(), PublishError>> {
        let mut publisher = Publisher::new(self.shared);
        let mut body = ArrayBuf::<BODY>::new();
        let fits = kind.encode(&mut body);
        poll_fn(move |cx| {
            publisher.poll(cx, |state, turn| {
                fits.map_err(|_| PublishError::TooLong { max: BODY })?;
                state.publish_unless_kept(&Publish::new(reply_subject(&self.message)?, &body), turn)
            })
        })
    }
}

impl<'d, R: Sizes<'d>> Context<'d, R> {
    /// Acknowledges a message of a consumer without waiting: one that a [`Link`](crate::Link) borrows, for
    /// instance.
    ///
    /// # Errors
    ///
    /// [`PublishError`], also if there is no room or no connection now, or others wait for room.
    /// Nothing is sent then.
    pub fn try_ack<B: AsRef<[u8]>>(
        &self,
        message: &nats_proto::Message<B>,
        kind: AckKind<'_>,
    ) -> Result<(), PublishError> {
        let mut body = ArrayBuf::<BODY>::new();
        kind.encode(&mut body).map_err(|_| PublishError::TooLong { max: BODY })?;
        let reply: Subject<'_> = reply_subject(message)?;
        let message = Publish::new(reply, &body);
        self.client.shared.lock(|state| state.publish_unless_kept(&message, None))
    }
}

impl<'d, R: Memory<'d>> Deref for Message<'d, R> {
    type Target = subscriber::Message<'d, R>;

    fn deref(&self) -> &Self::Target {
        &self.message
    }
}

impl<'d, R: Memory<'d>> fmt::Debug for Message<'d, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}
