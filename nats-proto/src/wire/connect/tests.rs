use std::string::String;
use std::vec::Vec;

use super::*;
use crate::storage::ArrayBuf;
use crate::storage::SendBuf;
use crate::wire::ConnectView;

fn encoded(connect: &Connect<'_>) -> String {
    let mut memory = [0; 1024];
    let mut out = SendBuf::new(&mut memory);
    connect.encode(&mut out).unwrap();
    assert_eq!(out.len(), connect.encoded_len());
    String::from_utf8(out.as_ref().to_vec()).unwrap()
}

#[test]
fn the_defaults_are_spelled_out() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        encoded(&Connect::DEFAULT),
        std::format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\
             \"lang\":\"rust\",\"version\":\"{version}\",\"protocol\":1,\"echo\":true,\
             \"headers\":true,\"no_responders\":true}}\r\n"
        )
    );
}

const EVERYTHING: Connect<'static> = Connect {
    verbose: true,
    pedantic: true,
    tls_required: true,
    auth_token: Some("t\"o\\k"),
    user: Some("u\n"),
    pass: Some("p\u{1}é"),
    jwt: Some("j"),
    nkey: Some("n"),
    sig: Some("s"),
    name: Some("a \"name\""),
    lang: "l",
    version: "v",
    protocol: 2,
    echo: false,
    headers: false,
    no_responders: false,
};

#[test]
fn every_field_is_escaped_and_read_back() {
    let line = encoded(&EVERYTHING);
    let json = line.strip_prefix("CONNECT ").unwrap().strip_suffix("\r\n").unwrap();
    assert!(json.contains(r#""auth_token":"t\"o\\k","user":"u\n","pass":"p\u0001é""#), "{json}");
    let view = ConnectView::from_bytes(json.as_bytes());
    view.check().unwrap();
    for (key, value) in [
        ("auth_token", EVERYTHING.auth_token.unwrap()),
        ("user", EVERYTHING.user.unwrap()),
        ("pass", EVERYTHING.pass.unwrap()),
        ("jwt", "j"),
        ("nkey", "n"),
        ("sig", "s"),
        ("name", EVERYTHING.name.unwrap()),
        ("lang", "l"),
        ("version", "v"),
    ] {
        let mut text = ArrayBuf::<32>::new();
        assert_eq!(view.text(key, &mut text), Some(value), "{key}");
    }
    for (key, value) in [
        ("verbose", true),
        ("pedantic", true),
        ("tls_required", true),
        ("echo", false),
        ("headers", false),
        ("no_responders", false),
    ] {
        assert_eq!(view.flag(key), Some(value), "{key}");
    }
    assert_eq!(view.number("protocol"), Some(2));
}

#[test]
fn pieces_of_any_size_make_the_same_line() {
    let whole = encoded(&EVERYTHING);
    for size in 1..=whole.len() + 1 {
        let mut pieces = Vec::<u8>::new();
        let mut buffer = std::vec![0; size];
        loop {
            let len = EVERYTHING.encode_part(pieces.len(), &mut buffer);
            if len == 0 {
                break;
            }
            pieces.extend(&buffer[..len]);
        }
        assert_eq!(pieces, whole.as_bytes(), "in pieces of {size}");
    }
}

#[test]
fn a_line_that_does_not_fit_is_not_begun() {
    let mut memory = [0; 16];
    let mut out = SendBuf::new(&mut memory);
    assert_eq!(Connect::DEFAULT.encode(&mut out), Err(Full));
    assert!(out.is_empty());
}

#[test]
fn secrets_are_not_shown() {
    let shown = std::format!("{EVERYTHING:?}");
    for secret in ["t\"o", "t\\\"o", "p\u{1}", "\"j\"", "\"s\""] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("has_pass: true"));
}
