//! The end of a session in good order: draining, and closing.

use core::time::Duration;

use super::*;
use crate::session::Gate;
use crate::session::Outstanding;

const UNDELIVERED: Outstanding = Outstanding { undelivered: true, unsent: false };
const UNSENT: Outstanding = Outstanding { undelivered: false, unsent: true };

/// A session whose only connection is lost.
fn offline() -> World<Small> {
    let mut world = World::<Small>::connected();
    world.lose(DisconnectReason::Closed);
    world
}

fn draining() -> World<Small> {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.sent();
    world.session.drain(world.now);
    assert!(world.session.is_draining());
    assert_eq!(world.sent(), "UNSUB 1|PING");
    world
}

#[test]
fn a_drain_with_nothing_outstanding_ends() {
    let mut world = World::<Small>::connected();
    world.session.drain(world.now);
    assert!(world.session.poll_drained(Outstanding::NONE), "there is no subscription");
    assert_eq!(world.sent(), "PING");
    assert_eq!(world.receive("PONG"), [""; 0]);
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
    assert_eq!(world.session.poll_timeout(), None);
}

#[test]
fn a_drain_waits_for_what_comes_and_for_what_came() {
    let mut world = draining();
    assert!(!world.session.poll_drained(Outstanding::NONE), "more may be on its way");
    assert_eq!(world.receive("MSG a 1 0|"), ["to 1"]);
    world.receive("PONG");
    assert!(!world.session.poll_drained(UNDELIVERED), "an answer to it may be published");
    assert!(matches!(world.session.publish_gate(), Gate::Open(_)));
    assert_eq!(world.sent(), "");
    assert!(world.session.poll_drained(Outstanding::NONE));
    assert_eq!(world.session.publish_gate(), Gate::Closed);
    assert_eq!(world.sent(), "PING");
    assert!(world.session.poll_drained(UNDELIVERED), "that is past");
    assert_eq!(world.sent(), "");
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
    assert!(world.session.poll_drained(Outstanding::NONE), "nothing is published any more");
}

#[test]
fn what_is_kept_is_sent_before_the_end() {
    let mut world = draining();
    world.receive("PONG");
    assert!(world.session.poll_drained(UNSENT), "nothing new is published");
    assert_eq!(world.session.publish_gate(), Gate::Closed);
    assert!(world.session.is_ready(), "what is kept may go");
    assert_eq!(world.sent(), "", "the last PING stands behind it");
    world.session.poll_drained(Outstanding::NONE);
    assert!(!world.session.is_ready());
    assert_eq!(world.sent(), "PING");
}

#[test]
fn a_drain_that_the_connection_cuts_says_so() {
    for is_last in [false, true] {
        let mut world = draining();
        if is_last {
            world.receive("PONG");
            world.session.poll_drained(UNSENT);
        }
        world.lose(DisconnectReason::Closed);
        assert_eq!(
            world.session.phase(),
            Phase::Closed(CloseReason::Disconnected(DisconnectReason::Closed))
        );
    }
}

#[test]
fn a_drain_without_a_connection() {
    let mut world = offline();
    world.subscribe("a", 1);
    world.session.drain(world.now);
    assert_eq!(world.released(), [(1, EndReason::Drained)], "nothing is on its way to it");
    assert!(!world.session.poll_drained(UNDELIVERED));
    assert_eq!(world.session.phase(), Phase::Wait);
    assert!(world.session.poll_drained(Outstanding::NONE));
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));

    // With something to send, there has to be a connection, however many attempts that takes.
    let mut world = offline();
    world.session.drain(world.now);
    assert!(world.session.poll_drained(UNSENT));
    world.redial();
    world.lose(DisconnectReason::Unreachable);
    assert!(world.session.poll_drained(UNSENT));
    world.redial();
    assert_eq!(world.establish(), "Reconnected");
    assert!(world.session.is_ready() && world.session.poll_drained(UNSENT));
    world.session.poll_drained(Outstanding::NONE);
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
}

