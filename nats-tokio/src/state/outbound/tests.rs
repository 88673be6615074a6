use std::io::IoSlice;

use bytes::Bytes;
use nats_proto::Headers;
use nats_proto::Subject;
use nats_proto::wire::Sink;
use zeroize::Zeroizing;

use super::*;
use crate::state::batch::MAX_SLICES;

const SUBJECT: Subject<'static> = Subject::from_static("a");

fn message(payload: &[u8]) -> Publish<'_> {
    Publish::new(SUBJECT, payload)
}

/// A queue with a connection behind it.
fn ready(limit: usize) -> Outbound {
    let mut outbound = Outbound::new(limit, ReconnectBuffer::DEFAULT);
    outbound.set_ready(true, &mut Vec::new());
    outbound
}

fn lines(outbound: &mut Outbound, text: &str) {
    outbound.put_control(&mut Vec::new(), |out| {
        out.reserve(text.len())?;
        out.put(text.as_bytes());
        Ok(())
    });
}

/// Everything that can be taken now.
fn taken(outbound: &mut Outbound) -> String {
    let mut all = Vec::new();
    let mut batch = Batch::default();
    while outbound.take(&mut batch) {
        all.extend(written(&mut batch, usize::MAX));
    }
    outbound.set_in_flight(0, &mut Vec::new());
    String::from_utf8(all).unwrap().replace("\r\n", "|")
}

fn publish(outbound: &mut Outbound, payload: impl Into<Payload<'static>>) {
    let payload = payload.into();
    let _ = outbound.publish(&message(payload.as_bytes()), &payload).unwrap();
}

/// Writes a batch in steps of `step` bytes.
fn written(batch: &mut Batch, step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while !batch.is_empty() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = batch.slices(&mut slices);
        assert!(count > 0 && slices[..count].iter().all(|slice| !slice.is_empty()));
        let before = all.len();
        all.extend(slices[..count].iter().flat_map(|slice| slice.iter()).take(step));
        batch.advance(all.len() - before);
    }
    all
}

#[test]
fn frames_are_written_in_order_however_little_the_socket_takes() {
    let payload =
        |len: usize| (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<u8>>();
    let lengths = [1, 4096, 5000, 0, 4095, 10_000, 4096, 2];
    let expected: Vec<u8> = lengths
        .iter()
        .flat_map(|&len| {
            [format!("PUB a {len}\r\n").into_bytes(), payload(len), b"\r\n".to_vec()].concat()
        })
        .collect();
    for step in [1, 7, 4096, 4097, 1 << 20] {
        let mut outbound = ready(1 << 20);
        for len in lengths {
            publish(&mut outbound, payload(len));
        }
        let mut batch = Batch::default();
        assert!(outbound.take(&mut batch));
        assert_eq!(batch.left(), expected.len());
        assert_eq!(written(&mut batch, step), expected, "in steps of {step}");
        assert!(!outbound.take(&mut batch));
    }
}

#[test]
fn a_vectored_write_has_a_limited_number_of_pieces() {
    let mut outbound = ready(1 << 30);
    for _ in 0..100 {
        publish(&mut outbound, vec![7; 4096]);
    }
    let mut batch = Batch::default();
    outbound.take(&mut batch);
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    assert_eq!(batch.slices(&mut slices), MAX_SLICES);
    assert_eq!(written(&mut batch, usize::MAX).len(), 100 * (12 + 4096 + 2));
}

#[test]
fn large_payloads_are_not_copied_unless_they_are_borrowed() {
    let shared = Bytes::from(vec![1; 5000]);
    let mut outbound = ready(1 << 20);
    publish(&mut outbound, shared.clone());
    let mut batch = Batch::default();
    outbound.take(&mut batch);
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let count = batch.slices(&mut slices);
    assert_eq!((count, slices[1].as_ptr()), (3, shared.as_ptr()));
}

#[test]
fn what_waits_is_limited() {
    let mut outbound = ready(44);
    let payload = Payload::from("0123456789");
    let message = message(payload.as_bytes());
    assert!(outbound.publish(&message, &payload).is_ok());
    assert!(outbound.publish(&message, &payload).is_ok());
    assert_eq!(outbound.publish(&message, &payload).unwrap_err(), NotQueued::Full);
    // What the driver has not yet written waits, too.
    let mut batch = Batch::default();
    outbound.take(&mut batch);
    assert_eq!(outbound.publish(&message, &payload).unwrap_err(), NotQueued::Full);
    batch.advance(22);
    outbound.set_in_flight(batch.left(), &mut Vec::new());
    assert!(outbound.publish(&message, &payload).is_ok());
    batch.advance(22);
    outbound.set_in_flight(batch.left(), &mut Vec::new());
    outbound.take(&mut batch);
    batch.advance(22);
    outbound.set_in_flight(0, &mut Vec::new());
    assert_eq!(outbound.messages(), 3);
    outbound.close(&mut Vec::new());
    assert_eq!(outbound.publish(&message, &payload).unwrap_err(), NotQueued::Closed);
}

#[test]
fn refusals_leave_nothing_behind() {
    let mut outbound = ready(1000);
    outbound.set_limits(PublishLimits::DEFAULT.payload(3).line(10).headers(false), &mut Vec::new());
    let refused = |outbound: &mut Outbound, message: Publish<'_>| {
        matches!(outbound.publish(&message, &"".into()), Err(NotQueued::Refused(_)))
    };
    assert!(refused(&mut outbound, message(b"1234")));
    let long = Publish::new(Subject::from_static("long.subject"), b"");
    assert!(refused(&mut outbound, long));
    let headers = Headers::from_bytes(b"12");
    assert!(refused(&mut outbound, Publish { headers, ..message(b"") }));
    assert!(!outbound.take(&mut Batch::default()));
}

