use core::time::Duration;

use super::*;

#[test]
fn a_flush_is_done_when_its_pong_is_back() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    assert_eq!(world.session.flush(), None, "there is no connection");
    world.connect();
    let first = world.session.flush().unwrap();
    assert_eq!(world.sent(), "PING");
    let second = world.session.flush().unwrap();
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.session.flush_state(first), FlushState::Done);
    assert_eq!(world.session.flush_state(second), FlushState::Pending);
    world.session.handle_disconnected(DisconnectReason::Closed, world.now);
    assert_eq!(world.session.flush_state(second), FlushState::Lost);
}

#[test]
fn flushes_do_not_count_as_unanswered_pings() {
    let mut world = World::<Small>::connected();
    for _ in 0..9 {
        world.session.flush();
        assert_eq!(world.sent(), "PING");
    }
    assert_eq!(world.wait(), (Timer::Ping, None));
    assert_eq!(world.sent(), "PING");
}

#[test]
fn a_server_that_does_not_answer_is_dead_after_two_pings() {
    let mut world = World::<Small>::connected();
    for _ in 0..2 {
        let before = world.now;
        assert_eq!(world.wait(), (Timer::Ping, None));
        assert_eq!(world.now.since(before), Duration::from_secs(120));
        assert_eq!(world.sent(), "PING");
    }
    let event = Event::Disconnected { reason: DisconnectReason::Stale, error: None };
    assert_eq!(world.wait(), (Timer::Ping, Some(event)));
    assert_eq!(world.session.phase(), Phase::Wait);

    let mut world = World::<Small>::connected();
    for _ in 0..9 {
        assert_eq!(world.wait(), (Timer::Ping, None));
        world.sent();
        world.receive("PONG");
    }
}

#[test]
fn pings_can_be_switched_off() {
    let config = Config { ping_interval: Duration::ZERO, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.connect();
    assert_eq!(world.session.poll_timeout(), None);
}

#[test]
fn errors_of_the_server_are_told_or_end_the_connection() {
    let mut world = World::<Small>::connected();
    let events = world.receive("-ERR 'Permissions Violation for Publish to \"a\"'|-ERR 'what'");
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.starts_with("ServerError(")), "{events:?}");
    assert_eq!(world.session.phase(), Phase::Exchange);
    let events = world.receive("-ERR 'User Authentication Expired'");
    assert_eq!(
        events,
        ["Disconnected { reason: Server(AuthenticationExpired), \
          error: Some(ServerError(\"User Authentication Expired\")) }"]
    );
    assert_eq!(world.session.phase(), Phase::Wait);
}

#[test]
fn info_may_come_again() {
    let mut world = World::<Small>::connected();
    assert_eq!(world.receive("INFO {\"max_payload\":7}"), ["InfoChanged"]);
    assert_eq!(world.session.info().max_payload(), 7);
    assert_eq!(world.receive("INFO {\"ldm\":true}"), ["LameDuckMode"]);
    assert_eq!(world.receive("INFO {\"ldm\":true}"), ["InfoChanged"], "told once");
    assert_eq!(world.receive("INFO {\"ldm\":tru}"), ["Disconnected { reason: Info, error: None }"]);
}

#[test]
fn draining_the_connection() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.subscribe("b", 2);
    world.sent();
    world.session.drain(world.now);
    assert_eq!(world.session.draining, Some(Drain::Subscriptions));
    assert_eq!(world.sent(), "UNSUB 1|UNSUB 2|PING");
    assert_eq!(world.receive("MSG a 1 0|"), ["to 1"]);
    assert!(world.session.is_ready(), "replies can still be published");
    world.receive("PONG");
    assert_eq!(world.session.draining, Some(Drain::Arrived));
    assert_eq!(world.released(), [(1, EndReason::Drained), (2, EndReason::Drained)]);
    world.session.close(Outstanding::NONE, world.now);
    assert!(!world.session.is_ready());
    assert_eq!((world.sent().as_str(), world.session.phase()), ("PING", Phase::Exchange));
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
    assert_eq!(world.session.poll_timeout(), None);
}

#[test]
fn draining_does_not_wait_for_what_no_pong_will_tell() {
    // Unsubscribed before, drained and then unsubscribed, and made after the last lines.
    let begin: [fn(&mut World<Small>); 3] = [
        |world| {
            world.session.unsubscribe(Sid(1), None);
            world.session.drain(world.now);
        },
        |world| {
            world.session.drain(world.now);
            world.session.unsubscribe(Sid(1), None);
        },
        |world| {
            world.session.unsubscribe(Sid(1), None);
            world.sent();
            world.subscribe("b", 2);
            world.session.drain(world.now);
        },
    ];
    // The last one, of which the server never learnt, leaves nothing to wait for at all.
    let (before, arrived) = (Some(Drain::Subscriptions), Some(Drain::Arrived));
    let expected = [(before, "UNSUB 1"), (before, "UNSUB 1"), (arrived, "")];
    for (begin, (state, sent)) in begin.into_iter().zip(expected) {
        let mut world = World::<Small>::connected();
        world.subscribe("a", 1);
        world.sent();
        begin(&mut world);
        assert_eq!(world.session.draining, state);
        assert_eq!(world.sent(), sent);
        assert_eq!(world.session.draining, Some(Drain::Arrived));
    }
}

