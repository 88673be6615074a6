//! The outcome of a message that was published.

use core::fmt;

use crate::jetstream::error::ApiError;
use crate::jetstream::error::ErrorCode;
use crate::jetstream::publish::ack::PublishResponse;
use crate::jetstream::publish::ack::PublishScanner;
use crate::message::Message;
use crate::status::StatusCode;
use crate::storage::Buffer;

/// The outcome of a message. Each has exactly one.
///
/// Exhaustive on purpose: a program has to distinguish these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The message is in the stream.
    Stored {
        /// Its sequence number.
        sequence: u64,
        /// Whether it was there already, by its id: sent by an earlier attempt, or by another publisher.
        is_duplicate: bool,
    },
    /// The message is not in the stream, and will not be.
    NotStored(NotStored),
    /// The message never left, and will not.
    NotSent(NotSent),
    /// It is not known whether the message is in the stream, or still will be.
    MayBeStored(MayBeStored),
}

/// Why a message is not in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NotStored {
    /// No stream has the subject, or the stream has no leader.
    NoResponders,
    /// The server has too much to do.
    TooBusy,
    /// The user may not publish to the subject.
    NotPermitted,
    /// The stream, or the servers, cannot at present.
    Unavailable(ErrorCode),
    /// The stream refuses the message.
    Rejected(ErrorCode),
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NotSent {
    /// Its deadline passed before there was a connection, or room.
    TimedOut,
    /// The client was closed.
    Closed,
    /// It is longer than the server takes that the client is connected to now (`max_payload`).
    TooLarge,
    /// The user may not subscribe to the inbox, so that no acknowledgement can come.
    InboxNotPermitted,
}

/// Why it is not known what became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MayBeStored {
    /// There was no answer in time.
    TimedOut,
    /// The connection was lost before there was an answer.
    Disconnected,
    /// The client was closed before there was an answer.
    Closed,
    /// A message with the same id was being stored.
    InProcess,
    /// There was an answer, and not that of a stream.
    NotAnAck,
    /// The last attempt was refused with this error, and what became of an earlier one is not known. An
    /// [expectation](crate::jetstream::ErrorClass::Expectation) may have failed because the earlier one
    /// was stored.
    Rejected(ErrorCode),
    /// The last attempt was not permitted, and the outcome of an earlier one is not known.
    NotPermitted,
    /// The user may not subscribe to the inbox, so that no acknowledgement can come.
    InboxNotPermitted,
    /// The last attempt had no responders, and the outcome of an earlier one is not known.
    NoResponders,
    /// The time in which the stream knows an id again is over.
    WindowOver,
}

impl Outcome {
    /// Whether the message is in the stream.
    #[must_use]
    pub const fn is_stored(self) -> bool {
        matches!(self, Self::Stored { .. })
    }

    /// Whether the message is in the stream, or may be: sending it again may store it twice, unless it
    /// has an id.
    #[must_use]
    pub const fn may_be_stored(self) -> bool {
        matches!(self, Self::Stored { .. } | Self::MayBeStored(_))
    }
}

/// A message whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Settled<T> {
    /// Its number among all messages of the window, from 1.
    pub number: u64,
    /// What was handed in.
    pub data: T,
    /// What became of it.
    pub outcome: Outcome,
}

/// What came to a message's reply subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PublishReply<'a> {
    /// A stream's answer.
    Response(PublishResponse<'a>),
    /// 503: no responders.
    NoResponders,
    /// 429: the server has too much to do.
    TooManyRequests,
    /// None of these.
    NotAnAck,
}

impl<'a> PublishReply<'a> {
    /// Reads a reply. What `scanner` has read before is gone.
    pub fn read<B: AsRef<[u8]>, T: Buffer, N: Buffer>(
        message: &'a Message<B>,
        scanner: &'a mut PublishScanner<T, N>,
    ) -> Self {
        let code = message.status().map(|status| status.code());
        if code == Some(StatusCode::NO_RESPONDERS) && message.payload().is_empty() {
            return Self::NoResponders;
        }
        match PublishResponse::read(message.payload(), scanner) {
            Ok(response) => Self::Response(response),
            Err(_) if code == Some(StatusCode::TOO_MANY_REQUESTS) => Self::TooManyRequests,
            Err(_) => Self::NotAnAck,
        }
    }

    /// The stream's error, if it is one.
    #[must_use]
    pub const fn error(self) -> Option<ApiError<'a>> {
        match self {
            Self::Response(PublishResponse::Rejected(error)) => Some(error),
            _ => None,
        }
    }
}

const INBOX_NOT_PERMITTED: &str = "the subscription to the inbox is not permitted";

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored { sequence, is_duplicate: false } => write!(f, "stored as {sequence}"),
            Self::Stored { sequence, .. } => write!(f, "stored before, as {sequence}"),
            Self::NotStored(reason) => write!(f, "not stored: {reason}"),
            Self::NotSent(reason) => write!(f, "not sent: {reason}"),
            Self::MayBeStored(reason) => write!(f, "may be stored: {reason}"),
        }
    }
}

impl fmt::Display for NotStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoResponders => f.write_str("no responders"),
            Self::TooBusy => f.write_str("too many requests"),
            Self::NotPermitted => f.write_str("not permitted"),
            Self::Unavailable(code) => write!(f, "JetStream is unavailable ({code})"),
            Self::Rejected(code) => write!(f, "the stream rejected the message ({code})"),
        }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "timed out",
            Self::Closed => "the client was closed",
            Self::TooLarge => "longer than the server takes",
            Self::InboxNotPermitted => INBOX_NOT_PERMITTED,
        })
    }
}

impl fmt::Display for MayBeStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "no acknowledgement in time",
            Self::Disconnected => "disconnected before the acknowledgement",
            Self::Closed => "closed before the acknowledgement",
            Self::InProcess => "a message with the same id is in process",
            Self::NotAnAck => "the reply is not an acknowledgement",
            Self::Rejected(code) => {
                return write!(
                    f,
                    "an earlier attempt may have been, the last was refused ({code})"
                );
            }
            Self::NotPermitted => "an earlier attempt may have been, the last was not permitted",
            Self::InboxNotPermitted => INBOX_NOT_PERMITTED,
            Self::NoResponders => "an earlier attempt may have been, the last had no responders",
            Self::WindowOver => "the stream's duplicate window has passed",
        })
    }
}
