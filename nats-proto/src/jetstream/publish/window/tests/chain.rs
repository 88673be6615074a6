//! The chain of the only publisher of a stream.

use super::*;
use crate::headers::Headers;
use crate::jetstream::publish::ack::PublishResponse;
use crate::rng::RngSeed;

/// What is sent: number, what it expects, and the id of its reply.
fn transmits(window: &mut Window, now: u64) -> Vec<(u64, ExpectedLast, RequestId)> {
    let mut found = Vec::new();
    while let Some(transmit) = window.poll_transmit(1, at(now)) {
        found.push((transmit.number, transmit.expected, transmit.request_id));
    }
    found
}

/// A reply, where ids are `m` and the number.
fn answer(window: &mut Window, request_id: RequestId, text: &str, now: u64) -> Option<Outcome> {
    let mut scanner = PublishScanner::<ArrayBuf<64>>::default();
    let response = PublishResponse::read(text.as_bytes(), &mut scanner).unwrap();
    let reply = PublishReply::Response(response);
    let number_of = |id: &str| id.strip_prefix('m')?.parse().ok();
    window.handle_chain_reply(request_id, reply, number_of, at(now)).map(|settled| settled.outcome)
}

fn refusal(code: u16, text: &str) -> String {
    format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"{text}"}},"stream":"S"}}"#)
}

fn wrong_id(id: &str) -> String {
    refusal(10070, &format!("wrong last msg ID: {id}"))
}

fn wrong_sequence() -> String {
    refusal(10071, "wrong last sequence: 9")
}

/// A chain behind the publisher's message 7, which has the sequence number 70.
fn chain(messages: u8) -> Window {
    let mut window = window(WindowConfig::new(4));
    window.start_chain(7, 70);
    for data in 0..messages {
        window.publish(message(data).with_id()).unwrap();
    }
    window
}

const REFUSED: NotStored = NotStored::Rejected(ErrorCode::WRONG_LAST_MESSAGE_ID);

#[test]
fn each_expects_the_one_before_it() {
    let mut window = chain(3);
    let sent = transmits(&mut window, 0);
    let expected: Vec<_> = sent.iter().map(|(number, expected, _)| (*number, *expected)).collect();
    let first = (8, ExpectedLast::Sequence(70));
    let rest = [(9, ExpectedLast::Message(8)), (10, ExpectedLast::Message(9))];
    assert_eq!(expected, [first, rest[0], rest[1]]);
    for (_, _, request_id) in sent {
        assert_eq!(answer(&mut window, request_id, ACK, 1), Some(STORED));
    }
    // The last one that is stored, where none is under way.
    window.publish(message(9).with_id()).unwrap();
    let [(11, ExpectedLast::Message(10), _)] = transmits(&mut window, 2)[..] else { panic!() };
    let mut window = self::window(WindowConfig::new(4));
    window.publish(message(1)).unwrap();
    let [(1, ExpectedLast::Any, _)] = transmits(&mut window, 0)[..] else { panic!("no chain") };
}

