//! Payloads in any form.

use std::borrow::Cow;

use bytes::Bytes;
use bytes::BytesMut;

/// The payload of a message to publish, made of whatever the caller has.
///
/// | what | how it travels |
/// |---|---|
/// | `&str`, `&[u8]`, `&[u8; N]` and references to whatever else is bytes | copied once, into the buffer that goes to the socket |
/// | `Bytes`, `BytesMut`, `Vec<u8>`, `String`, `Box<[u8]>`, `Box<str>` | copied so if short; from 4 KiB on, handed to the socket as they are |
/// | `Cow<[u8]>`, `Cow<str>` | like what is in it |
/// | `[u8; N]` | moved into memory of its own first: for many messages, borrow it |
/// | `()` | empty |
///
/// ```no_run
/// # async fn example(client: nats_tokio::Client) -> Result<(), nats_tokio::PublishError> {
/// client.publish("room.7.temperature", "21.5").await?;
/// client.publish("room.7.temperature", format!("{:.1}", 21.52)).await?;
/// client.publish("room.7.colour", [255, 128, 0]).await?;
/// client.publish("room.7.count", 42_u32.to_be_bytes()).await?;
/// client.publish("room.7.left", ()).await?;
/// # Ok(())
/// # }
/// ```
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

    /// The bytes, copied if they were borrowed.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self.0 {
            Content::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Content::Shared(bytes) => bytes,
        }
    }

    /// The same, borrowing nothing: what was borrowed is copied.
    #[must_use]
    pub fn into_owned(self) -> Payload<'static> {
        Payload(Content::Shared(match self.0 {
            Content::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Content::Shared(bytes) => bytes,
        }))
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

macro_rules! owned {
    ($($owned:ty),*) => {$(
        impl From<$owned> for Payload<'_> {
            fn from(owned: $owned) -> Self {
                Self(Content::Shared(owned.into()))
            }
        }
    )*};
}

owned!(Vec<u8>, String, BytesMut, Box<[u8]>);

impl From<Box<str>> for Payload<'_> {
    fn from(text: Box<str>) -> Self {
        String::from(text).into()
    }
}

impl<const N: usize> From<[u8; N]> for Payload<'_> {
    fn from(bytes: [u8; N]) -> Self {
        Self(Content::Shared(Bytes::copy_from_slice(&bytes)))
    }
}

impl<'a> From<Cow<'a, [u8]>> for Payload<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => bytes.into(),
            Cow::Owned(bytes) => bytes.into(),
        }
    }
}

impl<'a> From<Cow<'a, str>> for Payload<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<()> for Payload<'_> {
    #[inline]
    fn from((): ()) -> Self {
        Self(Content::Borrowed(&[]))
    }
}
