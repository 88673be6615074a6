//! Publishing to a stream: one message at a time, until it is known what became of it.

use core::fmt;
use core::pin::Pin;
use core::task::Context as Task;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::Store;
use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::jetstream::MessageId;
use nats_proto::jetstream::NotSent;
use nats_proto::jetstream::Outcome;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishScanner;
use nats_proto::jetstream::SinglePublish;
use nats_proto::jetstream::WindowMessage;
use nats_proto::jetstream::header;
use nats_proto::session::Gate;
use nats_proto::wire::ArrayBuf;
use nats_proto::wire::Buffer;
use nats_proto::wire::Publish;

use super::context::Context;
use super::publish_error::InvalidMessage;
use super::publish_error::PublishError;
use crate::error::RequestError;
use crate::state::State;
use crate::state::attempt::Answer;
use crate::state::attempt::Attempt;
use crate::state::attempt::Attempts;
use crate::state::delivery::Delivery;
use crate::state::shared::Publisher;
use crate::state::shared::look_again;
use crate::state::sizes::Sizes;
use crate::time::Timeout;
use crate::time::now;
use crate::time::wake_at;

/// How often a message is sent again by default after 503 or 429 (ADR-22: two retries, 250 ms apart).
const RETRIES: u8 = 2;
/// How long a header block with an id may be.
const BLOCK: usize = 256;

/// A stream's word that it has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PublishAck {
    /// The message's sequence number in the stream; that of the first one, if it is a duplicate.
    pub sequence: u64,
    /// Whether a message with the same id was there already, sent by an earlier attempt or by another
    /// publisher, and this one was not stored.
    pub is_duplicate: bool,
}

/// A message on its way to a stream. Await it.
///
/// Made by [`Context::publish`] and [`Context::publish_message`].
#[must_use = "nothing is published until it is awaited"]
pub struct Publishing<'a, 'd, R: Sizes<'d>> {
    publisher: Publisher<'d, R>,
    message: Result<Publish<'a>, SubjectError>,
    id: Option<MessageId<'a>>,
    timeout: Timeout,
    retries: u8,
    machine: SinglePublish,
    /// The place among the requests, of the last attempt.
    place: Option<RequestId>,
    /// The last attempt, if its outcome is awaited.
    attempt: Option<RequestId>,
}

impl<'d, R: Sizes<'d>> Context<'d, R> {
    /// Publishes a message to a stream, and waits for its acknowledgement.
    ///
    /// With a [message id](Publishing::message_id), it is sent again after a lost connection, or without
    /// an acknowledgement. Waits for room and for a connection, whatever
    /// [`Config::offline`](crate::Config::offline) says. It takes one of the `REQS` of
    /// [`Resources`](crate::Resources), and no slot; a [`Link`](crate::Link) has one at a time.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory, jetstream::PublishError};
    /// use nats_embassy::jetstream::MessageId;
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), PublishError> {
    /// # let number = 7;
    /// let jetstream = client.jetstream();
    /// let id = MessageId::numbered("sensor-7.", number);
    /// let ack = jetstream.publish("lab.temperature", b"21.5").message_id(id).await?;
    /// let sequence = ack.sequence;
    /// # let _ = sequence;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`], which says whether the message may be in the stream all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the message up. It may have been sent, and be stored.
    pub fn publish<'a, S>(
        &self,
        subject: S,
        payload: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Publishing<'a, 'd, R>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        let subject = subject.try_into().map_err(Into::into);
        self.publishing(subject.map(|subject| Publish::new(subject, payload.as_ref())))
    }

    /// Publishes a message with headers to a stream. Its reply subject does not count.
    ///
    /// What it asks of the stream is in the headers: [`PublishHeaders`](super::PublishHeaders) writes
    /// them. An id may be there, too, in place of [`Publishing::message_id`].
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory};
    /// use nats_embassy::jetstream::PublishHeaders;
    /// use nats_embassy::{HeaderBuf, Publish, Subject};
    ///
    /// # async fn device<'d, R: Memory<'d>>(
    /// #     client: Client<'d, R>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// let mut headers = HeaderBuf::<96>::new();
    /// PublishHeaders::NONE.message_id("o-1").expected_last_subject_sequence(0).write(&mut headers)?;
    /// let subject = Subject::from_static("lab.state");
    /// let message = Publish { headers: headers.as_headers(), ..Publish::new(subject, b"warm") };
    /// client.jetstream().publish_message(&message).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// Like that of [`publish`](Self::publish).
    pub const fn publish_message<'a>(&self, message: &Publish<'a>) -> Publishing<'a, 'd, R> {
        self.publishing(Ok(*message))
    }

    const fn publishing<'a>(
        &self,
        message: Result<Publish<'a>, SubjectError>,
    ) -> Publishing<'a, 'd, R> {
        Publishing {
            publisher: Publisher::new(self.client.shared),
            message,
            id: None,
            timeout: self.timeout,
            retries: RETRIES,
            machine: SinglePublish::new(self.window),
            place: None,
            attempt: None,
        }
    }
}

