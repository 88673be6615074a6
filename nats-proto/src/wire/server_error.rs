//! What a server means by -ERR.

#[cfg(test)]
mod tests;

use core::fmt;

use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::is_not;
use nom::bytes::complete::tag_no_case;
use nom::bytes::complete::take;
use nom::character::complete::char as exactly;
use nom::character::complete::digit1;
use nom::combinator::map_opt;
use nom::combinator::opt;
use nom::combinator::recognize;
use nom::combinator::value;
use nom::multi::many0_count;
use nom::sequence::delimited;
use nom::sequence::preceded;

use super::args::decimal;
use crate::message::Sid;

/// The text of an -ERR.
///
/// ```
/// use nats_proto::wire::{Consequence, ErrorKind, ServerError};
///
/// let error = ServerError::from_bytes(
///     br#"'Permissions Violation for Subscription to "a.>" using queue "q"'"#,
/// );
/// assert_eq!(error.kind(), ErrorKind::PermissionsViolation);
/// assert_eq!(error.kind().consequence(), Consequence::Continues);
/// let violation = error.violation().unwrap();
/// assert!(violation.subject.is("a.>") && violation.queue.unwrap().is("q"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ServerError<'b>(&'b [u8]);

/// What follows from an -ERR for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Consequence {
    /// One operation failed; the connection goes on.
    Continues,
    /// The server closes the connection; another one may well succeed.
    Reconnect,
    /// The server closes the connection; another one needs other, or fresh, credentials.
    Reauthenticate,
    /// The server closes the connection because of what this client does; it will do so again.
    Misuse,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $consequence:ident, [$($text:literal),*];)*) => {
        /// What an -ERR is about (ADR-40, nats-server's `server/client.go` and `server/errors.go`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// A name for logs and metrics: `permissions_violation`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// What follows for the connection.
            #[must_use]
            pub const fn consequence(self) -> Consequence {
                match self {
                    $(Self::$kind => Consequence::$consequence,)*
                }
            }

            /// The kinds and how their texts begin, in lower case.
            const TABLE: &'static [(&'static str, Self)] = &[$($(($text, Self::$kind),)*)*];
        }
    };
}

kinds! {
    /// Publishing or subscribing to a subject is not allowed.
    PermissionsViolation = "permissions_violation", Continues, ["permissions violation"];
    /// A subscription's filter is malformed.
    InvalidSubject = "invalid_subject", Continues, ["invalid subject"];
    /// A subject to publish to is malformed; only in pedantic mode.
    InvalidPublishSubject = "invalid_publish_subject", Continues, ["invalid publish subject"];
    /// The account or the user may have no more subscriptions.
    MaximumSubscriptions = "maximum_subscriptions", Continues, ["maximum subscriptions exceeded"];
    /// Neither of us has heard of the other for too long.
    StaleConnection = "stale_connection", Reconnect, ["stale connection"];
    /// This client reads too slowly.
    SlowConsumer = "slow_consumer", Reconnect, ["slow consumer"];
    /// The server, or the account, has enough connections.
    MaximumConnections = "maximum_connections", Reconnect, [
        "maximum connections exceeded",
        "maximum account active connections exceeded",
        "connection throttling is active"
    ];
    /// The server is going down.
    ServerShutdown = "server_shutdown", Reconnect, ["server shutdown"];
    /// The server could not set up the account.
    AccountRegistration = "account_registration", Reconnect, ["failed account registration"];
    /// The credentials are wrong, or missing.
    AuthorizationViolation = "authorization_violation", Reauthenticate, [
        "authorization violation",
        "authentication error"
    ];
    /// The credentials did not come in time.
    AuthenticationTimeout = "authentication_timeout", Reauthenticate, ["authentication timeout"];
    /// The user's or the account's credentials are no longer valid.
    AuthenticationExpired = "authentication_expired", Reauthenticate, [
        "user authentication expired",
        "account authentication expired",
        "authentication expired"
    ];
    /// The user's credentials were revoked.
    AuthenticationRevoked = "authentication_revoked", Reauthenticate, [
        "user authentication revoked",
        "credentials have been revoked"
    ];
    /// A message was longer than the server's `max_payload`.
    MaximumPayload = "maximum_payload", Misuse, ["maximum payload"];
    /// A control line was longer than the server's `max_control_line`.
    MaximumControlLine = "maximum_control_line", Misuse, ["maximum control line exceeded"];
    /// The server did not understand an operation.
    UnknownOperation = "unknown_operation", Misuse, ["unknown protocol operation", "parser error"];
    /// The server does not speak this version of the protocol.
    InvalidProtocol = "invalid_protocol", Misuse, ["invalid client protocol"];
    /// Headers were used, or needed, without having been agreed upon.
    HeadersNotSupported = "headers_not_supported", Misuse, [
        "message headers not supported",
        "no responders requires headers"
    ];
    /// The server insists on TLS.
    TlsRequired = "tls_required", Misuse, ["secure connection - tls required"];
    /// This is the port for routes, gateways or leaf nodes.
    WrongPort = "wrong_port", Misuse, [
        "attempted to connect to",
        "attempted to connect a client to"
    ];
    /// A text that this version does not know. The server closes the connection or does not.
    Unknown = "unknown", Continues, [];
}

