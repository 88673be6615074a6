//! The JSON that the protocol needs: an object read byte by byte, and strings written.

#[cfg(test)]
mod tests;

use core::fmt;

use super::utf8::Utf8;
use crate::ascii::hex_digit;
use crate::error::Full;
use crate::storage::Buffer;
use crate::storage::Sink;

/// Nesting beyond this is refused. INFO and CONNECT nest twice.
const MAX_DEPTH: u8 = 64;

/// Reads one JSON object, a byte at a time, in constant memory.
///
/// The last key, string or number is assembled in `text`; one that does not fit there is only
/// marked as cut. Numbers are not checked beyond their alphabet.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<T> {
    state: State,
    /// One bit for each open bracket, the innermost lowest: set for an object.
    objects: u64,
    depth: u8,
    /// The four digits after `\u`, as far as they are read.
    unit: u16,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    text: T,
    is_truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Text { is_key: bool },
    Escape { is_key: bool },
    Unit { is_key: bool, digits: u8 },
    Number,
    Literal { literal: Literal, at: u8 },
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Literal {
    True,
    False,
    Null,
}

impl Literal {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::True => b"true",
            Self::False => b"false",
            Self::Null => b"null",
        }
    }
}

/// A key or a scalar value, complete with the byte just read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// How many brackets are open around it: 1 in the outermost object.
    pub(crate) depth: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// The key is in `text`.
    Key,
    /// The string is in `text`.
    String,
    /// The number is in `text`.
    Number,
    Bool(bool),
    Null,
}

/// The text is not the JSON of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError;

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed JSON")
    }
}

impl core::error::Error for JsonError {}

impl<T: Buffer> Scanner<T> {
    pub(crate) const fn new(text: T) -> Self {
        Self {
            state: State::Start,
            objects: 0,
            depth: 0,
            unit: 0,
            high: None,
            text,
            is_truncated: false,
        }
    }

    /// Starts over with another object.
    pub(crate) fn reset(&mut self) {
        self.state = State::Start;
        self.depth = 0;
        self.clear();
    }