#[test]
fn the_driver_is_woken_by_the_first_message_alone() {
    let mut outbound = ready(1000);
    outbound.wake_on_data(Waker::noop());
    let payload = Payload::from("x");
    assert!(outbound.publish(&message(b"x"), &payload).unwrap().wake.is_some());
    assert!(outbound.publish(&message(b"x"), &payload).unwrap().wake.is_none());

    let mut outbound = ready(1000);
    outbound.wake_on_data(Waker::noop());
    let mut wake = Vec::new();
    outbound.put_control(&mut wake, |_| Ok(()));
    assert!(wake.is_empty(), "there was nothing to say");
    outbound.put_control(&mut wake, |out| out.reserve(1).map(|()| out.put(b"x")));
    assert_eq!(wake.len(), 1);
}

#[test]
fn secrets_are_written_in_order_and_dropped() {
    for step in [1, 5, 1000] {
        let mut batch = Batch::default();
        batch.put_secret(Zeroizing::new(b"CONNECT {}\r\n".to_vec()));
        batch.put_lines(0, |out| out.reserve(6).map(|()| out.put(b"PING\r\n"))).unwrap();
        assert_eq!(written(&mut batch, step), b"CONNECT {}\r\nPING\r\n", "in steps of {step}");
        assert!(batch.is_empty());
    }
}

#[test]
fn without_a_connection_messages_are_held_and_come_behind_its_first_lines() {
    let mut outbound = Outbound::new(1000, ReconnectBuffer::DEFAULT);
    publish(&mut outbound, "1");
    assert_eq!((taken(&mut outbound).as_str(), outbound.held()), ("", 1));
    lines(&mut outbound, "SUB a 1\r\n");
    outbound.set_ready(true, &mut Vec::new());
    publish(&mut outbound, "2");
    lines(&mut outbound, "PING\r\n");
    assert_eq!(outbound.handed_over(), 2);
    assert_eq!(taken(&mut outbound), "SUB a 1|PUB a 1|1|PUB a 1|2|PING|");
    publish(&mut outbound, "3");
    assert_eq!(taken(&mut outbound), "PUB a 1|3|");
}

#[test]
fn what_the_driver_did_not_take_is_kept_without_its_control_lines() {
    let mut outbound = ready(1 << 20);
    publish(&mut outbound, "taken");
    outbound.take(&mut Batch::default());
    lines(&mut outbound, "SUB a 1\r\n");
    let large = "x".repeat(5000);
    publish(&mut outbound, large.clone());
    lines(&mut outbound, "PING\r\n");
    lines(&mut outbound, "PONG\r\n");
    publish(&mut outbound, "kept");
    assert_eq!(outbound.on_disconnect(0, &mut Vec::new()), 1, "may be lost");
    publish(&mut outbound, "later");
    assert_eq!(outbound.held(), 3);
    outbound.set_ready(true, &mut Vec::new());
    assert_eq!(taken(&mut outbound), format!("PUB a 5000|{large}|PUB a 4|kept|PUB a 5|later|"));
    assert_eq!(outbound.on_disconnect(0, &mut Vec::new()), 3);
}

