//! Asking a consumer for messages.

use core::time::Duration;

use crate::ascii::Decimal;
use crate::error::Full;
use crate::storage::Sink;
use crate::time::Millis;
use crate::wire::put_string;

/// The body of a request for messages, a *pull* (ADR-13, ADR-42 for priority groups).
///
/// What is not set is left out. Times are rounded up to whole milliseconds.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::jetstream::PullRequest;
/// use nats_proto::wire::ArrayBuf;
///
/// let mut body = ArrayBuf::<128>::new();
/// PullRequest::new(5).expires(Duration::from_secs(1)).no_wait().encode(&mut body)?;
/// assert_eq!(body, br#"{"batch":5,"expires":1000000000,"no_wait":true}"#);
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PullRequest<'a> {
    batch: u32,
    max_bytes: u32,
    expires: Millis,
    heartbeat: Millis,
    no_wait: bool,
    group: &'a str,
    pin_id: &'a str,
    min_pending: u64,
    min_ack_pending: u64,
    priority: u8,
}

impl PullRequest<'static> {
    /// How long the body is at most, but for a group and the id of a pin. Those add their length, and
    /// six times that where every character is escaped.
    pub const MAX_LEN: usize = 224;

    /// A pull of so many messages. Zero counts as one.
    #[must_use]
    pub const fn new(batch: u32) -> Self {
        Self {
            batch,
            max_bytes: 0,
            expires: Millis(0),
            heartbeat: Millis(0),
            no_wait: false,
            group: "",
            pin_id: "",
            min_pending: 0,
            min_ack_pending: 0,
            priority: 0,
        }
    }
}

impl<'a> PullRequest<'a> {
    /// The pull ends after so many bytes: of subject, reply subject, headers and payload of each
    /// message. Zero is no limit.
    #[must_use]
    pub const fn max_bytes(self, bytes: u32) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// The pull ends after this time. Without it, it waits as long as the connection lasts.
    #[must_use]
    pub fn expires(self, after: Duration) -> Self {
        Self { expires: after.into(), ..self }
    }

    /// The server sends a heartbeat after so long without a message. At most half of
    /// [`expires`](Self::expires), which has to be set.
    #[must_use]
    pub fn heartbeat(self, interval: Duration) -> Self {
        Self { heartbeat: interval.into(), ..self }
    }

    pub(super) const fn times(self, expires: Millis, heartbeat: Millis) -> Self {
        Self { expires, heartbeat, ..self }
    }

    /// The pull ends when nothing is there any more. With [`expires`](Self::expires), it waits for a
    /// first message if there is none.
    ///
    /// Without it, a consumer that has as many messages unacknowledged as it may have (
    /// `max_ack_pending`) **never answers**: have a timer.
    #[must_use]
    pub const fn no_wait(self) -> Self {
        Self { no_wait: true, ..self }
    }

    /// The priority group; consumers with groups insist on it.
    #[must_use]
    pub const fn group(self, group: &'a str) -> Self {
        Self { group, ..self }
    }

    /// The value of [`header::PIN_ID`](crate::jetstream::header::PIN_ID) in the last message that had one, for
    /// the policy `pinned_client`.
    #[must_use]
    pub const fn pin_id(self, id: &'a str) -> Self {
        Self { pin_id: id, ..self }
    }

    /// The pull waits until so many messages are there, for the policy `overflow`.
    #[must_use]
    pub const fn min_pending(self, messages: u64) -> Self {
        Self { min_pending: messages, ..self }
    }

    /// The pull waits until so many messages are not acknowledged yet, for the policy `overflow`.
    #[must_use]
    pub const fn min_ack_pending(self, messages: u64) -> Self {
        Self { min_ack_pending: messages, ..self }
    }

    /// Whose turn it is, for the policy `prioritized`: 0 is first, 9 is last, and the server refuses
    /// more.
    #[must_use]
    pub const fn priority(self, priority: u8) -> Self {
        Self { priority, ..self }
    }

    /// Writes the body.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        let mut len = Length(0);
        self.write(&mut len);
        out.reserve(len.0)?;
        self.write(out);
        Ok(())
    }

    fn write(&self, out: &mut dyn Sink) {
        put_number("{\"batch\":", self.batch.max(1).into(), out);
        put_number(",\"max_bytes\":", self.max_bytes.into(), out);
        put_number(",\"expires\":", nanos_of(self.expires), out);
        put_number(",\"idle_heartbeat\":", nanos_of(self.heartbeat), out);
        put_number(",\"min_pending\":", self.min_pending, out);
        put_number(",\"min_ack_pending\":", self.min_ack_pending, out);
        put_number(",\"priority\":", self.priority.into(), out);
        put_text(",\"group\":", self.group, out);
        put_text(",\"id\":", self.pin_id, out);
        out.put(if self.no_wait { b",\"no_wait\":true}" } else { b"}" });
    }
}

fn nanos_of(time: Millis) -> u64 {
    u64::from(time.0) * 1_000_000
}

/// Writes a number, unless it is zero. Compiled once, for the sake of small programs.
#[inline(never)]
fn put_number(name: &str, number: u64, out: &mut dyn Sink) {
    if number > 0 {
        out.put(name.as_bytes());
        out.put(Decimal::new(number).as_bytes());
    }
}

#[inline(never)]
fn put_text(name: &str, text: &str, out: &mut dyn Sink) {
    if !text.is_empty() {
        out.put(name.as_bytes());
        put_string(text, out);
    }
}

/// Counts what would be written.
struct Length(usize);

impl Sink for Length {
    fn reserve(&mut self, _: usize) -> Result<(), Full> {
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::storage::ArrayBuf;
    use crate::storage::SendBuf;

    fn body(request: PullRequest<'_>) -> String {
        let mut out = ArrayBuf::<512>::new();
        request.encode(&mut out).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn bodies() {
        let table = [
            (PullRequest::new(0), r#"{"batch":1}"#),
            (PullRequest::new(7).no_wait(), r#"{"batch":7,"no_wait":true}"#),
            (
                PullRequest::new(2).expires(30 * SECOND).heartbeat(5 * SECOND).max_bytes(9),
                r#"{"batch":2,"max_bytes":9,"expires":30000000000,"idle_heartbeat":5000000000}"#,
            ),
            (
                PullRequest::new(1).group("a\"b").pin_id("2fXX").priority(9),
                r#"{"batch":1,"priority":9,"group":"a\"b","id":"2fXX"}"#,
            ),
            (
                PullRequest::new(1).min_pending(3).min_ack_pending(u64::MAX),
                r#"{"batch":1,"min_pending":3,"min_ack_pending":18446744073709551615}"#,
            ),
            (
                PullRequest::new(1).expires(Duration::MAX),
                r#"{"batch":1,"expires":4294967295000000}"#,
            ),
        ];
        for (request, expected) in table {
            assert_eq!(body(request), expected);
        }
    }

    #[test]
    fn a_body_is_written_whole_or_not() {
        let all = PullRequest::new(u32::MAX)
            .max_bytes(u32::MAX)
            .expires(Duration::MAX)
            .heartbeat(Duration::MAX)
            .min_pending(u64::MAX)
            .min_ack_pending(u64::MAX)
            .priority(u8::MAX)
            .no_wait();
        let len = body(all).len();
        assert!(len <= PullRequest::MAX_LEN, "{len}");
        for room in 0..len {
            let mut memory: Vec<u8> = vec![0; room];
            let mut out = SendBuf::new(&mut memory);
            assert_eq!(all.encode(&mut out), Err(Full));
            assert!(out.is_empty());
        }
    }
}