/// Replicas compare the id of the last message too late.
#[test]
fn sequence_numbers_are_expected_where_there_are_replicas() {
    let mut window = window(WindowConfig::new(1));
    window.start_chain(7, 70);
    window.expect_sequences();
    window.publish(message(0).with_id()).unwrap();
    let [(8, ExpectedLast::Sequence(70), first)] = transmits(&mut window, 0)[..] else { panic!() };
    let stored = r#"{"stream":"S","seq":73}"#;
    assert!(answer(&mut window, first, stored, 1).is_some());
    window.publish(message(1).with_id()).unwrap();
    let [(9, ExpectedLast::Sequence(73), second)] = transmits(&mut window, 2)[..] else { panic!() };
    // A leader that does not know of all that is stored yet is asked again, and never about an id.
    assert_eq!(answer(&mut window, second, &wrong_sequence(), 3), None);
    window.handle_timeout(at(23), |_| panic!("there is time"));
    let [(9, ExpectedLast::Sequence(73), again)] = transmits(&mut window, 23)[..] else { panic!() };
    // Another publisher's message is there.
    let foreign = refusal(10071, "wrong last sequence: 74");
    let outcome = answer(&mut window, again, &foreign, 24);
    let rejected = NotStored::Rejected(ErrorCode::WRONG_LAST_SEQUENCE);
    assert_eq!(outcome, Some(Outcome::NotStored(rejected)));
    // Or that of an earlier attempt, which the next one finds.
    window.publish(message(2).with_id()).unwrap();
    assert_eq!(transmits(&mut window, 25).len(), 1);
    window.handle_disconnected(1, at(26), |_| panic!());
    window.handle_connected();
    let [(10, _, again)] = transmits(&mut window, 27)[..] else { panic!() };
    assert_eq!(answer(&mut window, again, &foreign, 28), None);
    let [(10, ExpectedLast::Sequence(73), again)] = transmits(&mut window, 100)[..] else {
        panic!()
    };
    let duplicate = r#"{"stream":"S","seq":74,"duplicate": true}"#;
    assert!(answer(&mut window, again, duplicate, 101).is_some_and(Outcome::is_stored));
}

#[test]
fn one_that_came_too_early_waits_for_its_predecessor() {
    let mut window = chain(3);
    let [(_, _, first), (_, _, second), (_, _, third)] = transmits(&mut window, 0)[..] else {
        panic!()
    };
    // The third has overtaken the second.
    assert_eq!(answer(&mut window, third, &wrong_id("m8"), 1), None);
    assert!(answer(&mut window, first, ACK, 1).is_some());
    assert_eq!(transmits(&mut window, 10), [], "it waits");
    assert!(answer(&mut window, second, ACK, 11).is_some());
    let [(10, ExpectedLast::Message(9), _)] = transmits(&mut window, 11)[..] else {
        panic!("at once")
    };
}

#[test]
fn one_whose_predecessor_is_not_stored_follows_what_is() {
    let mut window = chain(2);
    let [(_, _, first), (_, _, second)] = transmits(&mut window, 0)[..] else { panic!() };
    assert_eq!(answer(&mut window, second, &wrong_id("m7"), 1), None);
    let too_large = refusal(10054, "message size exceeds maximum allowed");
    assert!(answer(&mut window, first, &too_large, 2).is_some());
    let [(9, ExpectedLast::Sequence(70), second)] = transmits(&mut window, 3)[..] else { panic!() };
    assert_eq!(answer(&mut window, second, ACK, 4), Some(STORED));
}

#[test]
fn a_stream_that_does_not_know_the_last_id_is_told_the_sequence_number() {
    let mut window = chain(1);
    let [(_, _, first)] = transmits(&mut window, 0)[..] else { panic!() };
    assert!(answer(&mut window, first, ACK, 1).is_some());
    window.publish(message(9).with_id()).unwrap();
    // What was stored is removed, and the server restarted.
    let [(9, ExpectedLast::Message(8), second)] = transmits(&mut window, 2)[..] else { panic!() };
    assert_eq!(answer(&mut window, second, &wrong_id(""), 3), None);
    assert_eq!(transmits(&mut window, 22), []);
    let [(9, ExpectedLast::Sequence(7), second)] = transmits(&mut window, 23)[..] else { panic!() };
    assert_eq!(answer(&mut window, second, ACK, 24), Some(STORED));
}

#[test]
fn an_own_copy_that_is_stored_is_found() {
    // nats-server 2.15 says that of a second copy, when it is alone (R1).
    let mut window = chain(1);
    assert_eq!(transmits(&mut window, 0).len(), 1);
    window.handle_disconnected(1, at(1), |_| panic!());
    window.handle_connected();
    let [(8, ExpectedLast::Sequence(70), again)] = transmits(&mut window, 2)[..] else { panic!() };
    assert_eq!(answer(&mut window, again, &wrong_sequence(), 3), None);
    let [(8, ExpectedLast::Message(8), itself)] = transmits(&mut window, 23)[..] else { panic!() };
    let duplicate = r#"{"stream":"S","seq":71,"duplicate": true}"#;
    let stored = Outcome::Stored { sequence: 71, is_duplicate: true };
    assert_eq!(answer(&mut window, itself, duplicate, 24), Some(stored));
}

