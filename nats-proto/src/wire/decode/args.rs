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

use crate::ascii::parse_decimal;
use crate::ascii::take_while;
use crate::message::Layout;
use crate::message::Sid;
use crate::message::Span;
use crate::wire::error::DecodeError;
use crate::wire::op::SubscribeArgs;
use crate::wire::op::Unsubscribe;

/// The largest size that nats-server can state: its limits are 32-bit signed numbers.
const MAX_SIZE: u64 = i32::MAX as u64;

type Parsed<'b, T> = IResult<&'b [u8], T, Fault>;

/// A [`DecodeError`] on its way through nom, whose traits stay private to this module.
#[derive(Clone, Copy)]
struct Fault(DecodeError);

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
    let (rest, name) = take_while(line, |byte| !is_blank(byte));
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

/// `UNSUB <sid> [max]`; a maximum of zero means no maximum, as for the server.
pub(super) fn unsubscribe(rest: &[u8]) -> Result<Unsubscribe, DecodeError> {
    let ((sid, max, ()), _) = finish((number, opt(number), end).parse_complete(rest))?;
    Ok(Unsubscribe { sid: Sid(sid), max: max.and_then(NonZeroU64::new) })
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
        _ => Err(overflow()),
    }
}

/// A decimal number after blanks.
#[inline]
fn number(input: &[u8]) -> Parsed<'_, u64> {
    let digits = take_while1(|byte| byte.is_ascii_digit());
    let (rest, digits) = preceded(take_while1(is_blank), digits).parse_complete(input)?;
    if rest.first().is_some_and(|&byte| !is_blank(byte)) {
        return Err(malformed());
    }
    match parse_decimal(digits) {
        Some(number) => Ok((rest, number)),
        None => Err(overflow()),
    }
}

/// Any argument after blanks.
#[inline]
fn argument(input: &[u8]) -> Parsed<'_, &[u8]> {
    preceded(take_while1(is_blank), take_while1(|byte| !is_blank(byte))).parse_complete(input)
}

#[inline]
fn end(input: &[u8]) -> Parsed<'_, ()> {
    match take_while(input, is_blank) {
        (rest @ [], _) => Ok((rest, ())),
        (_, _) => Err(malformed()),
    }
}

/// Like [`take_while`], as a parser that takes at least one byte.
#[inline]
fn take_while1<'b>(is_in: impl Fn(u8) -> bool) -> impl Fn(&'b [u8]) -> Parsed<'b, &'b [u8]> {
    move |input| match take_while(input, &is_in) {
        (_, []) => Err(malformed()),
        taken => Ok(taken),
    }
}

#[inline]
pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

const fn overflow() -> nom::Err<Fault> {
    nom::Err::Error(Fault(DecodeError::Overflow))
}

const fn malformed() -> nom::Err<Fault> {
    nom::Err::Error(Fault(DecodeError::Arguments))
}

#[inline]
fn finish<'b, T>(parsed: Parsed<'b, T>) -> Result<(T, &'b [u8]), DecodeError> {
    match parsed {
        Ok((rest, value)) => Ok((value, rest)),
        Err(nom::Err::Error(Fault(error)) | nom::Err::Failure(Fault(error))) => Err(error),
        Err(nom::Err::Incomplete(_)) => Err(DecodeError::Arguments),
    }
}

impl ParseError<&[u8]> for Fault {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Self(DecodeError::Arguments)
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two errors, a number that is too large is the more specific one.
    fn or(self, other: Self) -> Self {
        if self.0 == DecodeError::Overflow { self } else { other }
    }
}
