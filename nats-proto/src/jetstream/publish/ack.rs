//! The answer to a message that was published.

#[cfg(test)]
mod tests;

use crate::ascii::parse_decimal;
use crate::jetstream::error::ApiError;
use crate::jetstream::response::Fields;
use crate::jetstream::response::Path;
use crate::jetstream::response::Reader;
use crate::jetstream::response::ResponseError;
use crate::jetstream::response::Value;
use crate::jetstream::response::keep;
use crate::jetstream::response::text;
use crate::storage::Buffer;

/// The server's word that a message is in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PublishAck<'a> {
    /// The stream; empty if there was no room for its name.
    pub stream: &'a str,
    /// The message's sequence number in the stream; that of the first one, if it is a duplicate.
    pub sequence: u64,
    /// Whether a message with the same id was there already, and this one was not stored.
    pub is_duplicate: bool,
    /// The server's domain; empty for the default one, and if there was no room for it.
    pub domain: &'a str,
}

impl PublishAck<'static> {
    /// Of a message of that sequence number, with nothing said of the stream.
    #[must_use]
    pub const fn new(sequence: u64, is_duplicate: bool) -> Self {
        Self { stream: "", sequence, is_duplicate, domain: "" }
    }
}

/// What a stream says to a message.
///
/// Exhaustive on purpose: a response is an acknowledgement or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PublishResponse<'a> {
    /// It is stored.
    Stored(PublishAck<'a>),
    /// It is refused.
    Rejected(ApiError<'a>),
}

impl<'a> PublishResponse<'a> {
    /// Reads a payload. What `scanner` has read before is gone; it is not needed where the payload is
    /// as servers commonly write it.
    ///
    /// ```
    /// use nats_proto::jetstream::{ErrorClass, PublishResponse, PublishScanner};
    /// use nats_proto::wire::ArrayBuf;
    ///
    /// let mut scanner = PublishScanner::<ArrayBuf<64>>::default();
    /// let payload = br#"{"stream":"ORDERS","seq":7,"duplicate": true}"#;
    /// let PublishResponse::Stored(ack) = PublishResponse::read(payload, &mut scanner)? else {
    ///     unreachable!()
    /// };
    /// assert_eq!((ack.stream, ack.sequence, ack.is_duplicate), ("ORDERS", 7, true));
    ///
    /// let payload = br#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},
    ///     "stream":"ORDERS","seq":0}"#;
    /// let PublishResponse::Rejected(error) = PublishResponse::read(payload, &mut scanner)? else {
    ///     unreachable!()
    /// };
    /// assert_eq!((error.class(), error.last_sequence()), (ErrorClass::Expectation, Some(3)));
    /// # Ok::<(), nats_proto::jetstream::ResponseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResponseError`] if it is neither an acknowledgement nor an error: another subscriber has
    /// answered, and what became of the message is not known.
    pub fn read<T: Buffer, N: Buffer>(
        payload: &'a [u8],
        scanner: &'a mut PublishScanner<T, N>,
    ) -> Result<Self, ResponseError> {
        // On small processors, little code is worth more.
        if cfg!(target_pointer_width = "64")
            && let Some(ack) = canonical(payload)
        {
            return Ok(Self::Stored(ack));
        }
        scanner.reset();
        scanner.push(payload);
        scanner.finish()
    }
}

/// Reads what a stream says to a message in pieces, in constant memory.
///
/// `T` has room for one key or value at a time: 24 bytes for keys and numbers, and as many as the
/// texts have that are to be kept. `N` keeps three of those: the stream's name, the domain, and what is
/// said about an error. With room for nothing, they are left out.
///
/// ```
/// use nats_proto::jetstream::{PublishResponse, PublishScanner};
/// use nats_proto::wire::ArrayBuf;
///
/// let mut scanner = PublishScanner::<ArrayBuf<24>, ArrayBuf<0>>::default();
/// scanner.push(br#"{"stream":"OR"#);
/// scanner.push(br#"DERS","seq":7}"#);
/// assert!(matches!(scanner.finish(), Ok(PublishResponse::Stored(ack)) if ack.sequence == 7));
/// ```
#[derive(Clone, Debug)]
pub struct PublishScanner<T, N = T> {
    reader: Reader<T, N, PublishFields<N>>,
}

#[derive(Clone, Debug, Default)]
struct PublishFields<N> {
    stream: N,
    domain: N,
    sequence: u64,
    is_duplicate: bool,
    /// Whether there was a text for the stream, kept or not.
    has_stream: bool,
}

impl<T: Buffer + Default, N: Buffer + Default> Default for PublishScanner<T, N> {
    fn default() -> Self {
        Self { reader: Reader::new(T::default(), N::default(), PublishFields::default()) }
    }
}

impl<T: Buffer, N: Buffer> PublishScanner<T, N> {
    /// Starts over with another payload.
    pub fn reset(&mut self) {
        self.reader.reset();
    }

    /// Reads the next piece of the payload.
    pub fn push(&mut self, piece: &[u8]) {
        self.reader.push(piece);
    }

    /// What the payload says, once all of it was read.
    ///
    /// # Errors
    ///
    /// [`ResponseError`] if it is neither an acknowledgement nor an error.
    pub fn finish(&self) -> Result<PublishResponse<'_>, ResponseError> {
        match self.reader.finish()? {
            Err(error) => Ok(PublishResponse::Rejected(error)),
            Ok(fields) if fields.has_stream && fields.sequence > 0 => {
                Ok(PublishResponse::Stored(PublishAck {
                    stream: text(&fields.stream),
                    sequence: fields.sequence,
                    is_duplicate: fields.is_duplicate,
                    domain: text(&fields.domain),
                }))
            }
            Ok(_) => Err(ResponseError),
        }
    }
}

