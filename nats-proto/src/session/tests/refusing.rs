//! Subscriptions that the server refuses, and those that it never learns of.

use super::*;
#[cfg(feature = "alloc")]
use crate::session::store::Growable;
#[cfg(feature = "alloc")]
use crate::storage::visits;

const FULL: &str = "-ERR 'maximum subscriptions exceeded'";

fn not_permitted(name: &str) -> String {
    format!("-ERR 'Permissions Violation for Subscription to \"{name}\"'")
}

fn maybe_refused<S: Store<Recipient = u8>>(world: &World<S>) -> Vec<(u64, &str)> {
    world.session.maybe_refused().map(|(sid, name)| (sid.0, name)).collect()
}

#[test]
fn the_only_one_that_can_be_meant_is_refused() {
    for text in [FULL, "-ERR 'Invalid Subject'"] {
        let mut world = World::<Small>::connected();
        world.subscribe("a", 1);
        world.session.flush();
        assert_eq!(world.sent(), "SUB a 1|PING");
        world.receive("PONG");
        world.subscribe("b", 2);
        world.sent();
        assert!(world.receive(text)[0].starts_with("ServerError"), "{text}");
        assert_eq!(world.released(), [(2, EndReason::Refused)], "{text}");
        assert_eq!(world.sent(), "", "the server knows");
        assert_eq!(maybe_refused(&world), []);
        assert_eq!(world.receive("MSG a 1 0|"), ["to 1"]);
    }
}

#[test]
fn between_two_pongs_all_or_some_are_refused() {
    let mut world = World::<Small>::connected();
    for (name, recipient) in [("a", 1), ("b", 2), ("c", 3)] {
        world.subscribe(name, recipient);
    }
    world.sent();
    world.receive(FULL);
    assert_eq!(maybe_refused(&world), [(1, "a"), (2, "b"), (3, "c")]);
    assert_eq!(world.sent(), "PING", "to learn more");
    world.receive(FULL);
    world.receive(FULL);
    assert_eq!(world.released(), []);
    world.receive("PONG");
    let all = [(1, EndReason::Refused), (2, EndReason::Refused), (3, EndReason::Refused)];
    assert_eq!(world.released(), all);

    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.subscribe("b", 2);
    world.sent();
    world.receive(FULL);
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.released(), [], "it cannot be known which");
    assert_eq!(maybe_refused(&world), []);
}

#[test]
fn once_one_was_refused_a_ping_follows_each() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.sent();
    world.receive(FULL);
    assert_eq!(world.released(), [(1, EndReason::Refused)]);
    let [b, c, d] = ["b", "c", "d"].map(|name| world.subscribe(name, name.as_bytes()[0]));
    let lines = format!("SUB b {b}|PING|SUB c {c}|PING|SUB d {d}|PING");
    assert_eq!(world.sent(), lines);
    world.receive(&format!("PONG|{FULL}|PONG|PONG"));
    assert_eq!(world.released(), [(b'c', EndReason::Refused)]);

    // On the next connection, too, which has less room.
    world.lose(DisconnectReason::Closed);
    world.redial();
    world.establish();
    assert_eq!(world.sent(), format!("SUB b {b}|PING|SUB d {d}|PING"), "in the order of the table");
    world.receive(&format!("PONG|{FULL}|PONG"));
    assert_eq!(world.released(), [(b'd', EndReason::Refused)]);
}

#[test]
fn a_flush_waits_for_what_was_subscribed_before_all_the_same() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.sent();
    world.receive(FULL);
    world.released();
    let sids = ["b", "c", "d"].map(|name| world.subscribe(name, 2));
    let flush = world.session.flush().unwrap();
    // What is not sent in the end has asked for its PING.
    world.session.unsubscribe(sids[2], None);
    world.session.unsubscribe(sids[0], None);
    assert_eq!(world.sent(), format!("PING|SUB c {}|PING|PING", sids[1]));
    world.receive("PONG|PONG");
    assert_eq!(world.session.flush_state(flush), FlushState::Pending);
    world.receive("PONG");
    assert_eq!(world.session.flush_state(flush), FlushState::Done);
}

#[test]
fn a_small_buffer_takes_the_pings_as_well() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.sent();
    world.receive(FULL);
    world.released();
    let sids = ["b", "c"].map(|name| world.subscribe(name, 2));
    world.session.unsubscribe(sids[0], NonZeroU64::new(2));
    let mut text = String::new();
    while world.session.has_transmit() {
        let mut memory = [0; 18];
        let mut out = SendBuf::new(&mut memory);
        let _ = world.session.poll_transmit(&mut out);
        assert!(!out.as_ref().is_empty());
        text.push_str(core::str::from_utf8(out.as_ref()).unwrap());
    }
    let [b, c] = sids;
    assert_eq!(text, format!("SUB b {b}\r\nUNSUB {b} 2\r\nPING\r\nSUB c {c}\r\nPING\r\n"));
}

