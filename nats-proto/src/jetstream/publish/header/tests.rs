use std::string::String;
use std::string::ToString;

use super::*;
use crate::storage::ArrayBuf;

const SECOND: Duration = Duration::from_secs(1);

fn block(headers: PublishHeaders<'_>) -> Result<String, PublishHeaderError> {
    let mut block = HeaderBuf::<ArrayBuf<512>>::new();
    headers.write(&mut block)?;
    Ok(String::from_utf8(block.into_inner().to_vec()).unwrap())
}

#[test]
fn every_header() {
    let headers = PublishHeaders::NONE
        .message_id("o-1")
        .expected_stream(StreamName::from_static("S"))
        .expected_last_sequence(0)
        .expected_last_subject_sequence(u64::MAX)
        .last_subject_sequence_of(Filter::from_static("a.*"))
        .expected_last_message_id("o-0")
        .ttl(Ttl::After(90 * SECOND))
        .rollup(Rollup::Subject);
    let expected = "NATS/1.0\r\n\
                    Nats-Msg-Id: o-1\r\n\
                    Nats-Expected-Last-Msg-Id: o-0\r\n\
                    Nats-Expected-Last-Sequence: 0\r\n\
                    Nats-Expected-Last-Subject-Sequence: 18446744073709551615\r\n\
                    Nats-Expected-Stream: S\r\n\
                    Nats-Expected-Last-Subject-Sequence-Subject: a.*\r\n\
                    Nats-Rollup: sub\r\n\
                    Nats-TTL: 90s\r\n\r\n";
    assert_eq!(block(headers).as_deref(), Ok(expected));
    assert!(!headers.is_empty() && PublishHeaders::default().is_empty());
    assert_eq!(block(PublishHeaders::NONE).as_deref(), Ok(""));
}

#[test]
fn times_to_live() {
    let table = [
        (Ttl::Never, Ok("never")),
        (Ttl::After(SECOND), Ok("1s")),
        (Ttl::After(Duration::from_millis(1_500)), Ok("1500ms")),
        (Ttl::After(SECOND + Duration::from_nanos(1)), Ok("1001ms")),
        (Ttl::After(3_600 * SECOND), Ok("3600s")),
        (Ttl::After(Duration::MAX), Ok("4294967295ms")),
        (Ttl::After(Duration::from_millis(999)), Err(PublishHeaderError::Ttl)),
        (Ttl::After(Duration::ZERO), Err(PublishHeaderError::Ttl)),
    ];
    for (ttl, expected) in table {
        let value = ttl.value(&mut [0; 12]).map(|value| String::from_utf8(value.to_vec()).unwrap());
        assert_eq!(value.as_deref(), expected.as_ref().copied(), "{ttl:?}");
    }
}

#[test]
fn what_is_refused() {
    let none = PublishHeaders::NONE;
    for id in ["", " ", " a", "a ", "a\r\nNats-TTL: 1s", "a\nb"] {
        assert_eq!(block(none.message_id(id)), Err(PublishHeaderError::MessageId), "{id:?}");
        let expected = none.expected_last_message_id(id);
        assert_eq!(block(expected), Err(PublishHeaderError::LastMessageId), "{id:?}");
    }
    assert!(block(none.message_id("a b é")).is_ok());
    let filter = none.last_subject_sequence_of(Filter::from_static("a.>"));
    assert_eq!(block(filter), Err(PublishHeaderError::FilterWithoutSequence));
    let mut small = HeaderBuf::<ArrayBuf<16>>::new();
    let error = none.rollup(Rollup::All).write(&mut small).unwrap_err();
    assert_eq!(error, PublishHeaderError::Full);
    assert!(!error.to_string().is_empty());
}

#[test]
fn headers_of_the_same_names_are_replaced() {
    let mut block = HeaderBuf::<ArrayBuf<128>>::new();
    block.append(MESSAGE_ID, "theirs").unwrap();
    block.append("Colour", "red").unwrap();
    PublishHeaders::NONE.message_id("ours").write(&mut block).unwrap();
    let all: std::vec::Vec<_> = block.as_headers().iter().collect();
    assert_eq!(all, [("Colour", "red"), (MESSAGE_ID, "ours")]);
}
