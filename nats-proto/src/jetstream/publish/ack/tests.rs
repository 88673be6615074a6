use std::format;
use std::string::String;

use proptest::prelude::*;

use super::*;
use crate::jetstream::ErrorClass;
use crate::jetstream::ErrorCode;
use crate::storage::ArrayBuf;

type Text = ArrayBuf<64>;

fn scan<T: Buffer + Default, N: Buffer + Default>(
    payload: &[u8],
    size: usize,
) -> PublishScanner<T, N> {
    let mut scanner = PublishScanner::<T, N>::default();
    payload.chunks(size).for_each(|piece| scanner.push(piece));
    scanner
}

/// As nats-server 2.15.1 and 2.9.10 have written them.
#[test]
fn acknowledgements() {
    let ack = |stream, sequence| PublishAck { stream, sequence, is_duplicate: false, domain: "" };
    let table = [
        (r#"{"stream":"S","seq":1}"#, ack("S", 1)),
        (r#"{"stream":"S", "seq":1}"#, ack("S", 1)),
        (
            r#"{"stream":"S","seq":2,"duplicate": true}"#,
            PublishAck { is_duplicate: true, ..ack("S", 2) },
        ),
        (
            r#"{"stream":"S","domain":"hub","seq":18446744073709551615}"#,
            PublishAck { domain: "hub", ..ack("S", u64::MAX) },
        ),
        (r#"{"stream":"S", "domain":"hub", "seq":1}"#, PublishAck { domain: "hub", ..ack("S", 1) }),
        (r#"{"stream":"C","seq":2,"val":"42"}"#, ack("C", 2)),
        (r#"{"stream":"B","seq":3,"batch":"x1","count":3}"#, ack("B", 3)),
        (r#"{"seq":4,"stream":"a\u0026b","new":{"seq":5,"stream":[7]}}"#, ack("a&b", 4)),
        (" { \"stream\" : \"aé\" , \"seq\" : 1 } \r\n", ack("aé", 1)),
        (r#"{"error":null,"stream":"S","seq":1}"#, ack("S", 1)),
    ];
    for (payload, expected) in table {
        let mut scanner = PublishScanner::<Text>::default();
        let response = PublishResponse::read(payload.as_bytes(), &mut scanner);
        assert_eq!(response, Ok(PublishResponse::Stored(expected)), "{payload}");
        for size in [1, 3, 7, 100] {
            let scanner = scan::<Text, Text>(payload.as_bytes(), size);
            assert_eq!(scanner.finish(), Ok(PublishResponse::Stored(expected)), "{payload}");
        }
    }
}

#[test]
fn refusals() {
    let table = [
        (
            r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 2"},"stream":"S","seq":0}"#,
            (400, 10071, "wrong last sequence: 2"),
            ErrorClass::Expectation,
        ),
        (
            r#"{"stream":"S","seq":7,"error":{"description":"too busy","err_code":10167,"code":429}}"#,
            (429, 10167, "too busy"),
            ErrorClass::TooBusy,
        ),
        (r#"{"error":{"code":404}}"#, (404, 0, ""), ErrorClass::NotFound),
        (r#"{"error":{"code":-1,"err_code":99999}}"#, (0, 0, ""), ErrorClass::Other),
        (r#"{"error":"no","stream":"S","seq":1}"#, (0, 0, ""), ErrorClass::Other),
        (r#"{"error":{},"stream":"S","seq":1}"#, (0, 0, ""), ErrorClass::Other),
    ];
    for (payload, (status, code, text), class) in table {
        let expected = ApiError::new(status, ErrorCode(code), text);
        let mut scanner = PublishScanner::<Text>::default();
        let response = PublishResponse::read(payload.as_bytes(), &mut scanner);
        assert_eq!(response, Ok(PublishResponse::Rejected(expected)), "{payload}");
        assert_eq!(expected.class(), class);
    }
}

#[test]
fn what_anybody_may_answer() {
    let deep = "[".repeat(1 << 20);
    for payload in [
        "",
        "hello",
        "{}",
        "7",
        r#"{"stream":7}"#,
        r#"{"stream":7,"seq":1}"#,
        r#"{"stream":"S"}"#,
        r#"{"stream":"S","seq":0}"#,
        r#"{"stream":"S","seq":-1}"#,
        r#"{"stream":"S","seq":1.5}"#,
        r#"{"stream":"S","seq":"1"}"#,
        r#"{"stream":"S","seq":18446744073709551616}"#,
        r#"{"stream":"S","seq":1"#,
        r#"{"stream":"S","seq":1}}"#,
        r#"{"stream":"S","seq":1} and more"#,
        r#"{"seq":1}"#,
        &deep,
    ] {
        let mut scanner = PublishScanner::<Text>::default();
        let response = PublishResponse::read(payload.as_bytes(), &mut scanner);
        assert_eq!(response, Err(ResponseError), "{:.40}", payload);
    }
    let mut scanner = PublishScanner::<Text>::default();
    assert!(PublishResponse::read(b"{\"stream\":\"\x01\",\"seq\":1}", &mut scanner).is_err());
}

#[test]
fn what_does_not_fit_is_left_out() {
    type Small = PublishScanner<ArrayBuf<24>, ArrayBuf<10>>;
    let long = r#"{"stream":"a-stream-with-a-name","domain":"hub","seq":9,"duplicate":true}"#;
    let scanner: Small = scan(long.as_bytes(), 5);
    let ack = PublishAck { stream: "", sequence: 9, is_duplicate: true, domain: "hub" };
    assert_eq!(scanner.finish(), Ok(PublishResponse::Stored(ack)));
    // Of what is said about an error, a part is better than nothing, as long as it is UTF-8.
    let error =
        r#"{"error":{"code":400,"err_code":10025,"description":"invalid ü JSON: a long story"}}"#;
    let scanner: Small = scan(error.as_bytes(), 5);
    let expected = ApiError::new(400, ErrorCode::INVALID_JSON, "invalid ü");
    assert_eq!(scanner.finish(), Ok(PublishResponse::Rejected(expected)));
    let error = r#"{"error":{"description":"invalid! ü JSON"}}"#;
    let scanner: Small = scan(error.as_bytes(), 5);
    assert!(matches!(
        scanner.finish(),
        Ok(PublishResponse::Rejected(ApiError { description: "invalid! ", .. }))
    ));
}

#[test]
fn a_scanner_forgets_what_it_read() {
    let mut scanner = PublishScanner::<Text>::default();
    let _ = PublishResponse::read(br#"{"error":{"code":400,"description":"no"}}"#, &mut scanner);
    let _ = PublishResponse::read(b"[", &mut scanner);
    let first = br#"{"stream": "S","domain":"hub","seq":3,"duplicate":true}"#;
    assert!(PublishResponse::read(first, &mut scanner).is_ok());
    assert_eq!(PublishResponse::read(br#"{ "seq":3}"#, &mut scanner), Err(ResponseError));
    let second = PublishResponse::read(br#"{"stream": "S","seq":3}"#, &mut scanner);
    let ack = PublishAck { stream: "S", sequence: 3, is_duplicate: false, domain: "" };
    assert_eq!(second, Ok(PublishResponse::Stored(ack)));
}

proptest! {
    /// The fast way says what the general one says, or nothing.
    #[test]
    fn ways_agree(
        stream in "([a-z]{1,4}|[ -~é\t]{0,4})",
        domain in "(|,|,\"domain\":\"[ -~]{0,3}\",|, \"domain\":\"h\", )",
        blank in "( |  |)",
        sequence in "[0-9]{0,21}",
        end in "(\\}|,\"duplicate\": true\\}|,\"duplicate\":false\\}|\\} |\\}x)",
    ) {
        let comma = if domain.is_empty() { "," } else { "" };
        let payload = format!("{{\"stream\":\"{stream}\"{domain}{comma}{blank}\"seq\":{sequence}{end}");
        if let Some(ack) = canonical(payload.as_bytes()) {
            let scanner = scan::<Text, Text>(payload.as_bytes(), 4);
            prop_assert_eq!(scanner.finish(), Ok(PublishResponse::Stored(ack)), "{}", payload);
        }
    }

    #[test]
    fn servers_are_read_the_fast_way(name in "[A-Za-z0-9_-]{1,32}", sequence in 1u64.., old: bool) {
        let blank = if old { " " } else { "" };
        let payload: String = format!("{{\"stream\":\"{name}\",{blank}\"seq\":{sequence}}}");
        prop_assert_eq!(canonical(payload.as_bytes()).map(|ack| ack.sequence), Some(sequence));
    }
}