#[test]
fn an_own_message_that_was_given_up_and_stored_is_followed() {
    let mut window = chain(1);
    assert_eq!(transmits(&mut window, 9_000).len(), 1);
    let outcome = Outcome::MayBeStored(MayBeStored::TimedOut);
    assert_eq!(expire(&mut window, 10_000), [(0, outcome)]);
    window.publish(WindowMessage::new(9, 1, at(20_000)).with_id()).unwrap();
    let [(9, ExpectedLast::Sequence(70), second)] = transmits(&mut window, 10_001)[..] else {
        panic!()
    };
    assert_eq!(answer(&mut window, second, &wrong_sequence(), 10_002), None);
    let [(9, ExpectedLast::Message(9), second)] = transmits(&mut window, 10_030)[..] else {
        panic!()
    };
    assert_eq!(answer(&mut window, second, &wrong_id("m8"), 10_031), None);
    let [(9, ExpectedLast::Message(8), second)] = transmits(&mut window, 10_100)[..] else {
        panic!()
    };
    assert_eq!(answer(&mut window, second, ACK, 10_101), Some(STORED));
}

#[test]
fn one_whose_followers_are_stored_is_not_stored_again() {
    let mut window = chain(3);
    let [(_, _, first), (_, _, second), (_, _, third)] = transmits(&mut window, 0)[..] else {
        panic!()
    };
    assert_eq!(reply(&mut window, first, "hello", 1), None, "not an acknowledgement");
    assert!(answer(&mut window, second, ACK, 2).is_some());
    assert!(answer(&mut window, third, ACK, 2).is_some());
    // The stream has forgotten all ids.
    let [(8, ExpectedLast::Message(8), again)] = transmits(&mut window, 101)[..] else { panic!() };
    let rejected = MayBeStored::Rejected(ErrorCode::WRONG_LAST_MESSAGE_ID);
    assert_eq!(
        answer(&mut window, again, &wrong_id(""), 102),
        Some(Outcome::MayBeStored(rejected))
    );
    window.publish(message(9).with_id()).unwrap();
    let [(11, ExpectedLast::Message(10), _)] = transmits(&mut window, 103)[..] else { panic!() };
}

#[test]
fn another_publisher_ends_the_chain() {
    // By the id, at once; without one, after the sequence number has been tried.
    let mut window = chain(2);
    let [(_, _, first), (_, _, second)] = transmits(&mut window, 0)[..] else { panic!() };
    assert!(answer(&mut window, first, ACK, 1).is_some());
    let outcome = answer(&mut window, second, &wrong_id("foreign"), 2);
    assert_eq!(outcome, Some(Outcome::NotStored(REFUSED)));
    window.publish(message(9).with_id()).unwrap();
    let [(10, _, third)] = transmits(&mut window, 3)[..] else { panic!() };
    assert_eq!(answer(&mut window, third, &wrong_id(""), 4), None);
    let [(10, ExpectedLast::Sequence(7), third)] = transmits(&mut window, 24)[..] else { panic!() };
    assert_eq!(answer(&mut window, third, &wrong_sequence(), 25), None);
    let [(10, ExpectedLast::Message(10), third)] = transmits(&mut window, 65)[..] else { panic!() };
    let outcome = answer(&mut window, third, &wrong_id(""), 66);
    assert_eq!(outcome, Some(Outcome::NotStored(REFUSED)));
    // A message whose first copy may have been in front of the foreign one.
    window.publish(message(8).with_id()).unwrap();
    assert_eq!(transmits(&mut window, 70).len(), 1);
    window.handle_disconnected(1, at(71), |_| panic!());
    window.handle_connected();
    let [(11, _, fourth)] = transmits(&mut window, 72)[..] else { panic!() };
    let outcome = answer(&mut window, fourth, &wrong_id("foreign"), 73);
    let rejected = MayBeStored::Rejected(ErrorCode::WRONG_LAST_MESSAGE_ID);
    assert_eq!(outcome, Some(Outcome::MayBeStored(rejected)));
}

