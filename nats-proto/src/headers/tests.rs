use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::storage::ArrayBuf;

fn pairs(block: &[u8]) -> Vec<(&[u8], &[u8])> {
    Headers::from_bytes(block).iter_bytes().collect()
}

#[test]
fn reads_the_blocks_of_adr_4() {
    let block = b"NATS/1.0\r\nHeader1: X\r\nHeader1: Y\r\nHeader2: Z\r\n\r\n";
    let headers = Headers::from_bytes(block);
    let all: Vec<_> = headers.iter().collect();
    assert_eq!(all, [("Header1", "X"), ("Header1", "Y"), ("Header2", "Z")]);
    assert_eq!(headers.status(), None);
    assert_eq!(headers.get("Header1"), Some("X"));
    assert_eq!(headers.get_all("Header1").collect::<Vec<_>>(), ["X", "Y"]);
    assert_eq!(headers.get("header1"), None);
}

#[test]
fn a_status_stands_in_the_first_line() {
    let headers =
        Headers::from_bytes(b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 5\r\n\r\n");
    let status = headers.status().unwrap();
    assert_eq!((status.code().get(), status.description()), (100, Some("Idle Heartbeat")));
    assert_eq!(headers.get("Nats-Last-Stream"), Some("5"));

    assert_eq!(Headers::from_bytes(b"NATS/1.0 503\r\n\r\n").status().unwrap().code().get(), 503);
    assert_eq!(Headers::from_bytes(b"NATS/1.0\r\n\r\n").status(), None);
    assert_eq!(Headers::from_bytes(b"HTTP/1.0 503\r\n\r\n").status(), None);
    assert_eq!(Headers::NONE.status(), None);
}

#[test]
fn malformed_lines_are_passed_over() {
    let table: &[(&[u8], &[(&[u8], &[u8])])] = &[
        (b"", &[]),
        (b"NATS/1.0", &[]),
        (b"NATS/1.0\r\n", &[]),
        (b"NATS/1.0\r\n\r\n", &[]),
        (b"NATS/1.0\r\nno colon\r\na:b\r\n\r\n", &[(b"a", b"b")]),
        (b"NATS/1.0\r\n: no name\r\na:b\r\n\r\n", &[(b"a", b"b")]),
        (b"NATS/1.0\r\nspace before : x\r\na:b\r\n\r\n", &[(b"a", b"b")]),
        (b"NATS/1.0\r\n folded: x\r\na:b\r\n\r\n", &[(b"a", b"b")]),
        (b"NATS/1.0\r\n\xFF\xFE: x\r\na:b\r\n\r\n", &[(b"a", b"b")]),
        (b"NATS/1.0\r\na:\r\n\r\n", &[(b"a", b"")]),
        (b"NATS/1.0\r\na:  \t\r\n\r\n", &[(b"a", b"")]),
        (b"NATS/1.0\r\na: b:c \r\n\r\n", &[(b"a", b"b:c")]),
        (b"NATS/1.0\r\na: x\ry\r\n\r\n", &[(b"a", b"x\ry")]),
        (b"NATS/1.0\r\na: x\ny\r\n\r\n", &[(b"a", b"x\ny")]),
        (b"NATS/1.0\r\na: \xFF\r\n\r\n", &[(b"a", b"\xFF")]),
        // The block ends early: what is there counts.
        (b"NATS/1.0\r\na: b", &[(b"a", b"b")]),
        // An empty line does not hide what follows it.
        (b"NATS/1.0\r\n\r\na: b\r\n", &[(b"a", b"b")]),
        (b"garbage\r\na: b\r\n\r\n", &[(b"a", b"b")]),
    ];
    for &(block, expected) in table {
        assert_eq!(pairs(block), expected, "{:?}", block.escape_ascii());
    }
}

#[test]
fn text_accessors_leave_out_what_is_not_utf_8() {
    let headers = Headers::from_bytes(b"NATS/1.0\r\na: \xFF\r\nb: \xC3\xA9\r\na: x\r\n\r\n");
    assert_eq!(headers.iter().collect::<Vec<_>>(), [("b", "é"), ("a", "x")]);
    assert_eq!(headers.get("a"), None, "the first value is not text");
    assert_eq!(headers.get_bytes("a"), Some(&b"\xFF"[..]));
    assert_eq!(headers.get_all("a").collect::<Vec<_>>(), ["x"]);
}

#[test]
fn building() {
    let mut headers = HeaderBuf::<ArrayBuf<64>>::new();
    assert!(headers.as_headers().is_empty());
    headers.append("A", "1").unwrap();
    headers.append("B", b"two").unwrap();
    headers.append("A", "3").unwrap();
    assert_eq!(headers.as_headers().as_bytes(), b"NATS/1.0\r\nA: 1\r\nB: two\r\nA: 3\r\n\r\n");

    headers.insert("A", "4").unwrap();
    assert_eq!(headers.as_headers().as_bytes(), b"NATS/1.0\r\nB: two\r\nA: 4\r\n\r\n");
    assert!(headers.remove("B"));
    assert!(!headers.remove("B"));
    assert!(!headers.remove("NATS/1.0"));
    assert_eq!(headers.as_headers().as_bytes(), b"NATS/1.0\r\nA: 4\r\n\r\n");
    assert!(headers.remove("A"));
    assert!(headers.as_headers().is_empty(), "no headers cost nothing");
}

#[test]
fn building_refuses_injection() {
    let mut headers = HeaderBuf::<ArrayBuf<64>>::new();
    headers.append("Kept", "yes").unwrap();
    let before = headers.clone();
    for name in ["", "a b", "a:", "a\r\nb", "é", "\x7F", "a\0"] {
        assert_eq!(headers.append(name, "v"), Err(HeaderError::Name), "{name:?}");
    }
    for value in ["\r", "\n", "a\r\nForged: yes", "\r\n\r\n"] {
        assert_eq!(headers.append("n", value), Err(HeaderError::Value), "{value:?}");
        assert_eq!(headers.insert("Kept", value), Err(HeaderError::Value), "{value:?}");
    }
    assert_eq!(headers, before);
}

#[test]
fn building_in_a_full_buffer_changes_nothing() {
    let mut headers = HeaderBuf::<ArrayBuf<24>>::new();
    assert_eq!(headers.append("Name", "too long by far"), Err(HeaderError::Full));
    assert!(headers.as_headers().is_empty());
    headers.append("N", "v").unwrap();
    assert_eq!(headers.append("N", "v"), Ok(()));
    assert_eq!(headers.append("N", "v"), Err(HeaderError::Full));
    assert_eq!(headers.as_headers().iter().count(), 2);
}

/// ADR-4 read line by line: split at CRLF, split at the first colon, trim.
fn naive(block: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text: Vec<char> = block.iter().map(|&byte| char::from(byte)).collect();
    let text: String = text.into_iter().collect();
    let mut found = Vec::new();
    for line in text.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.is_empty() || !name.chars().all(|c| ('\u{21}'..='\u{7E}').contains(&c)) {
            continue;
        }
        let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0C');
        let latin = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
        found.push((latin(name), latin(value.trim_matches(blank))));
    }
    found
}

proptest! {
    #[test]
    fn reading_agrees_with_the_naive_oracle(
        block in prop::collection::vec(
            prop::sample::select(&b"ab: \t\r\n\r\n\xFF0"[..]), 0..40
        )
    ) {
        let mut whole = b"NATS/1.0\r\n".to_vec();
        whole.extend(block);
        let found: Vec<_> =
            pairs(&whole).into_iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
        prop_assert_eq!(found, naive(&whole));
    }

    #[test]
    fn what_is_built_is_read_back(
        headers in prop::collection::vec(("[!-9;-~]{1,8}", "[ -~é]{0,8}"), 0..6)
    ) {
        let mut buf = HeaderBuf::<ArrayBuf<512>>::new();
        for (name, value) in &headers {
            buf.append(name, value).unwrap();
        }
        let trimmed: Vec<(&str, &str)> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.trim_matches(' ')))
            .collect();
        prop_assert_eq!(buf.as_headers().iter().collect::<Vec<_>>(), trimmed);
    }

    #[test]
    fn any_block_is_harmless(block: Vec<u8>) {
        let headers = Headers::from_bytes(&block);
        let _ = (headers.iter().count(), headers.status(), headers.get("x"));
    }
}
