//! What can go wrong.

use std::fmt;

use nats_proto::Outcome;
use nats_proto::SubjectError;
use nats_proto::session::Refused;
use nats_proto::session::SubscribeError;

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A subject, filter or queue group is invalid.
    Subject(SubjectError),
    /// There is no subscription.
    Subscribe(SubscribeError),
    /// The message was not published.
    Publish(Refused),
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not sent.
    NotSent(Error),
    /// As many requests wait for their replies as may.
    TooMany,
    /// Nobody has subscribed to the subject.
    NoResponders,
    /// No reply came in time.
    TimedOut,
    /// The connection was lost: the request may have been answered, or not.
    Disconnected,
    /// The reply was longer than a message may be.
    TooLong,
    /// The server does not permit the request, or the inbox for its reply.
    NotPermitted,
    /// The client is closed, or draining.
    Closed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject(_) => "invalid subject",
            Self::Subscribe(_) => "not subscribed",
            Self::Publish(_) => "not published",
        })
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent(_) => "the request was not sent",
            Self::TooMany => "too many requests at once",
            Self::NoResponders => "no responders",
            Self::TimedOut => "request timed out",
            Self::Disconnected => "the connection was lost before a reply came",
            Self::TooLong => "the reply is too long",
            Self::NotPermitted => "the server does not permit the request",
            Self::Closed => "the client is closed",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Subject(error) => Some(error),
            Self::Subscribe(error) => Some(error),
            Self::Publish(error) => Some(error),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotSent(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SubjectError> for Error {
    fn from(error: SubjectError) -> Self {
        Self::Subject(error)
    }
}

impl From<SubscribeError> for Error {
    fn from(error: SubscribeError) -> Self {
        Self::Subscribe(error)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Publish(refused)
    }
}

impl From<Error> for RequestError {
    fn from(error: Error) -> Self {
        Self::NotSent(error)
    }
}

impl From<nats_proto::RequestError> for RequestError {
    fn from(error: nats_proto::RequestError) -> Self {
        match error {
            nats_proto::RequestError::Inbox(error) => Self::NotSent(error.into()),
            _ => Self::TooMany,
        }
    }
}

impl From<Outcome> for RequestError {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NoResponders => Self::NoResponders,
            Outcome::ReplyTooLong => Self::TooLong,
            Outcome::TimedOut | Outcome::NotConnected => Self::TimedOut,
            Outcome::NotPermitted | Outcome::NoInbox => Self::NotPermitted,
            Outcome::Draining | Outcome::Closed => Self::Closed,
            _ => Self::Disconnected,
        }
    }
}
