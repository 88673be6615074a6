//! The names of buckets and keys, checked, and the subjects made of them.

use core::fmt;

use crate::checked_text::checked_texts;
use crate::error::Full;
use crate::jetstream::api::ApiPrefix;
use crate::jetstream::name::MAX_NAME_LEN;
use crate::jetstream::name::StreamName;
use crate::storage::Buffer;
use crate::storage::put_all;
use crate::subject::Filter;
use crate::subject::Subject;

/// What the name of a bucket's stream begins with.
const STREAM: &str = "KV_";
/// What the subjects of all keys begin with.
const SUBJECTS: &str = "$KV.";

/// The name of a bucket: letters, digits, `-` and `_`; at most 252 bytes.
///
/// ```
/// use nats_proto::jetstream::{ApiPrefix, BucketName, Key, KeyFilter};
/// use nats_proto::wire::ArrayBuf;
///
/// let (bucket, key) = (BucketName::new("settings")?, Key::new("lamp.7")?);
/// let mut text = ArrayBuf::<64>::new();
/// assert_eq!(bucket.stream(&mut text).unwrap().as_str(), "KV_settings");
/// assert_eq!(bucket.subject(key, &mut text).unwrap().as_str(), "$KV.settings.lamp.7");
/// assert_eq!(bucket.key_in(b"$KV.settings.lamp.7"), Some("lamp.7"));
/// let filter = KeyFilter::new("lamp.*")?;
/// assert_eq!(bucket.filter(filter, &mut text).unwrap().as_str(), "$KV.settings.lamp.*");
/// # Ok::<(), nats_proto::jetstream::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BucketName<'a>(&'a str);

/// A key: tokens of letters, digits and `-/_=`, with dots between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Key<'a>(&'a str);

/// Keys: one, or those that fit a pattern, with `*` for any token and `>` for any number of tokens at
/// the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeyFilter<'a>(&'a str);

/// Why a text is not the name of a bucket, a key, or a filter of keys; `at` is the offending byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyError {
    /// The text is empty.
    Empty,
    /// The text is too long.
    TooLong,
    /// It has a dot at the beginning or at the end, or two of them without anything between.
    EmptyToken {
        /// Where.
        at: usize,
    },
    /// A character that may not be there.
    Forbidden {
        /// Where it is.
        at: usize,
    },
}

checked_texts! {
    BucketName: "name of a bucket", KeyError, |text| check_bucket(text);
    Key: "key", KeyError, |text| check_key(text, false);
    KeyFilter: "filter of keys", KeyError, |text| check_key(text, true);
}

impl BucketName<'_> {
    /// The name of its stream, which is written into `text`.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit.
    pub fn stream<'t, B: Buffer>(self, text: &'t mut B) -> Result<StreamName<'t>, Full> {
        let name = write(&[STREAM, self.0], text)?;
        StreamName::new(name).map_err(|_| Full)
    }

    /// The subject of a key's messages.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit into `text`.
    pub fn subject<'t, B: Buffer>(
        self,
        key: Key<'_>,
        text: &'t mut B,
    ) -> Result<Subject<'t>, Full> {
        write(&[SUBJECTS, self.0, ".", key.0], text).map(Subject::from_checked)
    }

    /// The subject to publish a key's messages to, by way of an API with `prefix`: those of another domain
    /// or account are below it (ADR-19).
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit into `text`.
    pub fn put_subject<'t, B: Buffer>(
        self,
        key: Key<'_>,
        prefix: ApiPrefix<'_>,
        text: &'t mut B,
    ) -> Result<Subject<'t>, Full> {
        if prefix == ApiPrefix::DEFAULT {
            return self.subject(key, text);
        }
        let [start, domain, end] = prefix.parts();
        let parts = [start, domain, end, ".", SUBJECTS, self.0, ".", key.0];
        write(&parts, text).map(Subject::from_checked)
    }

    /// The filter for the messages of some keys.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit into `text`.
    pub fn filter<'t, B: Buffer>(
        self,
        keys: KeyFilter<'_>,
        text: &'t mut B,
    ) -> Result<Filter<'t>, Full> {
        let text = write(&[SUBJECTS, self.0, ".", keys.0], text)?;
        Filter::new(text).map_err(|_| Full)
    }

    /// The key of a message by its subject; `None` if it is not one of this bucket.
    #[must_use]
    pub fn key_in(self, subject: &[u8]) -> Option<&str> {
        let rest = subject.strip_prefix(SUBJECTS.as_bytes())?.strip_prefix(self.0.as_bytes())?;
        let key = core::str::from_utf8(rest.strip_prefix(b".")?).ok()?;
        Some(key).filter(|key| !key.is_empty())
    }
}

impl<'a> From<Key<'a>> for KeyFilter<'a> {
    fn from(key: Key<'a>) -> Self {
        Self(key.0)
    }
}

impl KeyFilter<'static> {
    /// All keys.
    pub const ALL: Self = Self(">");
}

fn write<'t, B: Buffer>(parts: &[&str], text: &'t mut B) -> Result<&'t str, Full> {
    text.truncate(0);
    for part in parts {
        put_all(&[part.as_bytes()], text)?;
    }
    let text: &'t B = text;
    core::str::from_utf8(text.as_ref()).map_err(|_| Full)
}

const fn check_bucket(text: &str) -> Result<(), KeyError> {
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if text.len() > MAX_NAME_LEN - STREAM.len() {
        return Err(KeyError::TooLong);
    }
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        if !(byte.is_ascii_alphanumeric() || matches!(*byte, b'-' | b'_')) {
            return Err(KeyError::Forbidden { at: text.len() - rest.len() });
        }
        rest = after;
    }
    Ok(())
}

