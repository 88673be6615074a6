use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::headers::HeaderBuf;
use crate::storage::ArrayBuf;
use crate::storage::SendBuf;
use crate::wire::ClientOp;
use crate::wire::Decoded;
use crate::wire::Decoder;
use crate::wire::FromClient;
use crate::wire::FromServer;
use crate::wire::ServerOp;

fn encoded(encode: impl Fn(&mut SendBuf<'_>) -> Result<(), Full>) -> Vec<u8> {
    let mut memory = [0; 512];
    let mut out = SendBuf::new(&mut memory);
    encode(&mut out).unwrap();
    let whole = out.as_ref().to_vec();
    // All or nothing, whatever the room.
    for room in 0..whole.len() {
        let mut memory = std::vec![0; room];
        let mut out = SendBuf::new(&mut memory);
        assert_eq!(encode(&mut out), Err(Full), "room {room} of {}", whole.len());
        assert!(out.is_empty());
    }
    whole
}

fn subject(text: &str) -> Subject<'_> {
    Subject::new(text).unwrap()
}

const HEADERS: Headers<'static> = Headers::from_bytes(b"NATS/1.0\r\nHeader: X\r\n\r\n");

#[test]
fn publish_in_the_samples_of_adr_4() {
    let plain = Publish::new(subject("SUBJECT"), b"PAYLOAD");
    let reply = Publish { reply: Some(subject("REPLY")), ..plain };
    let headers = Publish { headers: HEADERS, ..reply };
    let empty = Publish { payload: b"", ..headers };
    let table: [(Publish<'_>, &[u8]); 4] = [
        (plain, b"PUB SUBJECT 7\r\nPAYLOAD\r\n"),
        (reply, b"PUB SUBJECT REPLY 7\r\nPAYLOAD\r\n"),
        (headers, b"HPUB SUBJECT REPLY 23 30\r\nNATS/1.0\r\nHeader: X\r\n\r\nPAYLOAD\r\n"),
        (empty, b"HPUB SUBJECT REPLY 23 23\r\nNATS/1.0\r\nHeader: X\r\n\r\n\r\n"),
    ];
    for (publish, expected) in table {
        assert_eq!(encoded(|out| publish.encode(out)), expected);
        assert_eq!(publish.encoded_len(), expected.len());
        assert!(publish.encoded_len() <= publish.encoded_len_bound());
        assert!(publish.encoded_len_bound() < publish.encoded_len() + 64);

        let head = encoded(|out| publish.encode_head(out));
        assert_eq!([&head, publish.payload, Publish::TAIL].concat(), expected);
    }
}

#[test]
fn control_lines() {
    let subscribe = Subscribe { filter: Filter::from_static("a.>"), queue: None, sid: Sid(12) };
    assert_eq!(encoded(|out| subscribe.encode(out)), b"SUB a.> 12\r\n");
    let queue = Subscribe { queue: Some(QueueGroup::from_static("q")), ..subscribe };
    assert_eq!(encoded(|out| queue.encode(out)), b"SUB a.> q 12\r\n");

    let at_once = Unsubscribe { sid: Sid(1), max: None };
    assert_eq!(encoded(|out| at_once.encode(out)), b"UNSUB 1\r\n");
    let later = Unsubscribe { max: core::num::NonZeroU64::new(5), ..at_once };
    assert_eq!(encoded(|out| later.encode(out)), b"UNSUB 1 5\r\n");

    assert_eq!(encoded(|out| encode_error("no\r\n'way'", out)), b"-ERR 'no   way '\r\n");
}

#[test]
fn deliver() {
    let plain = Deliver {
        subject: b"a\xFF",
        sid: Sid(9),
        reply: None,
        headers: Headers::NONE,
        payload: b"x",
    };
    assert_eq!(encoded(|out| plain.encode(out)), b"MSG a\xFF 9 1\r\nx\r\n");
    let headers = Deliver { reply: Some(b"r"), headers: HEADERS, ..plain };
    assert_eq!(
        encoded(|out| headers.encode(out)),
        b"HMSG a\xFF 9 r 23 24\r\nNATS/1.0\r\nHeader: X\r\n\r\nx\r\n"
    );
}

#[test]
fn payloads_made_in_place() {
    let with = |publish: Publish<'static>, max, text: &'static [u8]| {
        encoded(move |out| {
            let made = publish.encode_with(out, max, |space| {
                assert_eq!(space.len(), max);
                space[..text.len()].copy_from_slice(text);
                Ok::<_, ()>(text.len())
            });
            made.map_err(|_| Full)
        })
    };
    let plain = Publish::new(Subject::from_static("a"), b"not this");
    assert_eq!(with(plain, 3, b"abc"), b"PUB a 3\r\nabc\r\n");
    assert_eq!(with(plain, 100, b"abc"), b"PUB a   3\r\nabc\r\n");
    assert_eq!(with(plain, 100, b""), b"PUB a   0\r\n\r\n");
    assert_eq!(with(plain, 0, b""), b"PUB a 0\r\n\r\n");
    let headers = Publish { headers: HEADERS, reply: Some(Subject::from_static("r")), ..plain };
    assert_eq!(
        with(headers, 100, b"hi"),
        b"HPUB a r 23  25\r\nNATS/1.0\r\nHeader: X\r\n\r\nhi\r\n"
    );
}

#[test]
fn a_payload_that_fails_leaves_nothing_behind() {
    let mut memory = [0; 64];
    let mut out = SendBuf::new(&mut memory);
    out.put(b"before");
    let publish = Publish::new(Subject::from_static("a"), b"");
    let made = publish.encode_with(&mut out, 9, |_| Err("sensor"));
    assert_eq!(made, Err(EncodeError::Payload("sensor")));
    assert_eq!(out.as_ref(), b"before");

    // One that claims more than it was given gets no more than that.
    publish
        .encode_with(&mut out, 2, |space| {
            space.fill(b'x');
            Ok::<_, ()>(99)
        })
        .unwrap();
    assert_eq!(out.as_ref(), b"beforePUB a 2\r\nxx\r\n");
}

fn name() -> impl Strategy<Value = String> {
    "[a-zé*>]{1,6}(\\.[a-z0-9]{1,6}){0,3}"
        .prop_filter("a subject", |text| Subject::new(text).is_ok())
}

fn header_block() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(("[A-Z][a-z]{0,8}", "[ -~]{0,12}"), 0..4).prop_map(|headers| {
        let mut block = HeaderBuf::<ArrayBuf<512>>::new();
        for (name, value) in headers {
            block.append(&name, value).unwrap();
        }
        block.as_headers().as_bytes().to_vec()
    })
}

