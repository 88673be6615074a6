//! A buffer in memory that the caller lends.

use super::Buffer;
use super::Sink;
use crate::error::Full;

/// A slice of the caller's, filled from the front.
///
/// ```
/// use nats_proto::wire::{Buffer, SendBuf, Sink};
///
/// let mut memory = [0; 8];
/// let mut out = SendBuf::new(&mut memory);
/// out.reserve(5)?;
/// out.put(b"hello");
/// assert_eq!(out.as_ref(), b"hello");
/// assert!(out.reserve(4).is_err());
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Debug)]
pub struct SendBuf<'m> {
    memory: &'m mut [u8],
    /// How much of `memory` is filled; never more than its length.
    len: usize,
}

impl<'m> SendBuf<'m> {
    /// An empty buffer of `memory.len()` bytes.
    #[must_use]
    pub const fn new(memory: &'m mut [u8]) -> Self {
        Self { memory, len: 0 }
    }

    /// A buffer of which `len` bytes are filled already; at most the whole of it.
    #[must_use]
    pub fn resume(memory: &'m mut [u8], len: usize) -> Self {
        let len = len.min(memory.len());
        Self { memory, len }
    }

    /// How many bytes are filled.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is filled.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes are free.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.memory.len().saturating_sub(self.len)
    }
}

impl Sink for SendBuf<'_> {
    #[inline]
    fn reserve(&mut self, len: usize) -> Result<(), Full> {
        if len <= self.room() { Ok(()) } else { Err(Full) }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let spare = self.memory.get_mut(self.len..);
        if let Some(free) = spare.and_then(|spare| spare.get_mut(..bytes.len())) {
            copy(bytes, free);
            self.len += bytes.len();
        }
    }
}

impl AsRef<[u8]> for SendBuf<'_> {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl AsMut<[u8]> for SendBuf<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(..self.len).unwrap_or_default()
    }
}

impl Buffer for SendBuf<'_> {
    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn extend(&mut self, len: usize) -> Result<(), Full> {
        self.reserve(len)?;
        self.len += len;
        Ok(())
    }
}

/// Copies as much as both have. `copy_from_slice` panics if the lengths differ, and where a program is
/// to be small, the compiler does not see that they do not.
#[inline]
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    let len = from.len().min(to.len());
    let (Some(from), Some(to)) = (from.get(..len), to.get_mut(..len)) else { return };
    if cfg!(target_pointer_width = "64") {
        to.copy_from_slice(from);
    } else if len < 16 {
        copy_bytes(from, to);
    } else {
        copy_words(from, to);
    }
}

/// The same, four bytes at a time, for slices of one length.
fn copy_words(from: &[u8], to: &mut [u8]) {
    let (words, rest) = from.as_chunks::<4>();
    let (to_words, to_rest) = to.as_chunks_mut::<4>();
    for (to, from) in to_words.iter_mut().zip(words) {
        *to = *from;
    }
    copy_bytes(rest, to_rest);
}

#[inline]
fn copy_bytes(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reserved_is_dropped_not_overrun() {
        let mut memory = [0; 2];
        let mut out = SendBuf::resume(&mut memory, 7);
        out.put(b"abc");
        assert_eq!((out.len(), out.room()), (2, 0));
    }

    #[test]
    fn copies_of_any_length_are_whole() {
        let from: [u8; 40] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        for len in 0..from.len() {
            for copy in [copy, copy_words, copy_bytes] {
                let mut to = [0xFF; 40];
                copy(&from[..len], &mut to[..len]);
                assert_eq!((&to[..len], to[len]), (&from[..len], 0xFF));
            }
        }
        let mut to = [0; 2];
        copy(b"abc", &mut to);
        copy(b"x", &mut to);
        assert_eq!(&to, b"xb");
    }
}
