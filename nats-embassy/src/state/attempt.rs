//! Attempts to publish to a stream. Each is a request whose reply is read where it was received, so that it
//! takes no slot.

use core::task::Waker;

use nats_proto::Message;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::jetstream::ApiError;
use nats_proto::jetstream::ErrorCode;
use nats_proto::jetstream::PublishAck;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishResponse;

use crate::state::slot_owner::SlotOwner;

/// What is known of an attempt besides its outcome.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug)]
pub enum Attempt {
    /// It waits for its reply. A function, so that nothing of this is linked where nothing is published
    /// to a stream.
    Pending(fn(&Message<&[u8]>) -> Answer),
    /// The same, as the bytes up to this one of all that are written.
    Sent(fn(&Message<&[u8]>) -> Answer, u64),
    /// It never left: the connection was lost before.
    Cut,
    Answered(Answer),
}

impl Attempt {
    /// Reads the reply, if it waits for one.
    pub(crate) fn handle_reply(&mut self, message: &Message<&[u8]>) {
        if let Self::Pending(read) | Self::Sent(read, _) = *self {
            *self = Self::Answered(read(message));
        }
    }

    /// The connection is lost, after so many bytes.
    pub(crate) const fn handle_disconnected(&mut self, written: u64) {
        if let Self::Sent(_, end) = *self
            && end > written
        {
            *self = Self::Cut;
        }
    }
}

/// A reply without its texts.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Stored { sequence: u64, is_duplicate: bool },
    Rejected { status: u16, code: ErrorCode },
    NoResponders,
    TooManyRequests,
    NotAnAck,
}

impl From<PublishReply<'_>> for Answer {
    fn from(reply: PublishReply<'_>) -> Self {
        match reply {
            PublishReply::Response(PublishResponse::Stored(ack)) => {
                Self::Stored { sequence: ack.sequence, is_duplicate: ack.is_duplicate }
            }
            PublishReply::Response(PublishResponse::Rejected(error)) => {
                Self::Rejected { status: error.status, code: error.code }
            }
            PublishReply::NoResponders => Self::NoResponders,
            PublishReply::TooManyRequests => Self::TooManyRequests,
            _ => Self::NotAnAck,
        }
    }
}

impl From<Answer> for PublishReply<'static> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Stored { sequence, is_duplicate } => {
                Self::Response(PublishResponse::Stored(PublishAck::new(sequence, is_duplicate)))
            }
            Answer::Rejected { status, code } => {
                Self::Response(PublishResponse::Rejected(ApiError::new(status, code, "")))
            }
            Answer::NoResponders => Self::NoResponders,
            Answer::TooManyRequests => Self::TooManyRequests,
            Answer::NotAnAck => Self::NotAnAck,
        }
    }
}

/// What a [`Delivery`](crate::state::delivery::Delivery) has for JetStream: attempts, which are requests, and
/// the inboxes of consumers.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub trait Attempts {
    /// Begins an attempt; `None` if there are too many requests.
    fn open_attempt(&mut self, subject: Subject<'_>, attempt: Attempt) -> Option<RequestId>;

    /// What is known of an attempt.
    fn attempt_mut(&mut self, id: RequestId) -> Option<&mut Attempt>;

    /// The task waits for the attempt's outcome.
    fn register_attempt(&mut self, id: RequestId, waker: &Waker);

    /// Nobody waits for it any more.
    fn close_attempt(&mut self, id: RequestId);

    /// A consumer subscribes to another inbox; the one before is its former one.
    fn begin_inbox(&mut self, owner: SlotOwner, sid: Sid);

    /// A consumer's pull is open, of that number.
    fn begin_pull(&mut self, owner: SlotOwner, number: u32);

    /// The inbox of a consumer, and its former one.
    fn inboxes(&self, owner: SlotOwner) -> [Sid; 2];

    /// Takes an inbox of a consumer, to be unsubscribed from.
    fn take_inbox(&mut self) -> Option<Sid>;

    /// Whether messages that are too long are terminated.
    fn terminates(&self, owner: SlotOwner) -> bool;
}
