//! Messages that are too long for the memory, passed on in chunks.

use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::wire::Oversized;

/// A chunk of a message that is longer than the memory for it.
///
/// The chunks of a message come one after the other, nothing in between. The first one has the
/// subject and no bytes. The last one ends at `size`; if the connection is lost before, it never
/// comes, and the next chunk is the first one of another message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Chunk<'a> {
    /// The subscription.
    pub sid: Sid,
    /// The subject, with the first chunk; empty if even that is too long.
    pub subject: &'a [u8],
    /// The length of the message's headers and payload together in bytes.
    pub size: usize,
    /// How many of these, from the first on, are headers.
    pub headers: usize,
    /// Where in the message the bytes belong.
    pub offset: usize,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What takes chunks, and how much of the current message has passed.
pub(crate) struct Chunks<'d> {
    consumer: Option<&'d mut (dyn FnMut(Chunk<'_>) + Send)>,
    sid: Sid,
    size: usize,
    headers: usize,
    offset: usize,
}

impl<'d> Chunks<'d> {
    pub(crate) const fn new(consumer: Option<&'d mut (dyn FnMut(Chunk<'_>) + Send)>) -> Self {
        Self { consumer, sid: Sid(0), size: 0, headers: 0, offset: 0 }
    }

    /// Whether they are wanted.
    pub(crate) const fn are_wanted(&self) -> bool {
        self.consumer.is_some()
    }

    /// Nothing follows of what was passing.
    pub(crate) const fn reset(&mut self) {
        self.offset = self.size;
    }

    /// A message begins whose bytes are about to pass.
    pub(crate) fn begin(&mut self, oversized: &Oversized<'_>) {
        let Oversized { sid, subject, size, headers, .. } = *oversized;
        self.begin_message(sid, subject, size, headers);
    }

    fn begin_message(&mut self, sid: Sid, subject: &[u8], size: usize, headers: usize) {
        (self.sid, self.size, self.headers, self.offset) = (sid, size, headers, 0);
        self.pass_on(subject, &[]);
    }

    /// Some bytes pass: of the message, or of its line end.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        let left = self.size - self.offset;
        let bytes = bytes.get(..left).unwrap_or(bytes);
        if !bytes.is_empty() {
            self.pass_on(&[], bytes);
            self.offset += bytes.len();
        }
    }

    /// A message is all there.
    pub(crate) fn whole(&mut self, message: &Message<&[u8]>) {
        let layout = message.layout();
        let (sid, subject, size) = (message.sid(), message.subject_bytes(), layout.body_len());
        let headers = message.headers().as_bytes();
        self.begin_message(sid, subject, size, headers.len());
        self.pass(headers);
        self.pass(message.payload());
    }

    fn pass_on(&mut self, subject: &[u8], bytes: &[u8]) {
        let Self { sid, size, headers, offset, .. } = *self;
        if let Some(consumer) = &mut self.consumer {
            consumer(Chunk { sid, subject, size, headers, offset, bytes });
        }
    }
}
