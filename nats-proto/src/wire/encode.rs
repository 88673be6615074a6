//! Operations to bytes: messages, and the control lines of either side.

#[cfg(test)]
mod tests;

mod argument;

use core::fmt;

use self::argument::put_number;
use super::op::Unsubscribe;
use crate::ascii::Decimal;
use crate::error::Full;
use crate::headers::Headers;
use crate::message::Sid;
use crate::storage::Buffer;
use crate::storage::Sink;
use crate::storage::copy;
use crate::storage::put_all;
use crate::subject::Filter;
use crate::subject::QueueGroup;
use crate::subject::Subject;

/// PING, whole.
pub const PING: &[u8] = b"PING\r\n";
/// PONG, whole.
pub const PONG: &[u8] = b"PONG\r\n";
/// +OK, whole.
pub const OK: &[u8] = b"+OK\r\n";

const CRLF: &[u8] = b"\r\n";

/// A message to publish: PUB, or HPUB where there are headers.
///
/// ```
/// use nats_proto::wire::{Publish, SendBuf};
/// use nats_proto::{Headers, Subject};
///
/// const LIGHTS: Subject<'static> = Subject::from_static("home.lights");
///
/// let mut memory = [0; 64];
/// let mut out = SendBuf::new(&mut memory);
/// Publish::new(LIGHTS, b"on").encode(&mut out)?;
/// assert_eq!(out.as_ref(), b"PUB home.lights 2\r\non\r\n");
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Publish<'a> {
    /// Where to.
    pub subject: Subject<'a>,
    /// Where answers go.
    pub reply: Option<Subject<'a>>,
    /// The headers.
    pub headers: Headers<'a>,
    /// The payload.
    pub payload: &'a [u8],
}

/// A message to deliver, as a server does: MSG, or HMSG where there are headers.
///
/// Subjects are bytes, since a server passes on what it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deliver<'a> {
    /// What it was published to.
    pub subject: &'a [u8],
    /// Which subscription it is for.
    pub sid: Sid,
    /// Where answers go.
    pub reply: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
    /// The payload.
    pub payload: &'a [u8],
}

/// SUB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Subscribe<'a> {
    /// What to listen to.
    pub filter: Filter<'a>,
    /// The group to share the messages with.
    pub queue: Option<QueueGroup<'a>>,
    /// The number by which the connection names the subscription.
    pub sid: Sid,
}

impl<'a> Publish<'a> {
    /// A message without reply subject and headers.
    #[must_use]
    pub const fn new(subject: Subject<'a>, payload: &'a [u8]) -> Self {
        Self { subject, reply: None, headers: Headers::NONE, payload }
    }

    /// The length of everything before the headers and the payload in bytes, line end
    /// included. A server limits it (`max_control_line`).
    #[must_use]
    #[inline]
    pub fn line_len(&self) -> usize {
        self.head().len()
    }

    /// At least [`line_len`](Self::line_len), without counting digits.
    #[inline]
    pub(super) fn line_len_bound(&self) -> usize {
        // `HPUB`, two sizes, blanks and the line end.
        const MAX_REST: usize = 64;
        let reply = self.reply.map_or(0, |reply| reply.as_bytes().len());
        self.subject.as_bytes().len() + reply + MAX_REST
    }

    /// The length of headers and payload in bytes. A server limits it (`max_payload`).
    #[must_use]
    pub const fn body_len(&self) -> usize {
        self.headers.as_bytes().len() + self.payload.len()
    }

