//! Ids of messages, by which a stream knows them again.

use super::header::MESSAGE_ID;
use super::header::PublishHeaderError;
use crate::ascii::Decimal;
use crate::headers::Headers;
use crate::storage::Buffer;
use crate::storage::put_all;

/// A message's id, by which its stream knows it again: a text, and a number after it, for messages that
/// are counted.
///
/// An id says the same as [`PublishHeaders::message_id`](crate::jetstream::PublishHeaders::message_id), for those who have little memory.
///
/// ```
/// use nats_proto::Headers;
/// use nats_proto::jetstream::MessageId;
/// use nats_proto::wire::ArrayBuf;
///
/// let mut block = ArrayBuf::<64>::new();
/// let headers = MessageId::numbered("sensor-7.", 42).write_before(Headers::NONE, &mut block)?;
/// assert_eq!(headers.get("Nats-Msg-Id"), Some("sensor-7.42"));
/// # Ok::<(), nats_proto::jetstream::PublishHeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MessageId<'a> {
    text: &'a str,
    number: Option<u64>,
}

impl<'a> MessageId<'a> {
    /// This text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, number: None }
    }

    /// The text, and the number in decimal digits.
    #[must_use]
    pub const fn numbered(text: &'a str, number: u64) -> Self {
        Self { text, number: Some(number) }
    }

    /// Checks the id.
    ///
    /// # Errors
    ///
    /// [`PublishHeaderError::MessageId`] if it is empty, begins or ends with a blank, or has CR or LF.
    pub fn check(self) -> Result<(), PublishHeaderError> {
        let text = self.text.as_bytes();
        let is_bad = |byte: u8| byte == b'\r' || byte == b'\n';
        let begins = text.first().is_some_and(u8::is_ascii_whitespace);
        let ends = text.last().is_some_and(u8::is_ascii_whitespace) && self.number.is_none();
        let is_empty = text.is_empty() && self.number.is_none();
        if is_empty || begins || ends || text.iter().any(|byte| is_bad(*byte)) {
            return Err(PublishHeaderError::MessageId);
        }
        Ok(())
    }

    /// Writes a header block with the id, and the headers of another block after it, in place of what was in
    /// `block`. If they have an id, it does not count.
    ///
    /// # Errors
    ///
    /// [`PublishHeaderError::MessageId`], as in [`check`](Self::check), or
    /// [`Full`](PublishHeaderError::Full) if it does not fit.
    pub fn write_before<'b, B: Buffer>(
        self,
        others: Headers<'_>,
        block: &'b mut B,
    ) -> Result<Headers<'b>, PublishHeaderError> {
        self.check()?;
        let digits = self.number.map(Decimal::new);
        let digits = digits.as_ref().map_or(&[][..], Decimal::as_bytes);
        let others = others.as_bytes();
        let first = others.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let others = others.get(first..).filter(|lines| !lines.is_empty()).unwrap_or(b"\r\n");
        let name = MESSAGE_ID.as_bytes();
        let parts = [b"NATS/1.0\r\n", name, b": ", self.text.as_bytes(), digits, b"\r\n", others];
        block.truncate(0);
        put_all(&parts, block).map_err(|_| PublishHeaderError::Full)?;
        let block: &'b B = block;
        Ok(Headers::from_bytes(block.as_ref()))
    }
}

impl<'a> From<&'a str> for MessageId<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;
    use crate::storage::ArrayBuf;

    fn block(id: MessageId<'_>, others: &'static [u8]) -> Result<String, PublishHeaderError> {
        let mut block = ArrayBuf::<64>::from_slice(b"what was there").unwrap();
        let headers = id.write_before(Headers::from_bytes(others), &mut block)?;
        Ok(String::from_utf8(headers.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn blocks() {
        let others = b"NATS/1.0\r\nNats-TTL: 1s\r\n\r\n";
        let table: [(MessageId<'_>, &'static [u8], &str); 5] = [
            (MessageId::new("a b"), b"", "NATS/1.0\r\nNats-Msg-Id: a b\r\n\r\n"),
            ("a".into(), b"NATS/1.0\r\n\r\n", "NATS/1.0\r\nNats-Msg-Id: a\r\n\r\n"),
            (MessageId::numbered("s ", 0), b"", "NATS/1.0\r\nNats-Msg-Id: s 0\r\n\r\n"),
            (
                MessageId::numbered("", u64::MAX),
                b"",
                "NATS/1.0\r\nNats-Msg-Id: 18446744073709551615\r\n\r\n",
            ),
            (MessageId::new("a"), others, "NATS/1.0\r\nNats-Msg-Id: a\r\nNats-TTL: 1s\r\n\r\n"),
        ];
        for (id, others, expected) in table {
            assert_eq!(block(id, others).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn an_id_that_the_stream_would_not_see_is_refused() {
        for text in ["", " ", " a", "a ", "a\r", "a\nb", "\ta"] {
            let refused = block(MessageId::new(text), b"");
            assert_eq!(refused, Err(PublishHeaderError::MessageId), "{text:?}");
        }
        assert!(MessageId::numbered(" a", 1).check().is_err());
        let long = "a".repeat(64);
        assert_eq!(block(MessageId::new(&long), b""), Err(PublishHeaderError::Full));
    }
}
