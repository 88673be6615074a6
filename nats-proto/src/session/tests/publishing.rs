//! What may be published, and in which order.

use super::*;
use crate::headers::Headers;
use crate::session::Admission;
use crate::session::Gate;
use crate::session::Offline;
use crate::session::Outstanding;
use crate::session::Refused;
use crate::subject::Subject;
use crate::wire::Publish;
use crate::wire::PublishError;
use crate::wire::PublishLens;
use crate::wire::PublishLimits;

const MESSAGE: Publish<'static> = Publish::new(Subject::from_static("t"), b"21");

fn publish(
    world: &mut World<Small>,
    message: &Publish<'_>,
    room: usize,
) -> (String, Result<(), Refused>) {
    let mut memory = [0; 256];
    let mut out = SendBuf::new(&mut memory[..room]);
    let result = world.session.publish(message, &mut out);
    let text = core::str::from_utf8(out.as_ref()).unwrap();
    (text.split_terminator("\r\n").collect::<Vec<_>>().join("|"), result)
}

#[test]
fn what_is_due_goes_first_and_nothing_overtakes_it() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    assert_eq!(publish(&mut world, &MESSAGE, 8), (String::new(), Err(Refused::Full)));
    assert_eq!(publish(&mut world, &MESSAGE, 12), ("SUB a 1".into(), Err(Refused::Full)));
    assert_eq!(publish(&mut world, &MESSAGE, 13), ("PUB t 2|21".into(), Ok(())));
    world.subscribe("b", 2);
    assert_eq!(publish(&mut world, &MESSAGE, 64), ("SUB b 2|PUB t 2|21".into(), Ok(())));
}

#[test]
fn without_a_connection_nothing_is_published() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a", "b"]);
    let offline = (String::new(), Err(Refused::Offline));
    assert_eq!(publish(&mut world, &MESSAGE, 64), offline);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(INFO);
    assert_eq!(publish(&mut world, &MESSAGE, 64), offline);
    world.login();
    assert_eq!(publish(&mut world, &MESSAGE, 64), offline, "the server may not let us in");
    world.receive("PONG");
    assert_eq!(publish(&mut world, &MESSAGE, 64).1, Ok(()));
    world.lose(DisconnectReason::Closed);
    assert_eq!(publish(&mut world, &MESSAGE, 64), offline);
    world.session.abort();
    assert_eq!(publish(&mut world, &MESSAGE, 64).1, Err(Refused::Closed));
    assert_eq!(world.session.publish_gate(), Gate::Closed);
}

#[test]
fn the_servers_limits_are_checked() {
    let mut world = World::<Small>::connected();
    let payload = [b'x'; 101];
    let message = Publish { payload: &payload, ..MESSAGE };
    let too_large = PublishError::PayloadTooLarge { len: 101, max: 100 };
    let refused = Refused::Limits(too_large);
    assert_eq!(publish(&mut world, &message, 256), (String::new(), Err(refused)));
    assert!(core::error::Error::source(&refused).is_some());
    // They change, and the next one is checked against others.
    world.receive("INFO {\"max_payload\":101}");
    let headers = Headers::from_bytes(b"NATS/1.0\r\n\r\n");
    assert_eq!(publish(&mut world, &message, 256).1, Ok(()));
    assert_eq!(
        publish(&mut world, &Publish { headers, ..MESSAGE }, 256).1,
        Err(Refused::Limits(PublishError::HeadersUnsupported))
    );
}

#[test]
fn what_was_kept_is_checked_against_what_is_true_by_then() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    let large = Publish { payload: &[b'x'; 101], ..MESSAGE };
    assert!(world.session.publish_limits().check(&large).is_ok(), "nothing is known");
    world.connect();
    let mut out = crate::wire::ArrayBuf::<256>::new();
    let mut frame = crate::wire::ArrayBuf::<256>::new();
    large.encode(&mut frame).unwrap();
    let too_large = PublishError::PayloadTooLarge { len: 101, max: 100 };
    assert_eq!(
        world.session.publish_encoded(&frame, PublishLens::of(&large), &mut out),
        Err(Refused::Limits(too_large))
    );
    crate::wire::Buffer::truncate(&mut frame, 0);
    MESSAGE.encode(&mut frame).unwrap();
    world.subscribe("a", 1);
    let lens = PublishLens::of(&MESSAGE);
    assert_eq!(world.session.publish_encoded(&frame, lens, &mut out), Ok(()));
    assert_eq!(out, b"SUB a 1\r\nPUB t 2\r\n21\r\n");
    // Closing sends what is kept, and nothing new.
    let unsent = Outstanding { unsent: true, ..Outstanding::NONE };
    world.session.close(unsent, world.now);
    crate::wire::Buffer::truncate(&mut out, 0);
    assert_eq!(world.session.publish(&MESSAGE, &mut out), Err(Refused::Closed));
    assert_eq!(world.session.publish_encoded(&frame, lens, &mut out), Ok(()));
    world.session.poll_drained(Outstanding::NONE);
    assert_eq!(world.session.publish_encoded(&frame, lens, &mut out), Err(Refused::Offline));
    assert_eq!(out, b"PUB t 2\r\n21\r\n");
    world.session.abort();
    assert_eq!(world.session.publish_encoded(&frame, lens, &mut out), Err(Refused::Closed));
}

#[test]
fn what_is_not_known_is_allowed() {
    let open = PublishLimits { payload: usize::MAX, line: 4096, headers: true };
    let mut world = World::<Small>::new(Config::DEFAULT, &["a", "b"]);
    assert_eq!(world.session.publish_limits(), open);
    world.session.connect(world.now);
    assert_eq!(world.session.publish_limits(), open);
    world.session.handle_open();
    world.receive("INFO {\"max_payload\":7}");
    let first = PublishLimits { payload: 7, line: 4096, headers: false };
    assert_eq!(world.session.publish_limits(), first);
    // That server is none of ours.
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.session.publish_limits(), open);
    world.establish();
    let second = PublishLimits { payload: 100, line: 4096, headers: true };
    assert_eq!(world.session.publish_limits(), second);
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.session.publish_limits(), second, "the next one's may be the same");
    assert_eq!(world.session.publish_gate(), Gate::Offline);
}

#[test]
fn a_policy_says_what_becomes_of_a_message() {
    let limits = PublishLimits { payload: 1, line: 2, headers: false };
    for policy in [Offline::Wait, Offline::Fail, Offline::Keep] {
        assert_eq!(Gate::Open(limits).admit(policy), Admission::Send(limits));
        assert_eq!(Gate::Closed.admit(policy), Admission::Closed);
    }
    assert_eq!(Gate::Offline.admit(Offline::Wait), Admission::Wait);
    assert_eq!(Gate::Offline.admit(Offline::Fail), Admission::Disconnected);
    assert_eq!(Gate::Offline.admit(Offline::Keep), Admission::Keep);
}