#[test]
fn what_was_unsubscribed_meanwhile_may_have_been_meant() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    let b = world.subscribe("b", 2);
    world.sent();
    world.session.unsubscribe(b, None);
    world.sent();
    assert_eq!(world.released(), [(2, EndReason::Unsubscribed)]);
    world.receive(FULL);
    assert_eq!(maybe_refused(&world), [(1, "a")]);
    world.sent();
    world.receive("PONG");
    assert_eq!(world.released(), [], "it was the other one");
    // What is not ours at all does no harm.
    world.receive(FULL);
    assert_eq!((world.released(), maybe_refused(&world)), (Vec::new(), Vec::new()));
}

#[test]
fn the_first_of_a_name_is_meant() {
    let mut world = World::<Small>::connected();
    for recipient in 1..4 {
        world.subscribe("a", recipient);
    }
    world.subscribe("b", 4);
    world.sent();
    world.receive(&not_permitted("a"));
    assert_eq!(world.released(), [(1, EndReason::NotPermitted)]);
    world.receive(&not_permitted("b"));
    assert_eq!(world.released(), [(4, EndReason::NotPermitted)]);
    // The second was read before that, and not refused. A server that refuses it all the same, and
    // does not say which of them, does not permit it any more.
    world.receive(&not_permitted("a"));
    assert_eq!(world.released(), [(2, EndReason::NotPermitted)]);
}

#[cfg(feature = "alloc")]
#[test]
fn many_refusals_take_linear_time() {
    const COUNT: u32 = 16_000;
    let names = |at: u32| format!("x.{at}");
    let subscribe_all = |world: &mut World<Growable<u8>>| {
        for at in 0..COUNT {
            world.subscribe(&names(at), 1);
        }
        let mut out = Vec::new();
        world.session.poll_transmit(&mut out).unwrap();
    };
    // As they come, named or not; and when permissions are taken away, in any order.
    let refused: [fn(u32) -> String; 4] = [
        |at| not_permitted(&format!("x.{at}")),
        |_| FULL.into(),
        |at| format!("{} (sid \"{}\")'", not_permitted("y").trim_end_matches('\''), at + 1),
        |at| format!("{} (sid \"{}\")'", not_permitted("y").trim_end_matches('\''), COUNT - at),
    ];
    for (case, refusal) in refused.into_iter().enumerate() {
        let mut world = World::<Growable<u8>>::connected();
        subscribe_all(&mut world);
        let mut lines: Vec<_> = (0..COUNT).map(refusal).collect();
        lines.push("PONG".into());
        world.session.flush();
        world.sent();
        visits::take();
        world.receive(&lines.join("|"));
        assert_eq!(world.released().len(), COUNT as usize, "case {case}");
        let visits = visits::take();
        assert!(visits < 20 * u64::from(COUNT), "{visits} visits in case {case}");
    }

    // They may be gone before the refusals come.
    let mut world = World::<Growable<u8>>::connected();
    subscribe_all(&mut world);
    for sid in 1..=COUNT {
        world.session.unsubscribe(Sid(sid.into()), None);
    }
    world.session.poll_transmit(&mut Vec::new()).unwrap();
    assert_eq!(world.released().len(), COUNT as usize);
    let lines: Vec<_> = (0..COUNT).map(|at| not_permitted(&names(at))).collect();
    visits::take();
    world.receive(&lines.join("|"));
    let visits = visits::take();
    assert!(visits < 20 * u64::from(COUNT), "{visits} visits");
}

#[test]
fn what_the_server_never_learns_of_is_released_at_once() {
    let mut world = World::<Small>::connected();
    for recipient in 0..100 {
        let sid = world.subscribe("a", recipient);
        world.session.unsubscribe(sid, None);
        assert_eq!(world.released(), [(recipient, EndReason::Unsubscribed)]);
    }
    let kept = world.subscribe("b", 7);
    let drained = world.subscribe("c", 8);
    world.session.drain_subscription(drained);
    assert_eq!(world.released(), [(8, EndReason::Drained)]);
    assert_eq!(world.sent(), format!("SUB b {kept}"));
    // So is one that waits for a PONG that would tell nothing new.
    world.session.drain_subscription(kept);
    world.sent();
    world.session.unsubscribe(kept, None);
    assert_eq!(world.released(), [(7, EndReason::Unsubscribed)]);
    assert_eq!(world.sent(), "");
}

#[test]
fn a_connection_is_drained_when_the_last_one_is_refused_or_ended() {
    let ends: [fn(&mut World<Small>); 2] = [
        |world| drop(world.receive(&not_permitted("a"))),
        |world| {
            world.session.unsubscribe(Sid(1), None);
        },
    ];
    for end in ends {
        let mut world = World::<Small>::connected();
        world.subscribe("a", 1);
        world.sent();
        world.session.drain(world.now);
        world.sent();
        assert_eq!(world.session.draining, Some(Drain::Subscriptions));
        end(&mut world);
        assert_eq!(world.session.draining, Some(Drain::Arrived));
        assert_eq!(world.released().len(), 1);
    }
}

#[test]
fn one_that_is_drained_already_is_found_all_the_same() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.subscribe("b", 2);
    world.sent();
    world.session.drain_subscription(Sid(1));
    assert_eq!(world.sent(), "UNSUB 1|PING");
    world.receive(FULL);
    world.receive(FULL);
    world.receive("PONG");
    assert_eq!(world.released(), [(1, EndReason::Refused), (2, EndReason::Refused)]);
}
