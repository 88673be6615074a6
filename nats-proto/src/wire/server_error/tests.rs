use std::borrow::ToOwned;

use super::*;

fn error(text: &str) -> ServerError<'_> {
    ServerError::from_bytes(text.as_bytes())
}

#[test]
fn every_text_of_the_servers_source() {
    use Consequence::*;
    use ErrorKind::*;
    let table = [
        ("Permissions Violation for Publish to \"a\"", PermissionsViolation, Continues),
        ("Invalid Subject", InvalidSubject, Continues),
        ("Invalid Publish Subject", InvalidPublishSubject, Continues),
        ("maximum subscriptions exceeded", MaximumSubscriptions, Continues),
        ("Stale Connection", StaleConnection, Reconnect),
        ("Slow Consumer", SlowConsumer, Reconnect),
        ("maximum connections exceeded", MaximumConnections, Reconnect),
        ("maximum account active connections exceeded", MaximumConnections, Reconnect),
        ("Connection throttling is active. Please try again later.", MaximumConnections, Reconnect),
        ("Server Shutdown", ServerShutdown, Reconnect),
        ("Failed Account Registration", AccountRegistration, Reconnect),
        ("Authorization Violation", AuthorizationViolation, Reauthenticate),
        ("Authentication Timeout", AuthenticationTimeout, Reconnect),
        ("User Authentication Expired", AuthenticationExpired, Reauthenticate),
        ("Account Authentication Expired", AuthenticationExpired, Reauthenticate),
        ("User Authentication Revoked", AuthenticationRevoked, Reauthenticate),
        ("Maximum Payload Violation", MaximumPayload, Misuse),
        ("maximum control line exceeded", MaximumControlLine, Misuse),
        ("Unknown Protocol Operation", UnknownOperation, Misuse),
        ("invalid client protocol", InvalidProtocol, Misuse),
        ("no responders requires headers support", HeadersNotSupported, Misuse),
        ("message headers not supported", HeadersNotSupported, Misuse),
        ("Secure Connection - TLS Required", TlsRequired, Misuse),
        ("attempted to connect to route port", WrongPort, Misuse),
        ("attempted to connect to leaf node port", WrongPort, Misuse),
        ("something new", Unknown, Continues),
        ("", Unknown, Continues),
    ];
    for (text, kind, consequence) in table {
        for quoted in [text.to_owned(), std::format!("'{text}'"), std::format!(" '{text}' ")] {
            assert_eq!(error(&quoted).kind(), kind, "{quoted}");
            assert_eq!(error(&quoted).text(), text);
        }
        assert_eq!(error(&text.to_uppercase()).kind(), kind, "case does not matter: {text}");
        assert_eq!(kind.consequence(), consequence, "{text}");
    }
}

#[test]
fn violations() {
    let table: &[(&str, Action, &str, Option<&str>, Option<u64>)] = &[
        ("for Publish to \"a.b\"", Action::Publish, "a.b", None, None),
        ("for Publish with Reply of \"r\"", Action::PublishReply, "r", None, None),
        ("for Subscription to \"a.>\"", Action::Subscribe, "a.>", None, None),
        ("for Subscription to \"a\" using queue \"q\"", Action::Subscribe, "a", Some("q"), None),
        ("for Subscription to \"a\" (sid \"12\")", Action::Subscribe, "a", None, Some(12)),
        (
            "for Subscription to \"a\" using queue \"q\" (sid \"3\")",
            Action::Subscribe,
            "a",
            Some("q"),
            Some(3),
        ),
        ("for Subscription to \"a.b.c\", too many tokens", Action::Subscribe, "a.b.c", None, None),
        ("for subscription to \"a\"", Action::Subscribe, "a", None, None),
        ("for Publish to \"a\\\"b\"", Action::Publish, "a\"b", None, None),
        ("for Publish to \"\\u00e9\\t\\\\\"", Action::Publish, "é\t\\", None, None),
        ("for Publish to \"é\"", Action::Publish, "é", None, None),
        ("for Publish to \"\\U0001F600\"", Action::Publish, "😀", None, None),
        ("for Publish to \"\"", Action::Publish, "", None, None),
    ];
    for &(text, action, subject, queue, sid) in table {
        let text = std::format!("'Permissions Violation {text}'");
        let violation = error(&text).violation().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(violation.action, action, "{text}");
        assert!(violation.subject.is(subject), "{text}");
        assert!(!violation.subject.is("other"), "{text}");
        assert!(violation.subject.unquoted().eq(subject.bytes()), "{text}");
        assert_eq!(violation.queue.is_some(), queue.is_some(), "{text}");
        assert!(violation.queue.is_none_or(|name| name.is(queue.unwrap_or(""))), "{text}");
        assert_eq!(violation.sid, sid.map(Sid), "{text}");
    }
}

#[test]
fn what_is_no_violation() {
    for text in [
        "",
        "Authorization Violation",
        "Permissions Violation",
        "Permissions Violation for Publish to a",
        "Permissions Violation for Publish to \"a",
        "Permissions Violation for Reading \"a\"",
    ] {
        assert_eq!(error(text).violation(), None, "{text}");
    }
}

#[test]
fn quotes_compare_whole_texts() {
    assert!(Quoted(b"ab").is("ab"));
    assert!(!Quoted(b"ab").is("a"));
    assert!(!Quoted(b"a").is("ab"));
    // A byte that is not UTF-8 is no text's.
    assert!(!Quoted(br"\xff").is("\u{FF}"));
    for broken in [&br"a\"[..], br"a\x", br"a\xg0", br"a\u12", br"a\ud800"] {
        assert!(!Quoted(broken).is("a"), "{:?}", broken.escape_ascii());
    }
}

#[test]
fn bytes_that_are_no_text_are_shown_escaped() {
    let error = ServerError::from_bytes(b"'bad \xFF'");
    assert_eq!((error.text(), std::format!("{error}").as_str()), ("", r"bad \xff"));
}
