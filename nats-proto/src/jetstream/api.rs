//! The subjects of the JetStream API.

use super::name;
use super::name::ConsumerName;
use super::name::NameError;
use super::name::StreamName;
use crate::error::Full;
use crate::storage::Buffer;
use crate::storage::put_all;
use crate::subject::Filter;
use crate::subject::Subject;

/// What all API subjects begin with: `$JS.API`, that of a domain, or whatever an account calls its
/// import of them.
///
/// ```
/// use nats_proto::jetstream::{ApiPrefix, ApiSubject, StreamName};
/// use nats_proto::wire::ArrayBuf;
///
/// let mut text = ArrayBuf::<64>::new();
/// let info = ApiSubject::stream_info(StreamName::new("ORDERS")?);
/// assert_eq!(info.encode(ApiPrefix::DEFAULT, &mut text).unwrap().as_str(), "$JS.API.STREAM.INFO.ORDERS");
///
/// let hub = ApiPrefix::domain("hub")?;
/// assert_eq!(info.encode(hub, &mut text).unwrap().as_str(), "$JS.hub.API.STREAM.INFO.ORDERS");
/// # Ok::<(), nats_proto::jetstream::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ApiPrefix<'a> {
    start: &'a str,
    domain: &'a str,
    end: &'static str,
}

impl<'a> ApiPrefix<'a> {
    /// `$JS.API`, which every account with JetStream has.
    pub const DEFAULT: ApiPrefix<'static> = ApiPrefix { start: "$JS.API", domain: "", end: "" };

    /// That of another domain: `$JS.<domain>.API`.
    ///
    /// # Errors
    ///
    /// A domain is one token, by the rules of [`StreamName`].
    pub const fn domain(domain: &'a str) -> Result<Self, NameError> {
        match name::check(domain) {
            Ok(()) => Ok(Self { start: "$JS.", domain, end: ".API" }),
            Err(error) => Err(error),
        }
    }

    /// The subject under which an account imports the API of another: `JS.acc` for `JS.acc.>`.
    #[must_use]
    pub const fn custom(prefix: Subject<'a>) -> Self {
        Self { start: prefix.as_str(), domain: "", end: "" }
    }
}

impl<'a> ApiPrefix<'a> {
    /// The text, in parts.
    pub(super) const fn parts(self) -> [&'a str; 3] {
        [self.start, self.domain, self.end]
    }
}

impl Default for ApiPrefix<'_> {
    fn default() -> Self {
        ApiPrefix::DEFAULT
    }
}

/// The subject of an API request, without its prefix.
///
/// What a request has as its body is said at each. Requests of newer servers are met with silence by
/// older ones, so every request needs a time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ApiSubject<'a> {
    operation: &'static str,
    stream: &'a str,
    consumer: &'a str,
    /// The subject of a direct get, or the filter of a consumer.
    filter: &'a str,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident($($stream:ident $(, $consumer:ident)?)?) = $operation:literal;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name($($stream: StreamName<'a> $(, $consumer: ConsumerName<'a>)?)?) -> Self {
            let subject = Self { operation: $operation, stream: "", consumer: "", filter: "" };
            $(let subject = Self { stream: $stream.as_str(), ..subject };
            $(let subject = Self { consumer: $consumer.as_str(), ..subject };)?)?
            subject
        }
    )*};
}

impl<'a> ApiSubject<'a> {
    operations! {
        /// Limits and use of the account. No body.
        account_info() = "INFO";
        /// Makes a stream. Body: its configuration.
        stream_create(stream) = "STREAM.CREATE";
        /// Replaces a stream's configuration, all of it. Body: the configuration.
        stream_update(stream) = "STREAM.UPDATE";
        /// A stream's configuration and state. Body: empty, or options.
        stream_info(stream) = "STREAM.INFO";
        /// Deletes a stream. No body.
        stream_delete(stream) = "STREAM.DELETE";
        /// Removes messages. Body: none, or which ones.
        stream_purge(stream) = "STREAM.PURGE";
        /// The streams' names, up to 1,024 in an answer. Body: none, or `offset` and `subject`.
        stream_names() = "STREAM.NAMES";
        /// The streams themselves, up to 256 in an answer. Body: none, or `offset` and `subject`.
        stream_list() = "STREAM.LIST";
        /// A message, from the stream's leader. Body: which one.
        message_get(stream) = "STREAM.MSG.GET";
        /// Deletes a message. Body: which one.
        message_delete(stream) = "STREAM.MSG.DELETE";
        /// A message, from any replica, as it is (ADR-31). Body: which one.
        direct_get(stream) = "DIRECT.GET";
        /// Lets a stream's leader step down. No body.
        stream_leader_stepdown(stream) = "STREAM.LEADER.STEPDOWN";
        /// Makes a consumer that the server names. Body: the configuration.
        consumer_create_unnamed(stream) = "CONSUMER.CREATE";
        /// Makes or updates a consumer. Body: the configuration.
        consumer_create(stream, consumer) = "CONSUMER.CREATE";
        /// A consumer's configuration and state. No body.
        consumer_info(stream, consumer) = "CONSUMER.INFO";
        /// Deletes a consumer. No body.
        consumer_delete(stream, consumer) = "CONSUMER.DELETE";
        /// The names of a stream's consumers, up to 1,024 in an answer. Body: none, or `offset`.
        consumer_names(stream) = "CONSUMER.NAMES";
        /// A stream's consumers, up to 256 in an answer. Body: none, or `offset`.
        consumer_list(stream) = "CONSUMER.LIST";
        /// Pauses a consumer until the time in the body, or resumes it.
        consumer_pause(stream, consumer) = "CONSUMER.PAUSE";
        /// Lets a consumer start over. Body: none, or from where.
        consumer_reset(stream, consumer) = "CONSUMER.RESET";
        /// Takes the pin from the client that has it. Body: the priority group.
        consumer_unpin(stream, consumer) = "CONSUMER.UNPIN";
        /// Lets a consumer's leader step down. No body.
        consumer_leader_stepdown(stream, consumer) = "CONSUMER.LEADER.STEPDOWN";
        /// Asks for messages. Body: a [`PullRequest`](super::PullRequest).
        consumer_next(stream, consumer) = "CONSUMER.MSG.NEXT";
    }

