//! Bytes to operations, one frame at a time.

#[cfg(test)]
mod tests;

mod args;
mod fast;
mod limits;
mod long_line;
mod role;

use core::marker::PhantomData;
use core::num::NonZeroUsize;

pub use limits::Limits;
pub use role::FromClient;
pub use role::FromServer;
pub use role::Role;

use self::long_line::LongLine;
use self::long_line::Progress;
use self::role::Line;
use super::error::DecodeError;
use super::info::InfoPart;
use super::op::Oversized;
use crate::message::Layout;
use crate::message::Message;
use crate::message::Sid;

/// A resumable decoder of what a [`FromServer`] or a
/// [`FromClient`] sends.
///
/// The bytes stay the caller's. The decoder remembers how far it got: bytes are searched once, and
/// a control line is parsed once, however slowly its message arrives. In the table, everything
/// before the bar is not read again:
///
/// ```text
/// MSG a.b 7 5␍␊hel|lo␍␊        decode → Partial { need: 4 }   (the layout is remembered)
/// MSG a.b 7 5␍␊hello␍␊|PING␍␊  decode → Frame { op, len: 18 } (drop 18 bytes)
/// PING␍␊|                      decode → Frame { op, len: 6 }
/// ```
///
/// ```
/// use nats_proto::wire::{Control, Decoded, Decoder, FromServer, ServerOp};
///
/// let mut decoder = Decoder::<FromServer>::default();
/// let mut input: &[u8] = b"PING\r\nMSG a 1 2\r\nhi\r\nPON";
/// let mut pings = 0;
/// while let Decoded::Frame { op, len } = decoder.decode(input)? {
///     match op {
///         ServerOp::Message(message) => assert_eq!(message.payload(), b"hi"),
///         ServerOp::Control(Control::Ping) => pings += 1,
///         _ => {}
///     }
///     input = &input[len..];
/// }
/// assert_eq!((pings, input), (1, &b"PON"[..]));
/// # Ok::<(), nats_proto::wire::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder<R> {
    limits: Limits,
    state: State,
    oversized: u64,
    role: PhantomData<R>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before a control line, whose first `scanned` bytes hold no line feed.
    Line {
        scanned: usize,
    },
    /// A control line is parsed, and its message not yet all there.
    Message {
        sid: Sid,
        layout: Layout,
    },
    /// Inside INFO, `seen` bytes of which were handed out.
    Info {
        seen: usize,
    },
    /// Inside a message's control line that is longer than a frame may be.
    LongLine(LongLine),
    /// Before the last `left` bytes of a message that is too long, its line end included.
    Skip {
        left: usize,
    },
    /// Inside a line that was handed out cut short.
    CutLine {
        seen: usize,
    },
    Failed(DecodeError),
}

/// The result of [`Decoder::decode`].
///
/// Exhaustive on purpose: a driver has to act on each.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decoded<Op> {
    /// A frame. Act on `op`, then drop the first `len` bytes.
    Frame {
        /// The operation.
        op: Op,
        /// How many bytes of the input it takes.
        len: usize,
    },
    /// The input ends inside a frame. Call again with the same bytes followed by more.
    Partial {
        /// How many more bytes are needed, at the least.
        need: NonZeroUsize,
    },
    /// Drop the first `len` bytes: they belong to a message that is too long.
    Skip {
        /// How many bytes.
        len: usize,
    },
}

