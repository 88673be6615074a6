//! Where encoded bytes go.

use heapless::LenType;

use crate::error::Full;

/// A place for encoded bytes, filled all or nothing.
///
/// An encoder reserves what it is going to write, in one go, and then cannot fail: no line is ever
/// half-written.
pub trait Sink {
    /// Makes sure that `len` more bytes fit.
    ///
    /// # Errors
    ///
    /// [`Full`] if they do not.
    fn reserve(&mut self, len: usize) -> Result<(), Full>;

    /// Appends bytes that were reserved. What was not reserved may be dropped.
    fn put(&mut self, bytes: &[u8]);
}

/// Writes all parts, or none. Compiled once, and not for every kind of sink: for what is not written
/// all the time.
pub(crate) fn put_all(parts: &[&[u8]], out: &mut dyn Sink) -> Result<(), Full> {
    out.reserve(parts.iter().map(|part| part.len()).sum())?;
    for part in parts {
        out.put(part);
    }
    Ok(())
}

/// A [`Sink`] that can be looked at and cut: storage for texts, header blocks and messages.
pub trait Buffer: Sink + AsRef<[u8]> + AsMut<[u8]> {
    /// Cuts the contents down to `len` bytes, if they are longer.
    fn truncate(&mut self, len: usize);

    /// Appends `len` bytes of any value, to be written through `as_mut`.
    ///
    /// # Errors
    ///
    /// [`Full`] if they do not fit; nothing changes then.
    fn extend(&mut self, len: usize) -> Result<(), Full>;
}

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

/// Copies as much as both have. `copy_from_slice` panics if the lengths differ, and where a program is
/// to be small, the compiler does not see that they do not.
#[inline]
pub(super) fn copy(from: &[u8], to: &mut [u8]) {
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

impl<B: Sink> Sink for &mut B {
    #[inline]
    fn reserve(&mut self, len: usize) -> Result<(), Full> {
        (**self).reserve(len)
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }
}

impl<B: Buffer> Buffer for &mut B {
    fn truncate(&mut self, len: usize) {
        (**self).truncate(len);
    }

    fn extend(&mut self, len: usize) -> Result<(), Full> {
        (**self).extend(len)
    }
}

impl<const N: usize, L: LenType> Sink for heapless::Vec<u8, N, L> {
    #[inline]
    fn reserve(&mut self, len: usize) -> Result<(), Full> {
        if len <= N.saturating_sub(self.len()) { Ok(()) } else { Err(Full) }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let _ = self.extend_from_slice(bytes);
    }
}

impl<const N: usize, L: LenType> Buffer for heapless::Vec<u8, N, L> {
    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }

    fn extend(&mut self, len: usize) -> Result<(), Full> {
        let len = self.len().checked_add(len).ok_or(Full)?;
        self.resize(len, 0).map_err(|_| Full)
    }
}

#[cfg(feature = "alloc")]
mod growable {
    use alloc::vec::Vec;

    use super::Buffer;
    use super::Full;
    use super::Sink;

    impl Sink for Vec<u8> {
        #[inline]
        fn reserve(&mut self, len: usize) -> Result<(), Full> {
            self.try_reserve(len).map_err(|_| Full)
        }

        #[inline]
        fn put(&mut self, bytes: &[u8]) {
            self.extend_from_slice(bytes);
        }
    }

    impl Buffer for Vec<u8> {
        fn truncate(&mut self, len: usize) {
            self.truncate(len);
        }

        fn extend(&mut self, len: usize) -> Result<(), Full> {
            self.try_reserve(len).map_err(|_| Full)?;
            self.resize(self.len() + len, 0);
            Ok(())
        }
    }
}

#[cfg(feature = "bytes")]
mod shared {
    use bytes::BytesMut;

    use super::Buffer;
    use super::Full;
    use super::Sink;

    impl Sink for BytesMut {
        #[inline]
        fn reserve(&mut self, len: usize) -> Result<(), Full> {
            self.reserve(len);
            Ok(())
        }

        #[inline]
        fn put(&mut self, bytes: &[u8]) {
            self.extend_from_slice(bytes);
        }
    }

    impl Buffer for BytesMut {
        fn truncate(&mut self, len: usize) {
            self.truncate(len);
        }

        fn extend(&mut self, len: usize) -> Result<(), Full> {
            self.resize(self.len() + len, 0);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaves(mut buffer: impl Buffer, capacity: Option<usize>) {
        buffer.reserve(3).unwrap();
        buffer.put(b"abc");
        buffer.extend(2).unwrap();
        buffer.as_mut()[3..].copy_from_slice(b"de");
        assert_eq!(buffer.as_ref(), b"abcde");
        buffer.truncate(9);
        buffer.truncate(4);
        assert_eq!(buffer.as_ref(), b"abcd");
        if let Some(capacity) = capacity {
            assert_eq!(buffer.reserve(capacity - 4), Ok(()));
            assert_eq!(buffer.reserve(capacity - 3), Err(Full));
            assert_eq!(buffer.extend(usize::MAX), Err(Full));
            assert_eq!(buffer.as_ref(), b"abcd");
        }
    }

    #[test]
    fn all_buffers_behave_alike() {
        behaves(SendBuf::new(&mut [0; 8]), Some(8));
        behaves(heapless::Vec::<u8, 8>::new(), Some(8));
        #[cfg(feature = "alloc")]
        behaves(std::vec::Vec::new(), None);
        #[cfg(feature = "bytes")]
        behaves(bytes::BytesMut::new(), None);
    }

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
