//! A message is its frame: the bytes as they came, and where its parts are.

#[cfg(test)]
mod tests;

use core::fmt;
use core::ops::Range;

use crate::headers::Headers;
use crate::status::Status;
use crate::status::StatusCode;

/// The number by which a connection names a subscription on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sid(pub u64);

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message in any storage that holds its frame: `&[u8]` straight out of a read buffer, `Bytes` on
/// a server, an [`ArrayBuf`](crate::wire::ArrayBuf) in a queue.
///
/// Its parts are slices of the frame. A subject or a header need not be UTF-8, since the server
/// does not insist on it: the accessors that return text say what they do then, and the ones that
/// return bytes always return what was received.
///
/// ```
/// use nats_proto::wire::{Decoded, Decoder, FromServer, ServerOp};
///
/// let mut decoder = Decoder::<FromServer>::default();
/// let frame = b"MSG home.lights 7 reply.here 2\r\non\r\n";
/// let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) = decoder.decode(frame) else {
///     unreachable!()
/// };
/// assert_eq!(message.subject(), "home.lights");
/// assert_eq!(message.reply(), Some("reply.here"));
/// assert_eq!(message.payload(), b"on");
///
/// // Kept for later, in memory of one's own.
/// let kept = message.map(<[u8]>::to_vec);
/// assert_eq!(kept.payload(), b"on");
/// ```
#[derive(Clone, Copy)]
pub struct Message<B> {
    frame: B,
    sid: Sid,
    layout: Layout,
}

/// Where a message's parts are in its frame. Found once, when the frame is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layout {
    pub(crate) subject: Span,
    pub(crate) reply: Span,
    /// The control line, its line end included.
    pub(crate) line: u16,
    pub(crate) headers: u32,
    pub(crate) payload: u32,
}

/// A part of a control line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Span {
    pub(crate) start: u16,
    pub(crate) len: u16,
}

impl Span {
    fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.len)
    }
}

impl Layout {
    /// That of no message: nothing is anywhere. `Layout::default()` as a constant.
    pub const EMPTY: Self = {
        let nowhere = Span { start: 0, len: 0 };
        Self { subject: nowhere, reply: nowhere, line: 0, headers: 0, payload: 0 }
    };

    /// Where the subject is in the frame.
    #[must_use]
    pub fn subject_range(&self) -> Range<usize> {
        self.subject.range()
    }

    /// The length of the whole frame in bytes, both line ends included.
    ///
    /// At most 2³¹ + 2¹⁶, which every `usize` of 32 bits can hold.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        self.line as usize + self.body_len() + 2
    }

    /// The length of headers and payload together in bytes, as the control line states it.
    #[must_use]
    pub const fn body_len(&self) -> usize {
        self.headers as usize + self.payload as usize
    }
}

impl<B: AsRef<[u8]>> Message<B> {
    /// Puts a frame and its layout together again, after one or the other was kept elsewhere.
    ///
    /// A frame that is too short for the layout makes a message with empty parts.
    pub const fn from_frame(frame: B, sid: Sid, layout: Layout) -> Self {
        Self { frame, sid, layout }
    }

    /// The subscription that the message is for; zero for one that a client publishes.
    pub const fn sid(&self) -> Sid {
        self.sid
    }

    /// The subject; empty if it is not UTF-8.
    pub fn subject(&self) -> &str {
        text(self.subject_bytes()).unwrap_or_default()
    }

    /// The subject, byte for byte.
    pub fn subject_bytes(&self) -> &[u8] {
        self.part(self.layout.subject.range())
    }

    /// Where an answer is to be published; `None` if nowhere, or if it is not UTF-8.
    pub fn reply(&self) -> Option<&str> {
        text(self.reply_bytes()?)
    }

    /// Where an answer is to be published, byte for byte.
    pub fn reply_bytes(&self) -> Option<&[u8]> {
        let reply = self.layout.reply;
        (reply.len > 0).then(|| self.part(reply.range()))
    }

    /// The headers; none, if the message came without.
    pub fn headers(&self) -> Headers<'_> {
        let start = usize::from(self.layout.line);
        Headers::from_bytes(self.part(start..start + self.layout.headers as usize))
    }

    /// The status, if the server sent one instead of a message.
    pub fn status(&self) -> Option<Status<'_>> {
        if self.layout.headers == 0 { None } else { self.headers().status() }
    }

    /// Whether the server says with this that a request reached no subscription: status 503, and an
    /// empty payload. It comes to the request's reply subject.
    pub fn is_no_responders(&self) -> bool {
        self.layout.payload == 0
            && self.status().is_some_and(|status| status.code() == StatusCode::NO_RESPONDERS)
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.part(self.payload_range())
    }

    /// The whole frame as it was on the wire, from the first byte to the last line end.
    pub fn frame(&self) -> &[u8] {
        self.frame.as_ref()
    }

    /// The length of the whole frame in bytes.
    pub const fn wire_len(&self) -> usize {
        self.layout.wire_len()
    }

    /// Where the parts are.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    fn payload_range(&self) -> Range<usize> {
        let start = usize::from(self.layout.line) + self.layout.headers as usize;
        start..start + self.layout.payload as usize
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.frame.as_ref().get(range).unwrap_or_default()
    }
}

impl<B> Message<B> {
    /// The same message in other storage.
    pub fn map<C: AsRef<[u8]>>(self, keep: impl FnOnce(B) -> C) -> Message<C> {
        Message::from_frame(keep(self.frame), self.sid, self.layout)
    }

    /// The same message in other storage, if there is room.
    ///
    /// # Errors
    ///
    /// What `keep` returns.
    pub fn try_map<C: AsRef<[u8]>, E>(
        self,
        keep: impl FnOnce(B) -> Result<C, E>,
    ) -> Result<Message<C>, E> {
        Ok(Message::from_frame(keep(self.frame)?, self.sid, self.layout))
    }

    /// The frame's storage.
    pub fn into_frame(self) -> B {
        self.frame
    }
}

#[cfg(feature = "bytes")]
impl Message<bytes::Bytes> {
    /// The payload as a part of the frame that it keeps alive; nothing is copied.
    pub fn payload_bytes(&self) -> bytes::Bytes {
        let payload = self.payload();
        if payload.is_empty() { bytes::Bytes::new() } else { self.frame.slice_ref(payload) }
    }
}

impl<B: AsRef<[u8]>, C: AsRef<[u8]>> PartialEq<Message<C>> for Message<B> {
    fn eq(&self, other: &Message<C>) -> bool {
        self.sid == other.sid && self.layout == other.layout && self.frame() == other.frame()
    }
}

impl<B: AsRef<[u8]>> Eq for Message<B> {}

impl<B: AsRef<[u8]>> fmt::Debug for Message<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("sid", &self.sid)
            .field("subject", &format_args!("{:?}", Escaped(self.subject_bytes())))
            .field("reply", &self.reply_bytes().map(Escaped))
            .field("headers", &self.headers())
            .field("payload", &Escaped(self.payload()))
            .finish()
    }
}

/// Bytes as an ASCII string literal.
struct Escaped<'a>(&'a [u8]);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}