    /// Makes or updates a consumer whose only filter is `filter`, so that permissions may depend on
    /// it. Body: the configuration, with the same filter.
    ///
    /// With a wildcard in the filter, the subject has one, too, which the server accepts here.
    #[must_use]
    pub const fn consumer_create_filtered(
        stream: StreamName<'a>,
        consumer: ConsumerName<'a>,
        filter: Filter<'a>,
    ) -> Self {
        Self { filter: filter.as_str(), ..Self::consumer_create(stream, consumer) }
    }

    /// The last message of a subject, from any replica, as it is (ADR-31). No body.
    #[must_use]
    pub const fn direct_get_last(stream: StreamName<'a>, subject: Subject<'a>) -> Self {
        Self { filter: subject.as_str(), ..Self::direct_get(stream) }
    }

    /// Writes the whole subject into `text`, in place of what is there.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit.
    pub fn encode<'t, B: Buffer>(
        &self,
        prefix: ApiPrefix<'_>,
        text: &'t mut B,
    ) -> Result<Subject<'t>, Full> {
        text.truncate(0);
        let parts = [
            prefix.start,
            prefix.domain,
            prefix.end,
            ".",
            self.operation,
            dot_before(self.stream),
            self.stream,
            dot_before(self.consumer),
            self.consumer,
            dot_before(self.filter),
            self.filter,
        ];
        put_all(&parts.map(str::as_bytes), text)?;
        let text: &'t B = text;
        let text = core::str::from_utf8(text.as_ref()).map_err(|_| Full)?;
        // Made of subjects and tokens.
        Ok(Subject::from_checked(text))
    }
}

const fn dot_before(token: &str) -> &'static str {
    if token.is_empty() { "" } else { "." }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;
    use crate::storage::ArrayBuf;

    fn encode(subject: ApiSubject<'_>, prefix: ApiPrefix<'_>) -> String {
        let mut text = ArrayBuf::<128>::new();
        let encoded = subject.encode(prefix, &mut text).unwrap();
        encoded.as_str().into()
    }

    #[test]
    fn subjects() {
        let stream = StreamName::from_static("S");
        let consumer = ConsumerName::from_static("C");
        let filter = Filter::from_static("a.*.>");
        let table = [
            (ApiSubject::account_info(), "INFO"),
            (ApiSubject::stream_create(stream), "STREAM.CREATE.S"),
            (ApiSubject::stream_names(), "STREAM.NAMES"),
            (ApiSubject::message_get(stream), "STREAM.MSG.GET.S"),
            (ApiSubject::direct_get(stream), "DIRECT.GET.S"),
            (ApiSubject::direct_get_last(stream, Subject::from_static("a.b")), "DIRECT.GET.S.a.b"),
            (ApiSubject::consumer_create_unnamed(stream), "CONSUMER.CREATE.S"),
            (ApiSubject::consumer_create(stream, consumer), "CONSUMER.CREATE.S.C"),
            (
                ApiSubject::consumer_create_filtered(stream, consumer, filter),
                "CONSUMER.CREATE.S.C.a.*.>",
            ),
            (ApiSubject::consumer_next(stream, consumer), "CONSUMER.MSG.NEXT.S.C"),
            (ApiSubject::consumer_unpin(stream, consumer), "CONSUMER.UNPIN.S.C"),
        ];
        for (subject, expected) in table {
            let default = encode(subject, ApiPrefix::default());
            assert_eq!(default.strip_prefix("$JS.API."), Some(expected));
            let domain = encode(subject, ApiPrefix::domain("hub").unwrap());
            assert_eq!(domain.strip_prefix("$JS.hub.API."), Some(expected));
            let custom = encode(subject, ApiPrefix::custom(Subject::from_static("JS.acc")));
            assert_eq!(custom.strip_prefix("JS.acc."), Some(expected));
        }
    }

    #[test]
    fn a_subject_that_does_not_fit_is_not_written() {
        let subject = ApiSubject::stream_info(StreamName::from_static("ORDERS"));
        let mut text = ArrayBuf::<25>::new();
        assert_eq!(subject.encode(ApiPrefix::DEFAULT, &mut text), Err(Full));
        assert!(text.is_empty());
        let mut text = ArrayBuf::<26>::new();
        assert!(subject.encode(ApiPrefix::DEFAULT, &mut text).is_ok());
        assert!(subject.encode(ApiPrefix::DEFAULT, &mut text).is_ok(), "in place of the first");
    }

    #[test]
    fn a_domain_is_a_token() {
        assert_eq!(ApiPrefix::domain("a.b"), Err(NameError::Forbidden { at: 1 }));
        assert_eq!(ApiPrefix::domain(""), Err(NameError::Empty));
    }
}
