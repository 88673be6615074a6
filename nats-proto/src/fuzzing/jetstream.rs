//! What JetStream reads.

use std::string::ToString;
use std::vec::Vec;

use crate::headers::Headers;
use crate::jetstream::ApiError;
use crate::jetstream::ConsumerScanner;
use crate::jetstream::DeliveryInfo;
use crate::jetstream::Heartbeat;
use crate::jetstream::PublishAck;
use crate::jetstream::PublishReply;
use crate::jetstream::PublishResponse;
use crate::jetstream::PublishScanner;
use crate::jetstream::PullId;
use crate::jetstream::PullStatus;
use crate::jetstream::Timestamp;
use crate::jetstream::Undelivered;
use crate::storage::ArrayBuf;
use crate::wire::Decoded;
use crate::wire::Decoder;
use crate::wire::FromServer;
use crate::wire::ServerOp;

/// A reply subject is that of a delivery if a naive reader says so, and then says the same.
pub fn jetstream_delivery(data: &[u8]) {
    let found = DeliveryInfo::parse(data);
    assert!(found.is_none() || DeliveryInfo::is_reply(data));
    let text = core::str::from_utf8(data).unwrap_or_default();
    let tokens: Vec<_> = text.split('.').collect();
    let tail = match tokens[..] {
        ["$JS", "ACK", ref tail @ ..] if tail.len() == 7 => tail,
        ["$JS", "ACK", _, _, ref tail @ ..] if tail.len() >= 7 => tail,
        // Behind the last number that matters, anything may follow, also what is not UTF-8.
        _ => return assert!(found.is_none() || core::str::from_utf8(data).is_err()),
    };
    let Some(found) = found else { return };
    assert_eq!([found.stream, found.consumer], tail[..2]);
    let numbers = [found.delivered, found.stream_sequence, found.consumer_sequence];
    for (number, token) in numbers.into_iter().zip(&tail[2..]) {
        assert_eq!(token.parse(), Ok(number));
    }
    assert_eq!(tail[5].parse(), Ok(found.timestamp.as_nanos()));
    assert_eq!(tail[6].parse(), Ok(found.pending));
}

/// What a server sends is a status or a message, and never both.
pub fn jetstream_status(data: &[u8]) {
    let headers = Headers::from_bytes(data);
    let _ = (Heartbeat::read(headers), Undelivered::read(headers));
    let mut frame = std::format!("HMSG a 1 {0} {0}\r\n", data.len()).into_bytes();
    frame.extend(data);
    frame.extend(b"\r\n");
    let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) =
        Decoder::<FromServer>::default().decode(&frame)
    else {
        return;
    };
    assert!(message.payload().is_empty() && message.reply().is_none());
    assert_eq!(PullStatus::read(&message), headers.status().map(PullStatus::new));
    frame.splice(..8, *b"HMSG a 1 $JS.ACK.S.C.1.1.1.1.0");
    if let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) =
        Decoder::<FromServer>::default().decode(&frame)
    {
        assert_eq!(PullStatus::read(&message), None);
    }
}

/// Responses say the same in whatever pieces they come, also the ones that have a fast way.
pub fn jetstream_response(data: &[u8]) {
    type Text = ArrayBuf<40>;
    let publish = |size| {
        let mut scanner = PublishScanner::<Text>::default();
        data.chunks(size).for_each(|piece| scanner.push(piece));
        std::format!("{:?}", scanner.finish())
    };
    let consumer = |size| {
        let mut scanner = ConsumerScanner::<Text>::default();
        data.chunks(size).for_each(|piece| scanner.push(piece));
        std::format!("{:?}", scanner.finish())
    };
    for size in [1, 2, 5] {
        assert_eq!(publish(size), publish(4096), "in pieces of {size}");
        assert_eq!(consumer(size), consumer(4096), "in pieces of {size}");
    }
    let [mut scanner, mut again] = [(); 2].map(|()| PublishScanner::<Text>::default());
    again.push(data);
    match (PublishResponse::read(data, &mut scanner), again.finish()) {
        (Ok(PublishResponse::Stored(fast)), Ok(PublishResponse::Stored(slow))) => {
            let numbers = |ack: &PublishAck<'_>| (ack.sequence, ack.is_duplicate);
            assert_eq!(numbers(&fast), numbers(&slow));
            // What does not fit into a scanner may be there all the same.
            assert!(slow.stream.is_empty() || slow.stream == fast.stream);
            assert!(slow.domain.is_empty() || slow.domain == fast.domain);
        }
        (fast, slow) => assert_eq!(fast, slow),
    }
    if let Ok(PublishResponse::Rejected(error)) = again.finish() {
        touch(error);
    }
}