impl<N: Buffer> Fields for PublishFields<N> {
    const KEYS: &'static [&'static str] = &["stream", "seq", "duplicate", "domain"];

    fn clear(&mut self) {
        self.stream.truncate(0);
        self.domain.truncate(0);
        self.sequence = 0;
        self.is_duplicate = false;
        self.has_stream = false;
    }

    fn value(&mut self, path: Path, value: Value<'_>) {
        if path.depth() != 1 {
            return;
        }
        match (path.names::<Self>()[0], value) {
            ("stream", Value::Text(text, is_whole)) => {
                keep(&mut self.stream, text, is_whole);
                self.has_stream = true;
            }
            ("domain", Value::Text(text, is_whole)) => keep(&mut self.domain, text, is_whole),
            ("seq", Value::Number(number)) => self.sequence = number.unwrap_or_default(),
            ("duplicate", Value::Bool(value)) => self.is_duplicate = value,
            _ => {}
        }
    }
}

/// An acknowledgement as nats-server writes it, in a tenth of the time. `None` is no judgement.
fn canonical(payload: &[u8]) -> Option<PublishAck<'_>> {
    let (stream, rest) = quoted(payload.strip_prefix(b"{\"stream\":")?)?;
    let rest = rest.strip_prefix(b",")?;
    let (domain, rest) = match rest.strip_prefix(b"\"domain\":") {
        Some(rest) => {
            let (domain, rest) = quoted(rest)?;
            (domain, rest.strip_prefix(b",")?)
        }
        None => ("", rest),
    };
    // Servers before 2.12 put a blank there.
    let rest = rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b"\"seq\":")?;
    let (sequence, rest) = number(rest)?;
    let is_duplicate = match rest {
        b"}" => false,
        b",\"duplicate\": true}" => true,
        _ => return None,
    };
    (sequence > 0).then_some(PublishAck { stream, sequence, is_duplicate, domain })
}

/// A number, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut rest) = (0_u64, text);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = behind;
    }
    match text.len() - rest.len() {
        0 => None,
        // 64 bits can hold them.
        1..=19 => Some((value, rest)),
        len => Some((parse_decimal(text.get(..len)?)?, rest)),
    }
}

/// A string without escapes, and what follows it.
fn quoted(text: &[u8]) -> Option<(&str, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let end = text.iter().position(|byte| matches!(byte, 0..b' ' | b'"' | b'\\'))?;
    let (quoted, rest) = text.split_at_checked(end)?;
    Some((core::str::from_utf8(quoted).ok()?, rest.strip_prefix(b"\"")?))
}