#[test]
fn draining_waits_for_its_own_pong() {
    let mut world = World::<Small>::connected();
    world.session.flush();
    world.sent();
    world.session.drain(world.now);
    assert_eq!(world.session.draining, Some(Drain::Arrived), "there is nothing to drain");
    world.session.close(Outstanding::NONE, world.now);
    world.sent();
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Exchange, "that was the flush");
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
}

#[test]
fn draining_takes_no_longer_than_allowed() {
    for finish in [false, true] {
        let mut world = World::<Small>::connected();
        world.subscribe("a", 1);
        world.sent();
        world.session.drain(world.now);
        if finish {
            world.session.close(Outstanding::NONE, world.now);
        }
        let before = world.now;
        assert_eq!(world.wait(), (Timer::Drain, None));
        assert_eq!(world.now.since(before), Duration::from_secs(30));
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::DrainTimedOut));
        assert_eq!(world.released(), [(1, EndReason::Closed)]);
    }
}

#[test]
fn closing_in_every_state() {
    for stage in 0..8 {
        let mut world = World::<Small>::new(Config::DEFAULT, &["a", "b"]);
        world.subscribe("a", 1);
        if stage > 0 {
            world.session.connect(world.now);
        }
        if stage > 1 {
            world.session.handle_open();
        }
        if stage > 2 {
            world.receive("INFO {}");
        }
        if stage > 3 {
            world.login();
        }
        if stage > 4 {
            world.receive("PONG");
        }
        if stage > 5 {
            world.sent();
        }
        if stage > 6 {
            world.session.drain(world.now);
        }
        world.session.abort();
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Closed), "stage {stage}");
        assert_eq!(world.session.poll_timeout(), None);
        assert_eq!(world.released(), [(1, EndReason::Closed)]);
        assert_eq!(world.sent(), "");

        // Nothing wakes it up.
        world.session.connect(world.now);
        world.session.handle_open();
        world.session.handle_secured(0, world.now);
        assert_eq!(world.session.handle_disconnected(DisconnectReason::Io, world.now), None);
        assert_eq!(world.receive("INFO {}|PONG|PING|-ERR 'x'"), [""; 0]);
        world.session.drain(world.now);
        world.session.close(Outstanding::NONE, world.now);
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Closed), "stage {stage}");
    }
}

#[test]
fn calls_out_of_turn_change_nothing() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.handle_open();
    world.session.handle_secured(0, world.now);
    let mut out = [0; 64];
    assert_eq!(world.session.log_in(&ClientInfo::DEFAULT, &Auth::None, &mut out), Ok(0));
    assert_eq!(world.session.handle_disconnected(DisconnectReason::Io, world.now), None);
    assert_eq!(world.session.handle_timeout(world.now), None);
    assert_eq!(world.session.phase(), Phase::Wait);
    world.connect();
    world.session.connect(world.now);
    world.session.handle_open();
    world.session.handle_secured(0, world.now);
    assert_eq!(world.receive("PONG"), [""; 0], "that nobody asked for");
    assert_eq!(world.session.phase(), Phase::Exchange);
    assert_eq!(world.sent(), "");
}

#[test]
fn a_connection_in_doubt_is_stale_after_five_seconds() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.probe(world.now);
    assert_eq!(world.sent(), "", "there is no connection");
    world.connect();
    world.session.probe(world.now);
    let began = world.now;
    assert_eq!(world.sent(), "PING");
    // Another doubt does not put it off.
    world.now = world.now + crate::time::Millis(3_000);
    world.session.probe(world.now);
    assert_eq!(world.sent(), "");
    let event = Event::Disconnected { reason: DisconnectReason::Stale, error: None };
    assert_eq!(world.wait(), (Timer::Ping, Some(event)));
    assert_eq!(world.now.since(began), Duration::from_secs(5));
}

#[test]
fn a_connection_in_doubt_is_alive_when_a_pong_comes() {
    for interval in [Duration::ZERO, Duration::from_secs(120)] {
        let config = Config { ping_interval: interval, ..Config::DEFAULT };
        let mut world = World::<Small>::new(config, &["a"]);
        world.connect();
        for _ in 0..3 {
            world.session.probe(world.now);
            assert_eq!(world.sent(), "PING");
            world.receive("PONG");
        }
        assert_eq!(world.wait(), (Timer::Ping, None));
        assert_eq!(world.sent(), "PING");
        world.receive("PONG");
        assert_eq!(world.session.poll_timeout().is_some(), interval > Duration::ZERO);
        assert_eq!(world.session.phase(), Phase::Exchange);
    }
}
