use std::format;
use std::vec::Vec;

use super::*;
use crate::wire::Decoded;
use crate::wire::Decoder;
use crate::wire::FromServer;
use crate::wire::ServerOp;

fn frame(reply: &str, line: &str, payload: &str) -> Vec<u8> {
    let headers = format!("NATS/1.0 {line}\r\nNats-Pending-Messages: 4\r\n\r\n");
    let total = headers.len() + payload.len();
    let reply = if reply.is_empty() { "".into() } else { format!("{reply} ") };
    format!("HMSG _INBOX.a.1.2 1 {reply}{} {total}\r\n{headers}{payload}\r\n", headers.len())
        .into_bytes()
}

fn message(frame: &[u8]) -> Message<&[u8]> {
    match Decoder::<FromServer>::default().decode(frame) {
        Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_status() {
    let table = [
        ("100 Idle Heartbeat", PullStatus::Heartbeat),
        ("204 EOB", PullStatus::EndOfBatch),
        (
            "400 Bad Request - heartbeat value too large",
            PullStatus::BadRequest("Bad Request - heartbeat value too large"),
        ),
        ("404 No Messages", PullStatus::NoMessages),
        ("404 Message Not Found", PullStatus::NoMessages),
        ("408 Request Timeout", PullStatus::RequestTimeout),
        ("408 Requests Pending", PullStatus::RequestsPending),
        ("408 Interest Expired", PullStatus::InterestExpired),
        ("409 Message Size Exceeds MaxBytes", PullStatus::MessageTooLarge),
        ("409 Batch Completed", PullStatus::BatchCompleted),
        ("409 Consumer Deleted", PullStatus::ConsumerDeleted),
        ("409 Leadership Change", PullStatus::LeadershipChange),
        ("409 Server Shutdown", PullStatus::ServerShutdown),
        ("409 Consumer is push based", PullStatus::PushBased),
        ("409 Exceeded MaxRequestBatch of 2", PullStatus::MaxRequestBatch(2)),
        ("409 Exceeded MaxRequestExpires of 300ms", PullStatus::MaxRequestExpires(300)),
        ("409 Exceeded MaxRequestMaxBytes of 1000", PullStatus::MaxRequestBytes(1000)),
        ("409 Exceeded MaxWaiting", PullStatus::MaxWaiting),
        ("409 consumer deleted", PullStatus::ConsumerDeleted),
        ("412 Required Api Level", PullStatus::RequiredApiLevel),
        ("423 Nats-Pin-Id mismatch", PullStatus::PinIdMismatch),
        ("423 Nats-Wrong-Pin-Id", PullStatus::PinIdMismatch),
        ("429 Too Many Requests", PullStatus::TooManyRequests),
        ("503", PullStatus::NoResponders),
        ("503 No Responders", PullStatus::NoResponders),
    ];
    for (line, expected) in table {
        let frame = frame("", line, "");
        let message = message(&frame);
        assert_eq!(PullStatus::read(&message), Some(expected), "{line}");
        let undelivered = Undelivered { messages: 4, bytes: 0 };
        assert_eq!(Undelivered::read(message.headers()), Some(undelivered));
    }
}

#[test]
fn a_status_that_nobody_knows_is_one() {
    for line in [
        "409 Something New",
        "409 Exceeded MaxRequestBatch of many",
        "409 Exceeded MaxRequestBatch of ",
        "409 Exceeded MaxRequestExpires of soon",
        "409 Exceeded MaxRequestExpires of 1.s.",
        "409",
        "408",
        "500 Oops",
        "999",
    ] {
        let frame = frame("", line, "");
        let message = message(&frame);
        let status = message.status().unwrap();
        assert_eq!(PullStatus::read(&message), Some(PullStatus::Other(status)), "{line}");
    }
}

#[test]
fn a_message_that_looks_like_a_status_is_a_message() {
    let ack = "$JS.ACK.S.C.1.1.1.1795858409093526395.0";
    for (reply, payload) in [(ack, ""), (ack, "x"), ("", "x"), ("somewhere", "")] {
        let frame = frame(reply, "503 No Responders", payload);
        assert_eq!(PullStatus::read(&message(&frame)), None, "{reply:?} {payload:?}");
    }
    let plain = b"MSG s.a 1 $JS.ACK.S.C.1.1.1.1795858409093526395.0 0\r\n\r\n";
    assert_eq!(PullStatus::read(&message(plain)), None);
    let headers = b"HMSG s.a 1 23 23\r\nNATS/1.0\r\nX: 503 No\r\n\r\n\r\n";
    assert_eq!(PullStatus::read(&message(headers)), None, "a header block without a status");
}

#[test]
fn limits_as_go_writes_them() {
    let table = [
        ("300ms", Some(300)),
        ("1s", Some(1_000)),
        ("1.5s", Some(1_500)),
        ("1m0s", Some(60_000)),
        ("1m30.25s", Some(90_250)),
        ("1h2m3s", Some(3_723_000)),
        ("2.5µs", Some(0)),
        ("1500us", Some(1)),
        ("999ns", Some(0)),
        ("2562047h47m16.854775807s", Some(u32::MAX)),
        ("99999999999999999999h", Some(u32::MAX)),
        ("", None),
        ("5", None),
        ("5 s", None),
        ("s", None),
        (".5s", None),
        ("-1s", None),
        ("1s2", None),
    ];
    for (text, expected) in table {
        assert_eq!(go_duration(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(number(b"4294967295"), Some(u32::MAX));
    assert_eq!(number(b"99999999999999999999999"), Some(u32::MAX));
}

#[test]
fn heartbeats_say_where_a_consumer_is() {
    let headers = |text: &'static str| Headers::from_bytes(text.as_bytes());
    let beat = headers(
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 20000\r\n\r\n",
    );
    let expected = Heartbeat { consumer_sequence: 2, stream_sequence: 20_000 };
    assert_eq!(Heartbeat::read(beat), Some(expected));
    for text in [
        "NATS/1.0 100 Idle Heartbeat\r\n\r\n",
        "NATS/1.0\r\nNats-Last-Consumer: 2\r\n\r\n",
        "NATS/1.0\r\nNats-Last-Consumer: two\r\nNats-Last-Stream: 3\r\n\r\n",
        "NATS/1.0\r\nNats-Last-Consumer: 99999999999999999999\r\nNats-Last-Stream: 3\r\n\r\n",
    ] {
        assert_eq!(Heartbeat::read(headers(text)), None);
    }
    assert_eq!(Undelivered::read(headers("NATS/1.0\r\nNats-Pending-Bytes: 2\r\n\r\n")), None);
}

#[test]
fn without_its_words_a_status_is_of_the_same_kind() {
    for line in [
        "100 Idle Heartbeat",
        "204",
        "400 Bad Request - x",
        "404 No Messages",
        "408 Request Timeout",
        "408 Requests Pending",
        "408 Interest Expired",
        "409 Message Size Exceeds MaxBytes",
        "409 Batch Completed",
        "409 Consumer Deleted",
        "409 Leadership Change",
        "409 Server Shutdown",
        "409 Consumer is push based",
        "409 Exceeded MaxRequestBatch of 2",
        "409 Exceeded MaxRequestExpires of 300ms",
        "409 Exceeded MaxRequestMaxBytes of 1000",
        "409 Exceeded MaxWaiting",
        "412",
        "423 x",
        "429",
        "503",
        "999 x",
    ] {
        let status = PullStatus::new(Status::parse(line.as_bytes()).unwrap());
        let without = status.without_text();
        match status {
            PullStatus::BadRequest(_) => assert_eq!(without, PullStatus::BadRequest("")),
            PullStatus::Other(other) => {
                let PullStatus::Other(without) = without else { panic!("{without:?}") };
                assert_eq!((without.code(), without.description()), (other.code(), None));
            }
            status => assert_eq!(without, status),
        }
    }
}
