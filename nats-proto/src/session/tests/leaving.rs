use core::time::Duration;

use super::*;

const LAME_DUCK: &str = "INFO {\"ldm\":true}";

/// Two servers, two subscriptions, and the first server about to shut down.
fn lame() -> World<Small> {
    let config = Config { retain_servers_order: true, ..Config::DEFAULT };
    let mut world = World::new(config, &["a", "b"]);
    world.connect();
    world.subscribe("a", 1);
    world.subscribe("b", 2);
    world.sent();
    assert_eq!(world.receive(LAME_DUCK), ["LameDuckMode"]);
    world
}

#[test]
fn a_server_that_shuts_down_is_left_in_good_order() {
    let mut world = lame();
    let before = world.now;
    assert_eq!(world.wait(), (Timer::Leave, None));
    assert!(world.now.since(before) <= Duration::from_secs(5), "with jitter, and soon");
    assert_eq!(world.sent(), "UNSUB 1|UNSUB 2|PING");
    assert!(!world.session.is_ready(), "the next server gets what is published now");
    assert_eq!(world.session.flush(), None);
    assert_eq!(world.receive("MSG a 1 0|"), ["to 1"], "what was on its way comes");
    world.subscribe("c", 3);
    assert_eq!(world.sent(), "", "the next server will know");
    let lost = "Disconnected { reason: LameDuckMode, error: None }";
    assert_eq!(world.receive("PONG"), [lost]);
    assert_eq!(world.redial(), (0, "b".into()));
    assert_eq!(world.establish(), "Reconnected");
    assert_eq!(world.sent(), "SUB a 1|SUB b 2|SUB c 3|PING");
    assert_eq!(world.released(), []);
}

#[test]
fn a_shutdown_may_be_told_in_pieces() {
    let json = br#"{"ldm":true,"max_payload":7}"#;
    for at in 0..json.len() {
        let (first, last) = json.split_at(at);
        let mut world = World::<Small>::connected();
        let part = crate::wire::InfoPart { json: first, is_last: false };
        assert_eq!(world.session.handle_control(Control::Info(part), world.now), None);
        let part = crate::wire::InfoPart { json: last, is_last: true };
        let event = world.session.handle_control(Control::Info(part), world.now);
        assert_eq!(event, Some(Event::LameDuckMode), "cut at {at}");
        assert_eq!(world.wait().0, Timer::Leave);
    }
}

#[test]
fn with_nowhere_to_go_it_stays() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.sent();
    world.receive(LAME_DUCK);
    assert_eq!(world.wait(), (Timer::Leave, None));
    assert_eq!((world.sent().as_str(), world.session.is_ready()), ("", true));
    assert_eq!(world.session.poll_timeout().map(|(_, timer)| timer), Some(Timer::Ping));
}

#[test]
fn without_reconnecting_it_stays() {
    let config = Config { reconnect: false, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a", "b"]);
    world.connect();
    assert_eq!(world.receive(LAME_DUCK), ["LameDuckMode"]);
    assert_eq!(world.wait(), (Timer::Leave, None));
    assert_eq!((world.sent().as_str(), world.session.is_ready()), ("", true));
}

#[test]
fn staying_can_be_asked_for() {
    let config = Config { lame_duck_jitter: None, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a", "b"]);
    world.connect();
    assert_eq!(world.receive(LAME_DUCK), ["LameDuckMode"]);
    assert_eq!(world.session.poll_timeout().map(|(_, timer)| timer), Some(Timer::Ping));
}

#[test]
fn a_server_that_does_not_let_go_is_left_all_the_same() {
    let mut world = lame();
    world.wait();
    world.sent();
    let (timer, event) = world.wait();
    assert_eq!(timer, Timer::Leave);
    assert_eq!(event, Some(Event::Disconnected { reason: DisconnectReason::Stale, error: None }));
    assert_eq!(world.redial().1, "b");
}

#[test]
fn subscriptions_that_end_meanwhile_are_handed_back() {
    let mut world = lame();
    world.wait();
    let (a, b) = (Sid(1), Sid(2));
    world.session.unsubscribe(a, None);
    world.session.drain_subscription(b);
    assert_eq!(world.released(), [(1, EndReason::Unsubscribed)]);
    assert_eq!(world.sent(), "UNSUB 2|PING");
    assert_eq!(world.receive("MSG a 1 0||MSG b 2 0|"), ["dropped", "to 2"]);
    world.receive("PONG");
    assert_eq!(world.released(), [(2, EndReason::Drained)]);
}

#[test]
fn what_is_cut_while_a_server_is_left_was_not_drained() {
    let mut world = lame();
    world.wait();
    world.sent();
    world.session.drain_subscription(Sid(1));
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.released(), [(1, EndReason::Unsubscribed)]);
}

#[test]
fn draining_meanwhile_ends_on_the_same_connection() {
    for early in [false, true] {
        let mut world = lame();
        world.wait();
        if !early {
            world.sent();
        }
        world.session.drain(world.now);
        assert_eq!(world.session.draining, Some(Drain::Subscriptions));
        assert_eq!(world.sent(), if early { "UNSUB 1|UNSUB 2|PING" } else { "" });
        world.receive("PONG");
        assert_eq!(world.session.draining, Some(Drain::Arrived));
        assert_eq!(world.released(), [(1, EndReason::Drained), (2, EndReason::Drained)]);
        assert!(world.session.is_ready());
        world.session.close(Outstanding::NONE, world.now);
        assert_eq!(world.sent(), "PING");
        world.receive("PONG");
        assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));
    }
}

#[test]
fn little_room_does_not_disturb() {
    let mut world = lame();
    world.wait();
    let mut lines = String::new();
    while world.session.has_transmit() {
        let mut memory = [0; 10];
        let mut out = SendBuf::new(&mut memory);
        let _ = world.session.poll_transmit(&mut out);
        lines.push_str(core::str::from_utf8(out.as_ref()).unwrap());
    }
    assert_eq!(lines, "UNSUB 1\r\nUNSUB 2\r\nPING\r\n");
}
