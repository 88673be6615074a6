use std::format;
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::storage::ArrayBuf;

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
        ("[fe80::1%eth0.1]:4223", (Nats, None, None, "fe80::1%eth0.1", 4223, "")),
        ("[fe80::1%25wlp2s0]", (Nats, None, None, "fe80::1%25wlp2s0", 4222, "")),
        ("[fe80::1%25]", (Nats, None, None, "fe80::1%25", 4222, "")),
        ("tls://[::1]:4443", (Tls, None, None, "::1", 4443, "")),
        ("wss://tok@[2001:db8::1]/p", (Wss, Some("tok"), None, "2001:db8::1", 443, "/p")),
        ("nats://bücher_1.example", (Nats, None, None, "bücher_1.example", 4222, "")),
        ("nats://host:4222/", (Nats, None, None, "host", 4222, "")),
    ];
    for &(text, (scheme, user, password, host, port, path)) in table {
        let url = ServerUrl::new(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((url.scheme(), url.host(), url.port(), url.path()), (scheme, host, port, path));
        let is = |encoded: Option<PercentEncoded<'_>>, expected: Option<&str>| match expected {
            Some(expected) => encoded.is_some_and(|encoded| encoded.is(expected)),
            None => encoded.is_none(),
        };
        assert!(is(url.user(), user) && is(url.password(), password), "{text}");

        // What is kept of it is the same server, without the credentials.
        let mut kept = ArrayBuf::<64>::new();
        url.encode(&mut kept).unwrap();
        let kept = core::str::from_utf8(&kept).unwrap();
        assert_eq!(kept.split('?').next().unwrap(), url.to_string());
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
        ("host name", UrlError::Host),
        ("nats://bad url", UrlError::Host),
        ("nats://user@bad url:4222", UrlError::Host),
        ("[%eth0]", UrlError::Host),
        ("[fe80::1%]", UrlError::Host),
        ("[fe80::1%e th]", UrlError::Host),
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
    for (text, count) in [("a,,b", 2), ("a,", 1), (",a , ", 1), ("", 0), (" ", 0), (",, ", 0)] {
        assert_eq!(ServerUrl::list(text).filter(Result::is_ok).count(), count, "{text:?}");
        assert!(ServerUrl::list(text).all(|url| url.is_ok()), "{text:?}");
    }
}

#[test]
fn which_address_of_a_list_is_none() {
    let error = |text| ServerUrl::list(text).find_map(Result::err).unwrap();
    assert_eq!(error("a:x"), UrlError::Port);
    for (text, number, reason) in [
        ("a:x,b", 1, UrlError::Port),
        ("a,,nats://b c", 3, UrlError::Host),
        ("a,http://b", 2, UrlError::Scheme),
        ("a,nats://u:p/q@b", 2, UrlError::Unescaped),
    ] {
        assert_eq!(error(text), reason.of_entry(number), "{text}");
        assert_eq!(error(text).of_entry(7), reason.of_entry(7), "{text}");
        assert_eq!(error(text).to_string(), format!("address {number} of the list"));
        let source = core::error::Error::source(&reason.of_entry(number)).map(ToString::to_string);
        assert_eq!(source, Some(reason.to_string()));
    }
}

#[test]
fn escapes_that_are_none_stay() {
    for (text, resolved) in [("a%", "a%"), ("%4", "%4"), ("%zz", "%zz"), ("%%41", "%A")] {
        assert!(PercentEncoded(text).is(resolved), "{text}");
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
    for text in [
        "nats://mary:secret@host",
        "secret@host",
        "wss://host/nats?access_token=secret",
        "wss://mary:secret@host/nats#secret",
        "ws://host?secret",
    ] {
        let url = ServerUrl::new(text).unwrap();
        let shown = format!("{url} {url:?} {:?} {:?}", url.user(), url.password());
        assert!(!shown.contains("secret") && !shown.contains("mary"), "{shown}");
    }
    let url = ServerUrl::new("wss://host/nats?access_token=secret").unwrap();
    assert_eq!(url.to_string(), "wss://host:443/nats");
}

#[test]
fn secrets_that_are_not_escaped_are_refused() {
    for text in [
        "nats://mary:sec/ret@host",
        "nats://mary:sec?ret@host:4222",
        "nats://mary:sec#ret@host",
        "nats://4/2@host",
        "tok/en@host",
        "nats://mary:/@host",
        "ws://host/a@b",
    ] {
        let error = ServerUrl::new(text).unwrap_err();
        assert_eq!(error, UrlError::Unescaped, "{text}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("ret") && !shown.contains("mary"), "{shown}");
    }
    let url = ServerUrl::new("nats://mary:sec%2Fr%3Fe%23t%2C@host").unwrap();
    assert!(url.password().is_some_and(|password| password.is("sec/r?e#t,")));
}

#[test]
fn schemes_say_what_lies_below_a_connection() {
    let table = [
        (Scheme::Nats, false, false),
        (Scheme::Tls, false, true),
        (Scheme::Ws, true, false),
        (Scheme::Wss, true, true),
    ];
    for (scheme, is_websocket, is_tls) in table {
        assert_eq!((scheme.is_websocket(), scheme.is_tls()), (is_websocket, is_tls), "{scheme:?}");
    }
}
