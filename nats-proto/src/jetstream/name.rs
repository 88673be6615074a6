//! Names of streams and consumers, checked.

use core::fmt;

use crate::checked_text::checked_texts;

/// The name of a stream.
///
/// It is one token of a subject (ADR-6): not empty, at most 255 bytes, and without blanks, control
/// characters, `.`, `*`, `>`, `/` and `\`. Anything else is allowed, UTF-8 included.
///
/// ```
/// use nats_proto::jetstream::{NameError, StreamName};
///
/// const ORDERS: StreamName<'static> = StreamName::from_static("ORDERS");
///
/// assert_eq!(ORDERS.as_str(), "ORDERS");
/// assert_eq!(StreamName::new("orders.new"), Err(NameError::Forbidden { at: 6 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StreamName<'a>(&'a str);

/// The name of a consumer, durable or not; the rules are those of [`StreamName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConsumerName<'a>(&'a str);

/// Why a text is not a name; `at` is the offending byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// The text is longer than [`MAX_NAME_LEN`] bytes.
    TooLong,
    /// A blank, a control character, or one of `.`, `*`, `>`, `/` and `\`.
    Forbidden {
        /// The character's offset.
        at: usize,
    },
}

/// The longest name in bytes that nats-server takes (`JSMaxNameLen`).
pub const MAX_NAME_LEN: usize = 255;

checked_texts! {
    StreamName: "name of a stream", NameError, |text| check(text);
    ConsumerName: "name of a consumer", NameError, |text| check(text);
}

/// Checks a name: of a stream, a consumer or a domain.
pub(super) const fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_NAME_LEN {
        return Err(NameError::TooLong);
    }
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        if matches!(*byte, 0..=b' ' | 0x7F | b'.' | b'*' | b'>' | b'/' | b'\\') {
            return Err(NameError::Forbidden { at: text.len() - rest.len() });
        }
        rest = after;
    }
    Ok(())
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty"),
            Self::TooLong => write!(f, "the name is longer than {MAX_NAME_LEN} bytes"),
            Self::Forbidden { at } => {
                write!(f, "byte {at} of the name is a blank, a control character or one of .*>/\\")
            }
        }
    }
}

impl core::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;
    use crate::Subject;

    #[test]
    fn names() {
        // What nats-server 2.15.1 and 2.9.10 take for a stream, or refuse.
        for name in ["S", "a&b", "aé", "a=b", "a$b", "\"q\"", "a'b", "_", "-"] {
            assert_eq!(StreamName::new(name).map(StreamName::as_str), Ok(name));
            assert_eq!(ConsumerName::try_from(name).unwrap().to_string(), name);
        }
        let long = "x".repeat(MAX_NAME_LEN);
        assert!(StreamName::new(&long).is_ok());
        let table = [
            ("", NameError::Empty),
            ("a.b", NameError::Forbidden { at: 1 }),
            ("ab*", NameError::Forbidden { at: 2 }),
            (">", NameError::Forbidden { at: 0 }),
            ("a/b", NameError::Forbidden { at: 1 }),
            ("a\\b", NameError::Forbidden { at: 1 }),
            ("é b", NameError::Forbidden { at: 2 }),
            ("a\r\nPING", NameError::Forbidden { at: 1 }),
        ];
        for (name, error) in table {
            assert_eq!(StreamName::new(name), Err(error), "{name:?}");
            assert_eq!(ConsumerName::new(name), Err(error), "{name:?}");
            assert!(!error.to_string().is_empty());
        }
        let too_long = "x".repeat(MAX_NAME_LEN + 1);
        assert_eq!(StreamName::new(&too_long), Err(NameError::TooLong));
    }

    proptest! {
        #[test]
        fn a_name_is_one_token_of_a_subject(text in "[ -~é\t\\.]{0,6}") {
            let is_token = Subject::new(&text).is_ok_and(|text| text.tokens().count() == 1);
            let has_others = text.contains(['*', '>', '/', '\\']);
            prop_assert_eq!(StreamName::new(&text).is_ok(), is_token && !has_others, "{}", String::from(&text));
        }
    }
}
