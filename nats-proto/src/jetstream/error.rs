//! Errors of the JetStream API.

use core::fmt;

use crate::ascii::parse_decimal;

/// The number of an error of nats-server (`err_code`, `errors.json`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ErrorCode(pub u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $class:ident;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*
        }

        /// The codes and their classes, ordered by code.
        const TABLE: &[(u16, ErrorClass)] = &[$(($code, ErrorClass::$class)),*];
    };
}

codes! {
    /// The account has no resources left.
    ACCOUNT_RESOURCES_EXCEEDED = 10002, LimitExceeded;
    /// The request is malformed.
    BAD_REQUEST = 10003, Invalid;
    /// Not all servers have answered.
    CLUSTER_INCOMPLETE = 10004, Unavailable;
    /// No servers for the replicas asked for.
    CLUSTER_NO_PEERS = 10005, LimitExceeded;
    /// The cluster has no leader at present.
    CLUSTER_NOT_AVAILABLE = 10008, Unavailable;
    /// This server does not lead.
    CLUSTER_NOT_LEADER = 10009, Unavailable;
    /// The consumer exists, and may not be changed like that.
    CONSUMER_CREATE = 10012, Invalid;
    /// A consumer has the name.
    CONSUMER_NAME_EXISTS = 10013, AlreadyExists;
    /// There is no such consumer.
    CONSUMER_NOT_FOUND = 10014, NotFound;
    /// No memory or storage left.
    INSUFFICIENT_RESOURCES = 10023, LimitExceeded;
    /// The JSON is malformed, or has a field that the server does not know.
    INVALID_JSON = 10025, Invalid;
    /// The account has as many consumers as it may have.
    MAXIMUM_CONSUMERS = 10026, LimitExceeded;
    /// The account has as many streams as it may have.
    MAXIMUM_STREAMS = 10027, LimitExceeded;
    /// No memory left.
    MEMORY_EXCEEDED = 10028, LimitExceeded;
    /// There is no such message.
    MESSAGE_NOT_FOUND = 10037, NotFound;
    /// The account has no JetStream.
    NOT_ENABLED_FOR_ACCOUNT = 10039, NotEnabled;
    /// No storage left.
    STORAGE_EXCEEDED = 10047, LimitExceeded;
    /// The stream's configuration is invalid.
    STREAM_INVALID_CONFIG = 10052, Invalid;
    /// The message is longer than the stream takes.
    MESSAGE_TOO_LARGE = 10054, LimitExceeded;
    /// A stream of that name exists with another configuration.
    STREAM_NAME_EXISTS = 10058, AlreadyExists;
    /// There is no such stream.
    STREAM_NOT_FOUND = 10059, NotFound;
    /// The message came to another stream than expected.
    STREAM_MISMATCH = 10060, Expectation;
    /// Another stream has the subjects.
    STREAM_SUBJECT_OVERLAP = 10065, AlreadyExists;
    /// The last message has another id than expected.
    WRONG_LAST_MESSAGE_ID = 10070, Expectation;
    /// The last message has another sequence number than expected.
    WRONG_LAST_SEQUENCE = 10071, Expectation;
    /// The server has no JetStream.
    NOT_ENABLED = 10076, NotEnabled;
    /// The stream is full and does not discard old messages, or could not store the message.
    STREAM_STORE_FAILED = 10077, LimitExceeded;
    /// The stream is sealed.
    STREAM_SEALED = 10109, Invalid;
    /// The stream does not allow roll-ups, or does not know this kind.
    STREAM_ROLLUP_FAILED = 10111, Invalid;
    /// The stream is offline.
    STREAM_OFFLINE = 10118, Unavailable;
    /// The consumer is offline.
    CONSUMER_OFFLINE = 10119, Unavailable;
    /// A consumer of that name exists with another configuration.
    CONSUMER_ALREADY_EXISTS = 10148, AlreadyExists;
    /// There is no consumer to update.
    CONSUMER_DOES_NOT_EXIST = 10149, NotFound;
    /// A message with the same id is being stored: neither stored nor refused yet.
    DUPLICATE_IN_PROCESS = 10158, InProcess;
    /// Another message of the subject is being stored, so that the expected sequence number cannot
    /// be right.
    WRONG_LAST_SEQUENCE_CONSTANT = 10164, Expectation;
    /// The TTL is invalid.
    TTL_INVALID = 10165, Invalid;
    /// The stream does not allow TTLs.
    TTL_DISABLED = 10166, Invalid;
    /// The server has too much to do.
    TOO_MANY_REQUESTS = 10167, TooBusy;
    /// The server is too old for what the request insists on.
    REQUIRED_API_LEVEL = 10185, Unsupported;
    /// An expected subject without an expected sequence number.
    EXPECTED_SUBJECT_INVALID = 10193, Invalid;
}

/// What kind of error it is, and so what one can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorClass {
    /// The request is wrong, or not allowed for this stream or consumer: change it.
    Invalid,
    /// There is no such stream, consumer or message.
    NotFound,
    /// There is another one by that name, or with these subjects.
    AlreadyExists,
    /// What the publisher expected does not hold. At a second attempt of the same message that may be
    /// the first one's doing.
    Expectation,
    /// A limit of the stream, the account or the server is reached.
    LimitExceeded,
    /// The servers cannot at present: try again.
    Unavailable,
    /// The servers have too much to do: try again, more slowly.
    TooBusy,
    /// The same message is being stored: ask again.
    InProcess,
    /// There is no JetStream for this account or server.
    NotEnabled,
    /// The server is too old.
    Unsupported,
    /// Anything else.
    Other,
}