    /// The text of the token just read; `None` if it did not fit.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        (!self.is_truncated).then(|| self.text.as_ref())
    }

    /// The text of the token just read, or what of it did fit.
    #[cfg(feature = "jetstream")]
    pub(crate) fn text_prefix(&self) -> &[u8] {
        self.text.as_ref()
    }

    /// Whether the object is complete.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(crate) fn push(&mut self, byte: u8) -> Result<Option<Token>, JsonError> {
        match self.state {
            State::Text { is_key } => return self.in_text(byte, is_key),
            State::Escape { is_key } => return self.in_escape(byte, is_key),
            State::Unit { is_key, digits } => return self.in_unit(byte, is_key, digits),
            State::Literal { literal, at } => return self.in_literal(byte, literal, at),
            State::Number if is_number_byte(byte) => {
                self.append(&[byte]);
                return Ok(None);
            }
            State::Number => {
                // A number ends only at the byte that follows it.
                let token = self.token(TokenKind::Number);
                self.state = State::CommaOrEnd;
                self.structure(byte)?;
                return Ok(token);
            }
            _ => {}
        }
        self.structure(byte)?;
        Ok(None)
    }

    /// A byte outside of texts, numbers and literals.
    fn structure(&mut self, byte: u8) -> Result<(), JsonError> {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(());
        }
        self.state = match (self.state, byte) {
            (State::Start | State::Value | State::ValueOrEnd, b'{') => {
                self.open(true)?;
                State::KeyOrEnd
            }
            (State::Value | State::ValueOrEnd, b'[') => {
                self.open(false)?;
                State::ValueOrEnd
            }
            (State::Key | State::KeyOrEnd, b'"') => {
                self.clear();
                State::Text { is_key: true }
            }
            (State::Value | State::ValueOrEnd, b'"') => {
                self.clear();
                State::Text { is_key: false }
            }
            (State::Value | State::ValueOrEnd, b'-' | b'0'..=b'9') => {
                self.clear();
                self.append(&[byte]);
                State::Number
            }
            (State::Value | State::ValueOrEnd, b't') => literal(Literal::True),
            (State::Value | State::ValueOrEnd, b'f') => literal(Literal::False),
            (State::Value | State::ValueOrEnd, b'n') => literal(Literal::Null),
            (State::Colon, b':') => State::Value,
            (State::CommaOrEnd, b',') if self.in_object() => State::Key,
            (State::CommaOrEnd, b',') => State::Value,
            (State::KeyOrEnd | State::CommaOrEnd, b'}') if self.in_object() => self.close(),
            (State::ValueOrEnd | State::CommaOrEnd, b']') if !self.in_object() => self.close(),
            _ => return Err(JsonError),
        };
        Ok(())
    }

    fn in_text(&mut self, byte: u8, is_key: bool) -> Result<Option<Token>, JsonError> {
        match byte {
            b'"' => {
                self.lone_surrogate();
                self.state = if is_key { State::Colon } else { State::CommaOrEnd };
                Ok(self.token(if is_key { TokenKind::Key } else { TokenKind::String }))
            }
            b'\\' => {
                self.state = State::Escape { is_key };
                Ok(None)
            }
            0..b' ' => Err(JsonError),
            _ => {
                self.lone_surrogate();
                self.append(&[byte]);
                Ok(None)
            }
        }
    }

    fn in_escape(&mut self, byte: u8, is_key: bool) -> Result<Option<Token>, JsonError> {
        if byte == b'u' {
            self.unit = 0;
            self.state = State::Unit { is_key, digits: 0 };
            return Ok(None);
        }
        let escape = ESCAPES.iter().find(|(letter, _)| *letter == byte);
        let &(_, plain) = escape.ok_or(JsonError)?;
        self.lone_surrogate();
        self.append(&[plain]);
        self.state = State::Text { is_key };
        Ok(None)
    }

    fn in_unit(&mut self, byte: u8, is_key: bool, digits: u8) -> Result<Option<Token>, JsonError> {
        let digit = hex_digit(byte).ok_or(JsonError)?;
        self.unit = (self.unit << 4) | u16::from(digit);
        if digits < 3 {
            self.state = State::Unit { is_key, digits: digits + 1 };
            return Ok(None);
        }
        self.state = State::Text { is_key };
        let unit = u32::from(self.unit);
        let code = match (unit, self.high) {
            // The two halves of a pair have ten bits each.
            (0xDC00..0xE000, Some(high)) => {
                self.high = None;
                0x1_0000 + ((u32::from(high) & 0x3FF) << 10 | unit & 0x3FF)
            }
            _ => {
                self.lone_surrogate();
                if (0xD800..0xDC00).contains(&unit) {
                    self.high = Some(self.unit);
                    return Ok(None);
                }
                unit
            }
        };
        self.append_char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(None)
    }

    fn in_literal(
        &mut self,
        byte: u8,
        literal: Literal,
        at: u8,
    ) -> Result<Option<Token>, JsonError> {
        let text = literal.text();
        if text.get(usize::from(at)) != Some(&byte) {
            return Err(JsonError);
        }
        if usize::from(at) + 1 < text.len() {
            self.state = State::Literal { literal, at: at + 1 };
            return Ok(None);
        }
        self.state = State::CommaOrEnd;
        Ok(self.token(match literal {
            Literal::True => TokenKind::Bool(true),
            Literal::False => TokenKind::Bool(false),
            Literal::Null => TokenKind::Null,
        }))
    }

    fn open(&mut self, is_object: bool) -> Result<(), JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(JsonError);
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u64::from(is_object);
        Ok(())
    }

    const fn close(&mut self) -> State {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        if self.depth == 0 { State::Done } else { State::CommaOrEnd }
    }

    const fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    const fn token(&self, kind: TokenKind) -> Option<Token> {
        Some(Token { kind, depth: self.depth })
    }

    fn clear(&mut self) {
        self.text.truncate(0);
        self.is_truncated = false;
        self.high = None;
    }

    /// The first half of a pair whose second half did not come.
    fn lone_surrogate(&mut self) {
        if self.high.take().is_some() {
            self.append_char(char::REPLACEMENT_CHARACTER);
        }
    }

    fn append_char(&mut self, char: char) {
        self.append(Utf8::from_char(char).as_bytes());
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.is_truncated {
            return;
        }
        match self.text.reserve(bytes.len()) {
            Ok(()) => self.text.put(bytes),
            Err(Full) => self.is_truncated = true,
        }
    }
}

/// The characters after a backslash, and their values.
const ESCAPES: &[(u8, u8)] = &[
    (b'"', b'"'),
    (b'\\', b'\\'),
    (b'/', b'/'),
    (b'b', 0x08),
    (b'f', 0x0C),
    (b'n', b'\n'),
    (b'r', b'\r'),
    (b't', b'\t'),
];

const fn literal(literal: Literal) -> State {
    State::Literal { literal, at: 1 }
}

const fn is_number_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// Writes a JSON string, quotes included, into a sink that has room for it.
pub(crate) fn put_string(text: &str, out: &mut (impl Sink + ?Sized)) {
    out.put(b"\"");
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| needs_escape(byte)) {
        let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.put(plain);
        let Some((&byte, after)) = escaped.split_first() else {
            break;
        };
        put_escape(byte, out);
        rest = after;
    }
    out.put(rest);
    out.put(b"\"");
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn put_escape(byte: u8, out: &mut (impl Sink + ?Sized)) {
    if let Some((letter, _)) = ESCAPES.iter().find(|(_, plain)| *plain == byte) {
        return out.put(&[b'\\', *letter]);
    }
    let hex = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    out.put(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 0xF)]);
}
