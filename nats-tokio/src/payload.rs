//! What a message says.

use bytes::Bytes;

/// The payload of a message to publish, made of whatever the caller has.
///
/// Borrowed bytes are copied once, into the buffer that goes to the socket. Owned ones, a
/// [`Bytes`], a `Vec<u8>` or a `String`, are copied if they are short, and handed to the socket as
/// they are from 4 KiB on.
#[derive(Clone, Debug)]
pub struct Payload<'a>(pub(crate) Content<'a>);

#[derive(Clone, Debug)]
pub(crate) enum Content<'a> {
    Borrowed(&'a [u8]),
    Shared(Bytes),
}

impl Payload<'_> {
    /// The bytes.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Content::Borrowed(bytes) => bytes,
            Content::Shared(bytes) => bytes,
        }
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Payload<'a> {
    #[inline]
    fn from(bytes: &'a T) -> Self {
        Self(Content::Borrowed(bytes.as_ref()))
    }
}

impl From<Bytes> for Payload<'_> {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        Self(Content::Shared(bytes))
    }
}

impl From<Vec<u8>> for Payload<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Content::Shared(bytes.into()))
    }
}

impl From<String> for Payload<'_> {
    fn from(text: String) -> Self {
        Self(Content::Shared(text.into()))
    }
}