impl<'a, 'd, R: Sizes<'d>> Publishing<'a, 'd, R> {
    /// The stream does not store the message if it has one with this id, of the last two minutes or
    /// whatever its `duplicate_window` is. So it is safe to send it again.
    ///
    /// It counts instead of one in the message's headers. All headers together have up to 256 bytes.
    pub fn message_id(mut self, id: impl Into<MessageId<'a>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// How long it may take in all. Default: what the [context](Context::timeout) says.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// How often to send the message again after the server has refused it for now: no responders, no
    /// leader, or too much to do. Default 2, 250 ms apart (ADR-22); further pauses are up to a second
    /// long. 255 is as often as the time allows: an election takes five seconds.
    pub const fn retries(mut self, retries: u8) -> Self {
        self.retries = retries;
        self
    }

    /// Goes as far as it can.
    fn advance(&mut self, state: &mut State<'d, R>, now: Instant) -> Progress {
        match self.try_advance(state, now) {
            Ok(progress) => progress,
            Err(error) => Progress::Over(Err(error)),
        }
    }

    fn try_advance(
        &mut self,
        state: &mut State<'d, R>,
        now: Instant,
    ) -> Result<Progress, PublishError> {
        let message = self.message.map_err(InvalidMessage::Subject)?;
        if self.place.is_none() {
            self.start(state, &message, now)?;
        }
        let outcome = self.handle_outcome(state, now);
        if let Some(outcome) = outcome.or_else(|| self.machine.handle_timeout(now)) {
            return Ok(Progress::Over(result_of(outcome)));
        }
        if !self.machine.is_due(now) {
            return Ok(Progress::Waits);
        }
        match state.session.publish_gate() {
            Gate::Closed => Ok(Progress::Over(self.close())),
            Gate::Offline => Ok(Progress::NeedsRoom),
            Gate::Open(_) => self.transmit(state, &message, now),
        }
    }

    /// Takes what it needs, and says how long it may take.
    fn start(
        &mut self,
        state: &mut State<'d, R>,
        message: &Publish<'_>,
        now: Instant,
    ) -> Result<(), PublishError> {
        if let Some(id) = self.id {
            id.check().map_err(InvalidMessage::MessageId)?;
        }
        self.open_place(state, message.subject)?;
        let has_id = self.id.is_some() || has_id(message);
        let terms = WindowMessage::new((), 0, self.timeout.after(now)).retries(self.retries);
        self.machine.start(if has_id { terms.with_id() } else { terms });
        Ok(())
    }

    /// A place for another attempt: what comes for an earlier one is not taken for it.
    fn open_place(
        &mut self,
        state: &mut State<'d, R>,
        subject: Subject<'_>,
    ) -> Result<RequestId, PublishError> {
        state.open_inbox().map_err(|error| match error {
            RequestError::Subscribe(error) => PublishError::Subscribe(error),
            _ => PublishError::NotSent(NotSent::Closed),
        })?;
        if let Some(place) = self.place.take() {
            state.delivery.close_attempt(place);
        }
        let attempt = Attempt::Pending(read::<<R::Store as Store>::Text>);
        let place = state.delivery.open_attempt(subject, attempt).ok_or(PublishError::TooMany)?;
        self.place = Some(place);
        Ok(place)
    }

    /// What became of the last attempt; the outcome, if that settles it.
    fn handle_outcome(&mut self, state: &mut State<'d, R>, now: Instant) -> Option<Outcome> {
        let place = self.place?;
        let outcome = state.delivery.outcome(place)?;
        let attempt = self.attempt.take();
        let reply = match outcome {
            nats_proto::Outcome::Closed | nats_proto::Outcome::Draining => {
                return self.machine.close();
            }
            nats_proto::Outcome::NoInbox => return self.machine.handle_inbox_not_permitted(),
            nats_proto::Outcome::NotPermitted => return self.machine.handle_not_permitted(),
            nats_proto::Outcome::Answered => match state.delivery.attempt_mut(place) {
                Some(Attempt::Answered(answer)) => PublishReply::from(*answer),
                _ => PublishReply::NotAnAck,
            },
            nats_proto::Outcome::Disconnected => {
                attempt?;
                let was_cut = matches!(state.delivery.attempt_mut(place), Some(Attempt::Cut));
                let position = if was_cut { 0 } else { u64::MAX };
                return self.machine.handle_disconnected(position, now);
            }
            _ => PublishReply::NotAnAck,
        };
        self.machine.handle_reply(attempt?, reply, now)
    }

    /// Publishes the message, if there is room.
    fn transmit(
        &mut self,
        state: &mut State<'d, R>,
        message: &Publish<'_>,
        now: Instant,
    ) -> Result<Progress, PublishError> {
        let mut block = ArrayBuf::<BLOCK>::new();
        let headers = match self.id {
            Some(id) => id.write_before(message.headers, &mut block),
            None => Ok(message.headers),
        };
        let headers = headers.map_err(InvalidMessage::MessageId)?;
        let place = match self.place.filter(|place| state.delivery.is_unsent(*place)) {
            Some(place) => place,
            None => match self.open_place(state, message.subject) {
                Ok(place) => place,
                Err(error) => return Ok(Progress::Over(self.give_up(error))),
            },
        };
        let mut text = <R::Store as Store>::Text::default();
        let published = match state.inbox.reply(place, &mut text) {
            Ok(reply) => state
                .publish(&Publish { headers, reply: Some(reply), ..*message }, self.publisher.turn),
            Err(_) => Err(crate::error::PublishError::TooLong { max: 0 }),
        };
        match state.wait_in_turn(published, &mut self.publisher.turn) {
            None => Ok(Progress::NeedsRoom),
            Some(Ok(())) => {
                let end = state.written_at();
                state.delivery.on_sent(place);
                if let Some(attempt) = state.delivery.attempt_mut(place) {
                    *attempt = Attempt::Sent(read::<<R::Store as Store>::Text>, end);
                }
                self.machine.handle_connected();
                self.attempt = self.machine.poll_transmit(1, now);
                Ok(Progress::Waits)
            }
            Some(Err(crate::error::PublishError::Closed)) => Ok(Progress::Over(self.close())),
            Some(Err(error)) => {
                let error = InvalidMessage::Publish(error).into();
                Ok(Progress::Over(self.give_up(error)))
            }
        }
    }

    fn close(&mut self) -> Result<PublishAck, PublishError> {
        let outcome = self.machine.close();
        outcome.map_or(Err(PublishError::NotSent(NotSent::Closed)), result_of)
    }

    /// It cannot be sent, or not again: because of this, unless it may have been stored before.
    fn give_up(&mut self, error: PublishError) -> Result<PublishAck, PublishError> {
        match self.machine.cancel() {
            Some(outcome @ Outcome::MayBeStored(_)) => result_of(outcome),
            _ => Err(error),
        }
    }
}

