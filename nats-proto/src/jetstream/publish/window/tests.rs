use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::jetstream::error::ErrorCode;
use crate::jetstream::publish::ack::PublishScanner;
use crate::storage::ArrayBuf;
use crate::wire::Decoded;
use crate::wire::Decoder;
use crate::wire::FromServer;
use crate::wire::ServerOp;

mod chain;
mod refusals;

type Window = FixedPublishWindow<u8, 4>;

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn window(config: WindowConfig) -> Window {
    let mut window = Window::new(config);
    window.handle_connected();
    window
}

/// A message of a byte that waits for ten seconds.
fn message(data: u8) -> WindowMessage<u8> {
    WindowMessage::new(data, 1, at(10_000))
}

fn send(window: &mut Window, position: u64, now: u64) -> Vec<(u8, RequestId)> {
    let mut sent = Vec::new();
    while let Some(transmit) = window.poll_transmit(position, at(now)) {
        sent.push((*transmit.data, transmit.request_id));
    }
    sent
}

fn reply(
    window: &mut Window,
    request_id: RequestId,
    text: &str,
    now: u64,
) -> Option<(u8, Outcome)> {
    let frame = if text.starts_with("NATS") {
        format!("HMSG _INBOX.x 1 {0} {0}\r\n{text}\r\n", text.len())
    } else {
        format!("MSG _INBOX.x 1 {}\r\n{text}\r\n", text.len())
    };
    let decoded = Decoder::<FromServer>::default().decode(frame.as_bytes());
    let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) = decoded else { panic!() };
    let mut scanner = PublishScanner::<ArrayBuf<64>>::default();
    let reply = PublishReply::read(&message, &mut scanner);
    window.handle_reply(request_id, reply, at(now)).map(|settled| (settled.data, settled.outcome))
}

fn expire(window: &mut Window, now: u64) -> Vec<(u8, Outcome)> {
    let mut settled = Vec::new();
    window.handle_timeout(at(now), |one| settled.push((one.data, one.outcome)));
    settled
}

fn error(status: u16, code: u16) -> String {
    format!(
        r#"{{"error":{{"code":{status},"err_code":{code},"description":""}},"stream":"S","seq":0}}"#
    )
}

const ACK: &str = r#"{"stream":"S","seq":7}"#;
const NOBODY: &str = "NATS/1.0 503\r\n\r\n";
const STORED: Outcome = Outcome::Stored { sequence: 7, is_duplicate: false };