    /// The length of the whole frame in bytes.
    #[must_use]
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.line_len() + self.body_len() + CRLF.len()
    }

    /// A length that [`encoded_len`](Self::encoded_len) does not exceed: less than 64 bytes more,
    /// and faster to find, for where an estimate will do most of the time.
    #[must_use]
    #[inline]
    pub fn encoded_len_bound(&self) -> usize {
        self.line_len_bound() + self.body_len() + CRLF.len()
    }

    /// Writes the whole frame.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    #[inline]
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        self.head().put_frame(self.headers, self.payload, out)
    }

    /// Writes everything before the payload, for a vectored write of head, payload and
    /// [`Publish::TAIL`].
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode_head(&self, out: &mut impl Sink) -> Result<(), Full> {
        let head = self.head();
        out.reserve(head.len() + self.headers.as_bytes().len())?;
        head.put(out);
        out.put(self.headers.as_bytes());
        Ok(())
    }

    /// What follows the payload in a vectored write.
    pub const TAIL: &'static [u8] = CRLF;

    /// Writes the frame with a payload that `payload` makes in place, up to `max` bytes, and says
    /// how long it is. [`Publish::payload`] does not count.
    ///
    /// The length precedes the payload and is filled in afterwards, after as many
    /// blanks as `max` has digits more: nats-server takes a run of blanks for one.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Full`] if `max` bytes do not fit, [`EncodeError::Payload`] with what
    /// `payload` returned. Nothing is written then.
    ///
    /// ```
    /// use nats_proto::wire::{Publish, SendBuf};
    /// use nats_proto::Subject;
    ///
    /// let mut memory = [0; 64];
    /// let mut out = SendBuf::new(&mut memory);
    /// Publish::new(Subject::from_static("t"), &[]).encode_with(&mut out, 16, |space| {
    ///     space[..4].copy_from_slice(b"21.5");
    ///     Ok::<usize, ()>(4)
    /// })?;
    /// assert_eq!(out.as_ref(), b"PUB t  4\r\n21.5\r\n");
    /// # Ok::<(), nats_proto::wire::EncodeError<()>>(())
    /// ```
    pub fn encode_with<E>(
        &self,
        out: &mut impl Buffer,
        max: usize,
        payload: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), EncodeError<E>> {
        let headers = self.headers.as_bytes();
        let head = Head { total: headers.len() + max, ..self.head() };
        out.reserve(head.len() + headers.len() + max + CRLF.len())?;
        let before = out.as_ref().len();
        head.put(out);
        let line_end = out.as_ref().len();
        out.put(headers);
        let start = out.as_ref().len();
        out.extend(max)?;
        let space = out.as_mut().get_mut(start..).unwrap_or_default();
        let len = match payload(space) {
            Ok(len) => len.min(max),
            Err(error) => {
                out.truncate(before);
                return Err(EncodeError::Payload(error));
            }
        };
        out.truncate(start + len);
        out.put(CRLF);
        let field = line_end.saturating_sub(CRLF.len() + Decimal::new(head.total as u64).len());
        if let Some(field) = out.as_mut().get_mut(field..line_end - CRLF.len()) {
            let digits = Decimal::new((headers.len() + len) as u64);
            let blanks = field.len().saturating_sub(digits.len());
            let (blanks, number) = field.split_at_mut_checked(blanks).unwrap_or_default();
            blanks.fill(b' ');
            copy(digits.as_bytes(), number);
        }
        Ok(())
    }

    #[inline]
    fn head(&self) -> Head<'a> {
        let headers = self.headers.as_bytes().len();
        Head {
            name: b"PUB ",
            subject: self.subject.as_bytes(),
            sid: None,
            reply: self.reply.map(Subject::as_bytes),
            headers,
            total: self.body_len(),
        }
    }
}

impl Deliver<'_> {
    /// Writes the whole frame.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        let headers = self.headers.as_bytes().len();
        let head = Head {
            name: b"MSG ",
            subject: self.subject,
            sid: Some(self.sid),
            reply: self.reply,
            headers,
            total: headers + self.payload.len(),
        };
        head.put_frame(self.headers, self.payload, out)
    }
}

