//! The headers of a message that is published to a stream.

#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;

use crate::ascii::Decimal;
use crate::ascii::divide;
use crate::headers::HeaderBuf;
use crate::headers::HeaderError;
use crate::jetstream::name::StreamName;
use crate::storage::Buffer;
use crate::subject::Filter;
use crate::time::Millis;

/// By which a stream knows a message that it has already.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The stream that is to store the message.
pub const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
/// The sequence number of the stream's last message.
pub const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
/// The sequence number of the subject's last message.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// The subject, or filter, that this number is of, if not the message's own.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT: &str =
    "Nats-Expected-Last-Subject-Sequence-Subject";
/// The id of the stream's last message.
pub const EXPECTED_LAST_MESSAGE_ID: &str = "Nats-Expected-Last-Msg-Id";
/// How long the message is kept.
pub const TTL: &str = "Nats-TTL";
/// Whether the message replaces those before it.
pub const ROLLUP: &str = "Nats-Rollup";
/// The id of the client that a consumer's messages go to, in a message.
pub const PIN_ID: &str = "Nats-Pin-Id";
/// Which API a request needs at least.
pub const REQUIRED_API_LEVEL: &str = "Nats-Required-Api-Level";

/// What a publisher asks of the stream, in the headers of a message.
///
/// Names of headers are case-sensitive for the server. Servers before 2.11 ignore a TTL, and store
/// the message for good; they ignore the filter of an expected sequence number, and take the message's
/// own subject.
///
/// ```
/// use nats_proto::HeaderBuf;
/// use nats_proto::jetstream::PublishHeaders;
/// use nats_proto::wire::ArrayBuf;
///
/// let mut headers = HeaderBuf::<ArrayBuf<128>>::new();
/// PublishHeaders::NONE.message_id("o-1").expected_last_sequence(7).write(&mut headers)?;
/// assert_eq!(headers.as_headers().get("Nats-Msg-Id"), Some("o-1"));
/// assert_eq!(headers.as_headers().get("Nats-Expected-Last-Sequence"), Some("7"));
/// # Ok::<(), nats_proto::jetstream::PublishHeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PublishHeaders<'a> {
    message_id: Option<&'a str>,
    stream: Option<StreamName<'a>>,
    last_sequence: Option<u64>,
    last_subject_sequence: Option<u64>,
    last_subject_sequence_filter: Option<Filter<'a>>,
    last_message_id: Option<&'a str>,
    ttl: Option<Ttl>,
    rollup: Option<Rollup>,
}

/// How long a stream keeps a message (ADR-43). The stream has to allow it (`allow_msg_ttl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Ttl {
    /// As long as it takes: also the stream's `max_age` does not remove the message.
    Never,
    /// So long: at least a second. Rounded up to whole milliseconds, and 49 days or more are 49 days.
    /// A stream raises it to its `subject_delete_marker_ttl`.
    After(Duration),
}

/// The messages that a message replaces. The stream has to allow it (`allow_rollup_hdrs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Rollup {
    /// All messages of its subject.
    Subject,
    /// All messages of the stream.
    All,
}

/// Why headers were not added. Those before the one that failed may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PublishHeaderError {
    /// The id is empty, begins or ends with a blank, or contains CR or LF.
    MessageId,
    /// The same of the id expected to be the last one.
    LastMessageId,
    /// A TTL is less than a second.
    Ttl,
    /// A filter of an expected sequence number, without that number.
    FilterWithoutSequence,
    /// The storage is full.
    Full,
}

