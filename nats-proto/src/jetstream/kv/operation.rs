//! What a message of a bucket does to its key.

use crate::headers::HeaderBuf;
use crate::headers::HeaderError;
use crate::headers::Headers;
use crate::jetstream::publish::header::ROLLUP;
use crate::storage::Buffer;

/// What a message does to its key.
const OPERATION: &str = "KV-Operation";
/// Why the server has stored a message by itself.
const MARKER_REASON: &str = "Nats-Marker-Reason";

/// What a message of a bucket does to its key.
///
/// ```
/// use nats_proto::HeaderBuf;
/// use nats_proto::jetstream::KeyOperation;
/// use nats_proto::wire::ArrayBuf;
///
/// let mut headers = HeaderBuf::<ArrayBuf<64>>::new();
/// KeyOperation::Purge.write(&mut headers)?;
/// assert_eq!(headers.as_headers().get("KV-Operation"), Some("PURGE"));
/// assert_eq!(headers.as_headers().get("Nats-Rollup"), Some("sub"));
/// assert_eq!(KeyOperation::read(headers.as_headers()), KeyOperation::Purge);
/// # Ok::<(), nats_proto::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyOperation {
    /// The payload is the key's value, also if it is empty.
    Put,
    /// The key has no value any more; its earlier ones stay in the history.
    Delete,
    /// The key has no value any more, and no history.
    Purge,
}

impl KeyOperation {
    /// What the headers of a message say.
    ///
    /// A server stores markers of its own for keys whose time is over and for those that an operator
    /// removes (ADR-43, `subject_delete_marker_ttl`): they have no `KV-Operation`, but say the reason.
    /// What is not known is a removal, since a value needs no such header.
    #[must_use]
    pub fn read(headers: Headers<'_>) -> Self {
        match (headers.get_bytes(OPERATION), headers.get_bytes(MARKER_REASON)) {
            (None, None) | (Some(b"PUT"), _) => Self::Put,
            (Some(b"PURGE"), _) | (None, Some(b"MaxAge" | b"Purge")) => Self::Purge,
            _ => Self::Delete,
        }
    }

    /// Adds the headers of such a message; none for a value.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if the storage is full.
    pub fn write<B: Buffer>(self, headers: &mut HeaderBuf<B>) -> Result<(), HeaderError> {
        match self {
            Self::Put => Ok(()),
            Self::Delete => headers.append(OPERATION, "DEL"),
            Self::Purge => {
                headers.append(OPERATION, "PURGE")?;
                headers.append(ROLLUP, "sub")
            }
        }
    }

    /// Whether the key has no value any more.
    #[must_use]
    pub const fn is_removal(self) -> bool {
        !matches!(self, Self::Put)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::ArrayBuf;

    #[test]
    fn what_messages_do() {
        let table: [(&[(&str, &str)], KeyOperation); 11] = [
            (&[], KeyOperation::Put),
            (&[("A", "b")], KeyOperation::Put),
            (&[("Nats-TTL", "5s")], KeyOperation::Put),
            (&[("KV-Operation", "PUT")], KeyOperation::Put),
            (&[("KV-Operation", "DEL")], KeyOperation::Delete),
            (&[("KV-Operation", "PURGE"), ("Nats-Rollup", "sub")], KeyOperation::Purge),
            (&[("KV-Operation", "SOMETHING")], KeyOperation::Delete),
            (&[("Nats-Marker-Reason", "MaxAge"), ("Nats-TTL", "5s")], KeyOperation::Purge),
            (&[("Nats-Marker-Reason", "Purge")], KeyOperation::Purge),
            (&[("Nats-Marker-Reason", "Remove")], KeyOperation::Delete),
            (&[("Nats-Marker-Reason", "?")], KeyOperation::Delete),
        ];
        for (headers, operation) in table {
            let mut block = HeaderBuf::<ArrayBuf<128>>::new();
            for (name, value) in headers {
                block.append(name, value).unwrap();
            }
            assert_eq!(KeyOperation::read(block.as_headers()), operation, "{headers:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for operation in [KeyOperation::Put, KeyOperation::Delete, KeyOperation::Purge] {
            let mut block = HeaderBuf::<ArrayBuf<128>>::new();
            operation.write(&mut block).unwrap();
            assert_eq!(KeyOperation::read(block.as_headers()), operation);
            assert_eq!(operation.is_removal(), operation != KeyOperation::Put);
        }
        let mut small = HeaderBuf::<ArrayBuf<20>>::new();
        assert!(KeyOperation::Delete.write(&mut small).is_err());
    }
}
