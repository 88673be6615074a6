use core::num::NonZeroU64;

use super::*;
use crate::storage::visits;

#[test]
fn subscriptions_reach_the_server_in_order() {
    let mut world = World::<Small>::connected();
    let queue = QueueGroup::new("q").unwrap();
    let a = world.subscribe("a.*", 1);
    let b = world.session.subscribe(Filter::new("b").unwrap(), Some(queue), 2).unwrap();
    assert!(world.session.has_transmit());
    assert_eq!(world.sent(), "SUB a.* 1|SUB b q 2");
    assert_eq!(world.receive("MSG a.x 1 0||MSG b 2 0||MSG c 3 0|"), ["to 1", "to 2", "dropped"]);
    assert!(world.session.unsubscribe(a, None));
    assert!(!world.session.unsubscribe(a, None), "only once");
    assert_eq!(world.receive("MSG a.x 1 0|"), ["dropped"], "it may still be on its way");
    assert_eq!(world.released(), [], "its number is in use until the server knows");
    assert_eq!(world.sent(), "UNSUB 1");
    assert_eq!(world.released(), [(1, EndReason::Unsubscribed)]);
    let again = world.subscribe("a.*", 3);
    assert_ne!(again, a);
    assert_eq!(world.sent(), format!("SUB a.* {again}"));
    assert_eq!(world.receive("MSG a.x 1 0|"), ["dropped"], "a late message of the old one");
    world.session.unsubscribe(b, None);
    assert_eq!(world.sent(), "UNSUB 2");
}

#[test]
fn a_message_is_given_to_its_recipient_with_one_look_up() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.sent();
    world.session.unsubscribe(sid, NonZeroU64::new(2));
    let give = |world: &mut World<Small>| world.session.deliver_with(sid, |recipient| *recipient);
    visits::take();
    assert_eq!(give(&mut world), Some(1));
    assert_eq!(visits::take(), 1);
    assert_eq!(give(&mut world), Some(1), "the last one is given, too");
    assert_eq!(give(&mut world), None, "more than the maximum");
    let nobody = Sid(99);
    assert_eq!(world.session.deliver_with(nobody, |_| unreachable!()), None::<()>);
    world.session.handle_disconnected(DisconnectReason::Io, world.now);
    let other = world.subscribe("b", 2);
    assert_eq!(world.session.deliver_with(other, |recipient| *recipient), None, "nobody is there");
}

#[test]
fn a_subscription_that_was_never_sent_needs_no_unsub() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.session.unsubscribe(sid, None);
    assert_eq!(world.sent(), "");
    assert_eq!(world.released(), [(1, EndReason::Unsubscribed)]);
}

#[test]
fn subscriptions_made_before_the_connection_are_sent_when_there_is_one() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.subscribe("a", 1);
    let gone = world.subscribe("b", 2);
    world.session.unsubscribe(gone, None);
    assert_eq!(world.released(), [(2, EndReason::Unsubscribed)]);
    world.connect();
    assert_eq!(world.sent(), "SUB a 1");
}

#[test]
fn auto_unsubscribe_counts_the_whole_life() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    assert_eq!(world.sent(), "SUB a 1");
    world.receive("MSG a 1 0|");
    world.session.unsubscribe(sid, NonZeroU64::new(3));
    assert_eq!(world.sent(), "UNSUB 1 3");
    assert_eq!(
        world.receive("MSG a 1 0||MSG a 1 0||MSG a 1 0|"),
        ["to 1", "to 1", "dropped"],
        "not more than three in all, even if the server sent more"
    );
    assert_eq!(world.sent(), "", "the server knows");
    assert_eq!(world.released(), [(1, EndReason::MaxReached)]);
}

#[test]
fn auto_unsubscribe_that_is_reached_already_is_immediate() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.sent();
    world.receive("MSG a 1 0||MSG a 1 0|");
    world.session.unsubscribe(sid, NonZeroU64::new(2));
    assert_eq!(world.receive("MSG a 1 0|"), ["dropped"]);
    assert_eq!(world.sent(), "UNSUB 1");
    assert_eq!(world.released(), [(1, EndReason::MaxReached)]);
}

#[test]
fn a_maximum_can_be_lowered_and_not_raised() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    for max in [5, 7, 2, 2] {
        world.session.unsubscribe(sid, NonZeroU64::new(max));
        world.sent();
    }
    assert_eq!(world.receive("MSG a 1 0||MSG a 1 0||MSG a 1 0|"), ["to 1", "to 1", "dropped"]);
    assert_eq!(
        (world.sent().as_str(), world.released()),
        ("", std::vec![(1, EndReason::MaxReached)])
    );
}

