//! A bound for a buffer that has none.

use super::Buffer;
use super::Sink;
use crate::error::Full;

/// A [`Buffer`] as a sink with a bound: what would make it longer than `max` bytes does not fit.
///
/// A `Vec` and a `BytesMut` grow as long as there is memory. As sinks for
/// [`poll_transmit`](crate::session::Session::poll_transmit) they would turn every PING of a server
/// that does not read into a PONG in memory; with a bound, what is due stays a number in the
/// session.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use nats_proto::wire::{Bounded, Sink};
///
/// let mut output = Vec::new();
/// let mut out = Bounded::new(&mut output, 8);
/// assert!(out.reserve(5).is_ok());
/// out.put(b"hello");
/// assert!(out.reserve(4).is_err());
/// assert_eq!(output, b"hello");
/// # }
/// ```
#[derive(Debug)]
pub struct Bounded<'b, B> {
    buffer: &'b mut B,
    max: usize,
}

impl<'b, B: Buffer> Bounded<'b, B> {
    /// Writes after what is in `buffer`, until there are `max` bytes in all.
    pub const fn new(buffer: &'b mut B, max: usize) -> Self {
        Self { buffer, max }
    }

    /// How many bytes are free.
    #[must_use]
    pub fn room(&self) -> usize {
        self.max.saturating_sub(self.buffer.as_ref().len())
    }
}

impl<B: Buffer> Sink for Bounded<'_, B> {
    #[inline]
    fn reserve(&mut self, len: usize) -> Result<(), Full> {
        if len <= self.room() { self.buffer.reserve(len) } else { Err(Full) }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        // What was not reserved may be dropped.
        if bytes.len() <= self.room() {
            self.buffer.put(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::ArrayBuf;

    type Memory = ArrayBuf<8>;

    #[test]
    fn the_smaller_bound_counts() {
        for (max, fits) in [(4, 4), (8, 8), (100, 8)] {
            let mut memory = Memory::new();
            let mut out = Bounded::new(&mut memory, max);
            assert_eq!(out.reserve(fits + 1), Err(Full), "{max}");
            assert_eq!(out.reserve(fits), Ok(()), "{max}");
            out.put(b"abcdefgh".get(..fits).unwrap());
            assert_eq!(out.reserve(1), Err(Full), "{max}");
            out.put(b"x");
            assert_eq!(memory.len(), fits, "what was not reserved is dropped");
        }
    }

    #[test]
    fn what_is_there_already_counts() {
        let mut memory = Memory::from_slice(b"abc").unwrap();
        let mut out = Bounded::new(&mut memory, 2);
        assert_eq!((out.room(), out.reserve(0), out.reserve(1)), (0, Ok(()), Err(Full)));
        assert_eq!(Bounded::new(&mut memory, 5).room(), 2);
    }
}
