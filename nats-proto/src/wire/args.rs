//! The arguments of control lines, as nom parsers.
//!
//! Blanks are spaces and tabs, and any number of them separates (nats-server `server/parser.go`).
//! Everything else is part of an argument, a lone CR too: a subject is whatever bytes the server
//! let through.

use core::num::NonZeroU64;

use nom::IResult;
use nom::Offset;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::opt;
use nom::error::ErrorKind;
use nom::error::ParseError;
use nom::sequence::preceded;

use super::error::DecodeError;
use super::op::SubscribeArgs;
use crate::message::Layout;
use crate::message::Sid;
use crate::message::Span;
use crate::message::Unsubscription;
use crate::run::run;
use crate::run::run1;

/// The largest size that nats-server can state: its limits are 32-bit signed numbers.
const MAX_SIZE: u64 = i32::MAX as u64;

type Parsed<'b, T> = IResult<&'b [u8], T, DecodeError>;

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
    let (rest, name) = run(line, |byte| !is_blank(byte));
    (name, rest)
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
    let span = |part: &[u8]| {
        Some(Span {
            start: u16::try_from(line.offset(part)).ok()?,
            len: u16::try_from(part.len()).ok()?,
        })
    };
    let ((subject, sid), rest) = finish(match kind.has_sid {
        true => (argument, number).parse_complete(rest),
        false => argument.map(|subject| (subject, 0)).parse_complete(rest),
    })?;
    // Most messages have no reply, and none that has one has a number for it: the order of the
    // alternatives is the order of their likelihood.
    let sizes = |input| sizes(input, kind.has_headers);
    let ((reply, (headers, total)), _) = finish(
        alt((sizes.map(|sizes| (None, sizes)), (argument.map(Some), sizes))).parse_complete(rest),
    )?;
    if headers > total {
        return Err(DecodeError::HeaderSize);
    }
    let subject = span(subject).ok_or(DecodeError::LineTooLong)?;
    let reply = match reply {
        Some(reply) => span(reply).ok_or(DecodeError::LineTooLong)?,
        None => Span::default(),
    };
    let layout = Layout { subject, reply, line: 0, headers, payload: total - headers };
    Ok((Sid(sid), layout))
}

/// `SUB <subject> [queue] <sid>`.
pub(super) fn subscribe(rest: &[u8]) -> Result<SubscribeArgs<'_>, DecodeError> {
    let plain = (argument, number, end).map(|(subject, sid, ())| (subject, None, sid));
    let queue = (argument, argument, number, end)
        .map(|(subject, queue, sid, ())| (subject, Some(queue), sid));
    let ((subject, queue, sid), _) = finish(alt((plain, queue)).parse_complete(rest))?;
    Ok(SubscribeArgs { subject, queue, sid: Sid(sid) })
}

/// `UNSUB <sid> [max]`; a maximum of zero is none, as for the server.
pub(super) fn unsubscribe(rest: &[u8]) -> Result<Unsubscription, DecodeError> {
    let ((sid, max, ()), _) = finish((number, opt(number), end).parse_complete(rest))?;
    Ok(Unsubscription { sid: Sid(sid), max: max.and_then(NonZeroU64::new) })
}

/// `[header size] <total size>` and nothing more.
#[inline]
fn sizes(input: &[u8], has_headers: bool) -> Parsed<'_, (u32, u32)> {
    match has_headers {
        true => {
            (size, size, end).map(|(headers, total, ())| (headers, total)).parse_complete(input)
        }
        false => (size, end).map(|(total, ())| (0, total)).parse_complete(input),
    }
}

#[inline]
fn size(input: &[u8]) -> Parsed<'_, u32> {
    let (rest, size) = number(input)?;
    match u32::try_from(size) {
        Ok(size) if u64::from(size) <= MAX_SIZE => Ok((rest, size)),
        _ => Err(nom::Err::Error(DecodeError::Overflow)),
    }
}

/// A decimal number behind blanks.
#[inline]
fn number(input: &[u8]) -> Parsed<'_, u64> {
    let digits = run1(|byte| byte.is_ascii_digit());
    let (rest, digits) = preceded(run1(is_blank), digits).parse_complete(input)?;
    if rest.first().is_some_and(|&byte| !is_blank(byte)) {
        return Err(nom::Err::Error(DecodeError::Arguments));
    }
    match decimal(digits) {
        Some(number) => Ok((rest, number)),
        None => Err(nom::Err::Error(DecodeError::Overflow)),
    }
}

/// Any argument behind blanks.
#[inline]
fn argument(input: &[u8]) -> Parsed<'_, &[u8]> {
    preceded(run1(is_blank), run1(|byte| !is_blank(byte))).parse_complete(input)
}

#[inline]
fn end(input: &[u8]) -> Parsed<'_, ()> {
    match run(input, is_blank) {
        (rest @ [], _) => Ok((rest, ())),
        (_, _) => Err(nom::Err::Error(DecodeError::Arguments)),
    }
}

#[inline]
pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The value of a run of digits; `None` if it exceeds 64 bits.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for digit in digits {
        value = value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
    }
    Some(value)
}

#[inline]
fn finish<'b, T>(parsed: Parsed<'b, T>) -> Result<(T, &'b [u8]), DecodeError> {
    match parsed {
        Ok((rest, value)) => Ok((value, rest)),
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error),
        Err(nom::Err::Incomplete(_)) => Err(DecodeError::Arguments),
    }
}

impl ParseError<&[u8]> for DecodeError {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Self::Arguments
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two ways in which a line is wrong, a number that is too large tells more.
    fn or(self, other: Self) -> Self {
        if self == Self::Overflow { self } else { other }
    }
}
