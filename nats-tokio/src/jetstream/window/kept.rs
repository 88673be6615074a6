//! Messages that are kept until their outcome is known.

use bytes::Bytes;
use nats_proto::Headers;
use nats_proto::Subject;

use crate::jetstream::outcome::Teller;
use crate::message::payload::Payload;

/// From here on a payload is kept as it was handed in, and not copied.
const LARGE: usize = 4096;

/// A message that is kept until it is known what became of it.
#[derive(Debug)]
pub(in crate::jetstream) struct Kept {
    /// Subject, header block and short payload, one behind the other.
    text: Box<[u8]>,
    subject: u32,
    headers: u32,
    large: Option<Bytes>,
    pub(super) teller: Option<Teller>,
}

impl Kept {
    pub(in crate::jetstream) fn new(
        subject: Subject<'_>,
        headers: Headers<'_>,
        payload: Payload<'_>,
    ) -> Self {
        let (subject, headers) = (subject.as_bytes(), headers.as_bytes());
        let is_large = payload.as_bytes().len() >= LARGE;
        let short = if is_large { &[][..] } else { payload.as_bytes() };
        let text = [subject, headers, short].concat().into_boxed_slice();
        // The server takes neither that is longer than this.
        let len = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let (subject, headers) = (len(subject), len(headers));
        let large = is_large.then(|| payload.into_bytes());
        Self { text, subject, headers, large, teller: None }
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
}
