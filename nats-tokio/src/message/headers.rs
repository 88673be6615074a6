//! Headers to publish.

use core::fmt;

use nats_proto::HeaderBuf;
use nats_proto::HeaderError;
use nats_proto::Headers;
use nats_proto::HeadersIter;

/// Headers for a message to publish: names and values in order, a name as often as is wanted.
///
/// The block that goes over the wire is made as headers are added, so that publishing copies it and
/// does nothing else; make it once for many messages.
///
/// ```
/// use nats_tokio::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.append("Trace", "abc")?;
/// headers.append("Trace", "def")?;
/// assert_eq!(headers.get("Trace"), Some("abc"));
/// assert_eq!(headers.get_all("Trace").collect::<Vec<_>>(), ["abc", "def"]);
/// assert!(headers.append("Trace", "x\r\nForged: yes").is_err());
/// # Ok::<(), nats_tokio::HeaderError>(())
/// ```
///
/// # Made of many at once
///
/// Arrays, iterators and [`Extend`] take any names and values. What cannot fail there fails where it
/// is used, as a subject does: an invalid header is left out, the first such error is remembered, and
/// [`PublishError::InvalidHeader`](crate::PublishError::InvalidHeader) is what publishing with these
/// headers returns, before anything is sent. [`checked`](Self::checked) tells it at once.
///
/// ```
/// use nats_tokio::HeaderError;
/// use nats_tokio::HeaderMap;
///
/// let headers = HeaderMap::from([("Unit", "°C"), ("Room", "7")]);
/// assert_eq!(headers.len(), 2);
/// assert_eq!(HeaderMap::from([("Room", "7\r\n")]).checked(), Err(HeaderError::Value));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    headers: HeaderBuf<Vec<u8>>,
    /// Why something was left out.
    error: Option<HeaderError>,
}

impl HeaderMap {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header behind those there are, also behind one of the same name.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if the name is not printable ASCII without a colon, or the value has a line
    /// break (ADR-4).
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        self.headers.append(name, value)
    }

    /// Replaces every header of this name by one, at the end.
    ///
    /// # Errors
    ///
    /// Like [`append`](Self::append).
    pub fn insert(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        self.headers.insert(name, value)
    }

    pub(crate) const fn as_buf(&mut self) -> &mut HeaderBuf<Vec<u8>> {
        &mut self.headers
    }

    /// Removes every header of this name, and says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.headers.remove(name)
    }

    /// The first value of `name`, if it is UTF-8. Names are compared byte for byte (ADR-4).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.as_headers().get(name)
    }

    /// All values of `name` that are UTF-8, in order.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.as_headers().get_all(name)
    }

    /// Every name and value, in order; those that are not UTF-8 are skipped, which
    /// [`Headers::iter_bytes`] does not do.
    #[must_use]
    pub fn iter(&self) -> HeadersIter<'_> {
        self.as_headers().into_iter()
    }

    /// How many headers there are, each value of a name counted. Takes time in proportion to their
    /// length.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_headers().iter_bytes().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_headers().is_empty()
    }

    /// The headers as a message carries them.
    #[must_use]
    pub fn as_headers(&self) -> Headers<'_> {
        self.headers.as_headers()
    }

    /// The same headers, if none had to be left out.
    ///
    /// # Errors
    ///
    /// [`HeaderError`], why the first one was left out.
    pub fn checked(self) -> Result<Self, HeaderError> {
        match self.error {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Extend<(K, V)> for HeaderMap {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, headers: I) {
        for (name, value) in headers {
            if let Err(error) = self.append(name.as_ref(), value) {
                self.error.get_or_insert(error);
            }
        }
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> FromIterator<(K, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(headers: I) -> Self {
        let mut map = Self::new();
        map.extend(headers);
        map
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, const N: usize> From<[(K, V); N]> for HeaderMap {
    fn from(headers: [(K, V); N]) -> Self {
        headers.into_iter().collect()
    }
}

/// To change what a message came with. What is no well-formed header, and what this client would
/// not publish, a value with half a line break in it, is left out, and so is the server's status.
/// To forward headers unchanged, pass [`Headers`] themselves.
impl From<Headers<'_>> for HeaderMap {
    fn from(headers: Headers<'_>) -> Self {
        let mut map = Self::new();
        for (name, value) in headers.iter_bytes() {
            // Those names are ASCII.
            let name = core::str::from_utf8(name).unwrap_or_default();
            let _ = map.append(name, value);
        }
        map
    }
}

impl<'a> From<&'a HeaderMap> for Headers<'a> {
    fn from(map: &'a HeaderMap) -> Self {
        map.as_headers()
    }
}

impl<'a> IntoIterator for &'a HeaderMap {
    type Item = (&'a str, &'a str);
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The headers of a message on its way.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "nobody else implements the trait that has it")]
pub enum Block<'a> {
    Borrowed(Headers<'a>),
    Owned(HeaderMap),
    /// Those of another message, whatever they are.
    Copied(Box<[u8]>),
    Invalid(HeaderError),
}

impl Block<'_> {
    pub(crate) const NONE: Block<'static> = Block::Borrowed(Headers::NONE);

    #[inline]
    pub(crate) fn get(&self) -> Result<Headers<'_>, HeaderError> {
        match self {
            Self::Borrowed(headers) => Ok(*headers),
            Self::Owned(map) => map.error.map_or_else(|| Ok(map.as_headers()), Err),
            Self::Copied(bytes) => Ok(Headers::from_bytes(bytes)),
            Self::Invalid(error) => Err(*error),
        }
    }

    /// The same, borrowing nothing.
    pub(crate) fn into_owned(self) -> Block<'static> {
        match self {
            Self::Borrowed(headers) => Block::Copied(headers.as_bytes().into()),
            Self::Owned(map) => Block::Owned(map),
            Self::Copied(bytes) => Block::Copied(bytes),
            Self::Invalid(error) => Block::Invalid(error),
        }
    }
}

/// What headers of a message can be: a [`HeaderMap`], borrowed or not, an array of names and values,
/// or the [`Headers`] of another message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the headers of a message",
    label = "expected `HeaderMap`, `&HeaderMap`, `Headers` or `[(name, value); N]`"
)]
pub trait IntoHeaders<'a> {
    #[doc(hidden)]
    fn into_block(self) -> Block<'a>;
}

impl<'a> IntoHeaders<'a> for Headers<'a> {
    #[inline]
    fn into_block(self) -> Block<'a> {
        Block::Borrowed(self)
    }
}

impl<'a> IntoHeaders<'a> for &'a HeaderMap {
    #[inline]
    fn into_block(self) -> Block<'a> {
        self.error.map_or_else(|| Block::Borrowed(self.as_headers()), Block::Invalid)
    }
}

impl<'a> IntoHeaders<'a> for HeaderMap {
    fn into_block(self) -> Block<'a> {
        Block::Owned(self)
    }
}

impl<'a, K: AsRef<str>, V: AsRef<[u8]>, const N: usize> IntoHeaders<'a> for [(K, V); N] {
    fn into_block(self) -> Block<'a> {
        Block::Owned(self.into())
    }
}
