use std::format;
use std::string::ToString;
use std::vec::Vec;

use super::*;

type Parts<'a> = (Scheme, Option<&'a str>, Option<&'a str>, &'a str, u16, &'a str);

#[test]
fn every_form_of_the_documentation() {
    use Scheme::*;
    let table: &[(&str, Parts<'_>)] = &[
        ("nats://demo.nats.io:4222", (Nats, None, None, "demo.nats.io", 4222, "")),
        ("demo.nats.io:4222", (Nats, None, None, "demo.nats.io", 4222, "")),
        ("demo.nats.io", (Nats, None, None, "demo.nats.io", 4222, "")),
        ("localhost", (Nats, None, None, "localhost", 4222, "")),
        (" NATS://10.0.0.1:1 ", (Nats, None, None, "10.0.0.1", 1, "")),
        ("tls://demo.nats.io", (Tls, None, None, "demo.nats.io", 4222, "")),
        ("ws://demo.nats.io", (Ws, None, None, "demo.nats.io", 80, "")),
        ("wss://demo.nats.io/nats?x=1", (Wss, None, None, "demo.nats.io", 443, "/nats?x=1")),
        ("nats://user:pass@host:65535", (Nats, Some("user"), Some("pass"), "host", 65535, "")),
        ("nats://token@host", (Nats, Some("token"), None, "host", 4222, "")),
        ("mytoken@localhost", (Nats, Some("mytoken"), None, "localhost", 4222, "")),
        ("nats://u:p:q@x@host", (Nats, Some("u"), Some("p:q@x"), "host", 4222, "")),
        ("nats://u:@host", (Nats, Some("u"), Some(""), "host", 4222, "")),
        ("nats://%41%2f:%40@host", (Nats, Some("A/"), Some("@"), "host", 4222, "")),
        ("nats://[::1]:4223", (Nats, None, None, "::1", 4223, "")),
        ("[fe80::1%25]", (Nats, None, None, "fe80::1%25", 4222, "")),
        ("tls://[::1]:4443", (Tls, None, None, "::1", 4443, "")),
        ("wss://tok@[2001:db8::1]/p", (Wss, Some("tok"), None, "2001:db8::1", 443, "/p")),
        ("nats://bücher_1.example", (Nats, None, None, "bücher_1.example", 4222, "")),
        ("nats://host:4222/", (Nats, None, None, "host", 4222, "")),
    ];
    for &(text, (scheme, user, password, host, port, path)) in table {
        let url = ServerUrl::new(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((url.scheme(), url.host(), url.port(), url.path()), (scheme, host, port, path));
        let is = |encoded: Option<Encoded<'_>>, expected: Option<&str>| match expected {
            Some(expected) => encoded.is_some_and(|encoded| encoded.is(expected)),
            None => encoded.is_none(),
        };
        assert!(is(url.user(), user) && is(url.password(), password), "{text}");

        // What is kept of it is the same server, without the credentials.
        let mut kept = heapless::Vec::<u8, 64>::new();
        url.encode(&mut kept).unwrap();
        let kept = core::str::from_utf8(&kept).unwrap();
        assert_eq!(kept, url.to_string());
        let again = ServerUrl::new(kept).unwrap();
        assert!(again.is_same_server(&url) && again.user().is_none(), "{kept}");
    }
}

#[test]
fn what_is_no_address() {
    for (text, error) in [
        ("", UrlError::Host),
        ("nats://", UrlError::Host),
        ("nats://:4222", UrlError::Host),
        ("nats://user@", UrlError::Host),
        ("nats://[::1", UrlError::Host),
        ("nats://[]", UrlError::Host),
        ("http://host", UrlError::Scheme),
        ("://host", UrlError::Scheme),
        ("natss://host", UrlError::Scheme),
        ("opentls://host", UrlError::Scheme),
        ("nsc://operator/account/user", UrlError::Scheme),
        ("host:", UrlError::Port),
        ("host:0", UrlError::Port),
        ("host:65536", UrlError::Port),
        ("host:-1", UrlError::Port),
        ("host:x", UrlError::Port),
        ("::1", UrlError::Host),
        ("host name", UrlError::Port),
        ("[::1]x", UrlError::Port),
    ] {
        assert_eq!(ServerUrl::new(text), Err(error), "{text:?}");
    }
}

#[test]
fn lists() {
    let hosts: Vec<_> = ServerUrl::list("a:1, nats://b,tls://c:3")
        .map(|url| url.map(|url| (url.host(), url.port())))
        .collect();
    assert_eq!(hosts, [Ok(("a", 1)), Ok(("b", 4222)), Ok(("c", 3))]);
    assert!(ServerUrl::list("a,,b").any(|url| url.is_err()));
}

#[test]
fn escapes_that_are_none_stay() {
    for (text, resolved) in [("a%", "a%"), ("%4", "%4"), ("%zz", "%zz"), ("%%41", "%A")] {
        assert!(Encoded(text).is(resolved), "{text}");
    }
}

#[test]
fn same_server_whatever_the_spelling() {
    let same = |a, b| ServerUrl::new(a).unwrap().is_same_server(&ServerUrl::new(b).unwrap());
    assert!(same("Host", "nats://u:p@host:4222"));
    assert!(!same("host:1", "host:2") && !same("tls://host", "nats://host") && !same("a", "b"));
}

#[test]
fn credentials_are_not_shown() {
    let url = ServerUrl::new("nats://mary:secret@host").unwrap();
    let shown = format!("{url} {url:?} {:?}", url.password());
    assert!(!shown.contains("secret") && !shown.contains("mary"), "{shown}");
}
