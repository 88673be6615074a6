//! Subjects, filters and queue names: validated once, borrowed, compared by token.

mod check;
mod matching;
#[cfg(test)]
mod tests;

use core::fmt;

use check::check;
pub use matching::{covers, matches};

use crate::checked_text::checked_texts;

/// A subject a message can be published to: tokens separated by dots, no wildcards.
///
/// Tokens are not empty and hold neither blanks nor control characters; anything else, UTF-8
/// included, is allowed. A `*` or `>` that is only part of a token (`a.b*`) is an ordinary
/// character, as it is for the server.
///
/// ```
/// use nats_proto::{Subject, SubjectError};
///
/// const LIGHTS: Subject<'static> = Subject::from_static("home.kitchen.lights");
///
/// assert_eq!(Subject::new("home.kitchen")?.tokens().count(), 2);
/// assert_eq!(Subject::new("home.*"), Err(SubjectError::Wildcard { at: 5 }));
/// # Ok::<(), SubjectError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Subject<'a>(&'a str);

/// What a subscription listens to: a subject in which `*` stands for one token and a final `>`
/// for one or more.
///
/// ```
/// use nats_proto::{Filter, Subject};
///
/// let filter = Filter::from_static("home.*.lights.>");
/// assert!(filter.matches(Subject::new("home.kitchen.lights.left")?));
/// assert!(!filter.matches(Subject::new("home.kitchen.lights")?));
/// assert!(filter.is_subset_of(Filter::from_static("home.>")));
/// # Ok::<(), nats_proto::SubjectError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Filter<'a>(&'a str);

/// The name of a queue group, whose members share the messages; the rules are those of
/// [`Subject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QueueGroup<'a>(&'a str);

/// Why a text is not a subject, a filter or a queue name; `at` is the offending byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SubjectError {
    /// The text is empty.
    Empty,
    /// A token is empty: a dot at the start, at the end, or next to another.
    EmptyToken {
        /// Where the token should be.
        at: usize,
    },
    /// A blank or a control character.
    Forbidden {
        /// The character's offset.
        at: usize,
    },
    /// A wildcard where none is allowed.
    Wildcard {
        /// The wildcard's offset.
        at: usize,
    },
    /// A `>` that is not the last token.
    NotLast {
        /// The wildcard's offset.
        at: usize,
    },
}

checked_texts! {
    Subject: "subject", SubjectError, |text| check(text.as_bytes(), false);
    Filter: "filter", SubjectError, |text| check(text.as_bytes(), true);
    QueueGroup: "queue name", SubjectError, |text| check(text.as_bytes(), false);
}

impl<'a> Subject<'a> {
    /// What is made of parts that were checked.
    pub(crate) const fn from_checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The tokens, in order.
    #[inline]
    pub fn tokens(self) -> impl DoubleEndedIterator<Item = &'a str> + Clone {
        // Not `'.'`: the search for one character can panic, as far as the compiler sees.
        self.0.split(['.'])
    }
}

impl<'a> Filter<'a> {
    /// The tokens, wildcards among them, in order.
    #[inline]
    pub fn tokens(self) -> impl DoubleEndedIterator<Item = &'a str> + Clone {
        self.0.split(['.'])
    }

    /// Whether a message on `subject` reaches a subscription to this filter.
    #[must_use]
    pub fn matches(self, subject: Subject<'_>) -> bool {
        matches(self.as_bytes(), subject.as_bytes())
    }

    /// Whether every subject that this filter matches is matched by `other`, too.
    #[must_use]
    pub fn is_subset_of(self, other: Filter<'_>) -> bool {
        covers(other.as_bytes(), self.as_bytes())
    }
}

impl<'a> From<Subject<'a>> for Filter<'a> {
    /// A subject is the filter that matches itself alone.
    fn from(subject: Subject<'a>) -> Self {
        Self(subject.0)
    }
}

impl From<core::convert::Infallible> for SubjectError {
    fn from(never: core::convert::Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::EmptyToken { at } => write!(f, "empty token at byte {at}"),
            Self::Forbidden { at } => {
                write!(f, "whitespace or control character at byte {at}")
            }
            Self::Wildcard { at } => write!(f, "no wildcard allowed at byte {at}"),
            Self::NotLast { at } => write!(f, "`>` at byte {at} is not the last token"),
        }
    }
}

impl core::error::Error for SubjectError {}