#[test]
fn closing_sends_what_there_is_and_waits_for_nobody() {
    for begins_to_drain in [false, true] {
        let mut world = World::<Small>::connected();
        world.subscribe("a", 1);
        world.sent();
        let before = world.now;
        if begins_to_drain {
            world.session.drain(world.now);
            world.sent();
        }
        world.session.close(Outstanding { undelivered: true, unsent: true }, world.now);
        assert_eq!(world.session.publish_gate(), Gate::Closed);
        assert!(world.session.is_ready(), "what is kept may go");
        assert_eq!(world.sent(), "");
        assert!(world.session.poll_drained(UNDELIVERED));
        assert_eq!(world.sent(), "PING");
        // Twice is once.
        world.session.close(UNDELIVERED, world.now);
        assert_eq!(world.sent(), "");
        if begins_to_drain {
            world.receive("PONG");
        }
        let (deadline, timer) = world.session.poll_timeout().unwrap();
        let allowed = Duration::from_secs(if begins_to_drain { 30 } else { 10 });
        assert_eq!((timer, deadline.since(before)), (Timer::Drain, allowed));
        world.receive("PONG");
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
        let ended = if begins_to_drain { EndReason::Drained } else { EndReason::Closed };
        assert_eq!(world.released(), [(1, ended)]);
    }
}

#[test]
fn closing_without_a_connection_takes_no_time_if_nothing_is_unsent() {
    for undelivered in [false, true] {
        let mut world = offline();
        world.subscribe("a", 1);
        world.session.close(Outstanding { undelivered, unsent: false }, world.now);
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Closed));
        assert_eq!(world.released(), [(1, EndReason::Closed)]);
    }
    // While it is being drained, too.
    let mut world = offline();
    world.session.drain(world.now);
    world.session.close(UNDELIVERED, world.now);
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Closed));
}

#[test]
fn closing_without_a_connection_waits_for_one_if_something_is_unsent() {
    let mut world = offline();
    world.subscribe("a", 1);
    let before = world.now;
    world.session.close(UNSENT, world.now);
    assert_eq!(world.session.publish_gate(), Gate::Closed);
    assert_eq!(world.released(), [(1, EndReason::Drained)]);
    world.redial();
    assert_eq!(world.establish(), "Reconnected");
    assert_eq!(world.sent(), "", "no subscription is made again");
    world.session.poll_drained(Outstanding::NONE);
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));

    // No longer than that.
    let config = Config { connect_timeout: Duration::from_secs(60), ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.now = before;
    world.connect();
    world.lose(DisconnectReason::Closed);
    world.session.close(UNSENT, world.now);
    world.redial();
    assert_eq!(world.wait(), (Timer::Drain, None));
    assert_eq!(world.now.since(before), Duration::from_secs(10));
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::DrainTimedOut));
}

#[test]
fn ending_before_there_was_anything() {
    let end: [fn(&mut World<Small>); 4] = [
        |world| world.session.drain(world.now),
        |world| world.session.close(Outstanding::NONE, world.now),
        |world| world.session.close(UNSENT, world.now),
        |world| world.session.abort(),
    ];
    for end in end {
        let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
        assert!(!world.session.poll_drained(Outstanding::NONE));
        end(&mut world);
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Closed));
        // Once it is over, it stays so.
        world.session.drain(world.now);
        world.session.close(UNSENT, world.now);
        world.session.poll_drained(Outstanding::NONE);
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Closed));
    }
}

#[test]
fn a_lame_duck_that_is_left_while_it_is_drained() {
    let config = Config { lame_duck_jitter: Some(Duration::ZERO), ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a", "b"]);
    world.connect();
    world.subscribe("a", 1);
    world.sent();
    world.receive("INFO {\"ldm\":true}");
    world.wait();
    assert_eq!(world.sent(), "UNSUB 1|PING");
    assert_eq!(world.session.publish_gate(), Gate::Offline, "another server will have it");
    world.session.drain(world.now);
    assert!(!world.session.poll_drained(UNSENT), "its messages may be on their way");
    world.receive("PONG");
    assert!(world.session.poll_drained(UNSENT));
    assert!(world.session.is_ready(), "there is no need to leave any more");
    world.session.poll_drained(Outstanding::NONE);
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
}
