//! Why a request to the JetStream API was not served.

use std::error::Error as StdError;
use std::fmt;

use nats_proto::SubjectError;
use nats_proto::jetstream::ErrorClass;
use nats_proto::jetstream::ErrorCode;
use nats_proto::jetstream::NameError;

use crate::RequestError;

/// Why a request to the JetStream API was not served.
///
/// [`class`](Self::class) says what can be done about it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The name of a stream, a consumer or a domain is invalid. Nothing was sent.
    InvalidName(NameError),
    /// A subject is invalid. Nothing was sent.
    InvalidSubject(SubjectError),
    /// The server's answer is an error.
    Api(ApiError),
    /// Nobody answers requests of this kind: JetStream is not enabled for the server or the account, the
    /// stream has no leader at present, or the server is too old for the request.
    NoResponders,
    /// No answer in time. Older servers do not answer requests that they do not know.
    TimedOut,
    /// The answer is not one of the JetStream API.
    InvalidResponse(String),
    /// The server has done what was asked for, but for this field of the configuration, which it does
    /// not know.
    Unsupported {
        /// The field's name in the JSON.
        field: String,
    },
    /// The request could not be made, or its answer did not come.
    Request(RequestError),
}

/// An error as a JetStream server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// A code like those of HTTP.
    pub status: u16,
    /// Which error it is; zero if the server did not say.
    pub code: ErrorCode,
    /// The text of the server.
    pub description: String,
}

impl ApiError {
    /// What kind of error it is, and so what can be done about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.borrow().class()
    }

    /// The last sequence number, where a publisher expected another one and the server says it.
    #[must_use]
    pub fn last_sequence(&self) -> Option<u64> {
        self.borrow().last_sequence()
    }

    fn borrow(&self) -> nats_proto::jetstream::ApiError<'_> {
        nats_proto::jetstream::ApiError::new(self.status, self.code, &self.description)
    }
}

impl From<nats_proto::jetstream::ApiError<'_>> for ApiError {
    fn from(error: nats_proto::jetstream::ApiError<'_>) -> Self {
        let nats_proto::jetstream::ApiError { status, code, description, .. } = error;
        Self { status, code, description: description.to_owned() }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrow().fmt(f)
    }
}

impl StdError for ApiError {}

impl Error {
    /// What came is not what it should be, for this reason.
    pub(super) fn invalid_response(reason: impl fmt::Display) -> Self {
        Self::InvalidResponse(reason.to_string())
    }

    /// What kind of error it is, and so what can be done about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidName(_) | Self::InvalidSubject(_) => ErrorClass::Invalid,
            Self::Api(error) => error.class(),
            Self::NoResponders | Self::TimedOut => ErrorClass::Unavailable,
            Self::Unsupported { .. } => ErrorClass::Unsupported,
            Self::InvalidResponse(_) | Self::Request(_) => ErrorClass::Other,
        }
    }

    /// Whether there is no such stream, consumer or message.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.class() == ErrorClass::NotFound
    }

    /// Whether there is another stream or consumer of that name.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.class() == ErrorClass::AlreadyExists
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NoResponders => Self::NoResponders,
            RequestError::TimedOut => Self::TimedOut,
            error => Self::Request(error),
        }
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::InvalidName(error)
    }
}

impl From<SubjectError> for Error {
    fn from(error: SubjectError) -> Self {
        Self::InvalidSubject(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName(_) => f.write_str("invalid name"),
            Self::InvalidSubject(_) => f.write_str("invalid subject"),
            Self::Api(error) => error.fmt(f),
            Self::NoResponders => f.write_str("JetStream does not answer: no responders"),
            Self::TimedOut => f.write_str("JetStream does not answer: timed out"),
            Self::InvalidResponse(what) => write!(f, "invalid response: {what}"),
            Self::Unsupported { field } => {
                write!(f, "the server does not support `{field}` and has left it out")
            }
            Self::Request(_) => f.write_str("the request failed"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::InvalidName(error) => Some(error),
            Self::InvalidSubject(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Api(_)
            | Self::NoResponders
            | Self::TimedOut
            | Self::InvalidResponse(_)
            | Self::Unsupported { .. } => None,
        }
    }
}