#[test]
fn confirmed_messages_are_not_lost() {
    let mut outbound = ready(1000);
    for _ in 0..3 {
        publish(&mut outbound, "1");
    }
    let number = outbound.handed_over();
    publish(&mut outbound, "2");
    taken(&mut outbound);
    outbound.confirm(number);
    assert_eq!(outbound.on_disconnect(0, &mut Vec::new()), 1);
    assert_eq!(outbound.on_disconnect(0, &mut Vec::new()), 0, "reported once");
}

#[test]
fn what_is_held_is_limited_in_bytes_and_messages() {
    let payload = Payload::from("0123456789");
    let attempt = |held_limit| {
        let mut outbound = Outbound::new(1000, held_limit);
        let message = message(payload.as_bytes());
        let mut count = 0;
        while outbound.publish(&message, &payload).is_ok() {
            count += 1;
        }
        assert_eq!(outbound.publish(&message, &payload).unwrap_err(), NotQueued::Disconnected);
        count
    };
    assert_eq!(attempt(ReconnectBuffer::OFF), 0);
    assert_eq!(attempt(ReconnectBuffer::DEFAULT.bytes(22 * 7 + 21)), 7);
    assert_eq!(attempt(ReconnectBuffer::DEFAULT.messages(3)), 3);
}

#[test]
fn a_connection_that_ends_in_good_order_gets_what_was_handed_to_it() {
    let mut outbound = Outbound::new(1000, ReconnectBuffer::DEFAULT);
    publish(&mut outbound, "1");
    outbound.set_ready(true, &mut Vec::new());
    publish(&mut outbound, "2");
    outbound.set_ready(false, &mut Vec::new());
    publish(&mut outbound, "3");
    lines(&mut outbound, "PING\r\n");
    assert_eq!(taken(&mut outbound), "PUB a 1|1|PUB a 1|2|PING|");
    assert_eq!((outbound.handed_over(), outbound.held()), (2, 1));
}

/// A pseudo-random number below `end`.
fn below(state: &mut u64, end: u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from((*state >> 33) % end).unwrap()
}

#[test]
fn what_a_server_does_not_take_is_dropped_alone() {
    let block = Headers::from_bytes(b"NATS/1.0\r\nA: 1\r\n\r\n");
    for seed in 0..500 {
        let mut state = seed;
        let limits = [(3, true), (100, false), (5000, true), (5000, false), (usize::MAX, false)];
        let limits: Vec<_> = (0..3).map(|_| limits[below(&mut state, 5)]).collect();
        let mut outbound = Outbound::new(1 << 30, ReconnectBuffer::DEFAULT);
        if below(&mut state, 2) == 0 {
            outbound.set_ready(true, &mut Vec::new());
        }
        // What is to be left, and the numbers of what is not.
        let mut left = Vec::new();
        let mut numbers = Vec::new();
        for number in 1..=below(&mut state, 40) as u64 {
            let len = [0, 2, 3, 4, 90, 4096, 6000][below(&mut state, 7)];
            let headers = if below(&mut state, 3) == 0 { block } else { Headers::NONE };
            let payload = Payload::from(vec![b'x'; len]);
            let message = Publish { headers, ..message(payload.as_bytes()) };
            assert_eq!(outbound.publish(&message, &payload).unwrap().number, number);
            let total = len + headers.as_bytes().len();
            let is_taken =
                |&(max, allowed): &(usize, bool)| total <= max && (allowed || headers.is_empty());
            if limits.iter().all(is_taken) {
                message.encode(&mut left).unwrap();
            } else {
                numbers.push(number);
            }
            if below(&mut state, 4) == 0 && outbound.is_ready {
                lines(&mut outbound, "PING\r\n");
                left.extend(b"PING\r\n");
            }
        }
        let mut refused = Vec::new();
        for (payload, headers) in limits {
            let limits = PublishLimits::DEFAULT.payload(payload).headers(headers);
            refused.extend(outbound.set_limits(limits, &mut Vec::new()));
        }
        refused.sort_unstable_by_key(|one| one.number);
        assert_eq!(refused.iter().map(|one| one.number).collect::<Vec<_>>(), numbers);
        outbound.set_ready(true, &mut Vec::new());
        assert_eq!(outbound.waiting, outbound.queued.message_len() + outbound.held.message_len());
        let left = String::from_utf8(left).unwrap().replace("\r\n", "|");
        assert_eq!(taken(&mut outbound), left, "{seed}");
        // Those that were refused are not reported as lost.
        let messages = outbound.messages() - numbers.len() as u64;
        assert_eq!(outbound.on_disconnect(0, &mut Vec::new()), messages);
        assert_eq!((outbound.waiting, outbound.held()), (0, 0));
    }
}
