//! Limits of a server for published messages, checked before anything is sent.

use core::fmt;

use super::encode::Publish;
use crate::setters::setters;

/// The server's limits, as far as they are known.
///
/// A server answers a violation by closing the connection, so a client checks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PublishLimits {
    /// The longest headers and payload together in bytes (`max_payload` of INFO).
    pub payload: usize,
    /// The longest control line in bytes without its line end (nats-server's `max_control_line`,
    /// which is not in INFO).
    pub line: usize,
    /// Whether headers are allowed.
    pub headers: bool,
}

/// The lengths of a message that is encoded already: all that limits are about. For what is kept
/// until there is a connection, whose limits may be others than those that it was accepted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PublishLens {
    /// The control line in bytes, without its line end.
    pub line: usize,
    /// Headers and payload together in bytes.
    pub body: usize,
    /// Whether there are headers.
    pub has_headers: bool,
}

impl PublishLens {
    /// Those of a message.
    #[must_use]
    pub fn of(message: &Publish<'_>) -> Self {
        Self {
            line: message.line_len() - Publish::TAIL.len(),
            body: message.body_len(),
            has_headers: !message.headers.is_empty(),
        }
    }
}

/// Why a message cannot be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PublishError {
    /// Headers and payload are too long.
    PayloadTooLarge {
        /// How long they are in bytes.
        len: usize,
        /// How long they may be.
        max: usize,
    },
    /// Subject and reply subject are too long.
    LineTooLong {
        /// How long the control line would be in bytes.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// The server does not support headers.
    HeadersUnsupported,
}

impl PublishLimits {
    /// Without a server: payloads of any length, lines of 4096 bytes, and headers.
    pub const DEFAULT: Self = Self { payload: usize::MAX, line: 4096, headers: true };

    setters! {
        payload: usize,
        line: usize,
        headers: bool,
    }

    /// Checks a message.
    ///
    /// # Errors
    ///
    /// The first limit that it exceeds.
    #[inline]
    pub fn check(&self, message: &Publish<'_>) -> Result<(), PublishError> {
        let len = message.body_len();
        if len > self.payload {
            return Err(PublishError::PayloadTooLarge { len, max: self.payload });
        }
        // Most lines are so short that they need not be measured.
        if message.line_len_bound() > self.line {
            let len = message.line_len() - Publish::TAIL.len();
            if len > self.line {
                return Err(PublishError::LineTooLong { len, max: self.line });
            }
        }
        if !self.headers && !message.headers.is_empty() {
            return Err(PublishError::HeadersUnsupported);
        }
        Ok(())
    }

    /// Checks a message that is encoded already. Where messages are kept, the limits they were
    /// accepted under can be kept, too: if these are the same, there is nothing to check.
    ///
    /// # Errors
    ///
    /// The first limit that it exceeds.
    pub const fn check_lens(&self, lens: PublishLens) -> Result<(), PublishError> {
        let PublishLens { line, body, has_headers } = lens;
        if body > self.payload {
            Err(PublishError::PayloadTooLarge { len: body, max: self.payload })
        } else if line > self.line {
            Err(PublishError::LineTooLong { len: line, max: self.line })
        } else if has_headers && !self.headers {
            Err(PublishError::HeadersUnsupported)
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadTooLarge { len, max } => {
                write!(f, "headers and payload of {len} bytes exceed max_payload of {max}")
            }
            Self::LineTooLong { len, max } => {
                write!(f, "control line of {len} bytes exceeds the limit of {max}")
            }
            Self::HeadersUnsupported => f.write_str("the server does not support headers"),
        }
    }
}

impl core::error::Error for PublishError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::Headers;
    use crate::subject::Subject;

    #[test]
    fn limits_are_inclusive() {
        let headers = Headers::from_bytes(b"NATS/1.0\r\n\r\n");
        let message = Publish { headers, ..Publish::new(Subject::from_static("abc"), b"12345678") };
        let line = "HPUB abc 12 20".len();
        let limits = PublishLimits { payload: 20, line, headers: true };
        let check = |limits: PublishLimits| {
            let checked = limits.check(&message);
            assert_eq!(limits.check_lens(PublishLens::of(&message)), checked);
            checked
        };
        assert_eq!(check(limits), Ok(()));
        assert_eq!(
            check(PublishLimits { payload: 19, ..limits }),
            Err(PublishError::PayloadTooLarge { len: 20, max: 19 })
        );
        assert_eq!(
            check(PublishLimits { line: line - 1, ..limits }),
            Err(PublishError::LineTooLong { len: line, max: line - 1 })
        );
        assert_eq!(
            check(PublishLimits { headers: false, ..limits }),
            Err(PublishError::HeadersUnsupported)
        );
    }
}