/// What a permissions violation was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Violation<'b> {
    /// What was not allowed.
    pub action: Action,
    /// The subject, filter or reply subject.
    pub subject: Quoted<'b>,
    /// The queue group of a subscription.
    pub queue: Option<Quoted<'b>>,
    /// The subscription, if the server says which; it does where a reload took permissions away.
    pub sid: Option<Sid>,
}

/// What was not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Action {
    /// To publish to the subject.
    Publish,
    /// To publish with the subject as the place for replies.
    PublishReply,
    /// To subscribe.
    Subscribe,
}

/// A text between quotes, as Go's `%q` writes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'b>(&'b [u8]);

impl<'b> ServerError<'b> {
    /// What follows `-ERR`, quoted or not.
    #[must_use]
    pub fn from_bytes(text: &'b [u8]) -> Self {
        let text = text.trim_ascii();
        Self(text.strip_prefix(b"'").map_or(text, |text| text.strip_suffix(b"'").unwrap_or(text)))
    }

    /// The text without its quotes; empty if it is not UTF-8.
    #[must_use]
    pub fn text(self) -> &'b str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The text without its quotes, byte for byte.
    #[must_use]
    pub const fn as_bytes(self) -> &'b [u8] {
        self.0
    }

    /// What it is about.
    #[must_use]
    pub fn kind(self) -> ErrorKind {
        let starts_with = |text: &str| {
            self.0
                .get(..text.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
        };
        let row = ErrorKind::TABLE.iter().find(|(text, _)| starts_with(text));
        row.map_or(ErrorKind::Unknown, |&(_, kind)| kind)
    }

    /// What was violated, if it is a permissions violation.
    #[must_use]
    pub fn violation(self) -> Option<Violation<'b>> {
        violation(self.0).ok().map(|(_, violation)| violation)
    }
}

impl fmt::Display for ServerError<'_> {
    /// The text; escaped where it is not UTF-8, or could play tricks on a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.0) {
            Ok(text) if !text.contains(char::is_control) => f.write_str(text),
            _ => write!(f, "{}", self.0.escape_ascii()),
        }
    }
}

impl fmt::Debug for ServerError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerError(\"{self}\")")
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'b> Quoted<'b> {
    /// Whether this is `text`, once its escapes are resolved.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        let mut text = text.as_bytes();
        let mut quoted = self.0;
        while !quoted.is_empty() {
            let mut utf8 = [0; 4];
            let Some((unit, rest)) = unquote(quoted, &mut utf8) else {
                return false;
            };
            let Some(behind) = text.strip_prefix(unit) else {
                return false;
            };
            (quoted, text) = (rest, behind);
        }
        text.is_empty()
    }

    /// What stands between the quotes, escapes and all.
    #[must_use]
    pub const fn as_bytes(self) -> &'b [u8] {
        self.0
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// `Permissions Violation for <action> "<subject>"[ using queue "<queue>"][ (sid "<sid>")]…`
///
/// More may follow, and what follows may change (ADR-40).
fn violation(text: &[u8]) -> IResult<&[u8], Violation<'_>, ()> {
    let action = alt((
        value(Action::PublishReply, tag_no_case("Publish with Reply of ")),
        value(Action::Publish, tag_no_case("Publish to ")),
        value(Action::Subscribe, tag_no_case("Subscription to ")),
    ));
    let sid = map_opt(delimited(tag_no_case(" (sid \""), digit1, tag_no_case("\")")), decimal);
    (
        preceded(tag_no_case("Permissions Violation for "), action),
        quoted,
        opt(preceded(tag_no_case(" using queue "), quoted)),
        opt(sid),
    )
        .map(|(action, subject, queue, sid)| Violation {
            action,
            subject,
            queue,
            sid: sid.map(Sid),
        })
        .parse_complete(text)
}

/// A text in double quotes, in which a backslash hides what follows it.
fn quoted(input: &[u8]) -> IResult<&[u8], Quoted<'_>, ()> {
    let plain = is_not("\"\\");
    let escaped = preceded(exactly('\\'), take(1_usize));
    delimited(exactly('"'), recognize(many0_count(alt((plain, escaped)))), exactly('"'))
        .map(Quoted)
        .parse_complete(input)
}

/// Splits the first character off, resolved into `utf8` if it is escaped.
fn unquote<'u, 'b: 'u>(text: &'b [u8], utf8: &'u mut [u8; 4]) -> Option<(&'u [u8], &'b [u8])> {
    let (first, rest) = text.split_first()?;
    if *first != b'\\' {
        return Some((core::slice::from_ref(first), rest));
    }
    let (letter, rest) = rest.split_first()?;
    let digits = match letter {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        _ => 0,
    };
    if digits > 0 {
        let (hex, rest) = rest.split_at_checked(digits)?;
        let code = u32::from_str_radix(core::str::from_utf8(hex).ok()?, 16).ok()?;
        // `\x` is a byte that is not UTF-8, the others are characters.
        return if *letter == b'x' {
            *utf8.first_mut()? = u8::try_from(code).ok()?;
            Some((utf8.get(..1)?, rest))
        } else {
            Some((char::from_u32(code)?.encode_utf8(utf8).as_bytes(), rest))
        };
    }
    *utf8.first_mut()? = match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        other => *other,
    };
    Some((utf8.get(..1)?, rest))
}
