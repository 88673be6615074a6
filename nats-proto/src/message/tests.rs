use super::*;
use crate::storage::ArrayBuf;

fn sample() -> Message<&'static [u8]> {
    let layout = Layout {
        subject: Span { start: 5, len: 3 },
        reply: Span { start: 11, len: 1 },
        line: 19,
        headers: 12,
        payload: 2,
    };
    let frame: &[u8] = b"HMSG a.b 7 r 12 14\n...NATS/1.0\r\n\r\nhi\r\n";
    assert_eq!(&frame[..19], b"HMSG a.b 7 r 12 14\n");
    Message::from_frame(b"HMSG a.b 7 r 12 14\nNATS/1.0\r\n\r\nhi\r\n", Sid(7), layout)
}

#[test]
fn parts_are_slices_of_the_frame() {
    let message = sample();
    assert_eq!(message.wire_len(), message.frame().len());
    assert_eq!((message.subject(), message.reply()), ("a.b", Some("r")));
    assert_eq!(message.headers().as_bytes(), b"NATS/1.0\r\n\r\n");
    assert_eq!(message.payload(), b"hi");
    assert_eq!(message.status(), None);
}

#[test]
fn no_responders_is_a_status_without_payload() {
    for (headers, payload, expected) in [
        ("NATS/1.0 503\r\n\r\n", "", true),
        ("NATS/1.0 503 No Responders\r\n\r\n", "", true),
        ("NATS/1.0 503\r\n\r\n", "a service's own answer", false),
        ("NATS/1.0 408\r\n\r\n", "", false),
        ("NATS/1.0\r\nStatus: 503\r\n\r\n", "", false),
        ("", "", false),
    ] {
        let frame = std::format!("HMSG a 1 0 0\r\n{headers}{payload}\r\n");
        let layout = Layout {
            line: 14,
            headers: headers.len().try_into().unwrap(),
            payload: payload.len().try_into().unwrap(),
            ..Layout::default()
        };
        let message = Message::from_frame(frame.as_bytes(), Sid(1), layout);
        assert_eq!(message.is_no_responders(), expected, "{headers:?} {payload:?}");
    }
}

#[test]
fn storage_changes_and_the_message_does_not() {
    let message = sample();
    let kept = message.try_map(ArrayBuf::<64>::from_slice).unwrap();
    assert_eq!(message, kept);
    assert!(message.try_map(ArrayBuf::<8>::from_slice).is_err());
}

#[test]
fn a_frame_that_is_not_all_there_has_empty_parts() {
    let message = sample();
    let cut = Message::from_frame(&message.frame()[..10], message.sid(), message.layout());
    assert_eq!((cut.subject(), cut.reply(), cut.payload()), ("a.b", Some(""), &b""[..]));
    assert!(cut.headers().is_empty());
}

#[test]
fn a_subject_that_is_not_text_is_still_there() {
    let layout = Layout { subject: Span { start: 4, len: 2 }, line: 12, ..Layout::default() };
    let message = Message::from_frame(&b"MSG \xFF. 1 0\r\n\r\n"[..], Sid(1), layout);
    assert_eq!((message.subject(), message.subject_bytes()), ("", &b"\xFF."[..]));
    assert_eq!(std::format!("{message:?}").matches(r"\xff").count(), 1);
}

#[cfg(feature = "bytes")]
#[test]
fn a_payload_shares_its_frame() {
    let message = sample().map(bytes::Bytes::from_static);
    let payload = message.payload_bytes();
    assert_eq!(payload, "hi");
    assert_eq!(payload.as_ptr(), message.payload().as_ptr());
}
