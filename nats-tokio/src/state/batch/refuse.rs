//! Taking out of a batch what a server does not take.

use nats_proto::wire::PublishError as Refusal;
use nats_proto::wire::PublishLimits;

use super::Batch;

/// A message that was accepted, and is dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) number: u64,
    pub(crate) subject: String,
    /// The length of headers and payload.
    pub(crate) size: usize,
    pub(crate) reason: Refusal,
}

/// What a message's first line says.
struct Head<'b> {
    subject: &'b [u8],
    /// The length of the line, of the headers, and of headers and payload.
    line: usize,
    headers: usize,
    total: usize,
}

impl Batch {
    /// Drops the messages that are more than `limits` allow, out of a batch of which nothing was
    /// written. The first message in it has the number `first`; `known` numbers are missing already.
    pub(crate) fn refuse(
        &mut self,
        limits: PublishLimits,
        first: u64,
        known: &[u64],
    ) -> Vec<Refused> {
        let mut numbers = (first..).filter(|number| known.binary_search(number).is_err());
        let mut control = self.control.iter().peekable();
        let mut large = self.large.iter().peekable();
        let (mut at, mut ranges, mut refused) = (0, Vec::new(), Vec::new());
        while at < self.bytes.len() {
            if let Some((_, end)) = control.next_if(|(start, _)| *start == at) {
                at = *end;
                continue;
            }
            let (Some(head), Some(number)) = (self.head(at), numbers.next()) else { break };
            // A payload is in its place, or it is large, and only its place is there.
            let place = at + head.line + head.headers;
            while large.next_if(|(at, _)| *at < place).is_some() {}
            let is_large = large.next_if(|(at, _)| *at == place).is_some();
            let payload = if is_large { 0 } else { head.total - head.headers };
            let end = place + payload + nats_proto::wire::Publish::TAIL.len();
            let reason = if head.total > limits.payload {
                Some(Refusal::PayloadTooLarge { len: head.total, max: limits.payload })
            } else {
                (head.headers > 0 && !limits.headers).then_some(Refusal::HeadersUnsupported)
            };
            if let Some(reason) = reason {
                let subject = String::from_utf8_lossy(head.subject).into_owned();
                refused.push(Refused { number, subject, size: head.total, reason });
                ranges.push((at, end));
            }
            at = end;
        }
        self.messages -= refused.len() as u64;
        self.refused += refused.len() as u64;
        self.cut(&ranges);
        refused
    }

    /// The first line of the message at `at`, as it was written here.
    fn head(&self, at: usize) -> Option<Head<'_>> {
        let rest = self.bytes.get(at..)?;
        let len = rest.iter().position(|byte| *byte == b'\r')?;
        let mut words = rest.get(..len)?.split(|byte| *byte == b' ');
        let (name, subject) = (words.next()?, words.next()?);
        let mut number = || std::str::from_utf8(words.next_back()?).ok()?.parse().ok();
        let total = number()?;
        let headers = if name == b"HPUB" { number()? } else { 0 };
        (headers <= total).then_some(Head { subject, line: len + 2, headers, total })
    }
}
