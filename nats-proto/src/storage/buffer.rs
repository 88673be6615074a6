//! Destinations of encoded bytes, and storage of texts and messages.

use crate::error::Full;

/// A destination for encoded bytes, filled all or nothing.
///
/// An encoder reserves what it is going to write, in one go, and then cannot fail: no line is ever
/// half-written. Implement it for buffers of your own.
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
/// Implement it for buffers of your own.
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

#[cfg(feature = "heapless-0_9")]
mod fixed {
    use heapless::LenType;
    use heapless::Vec;

    use super::Buffer;
    use super::Full;
    use super::Sink;

    impl<const N: usize, L: LenType> Sink for Vec<u8, N, L> {
        #[inline]
        fn reserve(&mut self, len: usize) -> Result<(), Full> {
            if len <= N.saturating_sub(self.len()) { Ok(()) } else { Err(Full) }
        }

        #[inline]
        fn put(&mut self, bytes: &[u8]) {
            let _ = self.extend_from_slice(bytes);
        }
    }

    impl<const N: usize, L: LenType> Buffer for Vec<u8, N, L> {
        fn truncate(&mut self, len: usize) {
            self.truncate(len);
        }

        fn extend(&mut self, len: usize) -> Result<(), Full> {
            let len = self.len().checked_add(len).ok_or(Full)?;
            self.resize(len, 0).map_err(|_| Full)
        }
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
    use crate::storage::ArrayBuf;
    use crate::storage::SendBuf;

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
        behaves(ArrayBuf::<8>::new(), Some(8));
        #[cfg(feature = "heapless-0_9")]
        behaves(heapless::Vec::<u8, 8>::new(), Some(8));
        #[cfg(feature = "alloc")]
        behaves(std::vec::Vec::new(), None);
        #[cfg(feature = "bytes")]
        behaves(bytes::BytesMut::new(), None);
    }
}
