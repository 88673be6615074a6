//! Messages that are kept until their outcome is known.

use bytes::Bytes;
use nats_proto::Headers;
use nats_proto::Subject;
use nats_proto::jetstream::GrowablePublishWindow;
use nats_proto::wire::Publish;

use crate::jetstream::outcome::Teller;
use crate::message::payload::Payload;

/// The window of the core, of messages that are kept.
pub(super) type Machine = GrowablePublishWindow<Kept>;

/// From here on a payload is kept as it was handed in, and not copied.
const LARGE: usize = 4096;

/// The parts of a message, checked.
#[derive(Clone, Copy, Debug)]
pub(in crate::jetstream) struct Parts<'m> {
    pub(in crate::jetstream) subject: Subject<'m>,
    pub(in crate::jetstream) headers: Headers<'m>,
    pub(in crate::jetstream) payload: &'m Payload<'m>,
}

impl Parts<'_> {
    /// The message with this reply subject.
    pub(super) fn publish<'p>(&'p self, reply: Subject<'p>) -> Publish<'p> {
        let Self { subject, headers, payload } = *self;
        Publish { subject, reply: Some(reply), headers, payload: payload.as_bytes() }
    }

    /// Whether the payload is kept as it was handed in, and not copied.
    pub(super) fn is_large(&self) -> bool {
        self.payload.as_bytes().len() >= LARGE
    }
}

/// A message that is kept until it is known what became of it.
#[derive(Debug)]
pub(super) struct Kept {
    /// Subject, header block and short payload, one behind the other.
    text: Vec<u8>,
    subject: u32,
    headers: u32,
    large: Option<Bytes>,
    teller: Teller,
}

impl Kept {
    /// Keeps a message in the memory of `text`, which is empty.
    pub(super) fn new(parts: &Parts<'_>, mut text: Vec<u8>, teller: Teller) -> Self {
        let (subject, headers) = (parts.subject.as_bytes(), parts.headers.as_bytes());
        let is_large = parts.is_large();
        text.extend_from_slice(subject);
        text.extend_from_slice(headers);
        if !is_large {
            text.extend_from_slice(parts.payload.as_bytes());
        }
        // The server takes neither that is longer than this.
        let len = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let (subject, headers) = (len(subject), len(headers));
        let large = is_large.then(|| parts.payload.clone().into_bytes());
        Self { text, subject, headers, large, teller }
    }

    /// Whether it was published to this subject.
    pub(super) fn is_to(&self, subject: &[u8]) -> bool {
        self.text.get(..self.subject as usize) == Some(subject)
    }

    pub(super) fn parts(&self) -> Option<(Subject<'_>, Headers<'_>, Payload<'_>)> {
        let (subject, rest) = self.text.split_at_checked(self.subject as usize)?;
        let (headers, short) = rest.split_at_checked(self.headers as usize)?;
        let subject = std::str::from_utf8(subject).ok()?;
        let payload = match &self.large {
            Some(bytes) => Payload::from(bytes.clone()),
            None => Payload::from(short),
        };
        Some((Subject::new(subject).ok()?, Headers::from_bytes(headers), payload))
    }

    /// Gives the memory back, and leaves where the outcome is to be told.
    pub(super) fn release(self, spare: &mut Spare) -> Teller {
        spare.put(self.text);
        self.teller
    }
}

/// Memory for messages to be kept, used again and again.
#[derive(Debug, Default)]
pub(super) struct Spare {
    texts: Vec<Vec<u8>>,
    bytes: usize,
}

impl Spare {
    /// How much memory is kept.
    const MAX: usize = 256 * 1024;

    pub(super) fn take(&mut self) -> Vec<u8> {
        let text = self.texts.pop().unwrap_or_default();
        self.bytes -= text.capacity();
        text
    }

    fn put(&mut self, mut text: Vec<u8>) {
        if self.bytes + text.capacity() <= Self::MAX {
            text.clear();
            self.bytes += text.capacity();
            self.texts.push(text);
        }
    }
}