proptest! {
    #[test]
    fn what_is_published_is_decoded(
        to in name(), reply in prop::option::of(name()), block in header_block(), payload: Vec<u8>
    ) {
        let publish = Publish {
            subject: subject(&to),
            reply: reply.as_deref().map(subject),
            headers: Headers::from_bytes(&block),
            payload: &payload,
        };
        let mut memory = [0; 2048];
        let mut out = SendBuf::new(&mut memory);
        publish.encode(&mut out).unwrap();
        let decoded = Decoder::<FromClient>::default().decode(out.as_ref());
        let Ok(Decoded::Frame { op: ClientOp::Publish(message), len }) = decoded else {
            return Err(TestCaseError::fail(std::format!("{decoded:?}")));
        };
        prop_assert_eq!(len, publish.encoded_len());
        prop_assert!(len <= publish.encoded_len_bound());
        prop_assert_eq!(message.subject(), to);
        prop_assert_eq!(message.reply(), reply.as_deref());
        prop_assert_eq!(message.headers().as_bytes(), block);
        prop_assert_eq!(message.payload(), payload);
    }

    #[test]
    fn what_is_delivered_is_decoded(
        to in name(), sid: u64, block in header_block(), payload: Vec<u8>
    ) {
        let deliver = Deliver {
            subject: to.as_bytes(),
            sid: Sid(sid),
            reply: None,
            headers: Headers::from_bytes(&block),
            payload: &payload,
        };
        let mut memory = [0; 2048];
        let mut out = SendBuf::new(&mut memory);
        deliver.encode(&mut out).unwrap();
        let decoded = Decoder::<FromServer>::default().decode(out.as_ref());
        let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) = decoded else {
            return Err(TestCaseError::fail(std::format!("{decoded:?}")));
        };
        prop_assert_eq!((message.subject(), message.sid()), (to.as_str(), Sid(sid)));
        prop_assert_eq!(message.headers().as_bytes(), block);
        prop_assert_eq!(message.payload(), payload);
    }
}
