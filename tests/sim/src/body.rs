//! Messages that can be told from each other, and the names that there are.

/// What is subscribed to.
pub(crate) const FILTERS: [&str; 9] =
    ["a", "a.b", "a.*", "a.>", "b", "b.*.c", "c.d.e", "deny.x", "deny.y"];
/// What is published to.
pub(crate) const SUBJECTS: [&str; 8] =
    ["a", "a.b", "a.c", "a.b.c", "b", "b.x.c", "c.d.e", "deny.pub"];
pub(crate) const QUEUES: [&str; 2] = ["q", "workers"];

/// What a message contains, for whoever would take a payload for frames.
const TRAP: &[u8] = b"\r\nPING\r\nMSG a 1 2\r\nhi\r\nPUB a 0\r\n\r\n-ERR 'x'\r\nUNSUB 1\r\n";

/// A message: all of it follows from its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) reply: Option<String>,
    /// Header lines, without what is around them.
    pub(crate) header: Option<String>,
    pub(crate) payload: Vec<u8>,
}

impl Body {
    pub(crate) fn new(id: u64) -> Self {
        let filler = [0, 3, 17, 90, 300].get((id % 5) as usize).copied().unwrap_or_default();
        let mut payload = format!("{id} ").into_bytes();
        payload.extend(TRAP.iter().cycle().take(filler));
        Self {
            reply: (id % 4 == 1).then(|| format!("r.{id}")),
            header: id.is_multiple_of(3).then(|| id.to_string()),
            payload,
        }
    }

    /// The block of headers; empty if there are none.
    pub(crate) fn headers(&self) -> Vec<u8> {
        let block = self.header.as_ref().map(|value| format!("NATS/1.0\r\nId: {value}\r\n\r\n"));
        block.unwrap_or_default().into_bytes()
    }
}

/// The number of the message that has this payload.
pub(crate) fn id_of(payload: &[u8]) -> Option<u64> {
    let end = payload.iter().position(|byte| *byte == b' ')?;
    std::str::from_utf8(payload.get(..end)?).ok()?.parse().ok()
}

/// Whether the server permits a subscription to it, or publishing.
pub(crate) fn is_permitted(subject: &str) -> bool {
    !subject.starts_with("deny.")
}

/// Whether a filter matches, the naive way.
pub(crate) fn matches(filter: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for token in filter.split('.') {
        match (token, subject.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}
