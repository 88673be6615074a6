//! Subjects, filters and names of queue groups as the application has them: borrowed or owned,
//! checked or not yet.

use std::borrow::Cow;
use std::fmt;

use nats_proto::Filter;
use nats_proto::QueueGroup;
use nats_proto::Subject;
use nats_proto::SubjectError;

/// What a subscription was made for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    subject: Box<str>,
    queue: Option<Box<str>>,
}

impl Names {
    pub(crate) fn new(filter: Filter<'_>, queue: Option<QueueGroup<'_>>) -> Self {
        Self { subject: filter.as_str().into(), queue: queue.map(|queue| queue.as_str().into()) }
    }

    pub(crate) const fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn queue(&self) -> Option<&str> {
        self.queue.as_deref()
    }
}

/// A text that is to be a subject, a filter or a queue group's name, or the reason why it is invalid.
///
/// A borrowed text is checked when it is passed, and never again. An owned one is checked
/// when it is used, which is once as well unless the call has to wait.
#[derive(Clone)]
#[expect(unnameable_types, reason = "nobody else implements the traits that have it")]
pub enum Name<N> {
    Checked(N),
    Owned(String),
    Invalid(SubjectError),
    /// Where a message is to be answered that wants no answer.
    NoReply,
}

macro_rules! names {
    ($($kind:ident, $into:ident: $what:literal;)*) => {$(
        #[doc = concat!("What can be ", $what, ": any text, borrowed or owned, and a [`", stringify!($kind), "`].")]
        ///
        /// Borrowed text is used where it is, without a copy. That a text is not valid is told when
        /// the call that it was given to is awaited, before anything is sent.
        #[diagnostic::on_unimplemented(
            message = "`{Self}` cannot be the text of a subject or of a queue group",
            label = "expected text: `&str`, `&String`, `String`, `Cow<str>`, `Box<str>`"
        )]
        pub trait $into<'a> {
            #[doc(hidden)]
            fn into_name(self) -> Name<$kind<'a>>;
        }

        impl<'a, T: AsRef<str> + ?Sized> $into<'a> for &'a T {
            #[inline]
            fn into_name(self) -> Name<$kind<'a>> {
                match $kind::new(self.as_ref()) {
                    Ok(name) => Name::Checked(name),
                    Err(error) => Name::Invalid(error),
                }
            }
        }

        impl<'a> $into<'a> for $kind<'a> {
            #[inline]
            fn into_name(self) -> Name<$kind<'a>> {
                Name::Checked(self)
            }
        }

        impl<'a> $into<'a> for String {
            fn into_name(self) -> Name<$kind<'a>> {
                Name::Owned(self)
            }
        }

        impl<'a> $into<'a> for Box<str> {
            fn into_name(self) -> Name<$kind<'a>> {
                Name::Owned(self.into())
            }
        }

        impl<'a> $into<'a> for Cow<'a, str> {
            fn into_name(self) -> Name<$kind<'a>> {
                match self {
                    Cow::Borrowed(text) => $into::into_name(text),
                    Cow::Owned(text) => Name::Owned(text),
                }
            }
        }

        impl<'a> Name<$kind<'a>> {
            /// The checked text.
            #[inline]
            pub(crate) fn get(&self) -> Result<$kind<'_>, SubjectError> {
                match self {
                    Self::Checked(name) => Ok(*name),
                    Self::Owned(text) => $kind::new(text),
                    Self::Invalid(error) => Err(*error),
                    Self::NoReply => Err(SubjectError::Empty),
                }
            }

            /// The same, borrowing nothing.
            pub(crate) fn into_owned(self) -> Name<$kind<'static>> {
                match self {
                    Self::Checked(name) => Name::Owned(name.as_str().to_owned()),
                    Self::Owned(text) => Name::Owned(text),
                    Self::Invalid(error) => Name::Invalid(error),
                    Self::NoReply => Name::NoReply,
                }
            }
        }

        impl fmt::Debug for Name<$kind<'_>> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Checked(name) => name.as_str().fmt(f),
                    Self::Owned(text) => text.fmt(f),
                    Self::Invalid(error) => error.fmt(f),
                    Self::NoReply => f.write_str("no reply subject"),
                }
            }
        }
    )*};
}

names! {
    Subject, IntoSubject: "a subject to publish to";
    Filter, IntoFilter: "a subject to subscribe to, wildcards included";
    QueueGroup, IntoQueueGroup: "the name of a queue group";
}

impl<'a> IntoFilter<'a> for Subject<'a> {
    #[inline]
    fn into_name(self) -> Name<Filter<'a>> {
        Name::Checked(self.into())
    }
}