impl ErrorCode {
    /// What kind of error this is; [`ErrorClass::Other`] for codes that are not known here.
    #[must_use]
    pub fn class(self) -> ErrorClass {
        let row = TABLE.iter().find(|(code, _)| *code == self.0);
        row.map_or(ErrorClass::Other, |(_, class)| *class)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error in a response.
///
/// ```
/// use nats_proto::jetstream::{ApiError, ErrorClass, ErrorCode};
///
/// let error = ApiError::new(400, ErrorCode::WRONG_LAST_SEQUENCE, "wrong last sequence: 3");
/// assert_eq!(error.class(), ErrorClass::Expectation);
/// assert_eq!(error.last_sequence(), Some(3));
/// assert_eq!(error.to_string(), "wrong last sequence: 3 (10071)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ApiError<'a> {
    /// A code like those of HTTP.
    pub status: u16,
    /// Which error it is; zero if the server did not say.
    pub code: ErrorCode,
    /// The server's words, as far as there was room for them.
    pub description: &'a str,
}

impl<'a> ApiError<'a> {
    /// An error as a server reports it.
    #[must_use]
    pub const fn new(status: u16, code: ErrorCode, description: &'a str) -> Self {
        Self { status, code, description }
    }

    /// What kind of error it is: by its code, or by its status where the code is not known.
    #[must_use]
    pub fn class(self) -> ErrorClass {
        match (self.code.class(), self.status) {
            (ErrorClass::Other, 404) => ErrorClass::NotFound,
            (ErrorClass::Other, 412) => ErrorClass::Unsupported,
            (ErrorClass::Other, 429) => ErrorClass::TooBusy,
            (ErrorClass::Other, 503) => ErrorClass::Unavailable,
            (ErrorClass::Other, 400..500) => ErrorClass::Invalid,
            (class, _) => class,
        }
    }

    /// The real last sequence number, where that is what was wrong, and the server says it.
    #[must_use]
    pub fn last_sequence(self) -> Option<u64> {
        let number =
            self.after(ErrorCode::WRONG_LAST_SEQUENCE, "wrong last sequence: ")?.as_bytes();
        let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        if is_number { parse_decimal(number) } else { None }
    }

    /// The last message's id, where that is what was wrong: empty if it had none.
    #[must_use]
    pub fn last_message_id(self) -> Option<&'a str> {
        self.after(ErrorCode::WRONG_LAST_MESSAGE_ID, "wrong last msg ID: ")
    }

    fn after(self, code: ErrorCode, words: &str) -> Option<&'a str> {
        if self.code == code { self.description.strip_prefix(words) } else { None }
    }
}

impl fmt::Display for ApiError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.0 == 0 { self.status } else { self.code.0 };
        match self.description {
            "" => write!(f, "JetStream error {code}"),
            description => write!(f, "{description} ({code})"),
        }
    }
}

impl core::error::Error for ApiError<'_> {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn codes_are_in_order_and_there_once() {
        assert!(TABLE.is_sorted_by(|(first, _), (second, _)| first < second));
    }

    #[test]
    fn classes() {
        let class = |status, code| ApiError::new(status, ErrorCode(code), "").class();
        assert_eq!(class(404, 10014), ErrorClass::NotFound);
        assert_eq!(class(503, 10077), ErrorClass::LimitExceeded, "not what its status says");
        assert_eq!(class(503, 10008), ErrorClass::Unavailable);
        assert_eq!(class(503, 10039), ErrorClass::NotEnabled);
        assert_eq!(class(409, 10158), ErrorClass::InProcess);
        assert_eq!(class(500, 10111), ErrorClass::Invalid);
        // Codes that are not known yet.
        assert_eq!(class(404, 19999), ErrorClass::NotFound);
        assert_eq!(class(400, 19999), ErrorClass::Invalid);
        assert_eq!(class(429, 0), ErrorClass::TooBusy);
        assert_eq!(class(503, 19999), ErrorClass::Unavailable);
        assert_eq!(class(500, 19999), ErrorClass::Other);
        assert_eq!(class(0, 0), ErrorClass::Other);
    }

    #[test]
    fn what_the_words_tell() {
        let error = |code, text| ApiError::new(400, ErrorCode(code), text);
        assert_eq!(error(10071, "wrong last sequence: 0").last_sequence(), Some(0));
        assert_eq!(error(10071, "wrong last sequence").last_sequence(), None);
        assert_eq!(error(10071, "wrong last sequence: x").last_sequence(), None);
        assert_eq!(error(10164, "wrong last sequence").last_sequence(), None);
        assert_eq!(error(10070, "wrong last msg ID: ").last_message_id(), Some(""));
        assert_eq!(error(10070, "wrong last msg ID: a b").last_message_id(), Some("a b"));
        assert_eq!(error(10071, "wrong last msg ID: a").last_message_id(), None);
        assert_eq!(ApiError::new(503, ErrorCode(0), "").to_string(), "JetStream error 503");
    }
}