#[test]
fn every_reply_and_what_follows() {
    let not_stored = |reason| Some(Outcome::NotStored(reason));
    let maybe = |reason| Some(Outcome::MayBeStored(reason));
    // A reply to the first attempt, and the outcome without an id and with one; none is another
    // attempt.
    let table = [
        (String::from(ACK), Some(STORED), Some(STORED)),
        (NOBODY.into(), not_stored(NotStored::NoResponders), not_stored(NotStored::NoResponders)),
        (error(429, 10167), not_stored(NotStored::TooBusy), not_stored(NotStored::TooBusy)),
        (
            error(503, 10008),
            not_stored(NotStored::Unavailable(ErrorCode(10008))),
            not_stored(NotStored::Unavailable(ErrorCode(10008))),
        ),
        (
            error(400, 10071),
            not_stored(NotStored::Rejected(ErrorCode(10071))),
            not_stored(NotStored::Rejected(ErrorCode(10071))),
        ),
        (
            error(503, 10077),
            not_stored(NotStored::Rejected(ErrorCode(10077))),
            not_stored(NotStored::Rejected(ErrorCode(10077))),
        ),
        (error(409, 10158), maybe(MayBeStored::InProcess), None),
        ("hello".into(), maybe(MayBeStored::NotAnAck), None),
        ("{}".into(), maybe(MayBeStored::NotAnAck), None),
        (r#"{"stream":7}"#.into(), maybe(MayBeStored::NotAnAck), None),
        (
            "NATS/1.0 429 Too Many Requests\r\n\r\n".into(),
            not_stored(NotStored::TooBusy),
            not_stored(NotStored::TooBusy),
        ),
    ];
    for (text, plain, with_id) in table {
        for (message, expected) in [(message(1), plain), (message(1).with_id(), with_id)] {
            let mut window = window(WindowConfig::new(4));
            window.publish(message).unwrap();
            let [(1, request_id)] = send(&mut window, 1, 0)[..] else { panic!() };
            let outcome = reply(&mut window, request_id, &text, 1).map(|(_, outcome)| outcome);
            assert_eq!(outcome, expected, "{text}");
            assert_eq!(window.is_empty(), expected.is_some(), "{text}");
            // Told again, it concerns nobody.
            assert_eq!(reply(&mut window, request_id, NOBODY, 2), None, "{text}");
        }
    }
}

#[test]
fn refusals_are_retried_as_often_as_asked_for() {
    for (retries, text) in [(2, NOBODY.into()), (1, error(503, 10118)), (3, error(429, 10167))] {
        let mut window = window(WindowConfig::new(4).independent());
        window.publish(message(1).retries(retries)).unwrap();
        let (mut now, mut attempts) = (0, 0);
        let outcome = loop {
            let [(1, request_id)] = send(&mut window, 1, now)[..] else { panic!() };
            attempts += 1;
            if let Some((_, outcome)) = reply(&mut window, request_id, &text, now) {
                break outcome;
            }
            let due = window.poll_timeout().unwrap().as_millis();
            assert!((now + 25..=now + 500).contains(&due), "{due} after {now}");
            assert_eq!(send(&mut window, 1, due - 1), []);
            now = due;
            assert_eq!(expire(&mut window, now), []);
        };
        assert_eq!(attempts, u32::from(retries) + 1);
        assert!(matches!(outcome, Outcome::NotStored(_)), "{outcome}");
        assert!(now <= 500, "two retries take half a second: {now}");
    }
}

#[test]
fn an_election_is_outlived() {
    let mut window = window(WindowConfig::new(4));
    for data in 1..4 {
        window.publish(message(data).retries(u8::MAX)).unwrap();
    }
    let mut now = 0;
    let mut waiting = send(&mut window, 1, now);
    assert_eq!(waiting.len(), 3);
    while now < 5_000 {
        for (_, request_id) in waiting {
            assert_eq!(reply(&mut window, request_id, NOBODY, now), None);
        }
        now = window.poll_timeout().unwrap().as_millis();
        assert_eq!(expire(&mut window, now), []);
        waiting = send(&mut window, 1, now);
        assert!(waiting.len() <= 1, "one finds out whether there is a leader");
        assert!(waiting.iter().all(|(data, _)| *data == 1), "the first one");
    }
    let request_id = waiting
        .first()
        .map_or_else(|| send(&mut window, 1, 9_000)[0].1, |(_, request_id)| *request_id);
    assert_eq!(reply(&mut window, request_id, ACK, now), Some((1, STORED)));
    assert_eq!(send(&mut window, 1, 9_000).len(), 2);
}

#[test]
fn deadlines_cover_everything() {
    // What happened before the deadline, with and without an id.
    type Story = fn(&mut Window);
    let table: [(&str, Story, Outcome); 5] = [
        (
            "not connected",
            |window| window.is_connected = false,
            Outcome::NotSent(NotSent::TimedOut),
        ),
        (
            "sent",
            |window| assert_eq!(send(window, 1, 9_000).len(), 1),
            Outcome::MayBeStored(MayBeStored::TimedOut),
        ),
        (
            "refused",
            |window| {
                let (_, request_id) = send(window, 1, 9_990)[0];
                assert_eq!(reply(window, request_id, NOBODY, 9_990), None);
            },
            Outcome::NotStored(NotStored::NoResponders),
        ),
        (
            "taken back",
            |window| {
                assert_eq!(send(window, 1, 9_000).len(), 1);
                window.handle_disconnected(0, at(9_000), |_| panic!());
            },
            Outcome::NotSent(NotSent::TimedOut),
        ),
        (
            "lost",
            |window| {
                assert_eq!(send(window, 1, 9_000).len(), 1);
                window.handle_disconnected(1, at(9_000), |_| panic!());
            },
            Outcome::MayBeStored(MayBeStored::TimedOut),
        ),
    ];
    for (story, happens, outcome) in table {
        let mut window = window(WindowConfig::new(4));
        window.publish(message(1).with_id().retries(u8::MAX)).unwrap();
        happens(&mut window);
        assert_eq!(expire(&mut window, 9_999), [], "{story}");
        assert_eq!(expire(&mut window, 10_000), [(1, outcome)], "{story}");
        assert_eq!(window.poll_timeout(), None);
    }
}

#[test]
fn nothing_proves_a_clouded_message_not_stored() {
    for text in [NOBODY.into(), error(400, 10071), error(503, 10077), error(429, 10167)] {
        let mut window = window(WindowConfig::new(4));
        window.publish(message(1).with_id()).unwrap();
        assert_eq!(send(&mut window, 5, 0).len(), 1);
        window.handle_disconnected(5, at(1), |_| panic!());
        window.handle_connected();
        let [(1, request_id)] = send(&mut window, 1, 2)[..] else { panic!() };
        let Some((1, outcome)) = reply(&mut window, request_id, &text, 3) else { panic!("{text}") };
        assert!(matches!(outcome, Outcome::MayBeStored(_)), "{text}: {outcome}");
        assert!(outcome.may_be_stored() && !outcome.is_stored());
    }
}

#[test]
fn a_lost_connection_settles_what_has_no_id() {
    let mut window = window(WindowConfig::new(4));
    window.publish(message(1)).unwrap();
    window.publish(message(2).with_id()).unwrap();
    assert_eq!(send(&mut window, 10, 0).len(), 2);
    window.publish(message(3)).unwrap();
    assert_eq!(send(&mut window, 11, 0).len(), 1);
    let mut settled = Vec::new();
    window.handle_disconnected(10, at(1), |one| settled.push((one.data, one.outcome)));
    assert_eq!(settled, [(1, Outcome::MayBeStored(MayBeStored::Disconnected))]);
    assert_eq!((window.in_flight(), send(&mut window, 1, 1).len()), (0, 0));
    window.handle_connected();
    let again: Vec<u8> = send(&mut window, 1, 2).into_iter().map(|(data, _)| data).collect();
    assert_eq!(again, [2, 3], "in order, as one may be sent again and one never left");
}

#[test]
fn a_resend_ends_with_the_duplicate_window() {
    let config = WindowConfig::new(4).duplicate_window(core::time::Duration::from_secs(4));
    let mut window = window(config.ack_wait(core::time::Duration::from_millis(900)));
    window.publish(message(1).with_id()).unwrap();
    assert_eq!(send(&mut window, 1, 0).len(), 1);
    let mut attempts = 1;
    let (now, settled) = loop {
        let now = window.poll_timeout().unwrap().as_millis();
        let settled = expire(&mut window, now);
        if !settled.is_empty() {
            break (now, settled);
        }
        attempts += send(&mut window, 1, now).len();
    };
    // At 0, 0.9 and 1.8 s: the window is 4 s, of which half may be lost on the way.
    assert_eq!((attempts, now), (3, 2_700));
    assert_eq!(settled, [(1, Outcome::MayBeStored(MayBeStored::TimedOut))]);
}

#[test]
fn an_acknowledgement_that_comes_late_counts() {
    let mut window = window(WindowConfig::new(4));
    window.publish(message(1).with_id()).unwrap();
    let [(1, first)] = send(&mut window, 1, 0)[..] else { panic!() };
    assert_eq!(expire(&mut window, 5_000), []);
    assert_eq!(reply(&mut window, first, NOBODY, 5_001), None, "but nothing else does");
    assert_eq!(reply(&mut window, first, ACK, 5_002), Some((1, STORED)));
    // Unless there is another attempt already, whose own comes.
    window.publish(message(2).with_id()).unwrap();
    let [(2, first)] = send(&mut window, 1, 0)[..] else { panic!() };
    assert_eq!(expire(&mut window, 5_000), []);
    let [(2, second)] = send(&mut window, 1, 5_000)[..] else { panic!() };
    assert_ne!(first, second);
    assert_eq!(reply(&mut window, first, ACK, 5_001), None);
    assert_eq!(reply(&mut window, second, ACK, 5_002), Some((2, STORED)));
}

#[test]
fn the_window_is_bounded() {
    let mut window = window(WindowConfig::new(3).max_bytes(10));
    for data in 0..3 {
        window.publish(message(data)).unwrap();
    }
    let refused = NotAccepted { data: 9, is_too_large: false };
    assert_eq!(window.publish(message(9)), Err(refused));
    let (_, request_id) = send(&mut window, 1, 0)[1];
    assert_eq!(reply(&mut window, request_id, ACK, 1), Some((1, STORED)));
    assert!(window.has_room(8) && !window.has_room(9));
    let large = |size| WindowMessage::new(9, size, at(9));
    assert_eq!(window.publish(large(9)), Err(refused));
    let too_large = NotAccepted { data: 9, is_too_large: true };
    assert_eq!(window.publish(large(11)), Err(too_large));
    assert!(window.publish(large(8)).is_ok());
    // Storage with less room than was said.
    let mut window = self::window(WindowConfig::new(99));
    for data in 0..4 {
        window.publish(message(data)).unwrap();
    }
    assert_eq!(window.publish(message(9)), Err(refused));
}

#[test]
fn what_is_too_fast_is_slowed_down() {
    let mut window = window(WindowConfig::new(4));
    for data in 0..4 {
        window.publish(message(data).retries(u8::MAX)).unwrap();
    }
    let sent = send(&mut window, 1, 0);
    assert_eq!(sent.len(), 4);
    for (_, request_id) in &sent[..2] {
        assert_eq!(reply(&mut window, *request_id, &error(429, 10167), 0), None);
    }
    for (_, request_id) in &sent[2..] {
        assert!(reply(&mut window, *request_id, ACK, 0).is_some());
    }
    assert_eq!(send(&mut window, 1, 0), [], "there is a pause");
    let due = window.poll_timeout().unwrap().as_millis();
    assert!((50..=100).contains(&due), "{due}");
    assert_eq!(expire(&mut window, due), []);
    // Halved twice, raised for every so many acknowledgements.
    assert_eq!(send(&mut window, 1, due).len(), 2);
}

#[test]
fn independent_messages_do_not_hold_each_other_up() {
    let mut window = window(WindowConfig::new(4).independent());
    window.publish(message(1).retries(9)).unwrap();
    window.publish(message(2)).unwrap();
    let sent = send(&mut window, 1, 0);
    assert_eq!(reply(&mut window, sent[0].1, NOBODY, 0), None);
    assert!(reply(&mut window, sent[1].1, ACK, 0).is_some());
    window.publish(message(3)).unwrap();
    assert_eq!(send(&mut window, 1, 0).len(), 1);
    let due = window.poll_timeout().unwrap().as_millis();
    assert_eq!(expire(&mut window, due), []);
    assert_eq!(send(&mut window, 1, due).len(), 1);
}

#[test]
fn what_is_given_up_leaves_its_place() {
    let mut window = window(WindowConfig::new(1));
    let first = window.publish(message(1)).unwrap();
    let [(1, request_id)] = send(&mut window, 1, 0)[..] else { panic!() };
    *window.get_mut(first).unwrap() += 10;
    assert_eq!((window.cancel(first), window.cancel(first)), (Some(11), None));
    // The next one has the place, and not the reply.
    let second = window.publish(message(2)).unwrap();
    assert_eq!((first.number(), second.number()), (1, 2));
    assert_eq!(window.get_mut(first), None);
    assert_eq!(reply(&mut window, request_id, ACK, 1), None);
    assert_eq!(send(&mut window, 1, 1).len(), 1);
    assert_eq!(reply(&mut window, request_id, ACK, 1), None);
    assert_eq!(reply(&mut window, RequestId(u64::MAX), ACK, 1), None);
    assert_eq!(window.len(), 1);
}

#[test]
fn closing_settles_everything() {
    let mut window = window(WindowConfig::new(4));
    for data in 0..3 {
        window.publish(message(data).retries(9)).unwrap();
    }
    let sent = send(&mut window, 1, 0);
    assert_eq!(reply(&mut window, sent[0].1, NOBODY, 0), None);
    window.publish(message(3)).unwrap();
    let mut settled = Vec::new();
    window.close(|one| settled.push((one.data, one.outcome)));
    let expected = [
        (0, Outcome::NotStored(NotStored::NoResponders)),
        (1, Outcome::MayBeStored(MayBeStored::Closed)),
        (2, Outcome::MayBeStored(MayBeStored::Closed)),
        (3, Outcome::NotSent(NotSent::Closed)),
    ];
    assert_eq!(settled, expected);
    assert!(window.is_empty() && window.poll_timeout().is_none());
}

proptest! {
    /// The list of slots against a plain vector.
    #[test]
    fn slots_keep_their_order(operations in proptest::collection::vec(0_u32..8, 0..60)) {
        let mut slots = Slots::new(FixedTable::<WindowSlot<u64>, 5>::new());
        let (mut naive, mut number) = (Vec::<(u32, u64)>::new(), 0);
        for operation in operations {
            if operation < 4 {
                number += 1;
                let slot = WindowSlot::new(number, 1, Entry::new(at(0), false, 0));
                match slots.push(number, slot, 9) {
                    Ok(at) => naive.push((at, number)),
                    Err(data) => prop_assert_eq!((data, naive.len()), (number, 5)),
                }
            } else if !naive.is_empty() {
                let (at, data) = naive.remove(operation as usize % naive.len());
                prop_assert_eq!(slots.remove(at), Some(data));
                prop_assert_eq!(slots.remove::<u64>(at), None);
            }
            let (mut found, mut at) = (Vec::new(), slots.first());
            while let Some(slot) = slots.get(at) {
                found.push((at, slot.number));
                at = slots.after(at);
            }
            prop_assert_eq!(&found, &naive);
            prop_assert_eq!(slots.len() as usize, naive.len());
        }
    }

    /// One message at a time against a window of one, whatever happens.
    #[test]
    fn a_single_one_is_a_window_of_one(
        operations in proptest::collection::vec((0_u8..12, 0_u64..4_000), 1..60),
        with_id: bool,
        retries in 0_u8..4,
    ) {
        let config = WindowConfig::new(1).independent();
        let mut window = FixedPublishWindow::<(), 1>::new(config);
        let mut single = SinglePublish::new(config);
        let (mut now, mut position, mut last) = (0, 0, None);
        for (operation, after) in operations {
            now += after;
            let time = at(now);
            let mut settled = None;
            let outcome = match operation {
                0..3 => {
                    let message = WindowMessage::new((), 1, at(now + 9_000)).retries(retries);
                    let message = if with_id { message.with_id() } else { message };
                    if window.publish(message).is_ok() {
                        single.start(message);
                    }
                    None
                }
                3 => {
                    window.handle_connected();
                    single.handle_connected();
                    None
                }
                4 => {
                    let lost = u64::saturating_sub(position, u64::from(after > 2_000));
                    window.handle_disconnected(lost, time, |one| settled = Some(one.outcome));
                    single.handle_disconnected(lost, time)
                }
                5 => {
                    window.handle_timeout(time, |one| settled = Some(one.outcome));
                    single.handle_timeout(time)
                }
                _ => match last {
                    Some((first, second)) => {
                        let reply = if operation % 2 == 0 {
                            PublishReply::NotAnAck
                        } else {
                            PublishReply::NoResponders
                        };
                        settled = window.handle_reply(first, reply, time).map(|one| one.outcome);
                        single.handle_reply(second, reply, time)
                    }
                    None => None,
                },
            };
            prop_assert_eq!(settled, outcome);
            let sent = window.poll_transmit(position + 1, time).map(|transmit| transmit.request_id);
            let request_id = single.poll_transmit(position + 1, time);
            prop_assert_eq!(sent.is_some(), request_id.is_some());
            if let (Some(first), Some(second)) = (sent, request_id) {
                position += 1;
                last = Some((first, second));
            }
            prop_assert_eq!(window.is_empty(), !single.is_active());
        }
    }
}

#[test]
fn a_message_that_is_not_permitted_is_not_stored_unless_an_earlier_copy_may_be() {
    let mut single = SinglePublish::new(WindowConfig::DEFAULT);
    single.handle_connected();
    single.start(WindowMessage::new((), 1, at(60_000)).with_id().retries(5));
    single.poll_transmit(1, at(0)).unwrap();
    let outcome = single.handle_not_permitted();
    assert_eq!(outcome, Some(Outcome::NotStored(NotStored::NotPermitted)));

    single.start(WindowMessage::new((), 1, at(60_000)).with_id());
    single.poll_transmit(2, at(0)).unwrap();
    assert_eq!(single.handle_disconnected(2, at(0)), None);
    single.handle_connected();
    single.poll_transmit(3, at(0)).unwrap();
    let outcome = single.handle_not_permitted();
    assert_eq!(outcome, Some(Outcome::MayBeStored(MayBeStored::NotPermitted)));
}

#[test]
fn a_single_message_is_due_also_without_a_connection_and_its_end_is_told_when_it_is_closed() {
    let mut single = SinglePublish::new(WindowConfig::DEFAULT);
    assert!(!single.is_due(at(0)));
    assert_eq!(single.close(), None);
    single.start(WindowMessage::new((), 1, at(60_000)));
    assert!(single.is_due(at(0)));
    assert_eq!(single.poll_transmit(1, at(0)), None, "there is no connection");
    assert_eq!(single.close(), Some(Outcome::NotSent(NotSent::Closed)));

    single.handle_connected();
    single.start(WindowMessage::new((), 1, at(60_000)));
    single.poll_transmit(1, at(0)).unwrap();
    assert!(!single.is_due(at(0)));
    assert_eq!(single.close(), Some(Outcome::MayBeStored(MayBeStored::Closed)));
    assert!(!single.is_active());
}
