//! Headers to publish.

use core::fmt;

use nats_proto::HeaderBuf;
use nats_proto::HeaderError;
use nats_proto::Headers;

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
/// assert_eq!(headers.as_headers().get_all("Trace").collect::<Vec<_>>(), ["abc", "def"]);
/// assert!(headers.append("Trace", "x\r\nForged: yes").is_err());
/// # Ok::<(), nats_tokio::HeaderError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap(HeaderBuf<Vec<u8>>);

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
        self.0.append(name, value)
    }

    /// Replaces every header of this name by one, at the end.
    ///
    /// # Errors
    ///
    /// Like [`append`](Self::append).
    pub fn insert(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        self.0.insert(name, value)
    }

    /// Removes every header of this name, and says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name)
    }

    /// The headers as a message carries them.
    #[must_use]
    pub fn as_headers(&self) -> Headers<'_> {
        self.0.as_headers()
    }
}

impl<'a> From<&'a HeaderMap> for Headers<'a> {
    fn from(map: &'a HeaderMap) -> Self {
        map.as_headers()
    }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_headers().iter()).finish()
    }
}