/// Checks a key (ADR-8), or a filter of keys.
const fn check_key(text: &str, is_filter: bool) -> Result<(), KeyError> {
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    let (mut rest, mut token) = (text.as_bytes(), 0);
    while let [byte, after @ ..] = rest {
        let at = text.len() - rest.len();
        match *byte {
            b'.' if token == 0 || after.is_empty() => return Err(KeyError::EmptyToken { at }),
            b'.' => token = 0,
            // A token of its own, and what is after it the next one.
            b'*' if is_filter && token == 0 && matches!(after, [] | [b'.', ..]) => token += 1,
            b'>' if is_filter && token == 0 && after.is_empty() => {}
            b'-' | b'/' | b'_' | b'=' => token += 1,
            byte if byte.is_ascii_alphanumeric() => token += 1,
            _ => return Err(KeyError::Forbidden { at }),
        }
        rest = after;
    }
    Ok(())
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong => f.write_str("it is too long"),
            Self::EmptyToken { at } => write!(f, "there is nothing beside the dot at byte {at}"),
            Self::Forbidden { at } => write!(f, "byte {at} is a character that may not be there"),
        }
    }
}

impl core::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use std::string::String;

    use proptest::prelude::*;

    use super::*;
    use crate::storage::ArrayBuf;

    type Text = ArrayBuf<64>;

    #[test]
    fn names() {
        for name in ["b", "a-B_9"] {
            assert_eq!(BucketName::new(name).map(BucketName::as_str), Ok(name));
        }
        for (name, at) in [("a.b", 1), ("ab ", 2), ("é", 0), (">", 0), ("a/b", 1)] {
            assert_eq!(BucketName::new(name), Err(KeyError::Forbidden { at }), "{name}");
        }
        let long = "x".repeat(252);
        assert!(BucketName::new(&long).is_ok());
        assert_eq!(BucketName::new(&(long + "x")), Err(KeyError::TooLong));
        assert_eq!(BucketName::new(""), Err(KeyError::Empty));
    }

    #[test]
    fn keys() {
        for key in ["a", "a.b", "A/b=c-d_9.0", "=", "-.-"] {
            assert_eq!(Key::new(key).map(Key::as_str), Ok(key));
            assert_eq!(KeyFilter::new(key), Ok(KeyFilter::from(Key::new(key).unwrap())));
        }
        let table = [
            ("", KeyError::Empty),
            (".a", KeyError::EmptyToken { at: 0 }),
            ("a.", KeyError::EmptyToken { at: 1 }),
            ("a..b", KeyError::EmptyToken { at: 2 }),
            (".", KeyError::EmptyToken { at: 0 }),
            ("a b", KeyError::Forbidden { at: 1 }),
            ("\"001.>", KeyError::Forbidden { at: 0 }),
            ("é", KeyError::Forbidden { at: 0 }),
            ("a\r\nPING", KeyError::Forbidden { at: 1 }),
        ];
        for (key, error) in table {
            assert_eq!(Key::new(key), Err(error), "{key:?}");
            assert_eq!(KeyFilter::new(key), Err(error), "{key:?}");
        }
        for filter in [">", "*", "a.*", "*.a", "a.>", "*.>", "a.*.b"] {
            assert!(KeyFilter::new(filter).is_ok(), "{filter}");
            assert!(matches!(Key::new(filter), Err(KeyError::Forbidden { .. })), "{filter}");
        }
        for (filter, at) in [(">.a", 0), ("a*", 1), ("*a", 0), ("a>", 1), ("a.>>", 2), ("**", 0)] {
            assert_eq!(KeyFilter::new(filter), Err(KeyError::Forbidden { at }), "{filter}");
        }
    }

    #[test]
    fn subjects() {
        let (bucket, key) = (BucketName::from_static("b"), Key::from_static("k.1"));
        let mut text = Text::new();
        let put = |prefix, text: &mut Text| -> String {
            bucket.put_subject(key, prefix, text).unwrap().as_str().into()
        };
        assert_eq!(put(ApiPrefix::DEFAULT, &mut text), "$KV.b.k.1");
        assert_eq!(put(ApiPrefix::domain("hub").unwrap(), &mut text), "$JS.hub.API.$KV.b.k.1");
        let import = ApiPrefix::custom(Subject::from_static("JS.acc"));
        assert_eq!(put(import, &mut text), "JS.acc.$KV.b.k.1");
        let filter = bucket.filter(KeyFilter::ALL, &mut text).unwrap();
        assert_eq!(filter.as_str(), "$KV.b.>");
        for other in ["$KV.b", "$KV.b.", "$KV.bb.k", "$KV.a.k", "kv.b.k", ""] {
            assert_eq!(bucket.key_in(other.as_bytes()), None, "{other}");
        }
        assert_eq!(bucket.stream(&mut ArrayBuf::<3>::new()), Err(Full));
        assert_eq!(bucket.subject(key, &mut ArrayBuf::<8>::new()), Err(Full));
    }

    proptest! {
        #[test]
        fn a_key_is_part_of_a_subject(text in "[a-c0-9/=_ .*>é\"-]{0,8}") {
            let bucket = BucketName::from_static("b");
            let mut written = Text::new();
            if let Ok(key) = Key::new(&text) {
                let subject: String = bucket.subject(key, &mut written).unwrap().as_str().into();
                prop_assert!(Subject::new(&subject).is_ok());
                prop_assert_eq!(bucket.key_in(subject.as_bytes()), Some(&*text));
            }
            let is_filter = Filter::new(&text).is_ok();
            let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/_=.*>".contains(&b));
            let has_mixed = text.split('.').any(|t| t.len() > 1 && t.contains(['*', '>']));
            prop_assert_eq!(KeyFilter::new(&text).is_ok(), is_filter && is_plain && !has_mixed);
        }
    }
}
