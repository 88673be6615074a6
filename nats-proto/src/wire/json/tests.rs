use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::storage::ArrayBuf;

type Seen = Vec<(u8, String)>;

fn scan(json: &[u8]) -> Result<Seen, JsonError> {
    let mut scanner = Scanner::new(ArrayBuf::<32>::new());
    let mut seen = Vec::new();
    for &byte in json {
        if let Some(token) = scanner.push(byte)? {
            let text = || match scanner.text() {
                Some(text) => String::from_utf8_lossy(text).into_owned(),
                None => "(cut)".into(),
            };
            let shown = match token.kind {
                TokenKind::Key => std::format!("{}:", text()),
                TokenKind::String => std::format!("'{}'", text()),
                TokenKind::Number => text(),
                TokenKind::Bool(value) => std::format!("{value}"),
                TokenKind::Null => "null".into(),
            };
            seen.push((token.depth, shown));
        }
    }
    if scanner.is_done() { Ok(seen) } else { Err(JsonError) }
}

fn tokens(json: &str) -> Seen {
    scan(json.as_bytes()).unwrap()
}

fn seen<const N: usize>(expected: [(u8, &str); N]) -> Seen {
    expected.map(|(depth, text)| (depth, text.into())).into()
}

#[test]
fn scalars_and_nesting() {
    assert_eq!(tokens("{}"), seen([]));
    assert_eq!(tokens(" {\r\n} "), seen([]));
    assert_eq!(
        tokens(r#"{"a":1,"b":[true,false,null,"x",[]],"c":{"d":-1.5e+3}, "e" : "f" }"#),
        seen([
            (1, "a:"),
            (1, "1"),
            (1, "b:"),
            (2, "true"),
            (2, "false"),
            (2, "null"),
            (2, "'x'"),
            (1, "c:"),
            (2, "d:"),
            (2, "-1.5e+3"),
            (1, "e:"),
            (1, "'f'"),
        ])
    );
}

#[test]
fn escapes() {
    let table = [
        (r#"{"":"\"\\\/\b\f\n\r\t"}"#, "'\"\\/\u{8}\u{C}\n\r\t'"),
        (r#"{"":"\u00e9\u0000"}"#, "'é\0'"),
        (r#"{"":"\uD83D\uDE00"}"#, "'😀'"),
        (r#"{"":"\uD83D"}"#, "'\u{FFFD}'"),
        (r#"{"":"\uDE00"}"#, "'\u{FFFD}'"),
        (r#"{"":"\uD83D\uD83D\uDE00"}"#, "'\u{FFFD}😀'"),
        (r#"{"":"\uD83Dx"}"#, "'\u{FFFD}x'"),
        (r#"{"":"\uD83D\n"}"#, "'\u{FFFD}\n'"),
        (r#"{"":"\uD83Dé"}"#, "'\u{FFFD}é'"),
        (r#"{"":"\uD83D\u0041"}"#, "'\u{FFFD}A'"),
        (r#"{"":"😀é"}"#, "'😀é'"),
    ];
    for (json, expected) in table {
        assert_eq!(tokens(json)[1].1, expected, "{json}");
    }
}

#[test]
fn what_does_not_fit_is_marked_and_passed_over() {
    let long = "x".repeat(33);
    let json = std::format!(r#"{{"{long}":"{long}","b":1}}"#);
    assert_eq!(tokens(&json), seen([(1, "(cut):"), (1, "'(cut)'"), (1, "b:"), (1, "1")]));
    let fits = "x".repeat(32);
    assert_eq!(tokens(&std::format!(r#"{{"a":"{fits}"}}"#))[1].1, std::format!("'{fits}'"));
}

#[test]
fn malformed_objects_are_refused() {
    let table = [
        "",
        " ",
        "5",
        "[]",
        "\"a\"",
        "{",
        "}",
        "{]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 2}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":tru}",
        "{\"a\":truex}",
        "{\"a\":'b'}",
        "{\"a\":[1,]}",
        "{\"a\":[}",
        "{\"a\":[1}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u00g0\"}",
        "{\"a\":\"\n\"}",
        "{} {}",
        "{}x",
        "{\"a\":1",
        "{\"a\":\"",
        "{\"a\":nul",
        "{\"a\"::1}",
    ];
    for json in table {
        assert_eq!(scan(json.as_bytes()), Err(JsonError), "{json:?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested =
        |depth: usize| std::format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(scan(nested(64).as_bytes()).is_ok());
    assert!(scan(nested(65).as_bytes()).is_err());
}

#[test]
fn a_scanner_can_be_used_again() {
    let mut scanner = Scanner::new(ArrayBuf::<8>::new());
    for json in [r#"{"a":"uD83D"#, r#"{"a":[{"#, "{}"] {
        scanner.reset();
        for &byte in json.as_bytes() {
            scanner.push(byte).unwrap();
        }
    }
    assert!(scanner.is_done());
}

proptest! {
    #[test]
    fn written_strings_are_read_back(text: String) {
        let mut json = ArrayBuf::<4096>::new();
        json.put(b"{\"k\":");
        put_string(&text, &mut json);
        json.put(b"}");
        let mut scanner = Scanner::new(ArrayBuf::<4096>::new());
        let mut read = None;
        for &byte in json.iter() {
            if let Some(Token { kind: TokenKind::String, .. }) = scanner.push(byte).unwrap() {
                read = scanner.text().map(<[u8]>::to_vec);
            }
        }
        prop_assert!(scanner.is_done());
        prop_assert_eq!(read.unwrap(), text.as_bytes());
    }

    #[test]
    fn any_bytes_are_harmless(bytes in prop::collection::vec(
        prop::sample::select(&b"{}[]\",:\\u0dD8Ctfn 1-.eE\xFF\n"[..]), 0..40
    )) {
        let _ = scan(&bytes);
    }
}