impl Subscribe<'_> {
    /// The length of the line in bytes, line end included.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let queue = self.queue.map_or(0, |queue| 1 + queue.as_bytes().len());
        let sid = Decimal::new(self.sid.0).len();
        b"SUB ".len() + self.filter.as_bytes().len() + queue + 1 + sid + CRLF.len()
    }

    /// Writes the line.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        out.reserve(self.encoded_len())?;
        out.put(b"SUB ");
        out.put(self.filter.as_bytes());
        if let Some(queue) = self.queue {
            out.put(b" ");
            out.put(queue.as_bytes());
        }
        out.put(b" ");
        out.put(Decimal::new(self.sid.0).as_bytes());
        out.put(CRLF);
        Ok(())
    }
}

impl Unsubscribe {
    /// Writes UNSUB.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        let sid = Decimal::new(self.sid.0);
        let max = self.max.map(|max| Decimal::new(max.get()));
        let (blank, max): (&[u8], _) = match &max {
            Some(max) => (b" ", max.as_bytes()),
            None => (&[], &[][..]),
        };
        put_all(&[b"UNSUB ", sid.as_bytes(), blank, max, CRLF], out)
    }
}

/// Writes -ERR, as a server does. Quotes and line ends in `text` become blanks.
///
/// # Errors
///
/// [`Full`] if it does not fit; nothing is written then.
pub fn encode_error(text: &str, out: &mut impl Sink) -> Result<(), Full> {
    out.reserve(b"-ERR ''".len() + text.len() + CRLF.len())?;
    out.put(b"-ERR '");
    for (at, line) in text.split(['\r', '\n', '\'']).enumerate() {
        out.put(if at == 0 { b"" } else { b" " });
        out.put(line.as_bytes());
    }
    out.put(b"'");
    out.put(CRLF);
    Ok(())
}

/// The control line of a message.
#[derive(Clone, Copy)]
struct Head<'a> {
    /// PUB or MSG; with headers, HPUB or HMSG.
    name: &'static [u8; 4],
    subject: &'a [u8],
    sid: Option<Sid>,
    reply: Option<&'a [u8]>,
    /// The headers' length; not stated if zero.
    headers: usize,
    total: usize,
}

// By force, since handing one over in memory takes as long as all of it does in registers.
impl Head<'_> {
    #[inline(always)]
    fn put_frame(
        &self,
        headers: Headers<'_>,
        payload: &[u8],
        out: &mut impl Sink,
    ) -> Result<(), Full> {
        out.reserve(self.len() + self.total + CRLF.len())?;
        self.put(out);
        if !headers.is_empty() {
            out.put(headers.as_bytes());
        }
        out.put(payload);
        out.put(CRLF);
        Ok(())
    }

    #[inline(always)]
    fn len(&self) -> usize {
        let argument = |text: &[u8]| text.len() + 1;
        let number = |number: u64| Decimal::len_of(number) + 1;
        let mut len = self.name.len() + argument(self.subject);
        if let Some(sid) = self.sid {
            len += number(sid.0);
        }
        if let Some(reply) = self.reply {
            len += argument(reply);
        }
        if self.headers != 0 {
            len += 1 + number(self.headers as u64);
        }
        len + Decimal::len_of(self.total as u64) + CRLF.len()
    }

    #[inline(always)]
    fn put(&self, out: &mut impl Sink) {
        if self.headers != 0 {
            out.put(b"H");
        }
        out.put(self.name);
        out.put(self.subject);
        if let Some(sid) = self.sid {
            put_number(sid.0, out);
        }
        if let Some(reply) = self.reply {
            out.put(b" ");
            out.put(reply);
        }
        if self.headers != 0 {
            put_number(self.headers as u64, out);
        }
        put_number(self.total as u64, out);
        out.put(CRLF);
    }
}

/// Why a payload was not made in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError<E> {
    /// There is no room for the longest payload.
    Full,
    /// The payload could not be made.
    Payload(E),
}

impl<E> From<Full> for EncodeError<E> {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl<E> fmt::Display for EncodeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => Full.fmt(f),
            Self::Payload(_) => f.write_str("the payload could not be made"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for EncodeError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Full => None,
            Self::Payload(error) => Some(error),
        }
    }
}