#[test]
fn ids_say_the_number_and_no_two_sessions_have_the_same() {
    let ids = |seed| ChainIds::<ArrayBuf<32>>::new("billing", RngSeed([seed; 16])).unwrap();
    let (ours, theirs) = (ids(1), ids(2));
    let mut text = ArrayBuf::<64>::new();
    for number in [0, 1, u64::MAX] {
        let id = String::from(ours.put(number, &mut text).unwrap());
        assert!(id.len() <= ours.max_len());
        assert_eq!((ours.number(&id), theirs.number(&id)), (Some(number), None), "{id}");
        assert_eq!(ChainIds::<ArrayBuf<32>>::number_of("billing", &id), Some(number));
        assert_eq!(ChainIds::<ArrayBuf<32>>::number_of("bill", &id), None);
    }
    let id = String::from(ours.put(5, &mut text).unwrap());
    for wrong in [
        "",
        "billing",
        "billing.",
        "billing..5",
        "order-17",
        "billing.abcdefghijk.",
        "billing.abcdefghijk.x",
    ] {
        assert_eq!(ours.number(wrong), None, "{wrong}");
        assert_eq!(ChainIds::<ArrayBuf<32>>::number_of("billing", wrong), None, "{wrong}");
    }
    for wrong in [format!("{id}x"), format!("{id}99999999999999999999"), id.replace('.', "-")] {
        assert_eq!(ours.number(&wrong), None, "{wrong}");
    }
    assert!(ours.put(5, &mut ArrayBuf::<8>::new()).is_none());
    assert!(ChainIds::<ArrayBuf<32>>::new("a.b", RngSeed([0; 16])).is_err());
    assert!(ChainIds::<ArrayBuf<16>>::new("billing", RngSeed([0; 16])).is_err());
}

#[test]
fn headers_say_the_id_and_what_is_expected() {
    let ids = ChainIds::<ArrayBuf<64>>::new("a", RngSeed([1; 16])).unwrap();
    let (mut text, mut block) = (ArrayBuf::<64>::new(), ArrayBuf::<256>::new());
    let id = |number, text: &mut ArrayBuf<64>| String::from(ids.put(number, text).unwrap());
    let (own, before) = (id(u64::MAX, &mut text), id(u64::MAX - 1, &mut text));
    let table = [
        (ExpectedLast::Any, None, None),
        (ExpectedLast::Message(u64::MAX - 1), Some(&*before), None),
        (ExpectedLast::Sequence(u64::MAX), None, Some("18446744073709551615")),
    ];
    for given in [&b""[..], b"NATS/1.0\r\nA: b\r\n\r\n"] {
        for (expected, message, sequence) in table {
            let headers = Headers::from_bytes(given);
            let headers = ids.put_headers(headers, u64::MAX, expected, &mut block).unwrap();
            assert_eq!(headers.get("Nats-Msg-Id"), Some(&*own));
            assert_eq!(headers.get("Nats-Expected-Last-Msg-Id"), message);
            assert_eq!(headers.get("Nats-Expected-Last-Sequence"), sequence);
            assert_eq!(headers.get("A"), Some("b").filter(|_| !given.is_empty()));
            assert!(headers.as_bytes().ends_with(b"\r\n\r\n"));
            assert!(headers.as_bytes().len() <= given.len() + ids.max_headers_len());
        }
    }
    let none = Headers::from_bytes(b"");
    let mut short = ArrayBuf::<40>::new();
    assert!(ids.put_headers(none, 1, ExpectedLast::Message(2), &mut short).is_err());
}
