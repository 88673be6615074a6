//! The control line of a message that is longer than the caller can hold.
//!
//! A publisher may choose a subject as long as the server's control line. A device with a small
//! buffer must get over it: from the line only the numbers are kept, so that the message can be
//! skipped. This is the streaming counterpart of `args::message`.

use super::args::MessageKind;
use super::args::is_blank;
use crate::message::Sid;
use crate::wire::error::DecodeError;
use crate::wire::op::Oversized;

#[derive(Clone, Copy, Debug)]
pub(super) struct LongLine {
    kind: MessageKind,
    /// How many bytes of the line went by.
    seen: usize,
    /// How many arguments have begun, the operation's name included.
    arguments: u8,
    in_argument: bool,
    ends_in_cr: bool,
    sid: u64,
    /// The last argument so far.
    last: u64,
    /// The one before it: a length, or too long for one.
    previous: u32,
    /// What to report if they have to be numbers. Apart from them, since that takes less memory.
    sid_error: Option<DecodeError>,
    last_error: Option<DecodeError>,
    previous_error: Option<DecodeError>,
}

/// What an argument is that is missing.
const MISSING: Option<DecodeError> = Some(DecodeError::Arguments);

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
            sid: 0,
            last: 0,
            previous: 0,
            sid_error: MISSING,
            last_error: MISSING,
            previous_error: MISSING,
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
            // A CR belongs to the line unless the line ends after it.
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
            self.previous = u32::try_from(self.last).unwrap_or(u32::MAX);
            self.previous_error = self.last_error;
            (self.last, self.last_error) = (0, None);
        }
        match self.last_error {
            None if byte.is_ascii_digit() => {
                let digit = u64::from(byte - b'0');
                match self.last.checked_mul(10).and_then(|value| value.checked_add(digit)) {
                    Some(value) => self.last = value,
                    None => self.last_error = Some(DecodeError::Overflow),
                }
            }
            // What is not a number never becomes one by being too long.
            Some(DecodeError::Overflow) if byte.is_ascii_digit() => {}
            _ => self.last_error = Some(DecodeError::Arguments),
        }
        // Name, subject, sid.
        if self.arguments == 3 {
            (self.sid, self.sid_error) = (self.last, self.last_error);
        }
    }

    fn end(&self) -> Result<Oversized<'static>, DecodeError> {
        let least = 3 + u8::from(self.kind.has_sid) + u8::from(self.kind.has_headers);
        if self.arguments != least && self.arguments != least + 1 {
            return Err(DecodeError::Arguments);
        }
        let number = |value, error: Option<DecodeError>| error.map_or(Ok(value), Err);
        let sid = if self.kind.has_sid { number(self.sid, self.sid_error)? } else { 0 };
        let size = u32::try_from(number(self.last, self.last_error)?)
            .ok()
            .filter(|&size| size <= i32::MAX as u32)
            .ok_or(DecodeError::Overflow)?;
        let headers = match self.kind.has_headers {
            true => self.previous_error.map_or(Ok(self.previous), Err)?,
            false => 0,
        };
        if headers > size {
            return Err(DecodeError::HeaderSize);
        }
        let headers = headers as usize;
        Ok(Oversized { sid: Sid(sid), subject: &[], size: size as usize, headers })
    }
}
