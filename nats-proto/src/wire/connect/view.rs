//! CONNECT as a server reads it.

use crate::ascii::parse_decimal;
use crate::storage::ArrayBuf;
use crate::storage::Buffer;
use crate::wire::json::JsonError;
use crate::wire::json::Scanner;
use crate::wire::json::TokenKind;

/// The JSON of a CONNECT, read when it is asked.
///
/// ```
/// use nats_proto::wire::{ArrayBuf, ConnectView};
///
/// let connect = ConnectView::from_bytes(br#"{"verbose":false,"name":"caf\u00e9"}"#);
/// let mut text = ArrayBuf::<32>::new();
/// assert_eq!(connect.flag("verbose"), Some(false));
/// assert_eq!(connect.text("name", &mut text), Some("café"));
/// assert_eq!(connect.flag("echo"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnectView<'b>(&'b [u8]);

impl<'b> ConnectView<'b> {
    /// A view of JSON that may or may not be well-formed.
    #[must_use]
    pub const fn from_bytes(json: &'b [u8]) -> Self {
        Self(json)
    }

    /// The JSON, as it was sent.
    #[must_use]
    pub const fn as_bytes(self) -> &'b [u8] {
        self.0
    }

    /// Checks that the JSON is one object.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is not.
    pub fn check(self) -> Result<(), JsonError> {
        let mut scanner = Scanner::new(ArrayBuf::<0>::new());
        for &byte in self.0 {
            scanner.push(byte)?;
        }
        if scanner.is_done() { Ok(()) } else { Err(JsonError) }
    }

    /// The value of `key`, if it is a truth value.
    #[must_use]
    pub fn flag(self, key: &str) -> Option<bool> {
        match self.find(key, &mut ArrayBuf::<32>::new())? {
            TokenKind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value of `key`, if it is a whole number that is not negative.
    #[must_use]
    pub fn number(self, key: &str) -> Option<u64> {
        let mut text = ArrayBuf::<32>::new();
        let kind = self.find(key, &mut text)?;
        (kind == TokenKind::Number && text.iter().all(u8::is_ascii_digit))
            .then(|| parse_decimal(&text))
            .flatten()
    }

    /// The value of `key`, if it is a string that fits into `text`; so must `key`.
    #[must_use]
    pub fn text<'t, B: Buffer>(self, key: &str, text: &'t mut B) -> Option<&'t str> {
        let kind = self.find(key, text)?;
        let text: &'t B = text;
        let text = core::str::from_utf8(text.as_ref()).ok()?;
        (kind == TokenKind::String).then_some(text)
    }

    /// Finds the value of `key`, and leaves its text in `text`.
    fn find(self, key: &str, text: &mut impl Buffer) -> Option<TokenKind> {
        let mut scanner = Scanner::new(text);
        let mut is_next = false;
        for &byte in self.0 {
            let Some(token) = scanner.push(byte).ok()? else {
                continue;
            };
            if token.depth != 1 {
                continue;
            }
            if token.kind == TokenKind::Key {
                is_next = scanner.text() == Some(key.as_bytes());
            } else if is_next {
                scanner.text()?;
                return Some(token.kind);
            }
        }
        None
    }
}

impl core::fmt::Debug for ConnectView<'_> {
    /// Passwords and tokens stay out of logs: only the length is shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ConnectView({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(json: &str) -> ConnectView<'_> {
        ConnectView::from_bytes(json.as_bytes())
    }

    #[test]
    fn values_are_found_by_key_and_type() {
        let json = r#"{"a":{"b":true},"b":false,"c":"x\ny","d":12,"e":-1,"f":["g"],"g":1.5}"#;
        let mut text = ArrayBuf::<8>::new();
        assert_eq!(view(json).check(), Ok(()));
        assert_eq!(view(json).flag("b"), Some(false));
        assert_eq!(view(json).text("c", &mut text), Some("x\ny"));
        assert_eq!(view(json).number("d"), Some(12));
        for key in ["a", "c", "d", "e", "f", "z", ""] {
            assert_eq!(view(json).flag(key), None, "{key}");
        }
        for key in ["a", "b", "c", "e", "f", "g", "z"] {
            assert_eq!(view(json).number(key), None, "{key}");
        }
        assert_eq!(view(json).text("d", &mut text), None);
    }

    #[test]
    fn long_values_and_malformed_json_are_no_values() {
        let mut text = ArrayBuf::<4>::new();
        assert_eq!(view(r#"{"a":"12345"}"#).text("a", &mut text), None);
        assert_eq!(view(r#"{"a":"1234"}"#).text("a", &mut text), Some("1234"));
        assert_eq!(view(r#"{"a":tru}"#).flag("a"), None);
        assert!(view("{").check().is_err() && view("").check().is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(std::format!("{:?}", view(r#"{"pass":"s"}"#)), "ConnectView(12 bytes)");
    }
}
