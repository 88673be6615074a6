//! The arguments of control lines.
//!
//! Blanks are spaces and tabs, and any number of them separates (nats-server `server/parser.go`).
//! Everything else is part of an argument, a lone CR too: a subject is whatever bytes the server
//! let through.

use core::num::NonZeroU64;

use super::error::DecodeError;
use super::op::SubscribeArgs;
use crate::message::Layout;
use crate::message::Sid;
use crate::message::Span;
use crate::message::Unsubscription;

/// The largest size that nats-server can state: its limits are 32-bit signed numbers.
const MAX_SIZE: u64 = i32::MAX as u64;

/// Which of the four message operations a control line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageKind {
    /// MSG and HMSG name the subscription, PUB and HPUB do not.
    pub(super) has_sid: bool,
    /// HMSG and HPUB state the headers' length, too.
    pub(super) has_headers: bool,
}

/// Splits the operation's name off a control line.
#[inline]
pub(super) fn name(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|&byte| is_blank(byte)).unwrap_or(line.len());
    line.split_at_checked(end).unwrap_or((line, &[]))
}

/// What follows the name: text up to the end of the line, without the blanks around it.
pub(super) const fn text(rest: &[u8]) -> &[u8] {
    rest.trim_ascii()
}

/// `MSG <subject> <sid> [reply] <size>` and its three relatives.
///
/// `line` is the whole control line without its end, `rest` what follows its name.
#[inline]
pub(super) fn message(
    line: &[u8],
    rest: &[u8],
    kind: MessageKind,
) -> Result<(Sid, Layout), DecodeError> {
    let mut words = Words(rest);
    let (subject, end) = words.word_before_end()?;
    let subject = span(line, subject, end)?;
    let sid = if kind.has_sid { number(words.word()?)? } else { 0 };
    // Most messages have no reply, and none that has one has a number for it.
    let (reply, (headers, total)) = match sizes(words, kind.has_headers) {
        Ok(sizes) => (Span::default(), sizes),
        Err(error) => {
            let with_reply = words.word_before_end().and_then(|(reply, end)| {
                Ok((span(line, reply, end)?, sizes(words, kind.has_headers)?))
            });
            with_reply.map_err(|other| clearer(error, other))?
        }
    };
    if headers > total {
        return Err(DecodeError::HeaderSize);
    }
    let layout = Layout { subject, reply, line: 0, headers, payload: total - headers };
    Ok((Sid(sid), layout))
}

/// `SUB <subject> [queue] <sid>`.
pub(super) fn subscribe(rest: &[u8]) -> Result<SubscribeArgs<'_>, DecodeError> {
    let mut words = Words(rest);
    let subject = words.word()?;
    let (queue, sid) = match words.last_number() {
        Ok(sid) => (None, sid),
        Err(error) => {
            let queue = words.word();
            let with_queue = queue.and_then(|queue| Ok((Some(queue), words.last_number()?)));
            with_queue.map_err(|other| clearer(error, other))?
        }
    };
    Ok(SubscribeArgs { subject, queue, sid: Sid(sid) })
}

/// `UNSUB <sid> [max]`; a maximum of zero is none, as for the server.
pub(super) fn unsubscribe(rest: &[u8]) -> Result<Unsubscription, DecodeError> {
    let mut words = Words(rest);
    let sid = number(words.word()?)?;
    let max = match words.is_empty() {
        true => 0,
        false => words.last_number().map_err(|_| DecodeError::Arguments)?,
    };
    Ok(Unsubscription { sid: Sid(sid), max: NonZeroU64::new(max) })
}

/// `[header size] <total size>` and nothing more.
#[inline]
fn sizes(mut words: Words<'_>, has_headers: bool) -> Result<(u32, u32), DecodeError> {
    let headers = if has_headers { size(words.word()?)? } else { 0 };
    let total = size(words.word()?)?;
    if words.is_empty() { Ok((headers, total)) } else { Err(DecodeError::Arguments) }
}

#[inline]
fn size(word: &[u8]) -> Result<u32, DecodeError> {
    match u32::try_from(number(word)?) {
        Ok(size) if u64::from(size) <= MAX_SIZE => Ok(size),
        _ => Err(DecodeError::Overflow),
    }
}

/// A word that is a decimal number.
#[inline]
fn number(word: &[u8]) -> Result<u64, DecodeError> {
    if !word.iter().all(u8::is_ascii_digit) {
        return Err(DecodeError::Arguments);
    }
    decimal(word).ok_or(DecodeError::Overflow)
}

/// Where a word is in its line, with `behind` bytes behind it.
#[inline]
fn span(line: &[u8], word: &[u8], behind: usize) -> Result<Span, DecodeError> {
    let start = line.len().wrapping_sub(behind).wrapping_sub(word.len());
    match (u16::try_from(start), u16::try_from(word.len())) {
        (Ok(start), Ok(len)) => Ok(Span { start, len }),
        _ => Err(DecodeError::LineTooLong),
    }
}

/// Of two ways in which a line is wrong, a number that is too large tells more.
fn clearer(first: DecodeError, second: DecodeError) -> DecodeError {
    if first == DecodeError::Overflow { first } else { second }
}

/// Words with blanks in front of them.
#[derive(Clone, Copy)]
struct Words<'b>(&'b [u8]);

impl<'b> Words<'b> {
    /// The next word.
    fn word(&mut self) -> Result<&'b [u8], DecodeError> {
        let start = self.0.iter().position(|&byte| !is_blank(byte)).ok_or(DecodeError::Arguments)?;
        let text = self.0.get(start..).unwrap_or_default();
        let (word, rest) = name(text);
        self.0 = rest;
        Ok(word)
    }

    /// The next word, and how many bytes are behind it.
    fn word_before_end(&mut self) -> Result<(&'b [u8], usize), DecodeError> {
        let word = self.word()?;
        Ok((word, self.0.len()))
    }

    /// A number, and nothing behind it.
    fn last_number(mut self) -> Result<u64, DecodeError> {
        let number = number(self.word()?)?;
        if self.is_empty() { Ok(number) } else { Err(DecodeError::Arguments) }
    }

    /// Whether there are no more words.
    fn is_empty(self) -> bool {
        self.0.iter().all(|&byte| is_blank(byte))
    }
}

#[inline]
pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The value of a run of digits; `None` if it exceeds 64 bits.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for digit in digits {
        value = value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
    }
    Some(value)
}