/// What a message waits for.
enum Progress {
    Over(Result<PublishAck, PublishError>),
    /// For a reply, or for the time of the next attempt.
    Waits,
    /// For room, or a connection.
    NeedsRoom,
}

impl<'d, R: Sizes<'d>> Future for Publishing<'_, 'd, R> {
    type Output = Result<PublishAck, PublishError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let shared = this.publisher.shared;
        let now = now();
        let (progress, looks_again) = shared.lock(|state| {
            let progress = this.advance(state, now);
            if let Some(place) = this.place {
                state.delivery.register_attempt(place, cx.waker());
            }
            let needs_room = matches!(progress, Progress::NeedsRoom);
            (progress, needs_room && !state.waiters.register(cx.waker()))
        });
        if let Progress::Over(result) = progress {
            return Poll::Ready(result);
        }
        if let Some(deadline) = this.machine.poll_timeout(now) {
            wake_at(deadline, cx);
        }
        if looks_again {
            look_again(cx);
        }
        Poll::Pending
    }
}

impl<'d, R: Sizes<'d>> Drop for Publishing<'_, 'd, R> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.publisher.shared.lock(|state| state.delivery.close_attempt(place));
        }
    }
}

impl<'d, R: Sizes<'d>> fmt::Debug for Publishing<'_, 'd, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").field("message", &self.message).finish_non_exhaustive()
    }
}

const fn result_of(outcome: Outcome) -> Result<PublishAck, PublishError> {
    Err(match outcome {
        Outcome::Stored { sequence, is_duplicate } => {
            return Ok(PublishAck { sequence, is_duplicate });
        }
        Outcome::NotStored(reason) => PublishError::NotStored(reason),
        Outcome::NotSent(reason) => PublishError::NotSent(reason),
        Outcome::MayBeStored(reason) => PublishError::MayBeStored(reason),
    })
}

/// Whether its headers have an id, as a stream sees it.
fn has_id(message: &Publish<'_>) -> bool {
    message.headers.get_bytes(header::MESSAGE_ID).is_some_and(|id| !id.is_empty())
}

fn read<T: Buffer + Default>(message: &nats_proto::Message<&[u8]>) -> Answer {
    let mut scanner = PublishScanner::<T, ArrayBuf<0>>::default();
    PublishReply::read(message, &mut scanner).into()
}
