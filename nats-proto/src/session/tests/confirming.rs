//! What the server is known to have: flushes, and the numbers of messages.

use core::time::Duration;

use super::*;
use crate::inbox::Inbox;
use crate::session::Confirmations;
use crate::session::Flush;
use crate::session::Outstanding;

type Text = crate::wire::ArrayBuf<64>;

#[test]
fn a_flush_waits_for_a_connection_and_for_what_is_kept() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    let mut flush = Flush::new();
    let mut poll = |world: &mut World<Small>, unsent| world.session.poll_flush(&mut flush, unsent);
    assert_eq!(poll(&mut world, false), FlushState::Pending);
    world.connect();
    assert_eq!(poll(&mut world, true), FlushState::Pending);
    assert_eq!(world.sent(), "", "it stands behind what is kept");
    assert_eq!(poll(&mut world, false), FlushState::Pending);
    assert_eq!((world.sent().as_str(), poll(&mut world, false)), ("PING", FlushState::Pending));
    world.receive("PONG");
    assert_eq!(poll(&mut world, false), FlushState::Done);
    assert_eq!(poll(&mut world, true), FlushState::Done);
}

#[test]
fn a_flush_is_lost_with_its_connection_and_not_with_an_attempt() {
    let config = Config { retry_on_initial_connect: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.session.connect(world.now);
    let mut early = Flush::new();
    for _ in 0..3 {
        assert_eq!(world.session.poll_flush(&mut early, false), FlushState::Pending);
        assert!(!early.has_begun());
        world.lose(DisconnectReason::Unreachable);
        world.redial();
    }
    world.establish();
    assert_eq!(world.session.poll_flush(&mut early, false), FlushState::Pending);
    assert!(early.has_begun());
    let mut unsent = Flush::new();
    assert_eq!(world.session.poll_flush(&mut unsent, true), FlushState::Pending);
    world.sent();
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.session.poll_flush(&mut early, false), FlushState::Lost);
    // What it belongs to is still kept.
    assert_eq!(world.session.poll_flush(&mut unsent, true), FlushState::Pending);
    world.redial();
    world.establish();
    assert_eq!(world.session.poll_flush(&mut unsent, false), FlushState::Pending);
    world.sent();
    world.receive("PONG");
    assert_eq!(world.session.poll_flush(&mut unsent, false), FlushState::Done);
    assert_eq!(world.session.poll_flush(&mut early, false), FlushState::Lost);
}

#[test]
fn no_flush_outlives_the_session() {
    let mut world = World::<Small>::connected();
    let (mut begun, mut waiting) = (Flush::new(), Flush::new());
    world.session.poll_flush(&mut begun, false);
    world.session.poll_flush(&mut waiting, true);
    world.sent();
    world.session.abort();
    for flush in [&mut begun, &mut waiting, &mut Flush::new()] {
        assert_eq!(world.session.poll_flush(flush, false), FlushState::Lost);
    }
}

#[test]
fn two_flushes_are_two() {
    let mut world = World::<Small>::connected();
    let (mut first, mut second) = (Flush::new(), Flush::new());
    world.session.poll_flush(&mut first, false);
    assert_eq!(world.sent(), "PING");
    world.session.poll_flush(&mut second, false);
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.session.poll_flush(&mut first, false), FlushState::Done);
    assert_eq!(world.session.poll_flush(&mut second, false), FlushState::Pending);
    world.receive("PONG");
    assert_eq!(world.session.poll_flush(&mut second, false), FlushState::Done);
}

#[test]
fn a_ping_confirms_what_was_handed_over_before_it() {
    let mut world = World::<Small>::connected();
    let mut confirmations = Confirmations::new();
    let mut transmit = |world: &mut World<Small>, mark, asks| {
        if asks {
            world.session.flush();
        }
        world.sent();
        confirmations.note_transmit(&world.session, mark);
        confirmations.confirmed(&world.session)
    };
    assert_eq!(transmit(&mut world, 10, false), 0, "there is no PING");
    assert_eq!(transmit(&mut world, 20, true), 0);
    assert_eq!(transmit(&mut world, 30, false), 0, "that is behind it");
    world.receive("PONG");
    assert_eq!(transmit(&mut world, 40, false), 20);
    assert_eq!(transmit(&mut world, 50, true), 20);
    assert_eq!(transmit(&mut world, 60, true), 20);
    assert_eq!(transmit(&mut world, 70, true), 20);
    world.receive("PONG");
    assert_eq!(transmit(&mut world, 80, false), 50);
    world.receive("PONG");
    assert_eq!(transmit(&mut world, 80, false), 50, "of those in between, nothing is remembered");
    world.receive("PONG");
    assert_eq!(transmit(&mut world, 80, false), 70);
}

