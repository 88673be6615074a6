//! -ERR: its kinds, and their consequences.

#[cfg(test)]
mod tests;

use core::fmt;

use super::utf8::Utf8;
use crate::ascii::hex_digit;
use crate::ascii::parse_decimal;
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
    /// The server closed a stale connection.
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
    /// The login did not come to its end in time. That says nothing about the credentials: a server
    /// that is busy, or a slow line, is a reason as well.
    AuthenticationTimeout = "authentication_timeout", Reconnect, ["authentication timeout"];
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
#[non_exhaustive]
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
    /// To publish with the subject as the reply subject.
    PublishReply,
    /// To subscribe.
    Subscribe,
}

impl Action {
    /// What stands for it, in lower case.
    const TABLE: &'static [(&'static str, Self)] = &[
        ("publish with reply of ", Self::PublishReply),
        ("publish to ", Self::Publish),
        ("subscription to ", Self::Subscribe),
    ];
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
        let row = ErrorKind::TABLE.iter().find(|(start, _)| strip(self.0, start).is_some());
        row.map_or(ErrorKind::Unknown, |&(_, kind)| kind)
    }

    /// What was violated, if it is a permissions violation.
    ///
    /// `Permissions Violation for <action> "<subject>"[ using queue "<queue>"][ (sid "<sid>")]…`:
    /// more may follow, and what follows may change (ADR-40).
    #[must_use]
    pub fn violation(self) -> Option<Violation<'b>> {
        let text = strip(self.0, "permissions violation for ")?;
        let action = Action::TABLE.iter().find_map(|(start, action)| {
            let text = strip(text, start)?;
            Some((*action, text))
        });
        let (action, text) = action?;
        let (subject, text) = quoted(text)?;
        let queue = strip(text, " using queue ").and_then(quoted);
        let (queue, text) = queue.map_or((None, text), |(queue, text)| (Some(queue), text));
        Some(Violation { action, subject, queue, sid: sid(text) })
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
        self.is_bytes(text.as_bytes())
    }

    pub(crate) fn is_bytes(self, text: &[u8]) -> bool {
        let (mut quoted, mut text) = (self.0, text);
        while !quoted.is_empty() {
            let Some((unit, rest)) = unquote(quoted) else {
                return false;
            };
            let Some(behind) = text.strip_prefix(unit.as_bytes()) else {
                return false;
            };
            (quoted, text) = (rest, behind);
        }
        text.is_empty()
    }

    /// The text's bytes, with escapes resolved; they end at an invalid escape.
    pub fn unquoted(self) -> impl Iterator<Item = u8> + 'b {
        let (mut rest, mut unit, mut at) = (self.0, None::<Utf8>, 0);
        core::iter::from_fn(move || {
            loop {
                if let Some(byte) = unit.as_ref().and_then(|unit| unit.as_bytes().get(at)) {
                    at += 1;
                    return Some(*byte);
                }
                let (next, behind) = unquote(rest)?;
                (rest, unit, at) = (behind, Some(next), 0);
            }
        })
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

/// What follows `start`, which is in lower case, whatever the case of the text.
fn strip<'b>(text: &'b [u8], start: &str) -> Option<&'b [u8]> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start.as_bytes()).then_some(rest)
}

/// A text in double quotes, in which a backslash hides what follows it.
fn quoted(text: &[u8]) -> Option<(Quoted<'_>, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut is_hidden = false;
    let end = text.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_hidden;
        is_hidden = byte == b'\\' && !is_hidden;
        is_end
    })?;
    Some((Quoted(text.get(..end)?), text.get(end + 1..)?))
}

/// ` (sid "12")`
fn sid(text: &[u8]) -> Option<Sid> {
    let text = strip(text, " (sid \"")?;
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).filter(|end| *end > 0)?;
    text.get(end..)?.strip_prefix(b"\")")?;
    parse_decimal(text.get(..end)?).map(Sid)
}

/// Splits the first character off, resolved if it is escaped.
fn unquote(text: &[u8]) -> Option<(Utf8, &[u8])> {
    let (&first, rest) = text.split_first()?;
    if first != b'\\' {
        return Some((Utf8::from_byte(first), rest));
    }
    let (&letter, rest) = rest.split_first()?;
    let digits = match letter {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        _ => {
            // The others stand for themselves.
            let control = b"abtnvfr".iter().position(|&known| known == letter);
            let byte = control.and_then(|at| u8::try_from(at + 7).ok());
            return Some((Utf8::from_byte(byte.unwrap_or(letter)), rest));
        }
    };
    let (digits, rest) = rest.split_at_checked(digits)?;
    let mut code = 0;
    for &digit in digits {
        code = (code << 4) | u32::from(hex_digit(digit)?);
    }
    // `\x` is a byte that is not UTF-8, the others are characters.
    Some(match u8::try_from(code) {
        Ok(byte) if letter == b'x' => (Utf8::from_byte(byte), rest),
        _ => (Utf8::from_char(char::from_u32(code)?), rest),
    })
}
