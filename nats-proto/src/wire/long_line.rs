//! The control line of a message that is longer than the caller can hold.
//!
//! A publisher may choose a subject as long as the server's control line. A device with a small
//! buffer must get over it: from the line only the numbers are kept, so that the message can be
//! passed over. This is the streaming twin of `args::message`.

use super::args::MessageKind;
use super::args::is_blank;
use super::error::DecodeError;
use super::op::Oversized;
use crate::message::Sid;

#[derive(Clone, Copy, Debug)]
pub(super) struct LongLine {
    kind: MessageKind,
    /// How many bytes of the line went by.
    seen: usize,
    /// How many arguments have begun, the operation's name included.
    arguments: u8,
    in_argument: bool,
    ends_in_cr: bool,
    sid: Number,
    /// The argument before the last one, and the last one so far.
    previous: Number,
    last: Number,
}

/// An argument's value if it is one; the error to report if it must be one.
type Number = Result<u64, DecodeError>;

pub(super) enum Progress {
    /// The line goes on.
    More,
    /// The line ended `len` bytes into the input.
    End { oversized: Oversized<'static>, len: usize },
}

impl LongLine {
    pub(super) const fn new(kind: MessageKind) -> Self {
        Self {
            kind,
            seen: 0,
            arguments: 0,
            in_argument: false,
            ends_in_cr: false,
            sid: Err(DecodeError::Arguments),
            previous: Err(DecodeError::Arguments),
            last: Err(DecodeError::Arguments),
        }
    }

    pub(super) fn push(&mut self, input: &[u8], limit: usize) -> Result<Progress, DecodeError> {
        for (at, &byte) in input.iter().enumerate() {
            if byte == b'\n' {
                self.seen -= usize::from(self.ends_in_cr);
                return if self.seen > limit {
                    Err(DecodeError::LineTooLong)
                } else {
                    Ok(Progress::End { oversized: self.end()?, len: at + 1 })
                };
            }
            // A CR belongs to the line unless the line ends behind it.
            if self.ends_in_cr {
                self.argument_byte(b'\r');
            }
            self.ends_in_cr = byte == b'\r';
            self.seen += 1;
            if self.seen > limit + usize::from(self.ends_in_cr) {
                return Err(DecodeError::LineTooLong);
            }
            if is_blank(byte) {
                self.in_argument = false;
            } else if !self.ends_in_cr {
                self.argument_byte(byte);
            }
        }
        Ok(Progress::More)
    }

    fn argument_byte(&mut self, byte: u8) {
        if !self.in_argument {
            self.in_argument = true;
            self.arguments = self.arguments.saturating_add(1);
            self.previous = self.last;
            self.last = Ok(0);
        }
        self.last = match self.last {
            Ok(value) if byte.is_ascii_digit() => value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(byte - b'0')))
                .ok_or(DecodeError::Overflow),
            Ok(_) => Err(DecodeError::Arguments),
            // What is not a number never becomes one by being too long.
            Err(DecodeError::Overflow) if byte.is_ascii_digit() => Err(DecodeError::Overflow),
            Err(_) => Err(DecodeError::Arguments),
        };
        // Name, subject, sid.
        if self.arguments == 3 {
            self.sid = self.last;
        }
    }

    fn end(&self) -> Result<Oversized<'static>, DecodeError> {
        let least = 3 + u8::from(self.kind.has_sid) + u8::from(self.kind.has_headers);
        if self.arguments != least && self.arguments != least + 1 {
            return Err(DecodeError::Arguments);
        }
        let sid = if self.kind.has_sid { self.sid? } else { 0 };
        let size = self.last?;
        let size = u32::try_from(size)
            .ok()
            .filter(|&size| size <= i32::MAX as u32)
            .ok_or(DecodeError::Overflow)?;
        let headers = if self.kind.has_headers { self.previous? } else { 0 };
        // The size is one of 32 bits, and so is what does not exceed it.
        let headers = u32::try_from(headers).ok().filter(|&headers| headers <= size);
        let headers = headers.ok_or(DecodeError::HeaderSize)? as usize;
        Ok(Oversized { sid: Sid(sid), subject: &[], size: size as usize, headers })
    }
}
