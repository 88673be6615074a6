//! Bytes on their way to the socket.

mod refuse;

use std::io::IoSlice;

use bytes::Bytes;
use nats_proto::Full;
use nats_proto::wire::Publish;
use nats_proto::wire::Sink;
use zeroize::Zeroizing;

pub(crate) use self::refuse::Refused;
use crate::message::payload::Content;
use crate::message::payload::Payload;

/// From here on a payload that is not borrowed goes to the socket as it is. Below, copying is
/// cheaper than another piece of a vectored write.
const LARGE: usize = 4096;

/// How many pieces a vectored write has at the most.
pub(crate) const MAX_SLICES: usize = 64;

/// A buffer that grew beyond this is given back when it is empty.
const KEPT: usize = 1024 * 1024;

/// How many bytes of control lines wait in a queue, unless a single one is longer. What there is no
/// room for stays due in the session, which says it later.
pub(crate) const CONTROL: usize = 64 * 1024;

/// Room for control lines.
pub(crate) struct Lines<'b> {
    bytes: &'b mut Vec<u8>,
    room: usize,
    /// Whether no line waits: then there is room for one of any length.
    is_first: bool,
}

impl Sink for Lines<'_> {
    fn reserve(&mut self, len: usize) -> Result<(), Full> {
        if len > self.room && !self.is_first {
            return Err(Full);
        }
        Sink::reserve(self.bytes, len)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.room = self.room.saturating_sub(bytes.len());
        self.is_first = false;
        self.bytes.put(bytes);
    }
}

/// The bytes of whole frames, in order.
///
/// Large payloads stay where they are; `large` says in front of which byte each of them belongs.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    large: Vec<(usize, Bytes)>,
    /// How much of `bytes`, of how many of `large`, and of the next of `large` is written.
    written: (usize, usize, usize),
    /// How much is left to write.
    left: usize,
    /// How many messages there are, and how many more there were that were refused.
    messages: u64,
    refused: u64,
    /// Where there are control lines in `bytes`.
    control: Vec<(usize, usize)>,
    /// How long they are together.
    control_len: usize,
    /// How long the frames are that belong to the connection and are dropped with it. Where they are stands
    /// in `control`, too.
    frames_len: usize,
}

impl Batch {
    pub(crate) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(crate) const fn left(&self) -> usize {
        self.left
    }

    /// Appends a line with secrets in it, which is wiped once it is written.
    pub(crate) fn put_secret(&mut self, line: Zeroizing<Vec<u8>>) {
        self.left += line.len();
        self.large.push((self.bytes.len(), Bytes::from_owner(line)));
    }

