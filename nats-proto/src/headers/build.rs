//! Writing header blocks.

use core::cell::Cell;
use core::fmt;

use super::Headers;
use super::is_name_byte;
use crate::error::Full;
use crate::storage::Buffer;

const EMPTY: &[u8] = b"NATS/1.0\r\n\r\n";
const CRLF: &[u8] = b"\r\n";

/// A header block under construction, complete at every moment.
///
/// Names and values that could forge another header, or end the block, are refused. The storage is
/// any [`Buffer`]: `ArrayBuf<N>` without an allocator, `Vec<u8>` with one.
///
/// ```
/// use nats_proto::HeaderBuf;
/// use nats_proto::wire::ArrayBuf;
///
/// let mut headers = HeaderBuf::<ArrayBuf<64>>::new();
/// headers.append("Trace", "abc")?;
/// assert_eq!(headers.as_headers().as_bytes(), b"NATS/1.0\r\nTrace: abc\r\n\r\n");
/// assert!(headers.append("Trace", "a\r\nForged: yes").is_err());
/// # Ok::<(), nats_proto::HeaderError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderBuf<B> {
    /// Empty, or a whole block.
    block: B,
}

/// Why a header was not added. The block is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is empty, or has a byte that is not printable ASCII, or a colon.
    Name,
    /// The value has a CR or an LF.
    Value,
    /// The storage is full.
    Full,
}

impl<B: Buffer + Default> HeaderBuf<B> {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<B: Buffer> HeaderBuf<B> {
    /// Adds a header after the existing ones, also after one of the same name.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if the name or the value is not allowed, or does not fit.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let value = value.as_ref();
        check(name, value)?;
        let start = self.block.as_ref().len();
        let first = if start == 0 { EMPTY } else { &[] };
        self.block.reserve(first.len() + name.len() + value.len() + 4)?;
        self.block.put(first);
        // The empty line moves to the end.
        let end = self.block.as_ref().len();
        self.block.truncate(end.saturating_sub(CRLF.len()));
        for part in [name.as_bytes(), b": ", value, CRLF, CRLF] {
            self.block.put(part);
        }
        Ok(())
    }

    /// Replaces every header of this name by one, at the end.
    ///
    /// # Errors
    ///
    /// Like [`append`](Self::append); the old headers stay where it fails.
    pub fn insert(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let old = self.block.as_ref().len();
        self.append(name, value)?;
        // The new line starts where the empty one was.
        self.remove_before(name, old.saturating_sub(CRLF.len()));
        Ok(())
    }

    /// Removes every header of this name, and says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.remove_before(name, usize::MAX)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.block.truncate(0);
    }

    /// The headers as a message carries them.
    #[must_use]
    pub fn as_headers(&self) -> Headers<'_> {
        Headers::from_bytes(self.block.as_ref())
    }

    /// The storage, holding the block.
    #[must_use]
    pub fn into_inner(self) -> B {
        self.block
    }

    fn remove_before(&mut self, name: &str, limit: usize) -> bool {
        let mut limit = limit.min(self.block.as_ref().len());
        let mut removed = false;
        while let Some(line) = find_line(self.block.as_ref(), name, limit) {
            let len = self.block.as_ref().len();
            let cut = line.len();
            let bytes = Cell::from_mut(self.block.as_mut()).as_slice_of_cells();
            let moved = bytes.iter().skip(line.end);
            bytes.iter().skip(line.start).zip(moved).for_each(|(to, from)| to.set(from.get()));
            self.block.truncate(len - cut);
            limit = limit.saturating_sub(cut);
            removed = true;
        }
        if self.block.as_ref() == EMPTY {
            self.clear();
        }
        removed
    }
}

/// Where the first line of that name is, its CRLF included, within the block's first `limit` bytes.
fn find_line(block: &[u8], name: &str, limit: usize) -> Option<core::ops::Range<usize>> {
    let mut start = EMPTY.len() - CRLF.len();
    while start < limit {
        let rest = block.get(start..)?;
        let end = start + memchr::memchr(b'\n', rest)? + 1;
        let is_it = rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":"));
        if is_it {
            return Some(start..end);
        }
        start = end;
    }
    None
}

fn check(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    if name.is_empty() || !name.bytes().all(is_name_byte) {
        return Err(HeaderError::Name);
    }
    if memchr::memchr2(b'\r', b'\n', value).is_some() {
        return Err(HeaderError::Value);
    }
    Ok(())
}

impl From<Full> for HeaderError {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "header names must be printable ASCII without a colon",
            Self::Value => "header values must not contain CR or LF",
            Self::Full => "the header does not fit into the buffer",
        })
    }
}

impl core::error::Error for HeaderError {}
