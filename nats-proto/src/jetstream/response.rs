//! Responses of the JetStream API, read as JSON in whatever pieces they come.

#[cfg(test)]
mod tests;

use core::fmt;

use super::error::ApiError;
use super::error::ErrorCode;
use crate::ascii::parse_decimal;
use crate::storage::Buffer;
use crate::wire::Scanner;
use crate::wire::Token;
use crate::wire::TokenKind;

/// A payload that is not the response that was expected: not JSON, or without what has to be in it.
///
/// Any subscriber of a subject can answer, also with `hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ResponseError;

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a response of JetStream")
    }
}

impl core::error::Error for ResponseError {}

/// What one kind of response has in it.
pub(super) trait Fields {
    /// The keys that matter, at whatever depth.
    const KEYS: &'static [&'static str];

    /// Forgets everything.
    fn clear(&mut self);

    /// A value, `path` being the keys that lead to it.
    fn value(&mut self, path: Path, value: Value<'_>);
}

/// The indices in [`Fields::KEYS`] of the outermost two keys that lead to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    keys: [u8; 2],
    /// 1 for a value in the outermost object.
    depth: u8,
}

impl Path {
    /// The keys by name, and an empty name for none, or one that does not matter.
    pub(super) fn names<F: Fields>(self) -> [&'static str; 2] {
        self.keys.map(|key| F::KEYS.get(usize::from(key)).copied().unwrap_or_default())
    }

    /// 1 for a value in the outermost object.
    pub(super) const fn depth(self) -> u8 {
        self.depth
    }
}

/// A string, number or truth.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'t> {
    /// A text, as far as there was room for it; whether that is all of it.
    Text(&'t [u8], bool),
    /// A number without sign, fraction or exponent; `None` for any other.
    Number(Option<u64>),
    Bool(bool),
}

/// No key that matters.
const NO_KEY: u8 = u8::MAX;
/// The keys of an error.
const ERROR: u8 = 0x80;
const ERROR_KEYS: [(&str, u8); 4] =
    [("error", ERROR), ("code", ERROR | 1), ("err_code", ERROR | 2), ("description", ERROR | 3)];

/// Reads one response after the other; errors are the same in all of them.
#[derive(Clone, Debug)]
pub(super) struct Reader<T, N, F> {
    json: Scanner<T>,
    keys: [u8; 2],
    error: Option<(u16, ErrorCode)>,
    description: N,
    pub(super) fields: F,
    is_malformed: bool,
}

impl<T: Buffer, N: Buffer, F: Fields> Reader<T, N, F> {
    pub(super) const fn new(text: T, description: N, fields: F) -> Self {
        let json = Scanner::new(text);
        let keys = [NO_KEY; 2];
        Self { json, keys, error: None, description, fields, is_malformed: false }
    }

    /// Starts over with another response.
    pub(super) fn reset(&mut self) {
        self.json.reset();
        self.keys = [NO_KEY; 2];
        self.error = None;
        self.description.truncate(0);
        self.fields.clear();
        self.is_malformed = false;
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        for &byte in piece {
            // What follows an error is of no interest, however long it is.
            if self.is_malformed {
                return;
            }
            match self.json.push(byte) {
                Ok(Some(token)) => self.token(token),
                Ok(None) => {}
                Err(_) => self.is_malformed = true,
            }
        }
    }

    /// The fields of a response that is complete, or the error in it.
    pub(super) fn finish(&self) -> Result<Result<&F, ApiError<'_>>, ResponseError> {
        if self.is_malformed || !self.json.is_done() {
            return Err(ResponseError);
        }
        let Some((status, code)) = self.error else { return Ok(Ok(&self.fields)) };
        Ok(Err(ApiError::new(status, code, utf8_prefix(self.description.as_ref()))))
    }

    fn token(&mut self, token: Token) {
        let text = self.json.text();
        let value = match token.kind {
            TokenKind::Key => {
                let key = text.map_or(NO_KEY, key::<F>);
                match token.depth {
                    1 => self.keys = [key, NO_KEY],
                    2 => self.keys = [self.keys[0], key],
                    _ => {}
                }
                if self.keys == [ERROR, NO_KEY] && token.depth == 1 {
                    // Also an error that says nothing is one.
                    self.error = Some((0, ErrorCode(0)));
                }
                return;
            }
            TokenKind::String => Value::Text(self.json.text_prefix(), text.is_some()),
            TokenKind::Number => Value::Number(text.and_then(number)),
            TokenKind::Bool(value) => Value::Bool(value),
            TokenKind::Null => {
                if self.keys == [ERROR, NO_KEY] && token.depth == 1 {
                    self.error = None;
                }
                return;
            }
        };
        let [outer, inner] = self.keys;
        if outer != ERROR {
            let path = Path { keys: self.keys, depth: token.depth };
            return self.fields.value(path, value);
        }
        let Some((status, code)) = self.error.as_mut().filter(|_| token.depth == 2) else { return };
        let number = |value| match value {
            Value::Number(Some(number)) => u16::try_from(number).unwrap_or_default(),
            _ => 0,
        };
        match inner & !ERROR {
            1 => *status = number(value),
            2 => *code = ErrorCode(number(value)),
            3 => {
                if let Value::Text(text, _) = value {
                    keep_prefix(&mut self.description, text);
                }
            }
            _ => {}
        }
    }
}

fn key<F: Fields>(name: &[u8]) -> u8 {
    let at = F::KEYS.iter().position(|known| known.as_bytes() == name);
    let own = at.and_then(|at| u8::try_from(at).ok());
    let error = || ERROR_KEYS.iter().find(|(known, _)| known.as_bytes() == name);
    own.or_else(|| error().map(|(_, key)| *key)).unwrap_or(NO_KEY)
}

fn number(text: &[u8]) -> Option<u64> {
    if text.iter().all(u8::is_ascii_digit) { parse_decimal(text) } else { None }
}

/// Puts `text` in place of what was there, or nothing if it does not fit or is not whole.
pub(super) fn keep(field: &mut impl Buffer, text: &[u8], is_whole: bool) {
    field.truncate(0);
    if is_whole && field.reserve(text.len()).is_ok() {
        field.put(text);
    }
}

/// Puts as much of `text` in place of what was there as fits. A half is worth something where people
/// read it.
fn keep_prefix(field: &mut impl Buffer, text: &[u8]) {
    field.truncate(0);
    for byte in text {
        if field.reserve(1).is_err() {
            return;
        }
        field.put(core::slice::from_ref(byte));
    }
}

/// The text up to what is not UTF-8, which may be half a character.
fn utf8_prefix(text: &[u8]) -> &str {
    match core::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let text = text.get(..error.valid_up_to()).unwrap_or_default();
            core::str::from_utf8(text).unwrap_or_default()
        }
    }
}

/// A text that was kept; empty if it is not UTF-8.
pub(super) fn text(field: &impl Buffer) -> &str {
    core::str::from_utf8(field.as_ref()).unwrap_or_default()
}