    /// Appends what the session has to say before the connection is ready.
    pub(crate) fn put_control(&mut self, put: impl FnOnce(&mut Lines<'_>) -> Result<(), Full>) {
        // What finds no room stays due.
        let _ = self.put_lines(self.control_len, put);
    }

    pub(crate) const fn messages(&self) -> u64 {
        self.messages
    }

    /// How many numbers of messages there are, those included that were refused.
    pub(crate) const fn numbers(&self) -> u64 {
        self.messages + self.refused
    }

    /// How many bytes of a message are copied.
    pub(crate) fn copied_len(publish: &Publish<'_>, payload: &Payload<'_>) -> usize {
        let is_large = matches!(&payload.0, Content::Shared(bytes) if bytes.len() >= LARGE);
        publish.encoded_len() - if is_large { publish.payload.len() } else { 0 }
    }

    /// Makes sure that there is memory for so many more bytes.
    pub(crate) fn reserve(&mut self, len: usize) -> Result<(), Full> {
        Sink::reserve(&mut self.bytes, len)
    }

    /// Appends a message.
    pub(crate) fn put_message(
        &mut self,
        publish: &Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<(), Full> {
        match &payload.0 {
            Content::Shared(bytes) if bytes.len() >= LARGE => {
                self.put_large(publish, bytes.clone())?;
            }
            _ => self.put(|bytes| publish.encode(bytes))?,
        }
        self.messages += 1;
        Ok(())
    }

    /// Appends control lines, where that many bytes of them wait already.
    pub(crate) fn put_lines(
        &mut self,
        waiting: usize,
        put: impl FnOnce(&mut Lines<'_>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let start = self.bytes.len();
        let room = CONTROL.saturating_sub(waiting);
        let result = self.put(|bytes| put(&mut Lines { bytes, room, is_first: waiting == 0 }));
        let end = self.bytes.len();
        self.control_len += end - start;
        match self.control.last_mut() {
            _ if start == end => {}
            Some((_, before)) if *before == start => *before = end,
            _ => self.control.push((start, end)),
        }
        result
    }

    /// Appends a message that belongs to this connection. Returns how long it is.
    pub(crate) fn put_frame(
        &mut self,
        publish: &Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<usize, Full> {
        let (start, before) = (self.bytes.len(), self.left);
        self.put_message(publish, payload)?;
        self.messages -= 1;
        let (end, len) = (self.bytes.len(), self.left - before);
        match self.control.last_mut() {
            Some((_, last)) if *last == start => *last = end,
            _ => self.control.push((start, end)),
        }
        self.frames_len += len;
        Ok(len)
    }

    /// How long the frames are that belong to the connection.
    pub(crate) const fn frames_len(&self) -> usize {
        self.frames_len
    }

    /// How many bytes of control lines there are.
    pub(crate) const fn control_len(&self) -> usize {
        self.control_len
    }

    /// How many bytes of messages there are, if nothing was written.
    pub(crate) const fn message_len(&self) -> usize {
        self.left.saturating_sub(self.control_len)
    }

    /// Drops the control lines of a batch of which nothing was written.
    pub(crate) fn remove_control(&mut self) {
        let lines = std::mem::take(&mut self.control);
        self.control_len = 0;
        self.frames_len = 0;
        self.cut(&lines);
    }

    /// Cuts ranges out of `bytes`, and the large payloads in them with them.
    fn cut(&mut self, ranges: &[(usize, usize)]) {
        if ranges.is_empty() {
            return;
        }
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        for &(start, end) in ranges {
            kept.extend_from_slice(self.bytes.get(at..start).unwrap_or_default());
            self.left -= end - start;
            at = end;
        }
        kept.extend_from_slice(self.bytes.get(at..).unwrap_or_default());
        self.bytes = kept;
        let mut ranges = Cuts::new(ranges);
        self.large.retain_mut(|(at, payload)| {
            let (is_truncated, before) = ranges.find(*at);
            if is_truncated {
                self.left -= payload.len();
            }
            *at -= before;
            !is_truncated
        });
        ranges.rewind();
        for (start, end) in &mut self.control {
            let (_, before) = ranges.find(*start);
            (*start, *end) = (*start - before, *end - before);
        }
    }

    /// Appends another batch of which nothing was written.
    pub(crate) fn append(&mut self, mut other: Self) {
        let before = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.large.extend(other.large.into_iter().map(|(at, payload)| (at + before, payload)));
        let moved = |(start, end)| (start + before, end + before);
        self.control.extend(other.control.into_iter().map(moved));
        self.control_len += other.control_len;
        self.frames_len += other.frames_len;
        self.left += other.left;
        self.messages += other.messages;
        self.refused += other.refused;
    }

    #[inline]
    fn put(&mut self, put: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>) -> Result<(), Full> {
        let before = self.bytes.len();
        let result = put(&mut self.bytes);
        self.left += self.bytes.len() - before;
        result
    }

    fn put_large(&mut self, publish: &Publish<'_>, payload: Bytes) -> Result<(), Full> {
        self.put(|bytes| publish.encode_head(bytes))?;
        self.left += payload.len();
        self.large.push((self.bytes.len(), payload));
        self.put(|bytes| {
            bytes.extend_from_slice(Publish::TAIL);
            Ok(())
        })
    }

    /// What is left to write, in at most as many pieces as fit.
    pub(crate) fn slices<'b>(&'b self, slices: &mut [IoSlice<'b>; MAX_SLICES]) -> usize {
        let (mut at, next, mut offset) = self.written;
        let mut count = 0;
        let mut large = self.large.iter().skip(next);
        while count < MAX_SLICES {
            let (end, payload) = match large.next() {
                Some((end, payload)) => (*end, payload.get(offset..).unwrap_or_default()),
                None => (self.bytes.len(), &[][..]),
            };
            let is_last = payload.is_empty();
            for piece in [self.bytes.get(at..end).unwrap_or_default(), payload] {
                if let Some(slice) = slices.get_mut(count).filter(|_| !piece.is_empty()) {
                    *slice = IoSlice::new(piece);
                    count += 1;
                }
            }
            (at, offset) = (end, 0);
            if is_last {
                break;
            }
        }
        count
    }

    /// `len` more bytes are written.
    pub(crate) fn advance(&mut self, mut len: usize) {
        len = len.min(self.left);
        self.left -= len;
        let (mut at, mut next, mut offset) = self.written;
        while len > 0 {
            let (end, payload) = match self.large.get(next) {
                Some((end, payload)) => (*end, payload.len()),
                None => (self.bytes.len(), 0),
            };
            let step = len.min(end - at);
            at += step;
            len -= step;
            let step = len.min(payload - offset);
            offset += step;
            len -= step;
            if offset == payload && at == end {
                next += 1;
                offset = 0;
            }
        }
        self.written = (at, next, offset);
        if self.left == 0 {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.large.clear();
        self.control.clear();
        self.control_len = 0;
        self.frames_len = 0;
        self.messages = 0;
        self.refused = 0;
        self.written = (0, 0, 0);
        self.left = 0;
    }
}

/// Ranges that are cut out, looked up in ascending order.
struct Cuts<'r> {
    ranges: &'r [(usize, usize)],
    next: usize,
    before: usize,
}

impl<'r> Cuts<'r> {
    const fn new(ranges: &'r [(usize, usize)]) -> Self {
        Self { ranges, next: 0, before: 0 }
    }

    const fn rewind(&mut self) {
        (self.next, self.before) = (0, 0);
    }

    /// Whether the inside of a range is at `at`, and how much is cut out before that.
    fn find(&mut self, at: usize) -> (bool, usize) {
        while let Some(&(start, end)) = self.ranges.get(self.next) {
            if at <= start {
                break;
            }
            if at < end {
                return (true, self.before);
            }
            self.before += end - start;
            self.next += 1;
        }
        (false, self.before)
    }
}
