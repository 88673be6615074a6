use nats_proto::Headers;
use nats_proto::Subject;
use nats_proto::wire::Sink;

use super::*;

const SUBJECT: Subject<'static> = Subject::from_static("a");

fn message(payload: &[u8]) -> Publish<'_> {
    Publish::new(SUBJECT, payload)
}

fn publish(outbound: &mut Outbound, payload: impl Into<Payload<'static>>) {
    let payload = payload.into();
    outbound.publish(&message(payload.as_bytes()), &payload).unwrap();
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
        let mut outbound = Outbound::new(1 << 20);
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
    let mut outbound = Outbound::new(1 << 30);
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
    let mut outbound = Outbound::new(1 << 20);
    publish(&mut outbound, shared.clone());
    let mut batch = Batch::default();
    outbound.take(&mut batch);
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let count = batch.slices(&mut slices);
    assert_eq!((count, slices[1].as_ptr()), (3, shared.as_ptr()));
}

#[test]
fn what_waits_is_limited() {
    let mut outbound = Outbound::new(44);
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
    outbound.set_in_flight(batch.left());
    assert!(!outbound.has_room());
    assert!(outbound.publish(&message, &payload).is_ok());
    batch.advance(22);
    outbound.set_in_flight(batch.left());
    outbound.take(&mut batch);
    batch.advance(22);
    outbound.set_in_flight(0);
    assert!(outbound.has_room());
    assert_eq!(outbound.messages(), 3);
    outbound.close();
    assert_eq!(outbound.publish(&message, &payload).unwrap_err(), NotQueued::Closed);
}

#[test]
fn refusals_leave_nothing_behind() {
    let mut outbound = Outbound::new(1000);
    outbound.set_limits(PublishLimits { payload: 3, line: 10, headers: false });
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
    let mut outbound = Outbound::new(1000);
    outbound.wake_on_data(Waker::noop());
    let payload = Payload::from("x");
    assert!(outbound.publish(&message(b"x"), &payload).unwrap().is_some());
    assert!(outbound.publish(&message(b"x"), &payload).unwrap().is_none());

    let mut outbound = Outbound::new(1000);
    outbound.wake_on_data(Waker::noop());
    assert!(outbound.put_control(|_| Ok(())).is_none(), "there was nothing to say");
    assert!(outbound.put_control(|out| Sink::reserve(out, 1).map(|()| out.push(1))).is_some());
}

#[test]
fn secrets_are_written_in_order_and_dropped() {
    for step in [1, 5, 1000] {
        let mut batch = Batch::default();
        batch.put_secret(Zeroizing::new(b"CONNECT {}\r\n".to_vec()));
        batch
            .put(|bytes| {
                bytes.put(b"PING\r\n");
                Ok(())
            })
            .unwrap();
        assert_eq!(written(&mut batch, step), b"CONNECT {}\r\nPING\r\n", "in steps of {step}");
        assert!(batch.is_empty() && batch.large.is_empty());
    }
}