#[test]
fn what_a_lost_connection_has_not_confirmed_is_not_confirmed() {
    let mut world = World::<Small>::connected();
    let mut confirmations = Confirmations::new();
    for mark in [10, 20] {
        world.session.flush();
        world.sent();
        confirmations.note_transmit(&world.session, mark);
    }
    world.receive("PONG");
    world.lose(DisconnectReason::Closed);
    assert_eq!(confirmations.confirmed(&world.session), 10, "known, though it is asked late");
    world.redial();
    world.establish();
    confirmations.note_transmit(&world.session, 30);
    assert_eq!(confirmations.confirmed(&world.session), 10);
    world.session.flush();
    world.sent();
    confirmations.note_transmit(&world.session, 40);
    world.receive("PONG");
    assert_eq!(confirmations.confirmed(&world.session), 40);
}

#[test]
fn whoever_leaves_in_good_order_knows_that_everything_arrived() {
    // To another server, and for good.
    let config = Config { lame_duck_jitter: Some(Duration::ZERO), ..Config::DEFAULT };
    for is_lame_duck in [false, true] {
        let mut world = World::<Small>::new(config, &["a", "b"]);
        world.connect();
        let mut confirmations = Confirmations::new();
        if is_lame_duck {
            world.receive("INFO {\"ldm\":true}");
            world.wait();
        } else {
            world.session.close(Outstanding::NONE, world.now);
        }
        assert_eq!(world.sent(), "PING");
        confirmations.note_transmit(&world.session, 7);
        world.receive("PONG");
        assert!(!world.session.is_connected());
        assert_eq!(confirmations.confirmed(&world.session), 7);
    }
}

#[test]
fn an_inbox_is_subscribed_once_and_forgotten_when_it_ends() {
    let mut world = World::<Small>::connected();
    let inbox: Inbox<Text> = world.session.new_inbox(Inbox::<()>::DEFAULT_PREFIX).unwrap();
    let other: Inbox<Text> = world.session.new_inbox(Inbox::<()>::DEFAULT_PREFIX).unwrap();
    assert_ne!(inbox.filter(), other.filter());
    let first = world.session.reply_inbox(None, &inbox, 9).unwrap();
    assert_eq!(world.sent(), format!("SUB {} 1", inbox.filter()));
    assert_eq!(world.session.reply_inbox(Some(first), &inbox, 9), Ok(first));
    assert_eq!(world.sent(), "");
    // It outlives the connection.
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.session.reply_inbox(Some(first), &inbox, 9), Ok(first));
    world.redial();
    world.establish();
    assert_eq!(world.sent(), format!("SUB {} 1|PING", inbox.filter()));
    // A server that refuses it ends it, and the next request tries again.
    let violation =
        format!("-ERR 'Permissions Violation for Subscription to \"{}\"'", inbox.filter());
    assert_eq!(world.receive(&violation).len(), 1);
    let second = world.session.reply_inbox(Some(first), &inbox, 9).unwrap();
    assert_ne!(first, second);
    assert_eq!(world.released(), [(9, EndReason::NotPermitted)]);
    assert_eq!(world.session.reply_inbox(Some(second), &inbox, 9), Ok(second));
    world.session.drain(world.now);
    assert_eq!(world.session.reply_inbox(Some(second), &inbox, 9), Err(SubscribeError::Draining));
    world.session.abort();
    assert_eq!(world.session.reply_inbox(Some(second), &inbox, 9), Err(SubscribeError::Closed));
}

#[test]
fn an_inbox_needs_room() {
    let mut world = World::<Small>::connected();
    let inbox = world.session.new_inbox::<crate::wire::ArrayBuf<30>>(Inbox::<()>::DEFAULT_PREFIX);
    assert!(inbox.is_err());
}
