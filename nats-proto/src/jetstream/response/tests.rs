use std::format;
use std::string::String;
use std::vec::Vec;

use crate::jetstream::ConsumerScanner;
use crate::jetstream::ErrorCode;
use crate::jetstream::ResponseError;
use crate::storage::ArrayBuf;

/// What nats-server has answered to CONSUMER.INFO, with `max_ack_pending` 1000, two of `backoff`.
const RECORDED: [&str; 2] = [include_str!("info-2.15.1.json"), include_str!("info-2.9.10.json")];

type Scanner = ConsumerScanner<ArrayBuf<64>>;

#[test]
fn recorded_responses_in_any_pieces() {
    for json in RECORDED {
        for size in (1..40).chain([json.len()]) {
            let mut scanner = Scanner::default();
            json.as_bytes().chunks(size).for_each(|piece| scanner.push(piece));
            let info = scanner.finish().unwrap().unwrap();
            assert_eq!((info.stream, info.name), ("S", "C"));
            assert_eq!((info.num_pending, info.num_ack_pending, info.num_waiting), (2, 2, 0));
            assert_eq!((info.delivered.consumer_sequence, info.delivered.stream_sequence), (4, 2));
            assert_eq!((info.ack_floor.consumer_sequence, info.ack_floor.stream_sequence), (0, 0));
            assert_eq!((info.max_ack_pending, info.max_deliver), (Some(1000), Some(5)));
            assert_eq!(info.ack_wait().as_secs(), 1);
            assert!(!info.is_push && !info.is_paused && !info.reached_max_ack_pending());
        }
    }
}

fn read(json: &str) -> Result<Result<String, ErrorCode>, ResponseError> {
    let mut scanner = Scanner::default();
    scanner.push(json.as_bytes());
    let info = scanner.finish()?;
    Ok(info.map(|info| format!("{info:?}")).map_err(|error| error.code))
}

#[test]
fn other_responses() {
    let not_found = r#"{"type":"io.nats.jetstream.api.v1.consumer_info_response","error":{"code":404,"err_code":10014,"description":"consumer not found"}}"#;
    assert_eq!(read(not_found), Ok(Err(ErrorCode::CONSUMER_NOT_FOUND)));
    for json in ["", "{}", "[]", "hello", r#"{"success":true}"#, r#"{"name":7}"#, r#"{"name":"C""#]
    {
        assert_eq!(read(json), Err(ResponseError), "{json}");
    }
}

#[test]
fn what_matters_of_settings() {
    let table: [(&str, fn(&crate::jetstream::ConsumerInfo<'_>) -> bool); 8] = [
        (r#""config":{"max_ack_pending":-1,"max_deliver":-1}"#, |info| {
            info.max_ack_pending.is_none()
                && info.max_deliver.is_none()
                && !info.reached_max_ack_pending()
        }),
        (r#""config":{"max_ack_pending":2},"num_ack_pending":2"#, |info| {
            info.reached_max_ack_pending()
        }),
        (r#""config":{"ack_wait":30000000000}"#, |info| info.ack_wait_nanos == 30_000_000_000),
        (r#""config":{"backoff":[5,7],"ack_wait":9}"#, |info| info.ack_wait_nanos == 5),
        (r#""config":{"backoff":null,"ack_wait":9}"#, |info| info.ack_wait_nanos == 9),
        (r#""config":{"deliver_subject":"d"}"#, |info| info.is_push),
        (r#""paused":true"#, |info| info.is_paused),
        // The same keys where they mean something else.
        (
            r#""config":{"name":"x","metadata":{"ack_wait":"1","max_deliver":1}},"x":{"ack_wait":1}"#,
            |info| info.name == "C" && info.ack_wait_nanos == 0 && info.max_deliver.is_none(),
        ),
    ];
    for (rest, is_so) in table {
        let mut scanner = Scanner::default();
        scanner.push(format!(r#"{{"stream_name":"S","name":"C",{rest}}}"#).as_bytes());
        let info = scanner.finish().unwrap().unwrap();
        assert!(is_so(&info), "{rest}: {info:?}");
    }
}

#[test]
fn a_scanner_forgets_what_it_read() {
    let mut scanner = Scanner::default();
    scanner.push(RECORDED[0].as_bytes());
    scanner.reset();
    scanner.push(br#"{"name":"D"}"#);
    let forgotten = format!("{:?}", scanner.finish().unwrap().unwrap());
    let mut fresh = Scanner::default();
    fresh.push(br#"{"name":"D"}"#);
    assert_eq!(forgotten, format!("{:?}", fresh.finish().unwrap().unwrap()));
}

#[test]
fn names_that_do_not_fit_are_left_out() {
    let mut scanner = ConsumerScanner::<ArrayBuf<24>, ArrayBuf<0>>::default();
    scanner.push(RECORDED[0].as_bytes());
    let info = scanner.finish().unwrap().unwrap();
    assert_eq!((info.stream, info.name, info.num_ack_pending), ("", "", 2));
    let sizes: Vec<_> = [size_of_val(&scanner)].into();
    assert!(sizes[0] <= 320, "{sizes:?}");
}