impl<R: Role> Decoder<R> {
    /// A decoder at the first byte of a connection.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        // `Layout` keeps a line's length in 16 bits.
        let line = if limits.line > 65_000 { 65_000 } else { limits.line };
        let limits = Limits { line, ..limits };
        Self { limits, state: State::Line { scanned: 0 }, oversized: 0, role: PhantomData }
    }

    /// Decodes the frame at the front of `input`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the peer does not speak the protocol. There is no way to find the next
    /// frame then: close the connection. Every later call returns the same error.
    #[inline]
    pub fn decode<'b>(&mut self, input: &'b [u8]) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        // A whole message in the usual form; the state stays as it is.
        if let State::Line { scanned: 0 } = self.state
            && let Some((kind, start)) = R::canonical_kind(input)
            && let Some((sid, layout)) = fast::message(self.window(input), start, kind)
            && layout.wire_len() <= self.limits.frame
            && let Some(frame) = input.get(..layout.wire_len())
            && frame.ends_with(b"\r\n")
        {
            let op = R::message(Message::from_frame(frame, sid, layout));
            return Ok(Decoded::Frame { op, len: frame.len() });
        }
        self.decode_any(input)
    }

    /// Where a control line must end. A line end after it comes too late: two more than the limit
    /// are the line end's own, and more than a frame is not held. So nothing depends on how much is
    /// there already.
    #[inline]
    fn window<'b>(&self, input: &'b [u8]) -> &'b [u8] {
        input.get(..self.limits.frame.min(self.limits.line + 2)).unwrap_or(input)
    }

    #[inline(never)]
    fn decode_any<'b>(&mut self, input: &'b [u8]) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        let decoded = match self.state {
            State::Line { scanned } => self.line(input, scanned),
            State::Message { sid, layout } => self.message(input, sid, layout),
            State::Info { seen } => self.info(input, 0, seen),
            State::LongLine(line) => self.long_line(input, line),
            State::Skip { left } => self.skip(input, left),
            State::CutLine { seen } => self.cut_line(input, seen),
            State::Failed(error) => Err(error),
        };
        if let Err(error) = decoded {
            self.state = State::Failed(error);
        }
        decoded
    }

    /// Whether the next byte begins a frame, rather than going on with one.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Line { scanned: 0 })
    }

    /// How many messages were too long so far.
    #[must_use]
    pub const fn oversized(&self) -> u64 {
        self.oversized
    }

    /// Takes frames of another length from the next one on.
    pub const fn set_max_frame(&mut self, frame: usize) {
        self.limits.frame = frame;
    }

    /// How long things may be.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    fn line<'b>(
        &mut self,
        input: &'b [u8],
        scanned: usize,
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        let window = self.window(input);
        if R::HAS_INFO && matches!(input.first(), Some(b'I' | b'i')) {
            match input.split_first_chunk::<5>() {
                Some((start, _)) if is_info(start) => return self.info(input, 5, 5),
                Some(_) => {}
                None if is_prefix_of_info(input) => return Ok(partial(1)),
                None => {}
            }
        }
        let found = window.get(scanned..).and_then(|new| memchr::memchr(b'\n', new));
        let Some(lf) = found.map(|at| scanned + at) else {
            return self.line_without_end(input, window);
        };
        let line = window.get(..lf).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > self.limits.line {
            return Err(DecodeError::LineTooLong);
        }
        match R::parse(line)? {
            Line::Op(op) => {
                self.state = State::Line { scanned: 0 };
                Ok(Decoded::Frame { op, len: lf + 1 })
            }
            Line::Message(sid, layout) => {
                let line = u16::try_from(lf + 1).map_err(|_| DecodeError::LineTooLong)?;
                self.message_line(input, sid, Layout { line, ..layout })
            }
        }
    }

    fn message_line<'b>(
        &mut self,
        input: &'b [u8],
        sid: Sid,
        layout: Layout,
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        if layout.wire_len() <= self.limits.frame {
            return self.message(input, sid, layout);
        }
        let subject = input.get(layout.subject_range()).unwrap_or_default();
        let (size, headers) = (layout.body_len(), layout.headers as usize);
        Ok(self.start_skip(Oversized { sid, subject, size, headers }, layout.line.into()))
    }

    fn message<'b>(
        &mut self,
        input: &'b [u8],
        sid: Sid,
        layout: Layout,
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        let len = layout.wire_len();
        let Some(frame) = input.get(..len) else {
            self.state = State::Message { sid, layout };
            return Ok(partial(len - input.len()));
        };
        if !frame.ends_with(b"\r\n") {
            return Err(DecodeError::PayloadEnd);
        }
        self.state = State::Line { scanned: 0 };
        let op = R::message(Message::from_frame(frame, sid, layout));
        Ok(Decoded::Frame { op, len })
    }

    /// No line feed in `window`, the part of `input` where it would be in time.
    #[cold]
    fn line_without_end<'b>(
        &mut self,
        input: &'b [u8],
        window: &'b [u8],
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        let seen = window.len();
        if seen > self.limits.line + 1 {
            return Err(DecodeError::LineTooLong);
        }
        if seen < self.limits.frame {
            self.state = State::Line { scanned: seen };
            return Ok(partial(1));
        }
        // The caller can hold no more, and yet the line may be legal.
        if let Some(kind) = R::message_kind(window) {
            return self.long_line(input, LongLine::new(kind));
        }
        let op = R::cut_short(window).ok_or(DecodeError::LineTooLong)?;
        self.state = State::CutLine { seen };
        Ok(Decoded::Frame { op, len: seen })
    }

    fn long_line<'b>(
        &mut self,
        input: &'b [u8],
        mut line: LongLine,
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        if input.is_empty() {
            return Ok(partial(1));
        }
        match line.push(input, self.limits.line)? {
            Progress::More => {
                self.state = State::LongLine(line);
                Ok(Decoded::Skip { len: input.len() })
            }
            Progress::End { oversized, len } => Ok(self.start_skip(oversized, len)),
        }
    }

    fn start_skip<'b>(&mut self, oversized: Oversized<'b>, len: usize) -> Decoded<R::Op<'b>> {
        self.oversized = self.oversized.saturating_add(1);
        self.state = State::Skip { left: oversized.size + 2 };
        Decoded::Frame { op: R::oversized(oversized), len }
    }

    fn skip<'b>(
        &mut self,
        input: &'b [u8],
        left: usize,
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        if input.is_empty() {
            return Ok(partial(1));
        }
        let len = left.min(input.len());
        for (from_end, expected) in [(2, b'\r'), (1, b'\n')] {
            let at = left.checked_sub(from_end);
            if at.and_then(|at| input.get(at)).is_some_and(|&byte| byte != expected) {
                return Err(DecodeError::PayloadEnd);
            }
        }
        self.state = match left - len {
            0 => State::Line { scanned: 0 },
            left => State::Skip { left },
        };
        Ok(Decoded::Skip { len })
    }

    fn cut_line<'b>(
        &mut self,
        input: &'b [u8],
        seen: usize,
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        if input.is_empty() {
            return Ok(partial(1));
        }
        let end = memchr::memchr(b'\n', input);
        let len = end.map_or(input.len(), |lf| lf + 1);
        let seen = seen + len;
        if seen > self.limits.line + 2 {
            return Err(DecodeError::LineTooLong);
        }
        self.state = match end {
            Some(_) => State::Line { scanned: 0 },
            None => State::CutLine { seen },
        };
        Ok(Decoded::Skip { len })
    }

    /// Hands out INFO from `start` on, as far as it is there.
    fn info<'b>(
        &mut self,
        input: &'b [u8],
        start: usize,
        seen: usize,
    ) -> Result<Decoded<R::Op<'b>>, DecodeError> {
        if input.is_empty() {
            return Ok(partial(1));
        }
        // What is within the limit is handed out, so that it does not depend on how much is there.
        let room = self.limits.info.saturating_sub(seen);
        let text = input.get(start..).unwrap_or_default();
        let text = text.get(..room).unwrap_or(text);
        if text.is_empty() && input.len() > start {
            return Err(DecodeError::LineTooLong);
        }
        let end = memchr::memchr(b'\n', text);
        let len = end.map_or(text.len(), |lf| lf + 1);
        self.state = match end {
            Some(_) => State::Line { scanned: 0 },
            None => State::Info { seen: seen + len },
        };
        let json = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        let part = InfoPart { json, is_last: end.is_some() };
        let op = R::info(part).ok_or(DecodeError::UnknownOperation)?;
        Ok(Decoded::Frame { op, len: start + len })
    }
}

impl<R: Role> Default for Decoder<R> {
    fn default() -> Self {
        Self::new(Limits::DEFAULT)
    }
}

fn partial<Op>(need: usize) -> Decoded<Op> {
    Decoded::Partial { need: NonZeroUsize::new(need).unwrap_or(NonZeroUsize::MIN) }
}

fn is_info(start: &[u8; 5]) -> bool {
    let [name @ .., blank] = start;
    name.eq_ignore_ascii_case(b"INFO") && args::is_blank(*blank)
}

fn is_prefix_of_info(input: &[u8]) -> bool {
    b"INFO".get(..input.len()).is_some_and(|info| info.eq_ignore_ascii_case(input))
}