/// A reply to a published message is what its status and its payload say, and a status is about one pull at most.
///
/// The input is the reply subject, the headers and the payload, separated by zeros.
pub fn jetstream_reply(data: &[u8]) {
    type Text = ArrayBuf<40>;
    let mut fields = data.splitn(3, |&byte| byte == 0);
    let mut field = || fields.next().unwrap_or_default();
    let (subject, headers, payload) = (field(), field(), field());
    let number = PullId::number_in(subject);
    assert_eq!(PullId::number_in(&[b"_INBOX.a.", subject].concat()), number);
    let mut frame = Vec::from(*b"HMSG ");
    frame.extend(subject);
    let sizes = std::format!(" 1 {} {}\r\n", headers.len(), headers.len() + payload.len());
    frame.extend(sizes.as_bytes());
    frame.extend([headers, payload, b"\r\n"].concat());
    let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) =
        Decoder::<FromServer>::default().decode(&frame)
    else {
        return;
    };
    let [mut scanner, mut again] = [(); 2].map(|()| PublishScanner::<Text>::default());
    let response = PublishResponse::read(message.payload(), &mut again);
    let status = message.status().map(|status| status.code().get());
    match PublishReply::read(&message, &mut scanner) {
        PublishReply::Response(read) => assert_eq!(Ok(read), response),
        PublishReply::NoResponders => {
            assert_eq!((status, message.payload()), (Some(503), &b""[..]))
        }
        PublishReply::TooManyRequests => assert!(response.is_err() && status == Some(429)),
        PublishReply::NotAnAck => assert!(response.is_err() && status != Some(429)),
    }
}

fn touch(error: ApiError<'_>) {
    let _ = (error.class(), error.to_string());
    assert!(error.last_sequence().is_none() || error.last_message_id().is_none());
}

/// A time that can be read is written so that it is read again.
pub fn jetstream_time(data: &[u8]) {
    if let Some(nanos) = data.first_chunk() {
        let time = Timestamp::from_nanos(i64::from_le_bytes(*nanos));
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
    let text = core::str::from_utf8(data).unwrap_or_default();
    let optional = Timestamp::parse_optional(text);
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        assert_eq!(optional, Ok(Some(time)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::jetstream_machines as machines;
    use crate::fuzzing::jetstream_ordered::jetstream_ordered;

    #[test]
    fn the_corpus() {
        let targets: [(&str, fn(&[u8])); 9] = [
            ("jetstream_delivery", jetstream_delivery),
            ("jetstream_status", jetstream_status),
            ("jetstream_response", jetstream_response),
            ("jetstream_reply", jetstream_reply),
            ("jetstream_time", jetstream_time),
            ("jetstream_pull_consumer", machines::jetstream_pull_consumer),
            ("jetstream_fetch", machines::jetstream_fetch),
            ("jetstream_window", machines::jetstream_window),
            ("jetstream_ordered", jetstream_ordered),
        ];
        for (name, target) in targets {
            crate::fuzzing::tests::run_corpus(name, target);
        }
    }

    /// Machines with many random inputs, as a fuzzer would begin.
    #[test]
    fn random_inputs() {
        let mut state = 1_u64;
        let mut byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        for _ in 0..3_000 {
            let data: Vec<u8> = (0..400).map(|_| byte()).collect();
            machines::jetstream_pull_consumer(&data);
            machines::jetstream_fetch(&data);
            machines::jetstream_window(&data);
            jetstream_ordered(&data);
        }
    }
}
