//! Acknowledgements of messages.

use core::time::Duration;

use crate::ascii::Decimal;
use crate::error::Full;
use crate::jetstream::time::nanos;
use crate::storage::Sink;
use crate::storage::put_all;

/// An acknowledgement of a message: the body of a publish to the message's reply subject.
///
/// With a reply subject of its own, an acknowledgement is confirmed by an empty message. That says
/// that the consumer exists and has read it, not that it came in time or was understood: also a second
/// acknowledgement is confirmed, and a body that the server does not know.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::jetstream::AckKind;
/// use nats_proto::wire::ArrayBuf;
///
/// let mut body = ArrayBuf::<64>::new();
/// AckKind::NakWithDelay(Duration::from_millis(700)).encode(&mut body)?;
/// assert_eq!(body, br#"-NAK {"delay":700000000}"#);
/// assert!(!AckKind::InProgress.is_final() && AckKind::Term.is_final());
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AckKind<'a> {
    /// Done with: the message is not delivered again.
    Ack,
    /// Not done: the message is delivered again, at once.
    Nak,
    /// Not done: the message is delivered again, after so long.
    NakWithDelay(Duration),
    /// Still being worked on: the time to acknowledge, `ack_wait`, starts anew.
    InProgress,
    /// Given up: the message is not delivered again.
    Term,
    /// Given up, and why, which the server's advisory quotes. Servers before 2.10.4 confirm this and
    /// **do not act on it**: the message comes again.
    TermWithReason(&'a str),
}

impl AckKind<'_> {
    /// Whether this is final: no other acknowledgement of the delivery has an effect afterwards.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::InProgress)
    }

    /// The body, where it is always the same: without a delay and without a reason.
    #[must_use]
    pub const fn as_static(self) -> Option<&'static [u8]> {
        match self {
            Self::Ack => Some(b"+ACK"),
            Self::Nak => Some(b"-NAK"),
            Self::InProgress => Some(b"+WPI"),
            Self::Term => Some(b"+TERM"),
            Self::NakWithDelay(_) | Self::TermWithReason(_) => None,
        }
    }

    /// Writes the body, at most 39 bytes but for a reason.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(self, out: &mut impl Sink) -> Result<(), Full> {
        match self {
            Self::NakWithDelay(delay) => {
                let delay = Decimal::new(nanos(delay));
                put_all(&[b"-NAK {\"delay\":", delay.as_bytes(), b"}"], out)
            }
            Self::TermWithReason(reason) => put_all(&[b"+TERM ", reason.as_bytes()], out),
            Self::Ack | Self::Nak | Self::InProgress | Self::Term => {
                put_all(&[self.as_static().unwrap_or_default()], out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::ArrayBuf;

    #[test]
    fn bodies() {
        let table: [(AckKind<'_>, &[u8]); 8] = [
            (AckKind::Ack, b"+ACK"),
            (AckKind::Nak, b"-NAK"),
            (AckKind::NakWithDelay(Duration::ZERO), b"-NAK {\"delay\":0}"),
            (AckKind::NakWithDelay(Duration::from_nanos(1)), b"-NAK {\"delay\":1}"),
            (AckKind::NakWithDelay(Duration::MAX), b"-NAK {\"delay\":9223372036854775807}"),
            (AckKind::InProgress, b"+WPI"),
            (AckKind::Term, b"+TERM"),
            (AckKind::TermWithReason("no such order"), b"+TERM no such order"),
        ];
        for (kind, expected) in table {
            let mut body = ArrayBuf::<64>::new();
            assert_eq!(kind.encode(&mut body), Ok(()));
            assert_eq!(&body[..], expected);
            assert!(kind.as_static().is_none_or(|body| body == expected));
        }
        assert_eq!(AckKind::Term.encode(&mut ArrayBuf::<4>::new()), Err(Full));
    }
}
