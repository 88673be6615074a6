//! Message headers: a lazy view of the block on the wire, and a builder of such blocks.

mod build;
#[cfg(test)]
mod tests;

use core::fmt;

pub use build::HeaderBuf;
pub use build::HeaderError;

use crate::ascii::take_while;
use crate::status::Status;

const VERSION: &[u8] = b"NATS/1.0";

/// The headers of a message, as they stand on the wire.
///
/// Nothing is parsed until it is asked for, order and case are kept, names may repeat, and look-ups
/// are case-sensitive (ADR-4). A malformed line is skipped; [`as_bytes`](Self::as_bytes) still
/// has it. The block is what a publisher writes, too, so passing headers on is copying bytes.
///
/// ```
/// use nats_proto::Headers;
///
/// let headers = Headers::from_bytes(b"NATS/1.0\r\nColour: red\r\nColour: blue\r\n\r\n");
/// assert_eq!(headers.get("Colour"), Some("red"));
/// assert_eq!(headers.get_all("Colour").collect::<Vec<_>>(), ["red", "blue"]);
/// assert_eq!(headers.get("colour"), None);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// No headers at all, which costs nothing on the wire.
    pub const NONE: Headers<'static> = Headers(&[]);

    /// A view of a block that came from the wire or from a [`HeaderBuf`].
    ///
    /// Nothing is checked: a block that is not one has no headers.
    #[must_use]
    pub const fn from_bytes(block: &'a [u8]) -> Self {
        Self(block)
    }

    /// The block, from its version to its empty line; empty if there are no headers.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there is no block. A block may still hold nothing but its status.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The status in the first line, if the server put one there.
    #[must_use]
    pub fn status(self) -> Option<Status<'a>> {
        let (first, _) = split_line(self.0);
        Status::parse(first.strip_prefix(VERSION)?)
    }

    /// Every well-formed line's name and value, in order.
    pub fn iter_bytes(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        let (_, lines) = split_line(self.0);
        Lines(lines).filter_map(pair)
    }

    /// Every name and value, in order; those that are not UTF-8 are skipped.
    ///
    /// ```
    /// let headers = nats_proto::Headers::from_bytes(b"NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n");
    /// for (name, value) in headers {
    ///     println!("{name}: {value}");
    /// }
    /// # assert_eq!(headers.iter().collect::<Vec<_>>(), [("A", "1"), ("B", "2")]);
    /// ```
    pub fn iter(self) -> HeadersIter<'a> {
        let (_, lines) = split_line(self.0);
        HeadersIter(Lines(lines))
    }

    /// The first value of `name`, if it is UTF-8.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        core::str::from_utf8(self.get_bytes(name)?).ok()
    }

    /// The first value of `name`, byte for byte.
    #[must_use]
    pub fn get_bytes(self, name: &str) -> Option<&'a [u8]> {
        self.iter_bytes().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
    }

    /// All values of `name` that are UTF-8, in order.
    pub fn get_all(self, name: &str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        self.iter()
    }
}

/// Names and values of [`Headers`], in order; made by [`Headers::iter`].
#[derive(Clone)]
pub struct HeadersIter<'a>(Lines<'a>);

impl<'a> Iterator for HeadersIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        self.0.find_map(|line| {
            let (name, value) = pair(line)?;
            Some((core::str::from_utf8(name).ok()?, core::str::from_utf8(value).ok()?))
        })
    }
}

impl core::iter::FusedIterator for HeadersIter<'_> {}

impl fmt::Debug for HeadersIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers(\"{}\")", self.0.escape_ascii())
    }
}

/// Lines that end in CRLF; a lone CR or LF is part of its line.
#[derive(Clone)]
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (line, rest) = split_line(self.0);
        self.0 = rest;
        Some(line)
    }
}

/// The first line and what follows its CRLF; everything is the line if there is no CRLF.
fn split_line(block: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr_iter(b'\n', block)
        .find_map(|lf| block.get(..lf)?.strip_suffix(b"\r").map(|line| (line, lf + 1)));
    match end {
        Some((line, next)) => (line, block.get(next..).unwrap_or_default()),
        None => (block, &[]),
    }
}

/// `name: value`, the value without the blanks around it; `None` if the line is something else.
fn pair(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, name) = take_while(line, is_name_byte);
    let value = rest.strip_prefix(b":")?;
    (!name.is_empty()).then_some((name, value.trim_ascii()))
}

/// Printable ASCII but the colon (ADR-4).
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}