#[test]
fn a_maximum_reached_before_the_server_knew_is_an_unsub() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.sent();
    world.session.unsubscribe(sid, NonZeroU64::new(1));
    assert_eq!(world.receive("MSG a 1 0||MSG a 1 0|"), ["to 1", "dropped"]);
    assert_eq!(world.sent(), "UNSUB 1");
    assert_eq!(world.released(), [(1, EndReason::MaxReached)]);
}

#[test]
fn a_drained_subscription_ends_on_the_pong() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.sent();
    world.session.drain_subscription(sid);
    world.session.drain_subscription(sid);
    assert_eq!(world.sent(), "UNSUB 1|PING");
    assert_eq!(world.receive("MSG a 1 0|"), ["to 1"]);
    assert_eq!(world.released(), []);
    world.receive("PONG");
    assert_eq!(world.released(), [(1, EndReason::Drained)]);
    assert_eq!(world.receive("MSG a 1 0|"), ["dropped"]);
}

#[test]
fn draining_ends_early_when_it_is_unsubscribed_or_full() {
    let mut world = World::<Small>::connected();
    let (a, b) = (world.subscribe("a", 1), world.subscribe("b", 2));
    world.session.unsubscribe(b, NonZeroU64::new(1));
    world.sent();
    world.session.drain_subscription(a);
    world.session.drain_subscription(b);
    assert_eq!(world.sent(), "UNSUB 1|UNSUB 2|PING");
    world.session.unsubscribe(a, None);
    assert_eq!(world.receive("MSG a 1 0||MSG b 2 0||MSG b 2 0|"), ["dropped", "to 2", "dropped"]);
    world.receive("PONG");
    assert_eq!(world.sent(), "");
    assert_eq!(world.released(), [(1, EndReason::Unsubscribed), (2, EndReason::MaxReached)]);
}

#[test]
fn a_small_buffer_takes_whole_lines_and_loses_none() {
    let mut world = World::<Small>::connected();
    for recipient in 0..4 {
        world.subscribe("a.long.subject.*", recipient);
    }
    world.session.unsubscribe(Sid(2), NonZeroU64::new(9));
    world.session.flush();
    world.receive("PING|PING");
    let mut lines = Vec::new();
    loop {
        let mut memory = [0; 26];
        let mut out = SendBuf::new(&mut memory);
        let done = world.session.poll_transmit(&mut out);
        assert!(out.as_ref().ends_with(b"\r\n"), "progress, and no half line");
        lines.extend(out.as_ref().to_vec());
        if done.is_ok() {
            break;
        }
    }
    let text = core::str::from_utf8(&lines).unwrap().replace("\r\n", "|");
    assert_eq!(
        text,
        "PONG|PONG|SUB a.long.subject.* 1|SUB a.long.subject.* 2|UNSUB 2 9|\
         SUB a.long.subject.* 3|SUB a.long.subject.* 4|PING|"
    );
}

#[test]
fn subscribing_is_checked() {
    let mut world = World::<Small>::connected();
    let subscribe = |world: &mut World<Small>, filter: &str| {
        world.session.subscribe(Filter::new(filter).unwrap(), None, 0)
    };
    assert_eq!(subscribe(&mut world, &"a".repeat(65)), Err(SubscribeError::Full));
    for _ in 0..4 {
        subscribe(&mut world, "a").unwrap();
    }
    assert_eq!(subscribe(&mut world, "a"), Err(SubscribeError::Full));
    assert_eq!(subscribe(&mut world, &"a".repeat(4091)), Err(SubscribeError::LineTooLong));
    world.session.drain(world.now);
    assert_eq!(subscribe(&mut world, "a"), Err(SubscribeError::Draining));
    world.session.abort();
    assert_eq!(subscribe(&mut world, "a"), Err(SubscribeError::Closed));
}

#[test]
fn a_message_that_was_too_long_counts_towards_a_maximum() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.session.unsubscribe(sid, NonZeroU64::new(3));
    assert_eq!(world.sent(), "SUB a 1|UNSUB 1 3");
    let mut decoder = Decoder::<FromServer>::new(crate::wire::Limits::for_buffer(64));
    let Ok(Decoded::Frame { op: ServerOp::Oversized(message), .. }) =
        decoder.decode(b"MSG a 1 1000\r\n")
    else {
        panic!("it is not too long");
    };
    assert_eq!(world.session.deliver(message.sid), Some(&mut 1));
    world.lose(DisconnectReason::Closed);
    world.redial();
    world.establish();
    assert_eq!(world.sent(), "SUB a 1|UNSUB 1 2|PING", "one of three has come");
    assert_eq!(world.receive("MSG a 1 0||MSG a 1 0|"), ["to 1", "to 1"]);
    assert_eq!(world.released(), [(1, EndReason::MaxReached)]);
}