impl<'a> PublishHeaders<'a> {
    /// Asks for nothing.
    pub const NONE: PublishHeaders<'static> = PublishHeaders {
        message_id: None,
        stream: None,
        last_sequence: None,
        last_subject_sequence: None,
        last_subject_sequence_filter: None,
        last_message_id: None,
        ttl: None,
        rollup: None,
    };

    /// Store the message unless one with this id was stored within the stream's `duplicate_window`,
    /// two minutes by default: what makes it safe to send a message again.
    #[must_use]
    pub const fn message_id(self, id: &'a str) -> Self {
        Self { message_id: Some(id), ..self }
    }

    /// Store the message only in this stream.
    #[must_use]
    pub const fn expected_stream(self, stream: StreamName<'a>) -> Self {
        Self { stream: Some(stream), ..self }
    }

    /// Store the message only if the last one has this sequence number; zero for an empty stream.
    #[must_use]
    pub const fn expected_last_sequence(self, sequence: u64) -> Self {
        Self { last_sequence: Some(sequence), ..self }
    }

    /// Store the message only if the last one of its subject has this sequence number; zero if there
    /// is to be none.
    #[must_use]
    pub const fn expected_last_subject_sequence(self, sequence: u64) -> Self {
        Self { last_subject_sequence: Some(sequence), ..self }
    }

    /// The sequence number expected is that of the last message that `filter` matches.
    #[must_use]
    pub const fn last_subject_sequence_of(self, filter: Filter<'a>) -> Self {
        Self { last_subject_sequence_filter: Some(filter), ..self }
    }

    /// Store the message only if the last one has this id. Not for a stream with replicas: if it has another
    /// one, nats-server 2.15.1 stops such a stream for good.
    #[must_use]
    pub const fn expected_last_message_id(self, id: &'a str) -> Self {
        Self { last_message_id: Some(id), ..self }
    }

    /// Keep the message for so long.
    #[must_use]
    pub const fn ttl(self, ttl: Ttl) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// Remove those before it.
    #[must_use]
    pub const fn rollup(self, rollup: Rollup) -> Self {
        Self { rollup: Some(rollup), ..self }
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == PublishHeaders::NONE
    }

    /// Whether the message has an id.
    #[must_use]
    pub const fn has_message_id(&self) -> bool {
        self.message_id.is_some()
    }

    /// Whether the stream's last message, or that of a subject, has to be a certain one.
    #[must_use]
    pub const fn expects_last(&self) -> bool {
        self.last_sequence.is_some()
            || self.last_subject_sequence.is_some()
            || self.last_message_id.is_some()
    }

    /// Adds the headers, in place of those of the same names.
    ///
    /// # Errors
    ///
    /// [`PublishHeaderError`].
    pub fn write<B: Buffer>(&self, headers: &mut HeaderBuf<B>) -> Result<(), PublishHeaderError> {
        let mut insert = |name: &str, value: &[u8]| headers.insert(name, value);
        self.write_each(&mut insert)
    }

    fn write_each(&self, insert: &mut Insert<'_>) -> Result<(), PublishHeaderError> {
        if self.last_subject_sequence_filter.is_some() && self.last_subject_sequence.is_none() {
            return Err(PublishHeaderError::FilterWithoutSequence);
        }
        put_id(MESSAGE_ID, self.message_id, PublishHeaderError::MessageId, insert)?;
        let error = PublishHeaderError::LastMessageId;
        put_id(EXPECTED_LAST_MESSAGE_ID, self.last_message_id, error, insert)?;
        put_number(EXPECTED_LAST_SEQUENCE, self.last_sequence, insert)?;
        put_number(EXPECTED_LAST_SUBJECT_SEQUENCE, self.last_subject_sequence, insert)?;
        put_text(EXPECTED_STREAM, self.stream.map(StreamName::as_str), insert)?;
        let filter = self.last_subject_sequence_filter.map(Filter::as_str);
        put_text(EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT, filter, insert)?;
        put_text(ROLLUP, self.rollup.map(Rollup::value), insert)?;
        match self.ttl {
            Some(ttl) => insert(TTL, ttl.value(&mut [0; 12])?).map_err(Into::into),
            None => Ok(()),
        }
    }
}

/// Adds a header to a block.
type Insert<'f> = dyn FnMut(&str, &[u8]) -> Result<(), HeaderError> + 'f;

#[inline(never)]
fn put_id(
    name: &str,
    id: Option<&str>,
    error: PublishHeaderError,
    insert: &mut Insert<'_>,
) -> Result<(), PublishHeaderError> {
    let Some(id) = id else { return Ok(()) };
    if id.is_empty() || id.as_bytes().trim_ascii().len() < id.len() {
        return Err(error);
    }
    insert(name, id.as_bytes()).map_err(|refused| match refused {
        HeaderError::Full => PublishHeaderError::Full,
        _ => error,
    })
}

#[inline(never)]
fn put_number(
    name: &str,
    number: Option<u64>,
    insert: &mut Insert<'_>,
) -> Result<(), PublishHeaderError> {
    let Some(number) = number else { return Ok(()) };
    insert(name, Decimal::new(number).as_bytes()).map_err(Into::into)
}

#[inline(never)]
fn put_text(
    name: &str,
    text: Option<&str>,
    insert: &mut Insert<'_>,
) -> Result<(), PublishHeaderError> {
    let Some(text) = text else { return Ok(()) };
    insert(name, text.as_bytes()).map_err(Into::into)
}

impl Ttl {
    /// Whole seconds if it is that, so that more servers understand it, or milliseconds.
    fn value(self, text: &mut [u8; 12]) -> Result<&[u8], PublishHeaderError> {
        let Self::After(time) = self else { return Ok(b"never") };
        let Millis(millis) = time.into();
        if millis < 1_000 {
            return Err(PublishHeaderError::Ttl);
        }
        let (seconds, rest) = divide(millis.into(), 1_000);
        let (number, unit) = if rest == 0 { (seconds, "s") } else { (millis.into(), "ms") };
        let number = Decimal::new(number);
        let bytes = number.as_bytes().iter().chain(unit.as_bytes());
        let len = number.as_bytes().len() + unit.len();
        text.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
        Ok(text.get(..len).unwrap_or_default())
    }
}

impl Rollup {
    const fn value(self) -> &'static str {
        match self {
            Self::Subject => "sub",
            Self::All => "all",
        }
    }
}

impl From<HeaderError> for PublishHeaderError {
    /// Of numbers and checked texts, which are allowed as values.
    fn from(_: HeaderError) -> Self {
        Self::Full
    }
}

impl fmt::Display for PublishHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MessageId => "the message id is empty, or has blanks around it, CR or LF",
            Self::LastMessageId => {
                "the id of the last message is empty, or has blanks around it, CR or LF"
            }
            Self::Ttl => "the TTL is less than a second",
            Self::FilterWithoutSequence => "a subject is expected, but no sequence number",
            Self::Full => "the headers do not fit",
        })
    }
}

impl core::error::Error for PublishHeaderError {}
