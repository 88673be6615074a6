//! A buffer of fixed size that owns its memory.

use core::fmt;
use core::ops::Deref;

use super::Buffer;
use super::Sink;
use crate::error::Full;

/// A buffer for up to `N` bytes that owns its memory, for programs without an allocator. `N` is at most
/// 65,535: more does not compile.
///
/// ```
/// use nats_proto::HeaderBuf;
/// use nats_proto::wire::ArrayBuf;
///
/// let mut headers = HeaderBuf::<ArrayBuf<64>>::new();
/// headers.append("Priority", "high")?;
/// assert_eq!(headers.as_headers().get("Priority"), Some("high"));
/// # Ok::<(), nats_proto::HeaderError>(())
/// ```
#[derive(Clone, Default)]
pub struct ArrayBuf<const N: usize>(heapless::Vec<u8, N, u16>);

impl<const N: usize> ArrayBuf<N> {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// A buffer with a copy of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Full`] if they are more than `N`.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Full> {
        heapless::Vec::from_slice(bytes).map(Self).map_err(|_| Full)
    }
}

impl<const N: usize> Sink for ArrayBuf<N> {
    #[inline]
    fn reserve(&mut self, len: usize) -> Result<(), Full> {
        if len <= N.saturating_sub(self.0.len()) { Ok(()) } else { Err(Full) }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let _ = self.0.extend_from_slice(bytes);
    }
}

impl<const N: usize> Buffer for ArrayBuf<N> {
    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    fn extend(&mut self, len: usize) -> Result<(), Full> {
        let len = self.0.len().checked_add(len).ok_or(Full)?;
        self.0.resize(len, 0).map_err(|_| Full)
    }
}

impl<const N: usize> AsRef<[u8]> for ArrayBuf<N> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> AsMut<[u8]> for ArrayBuf<N> {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> Deref for ArrayBuf<N> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize, B: AsRef<[u8]> + ?Sized> PartialEq<B> for ArrayBuf<N> {
    fn eq(&self, other: &B) -> bool {
        self.0 == other.as_ref()
    }
}

impl<const N: usize> Eq for ArrayBuf<N> {}

impl<const N: usize> fmt::Debug for ArrayBuf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
