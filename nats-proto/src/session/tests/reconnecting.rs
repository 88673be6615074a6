use core::num::NonZeroU64;
use core::time::Duration;

use super::*;
use crate::wire::ErrorKind;

const ORDERED: Config = Config { retain_servers_order: true, ..Config::DEFAULT };

/// Connected to the first of `servers`, for longer than the time between two attempts.
fn settled(config: Config, servers: &[&str]) -> World<Small> {
    let mut world = World::new(config, servers);
    world.connect();
    world.now = world.now + Duration::from_secs(10);
    world
}

#[test]
fn the_first_attempt_comes_at_once() {
    let mut world = settled(Config::DEFAULT, &["a"]);
    let event = world.lose(DisconnectReason::Closed);
    assert_eq!(event, Event::Disconnected { reason: DisconnectReason::Closed, error: None });
    assert!(!world.session.is_connected() && world.session.was_connected());
    assert_eq!(world.redial(), (0, "a".into()));
    assert_eq!(world.establish(), "Reconnected");
}

#[test]
fn the_others_come_first_and_each_once_before_the_wait() {
    let mut world = settled(ORDERED, &["a", "b", "c"]);
    world.lose(DisconnectReason::Closed);
    let mut hosts = Vec::new();
    for _ in 0..3 {
        let (waited, host) = world.redial();
        assert_eq!(waited, 0);
        hosts.push(host);
        world.lose(DisconnectReason::Unreachable);
    }
    assert_eq!(hosts, ["b", "c", "a"]);
    let (waited, host) = world.redial();
    assert!((2_000..=2_100).contains(&waited), "{waited} ms");
    assert!(["a", "b", "c"].contains(&host.as_str()));

    // In a random order, unless told otherwise.
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut world = World::<Small>::new(Config::DEFAULT, &[]);
        world.session = Session::new(Config::DEFAULT, RngSeed([seed; 16]));
        for server in ["a", "b", "c"] {
            world.session.add_server(&ServerUrl::new(server).unwrap()).unwrap();
        }
        world.connect();
        world.lose(DisconnectReason::Closed);
        let (_, first) = world.redial();
        world.lose(DisconnectReason::Closed);
        let (_, second) = world.redial();
        orders.insert(first + &second);
    }
    assert_eq!(orders.len(), 6);
}

#[test]
fn a_server_that_takes_us_and_dies_is_not_hammered() {
    let mut world = World::<Small>::connected();
    for _ in 0..5 {
        world.lose(DisconnectReason::Closed);
        let (waited, _) = world.redial();
        assert!((1_900..=2_100).contains(&waited), "{waited} ms");
        assert_eq!(world.establish(), "Reconnected");
    }
}

#[test]
fn a_server_may_die_at_any_stage_and_as_often_as_it_likes() {
    let unlimited = Config { max_reconnects: None, ..Config::DEFAULT };
    let mut world = settled(unlimited, &["a"]);
    world.lose(DisconnectReason::Closed);
    for round in 0..200 {
        world.redial();
        let stage = round % 5;
        if stage > 0 {
            world.session.handle_open();
        }
        if stage == 2 {
            let part = crate::wire::InfoPart { json: b"{\"max_payl", is_last: false };
            world.session.handle_control(Control::Info(part), world.now);
        }
        if stage > 2 {
            world.receive(INFO);
        }
        if stage > 3 {
            world.login();
        }
        assert!(world.session.poll_timeout().is_some(), "every stage has a deadline");
        if round % 2 == 0 {
            world.lose(DisconnectReason::Closed);
        } else {
            assert_eq!(world.wait().0, Timer::Handshake);
        }
    }
    world.redial();
    assert_eq!(world.establish(), "Reconnected");
}

#[test]
fn more_jitter_with_tls() {
    let config = Config { tls: Tls::Required, ..Config::DEFAULT };
    let mut longest = 0;
    for seed in 0..40 {
        let mut session = Session::<Small>::new(config, RngSeed([seed; 16]));
        session.add_server(&ServerUrl::new("a").unwrap()).unwrap();
        let mut world =
            World { session, now: Instant::from_millis(0), decoder: Decoder::default() };
        world.session.connect(world.now);
        world.session.handle_open();
        world.receive("INFO {\"tls_available\":true}");
        world.session.handle_secured(0, world.now);
        world.login();
        world.receive("PONG");
        world.lose(DisconnectReason::Closed);
        let (waited, _) = world.redial();
        assert!((2_000..=3_000).contains(&waited), "{waited} ms");
        longest = longest.max(waited);
    }
    assert!(longest > 2_500);
}

#[test]
fn exponential_back_off() {
    let backoff =
        Backoff::Exponential { min: Duration::from_millis(100), max: Duration::from_millis(1_000) };
    let mut world = settled(Config { backoff, ..Config::DEFAULT }, &["a"]);
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.redial().0, 0);
    for longest in [100, 200, 400, 800, 1_000, 1_000] {
        world.lose(DisconnectReason::Unreachable);
        let (waited, _) = world.redial();
        assert!((longest / 2..=longest).contains(&waited), "{waited} ms of {longest}");
    }
    world.establish();
    world.lose(DisconnectReason::Closed);
    assert!(world.redial().0 <= 1_000, "as long as the attempt asked for");
    world.establish();
    world.now = world.now + STABLE_AFTER;
    world.lose(DisconnectReason::Closed);
    world.redial();
    world.lose(DisconnectReason::Unreachable);
    assert!(world.redial().0 <= 100, "a connection that has lasted starts it again");
}

#[test]
fn a_server_that_takes_us_and_drops_us_is_backed_off_from() {
    let backoff =
        Backoff::Exponential { min: Duration::from_millis(100), max: Duration::from_secs(10) };
    let config = Config { backoff, max_reconnects: Some(2), ..Config::DEFAULT };
    let mut world = settled(config, &["a"]);
    world.lose(DisconnectReason::Closed);
    let start = world.now;
    assert_eq!(world.redial().0, 0);
    for times in 0..10 {
        // It lets us in, and that is the end of a row of attempts.
        assert_eq!(world.establish(), "Reconnected");
        world.now = world.now + Duration::from_millis(3);
        world.lose(DisconnectReason::Closed);
        let known = world.session.server_pool().next().unwrap().failures;
        assert_eq!(known, times + 1);
        let (waited, _) = world.redial();
        let longest = (100 << times).min(10_000);
        assert!((longest / 2 - 3..=longest).contains(&waited), "{waited} ms of {longest}");
    }
    assert!(world.now.since(start) > Duration::from_secs(15));

    // Not if we wanted to leave.
    let mut world = settled(config, &["a"]);
    for _ in 0..3 {
        world.session.force_reconnect(world.now);
        assert_eq!(world.redial().0, 0);
        world.establish();
        assert_eq!(world.session.server_pool().next().unwrap().failures, 0);
    }
}

#[test]
fn no_back_off_is_too_short() {
    let zero = Duration::ZERO;
    for backoff in [
        Backoff::Fixed { wait: zero, jitter: zero, jitter_tls: zero },
        Backoff::Exponential { min: zero, max: zero },
    ] {
        let config = Config { backoff, max_reconnects: None, ..Config::DEFAULT };
        let mut world = settled(config, &["a"]);
        world.lose(DisconnectReason::Closed);
        assert_eq!(world.redial().0, 0);
        for attempt in 0..5 {
            if attempt % 2 == 0 {
                world.establish();
            }
            world.lose(DisconnectReason::Closed);
            assert_eq!(world.redial().0, 20);
            world.lose(DisconnectReason::Closed);
            world.session.set_reconnect_delay(|_| zero, world.now);
            assert_eq!(world.redial().0, 20);
            world.lose(DisconnectReason::Closed);
            world.session.select_server(0, zero, world.now);
            assert_eq!(world.redial().0, 20);
        }
    }
}

#[test]
fn the_application_says_when_to_try_a_server_again() {
    // Instead of two seconds, also when there was a connection.
    let mut world = World::<Small>::connected();
    for times in 1..5 {
        world.lose(DisconnectReason::Closed);
        let millis = |failures| Duration::from_millis(u64::from(failures) * 30);
        world.session.set_reconnect_delay(millis, world.now);
        world.session.set_reconnect_delay(|_| panic!("asked again"), world.now);
        assert_eq!(world.redial(), (30 * times, "a".into()));
        assert_eq!(world.establish(), "Reconnected");
    }
    world.session.force_reconnect(world.now);
    world.session.set_reconnect_delay(|_| panic!("it is to be at once"), world.now);
    assert_eq!(world.redial().0, 0);

    // Once for each round of servers.
    let mut world = settled(ORDERED, &["a", "b", "c"]);
    world.lose(DisconnectReason::Closed);
    let mut tried = Vec::new();
    for _ in 0..9 {
        world.session.set_reconnect_delay(|_| Duration::from_millis(250), world.now);
        tried.push(world.redial());
        world.lose(DisconnectReason::Unreachable);
    }
    let round = |wait| [(0, "b"), (0, "c"), (wait, "a")];
    let expected: Vec<_> = round(250).into_iter().chain(round(0)).chain(round(0)).collect();
    let waits: Vec<_> = tried.iter().map(|(wait, host)| (*wait, host.as_str())).collect();
    assert_eq!(&waits[..3], &expected[..3]);
    let total: u64 = tried.iter().map(|(wait, _)| wait).sum();
    assert_eq!(total, 3 * 250, "{tried:?}");
}

#[test]
fn a_server_that_fails_too_often_is_given_up() {
    let config = Config { max_reconnects: Some(2), ..ORDERED };
    let mut world = settled(config, &["a", "b"]);
    world.lose(DisconnectReason::Closed);
    let changes = world.session.server_pool_changes();
    let mut hosts = String::new();
    while world.session.phase() == Phase::Wait {
        hosts.push_str(&world.redial().1);
        world.lose(DisconnectReason::Unreachable);
    }
    assert_eq!(hosts, "baba");
    assert_eq!(world.session.server_pool_changes(), changes + 2);
    assert_eq!(
        world.session.phase(),
        Phase::Closed(CloseReason::Disconnected(DisconnectReason::Unreachable))
    );

    // In a row: success starts the count again.
    let mut world = settled(config, &["a"]);
    for _ in 0..5 {
        world.lose(DisconnectReason::Closed);
        world.redial();
        world.lose(DisconnectReason::Unreachable);
        world.redial();
        assert_eq!(world.establish(), "Reconnected");
    }
}

#[test]
fn reconnecting_can_be_switched_off() {
    let mut world = settled(Config { reconnect: false, ..Config::DEFAULT }, &["a", "b"]);
    world.lose(DisconnectReason::Closed);
    assert_eq!(
        world.session.phase(),
        Phase::Closed(CloseReason::Disconnected(DisconnectReason::Closed))
    );
}

#[test]
fn the_first_connection_can_be_retried() {
    let config =
        Config { retry_on_initial_connect: true, max_reconnects: Some(3), ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.session.connect(world.now);
    world.lose(DisconnectReason::Unreachable);
    world.redial();
    assert_eq!(world.establish(), "Connected");

    let mut world = World::<Small>::new(config, &["a"]);
    world.session.connect(world.now);
    world.lose(DisconnectReason::Unreachable);
    world.redial();
    world.lose(DisconnectReason::Unreachable);
    world.redial();
    world.lose(DisconnectReason::Unreachable);
    assert_eq!(
        world.session.phase(),
        Phase::Closed(CloseReason::Disconnected(DisconnectReason::Unreachable))
    );
}

#[test]
fn a_server_that_is_too_busy_to_check_a_password_is_not_given_up() {
    for ignore_auth_error_abort in [false, true] {
        let mut world = settled(Config { ignore_auth_error_abort, ..ORDERED }, &["a", "b"]);
        world.lose(DisconnectReason::Closed);
        for _ in 0..8 {
            world.redial();
            world.decoder = Decoder::default();
            world.session.handle_open();
            world.receive(INFO);
            world.login();
            let told = world.receive("-ERR 'Authentication Timeout'");
            assert!(told[0].starts_with("ConnectFailed"), "{told:?}");
        }
        world.redial();
        assert_eq!(world.establish(), "Reconnected");
    }

    // At first, each server is tried once: one that is busy does not keep us from the next.
    let mut world = World::<Small>::new(ORDERED, &["a", "b"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(INFO);
    world.login();
    world.receive("-ERR 'Authentication Timeout'");
    assert_eq!(world.host(), "b");
    assert_eq!(world.establish(), "Connected");
}

#[test]
fn the_same_refusal_twice_gives_a_server_up() {
    let refusal = "-ERR 'Authorization Violation'";
    for ignore_auth_error_abort in [false, true] {
        let mut world = settled(Config { ignore_auth_error_abort, ..Config::DEFAULT }, &["a"]);
        world.lose(DisconnectReason::Closed);
        for _ in 0..2 {
            world.redial();
            world.decoder = Decoder::default();
            world.session.handle_open();
            world.receive(INFO);
            world.login();
            assert!(world.receive(refusal)[0].starts_with("ConnectFailed"));
        }
        let stop = Phase::Closed(CloseReason::Disconnected(DisconnectReason::Server(
            ErrorKind::AuthorizationViolation,
        )));
        assert_eq!(world.session.phase(), if ignore_auth_error_abort { Phase::Wait } else { stop });
    }
}

#[test]
fn everything_is_subscribed_again_with_what_remains() {
    let mut world = settled(Config::DEFAULT, &["a"]);
    let a = world.subscribe("a", 1);
    let queue = QueueGroup::new("q").unwrap();
    world.session.subscribe(Filter::new("b.>").unwrap(), Some(queue), 2).unwrap();
    let gone = world.subscribe("c", 3);
    world.session.unsubscribe(a, NonZeroU64::new(5));
    world.sent();
    assert_eq!(world.receive("MSG a 1 0||MSG a 1 0|"), ["to 1", "to 1"]);
    world.lose(DisconnectReason::Io);
    world.session.unsubscribe(gone, None);
    assert_eq!(world.released(), [(3, EndReason::Unsubscribed)]);
    world.subscribe("d", 4);
    assert_eq!((world.sent().as_str(), world.session.has_transmit()), ("", false));
    world.redial();
    assert_eq!(world.establish(), "Reconnected");
    let reused = 0x100_0003;
    let lines = format!("SUB a 1|UNSUB 1 3|SUB b.> q 2|SUB d {reused}|PING");
    assert_eq!(world.sent(), lines);
    assert_eq!(world.receive("PONG"), ["Resubscribed"]);
}

#[test]
fn a_flush_does_not_outlive_its_connection() {
    let mut world = settled(Config::DEFAULT, &["a"]);
    let flush = world.session.flush().unwrap();
    world.sent();
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.session.flush_state(flush), FlushState::Lost);
    world.redial();
    world.establish();
    world.receive("PONG");
    assert_eq!(world.session.flush_state(flush), FlushState::Lost);
}

#[test]
fn a_drain_that_is_cut_fails() {
    for finish in [false, true] {
        let mut world = settled(Config::DEFAULT, &["a", "b"]);
        world.subscribe("a", 1);
        world.sent();
        world.session.drain(world.now);
        if finish {
            world.session.close(Outstanding::NONE, world.now);
        }
        world.lose(DisconnectReason::Closed);
        assert_eq!(
            world.session.phase(),
            Phase::Closed(CloseReason::Disconnected(DisconnectReason::Closed))
        );
    }
}

#[test]
fn draining_without_a_connection_waits_for_one_but_not_for_ever() {
    let mut world = settled(Config::DEFAULT, &["a"]);
    world.subscribe("a", 1);
    world.lose(DisconnectReason::Closed);
    world.session.drain(world.now);
    assert_eq!(world.released(), [(1, EndReason::Drained)], "nothing is on its way");
    assert_eq!(world.session.draining, Some(Drain::Arrived));
    let unsent = Outstanding { unsent: true, ..Outstanding::NONE };
    world.session.poll_drained(unsent);
    assert_eq!(world.session.draining, Some(Drain::Closing));
    world.redial();
    assert_eq!(world.establish(), "Reconnected");
    assert!(world.session.is_ready(), "for what was held back");
    world.session.poll_drained(Outstanding::NONE);
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Drained));

    let unlimited = Config { max_reconnects: None, ..Config::DEFAULT };
    let mut world = settled(unlimited, &["a"]);
    world.lose(DisconnectReason::Closed);
    world.session.drain(world.now);
    let before = world.now;
    while !matches!(world.session.phase(), Phase::Closed(_)) {
        world.wait();
    }
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::DrainTimedOut));
    assert_eq!(world.now.since(before), Duration::from_secs(30));
}

#[test]
fn another_connection_can_be_asked_for() {
    let mut world = World::<Small>::new(ORDERED, &["a", "b"]);
    world.connect();
    let event = world.session.force_reconnect(world.now);
    assert_eq!(
        event,
        Some(Event::Disconnected { reason: DisconnectReason::Requested, error: None })
    );
    assert_eq!(world.redial(), (0, "b".into()), "the wait does not apply");
    world.lose(DisconnectReason::Unreachable);
    world.redial();
    world.lose(DisconnectReason::Unreachable);
    assert_eq!(world.session.force_reconnect(world.now), None);
    assert_eq!(world.redial().0, 0);
}

#[test]
fn the_application_may_choose() {
    let mut world = settled(ORDERED, &["a", "b", "c"]);
    assert!(!world.session.select_server(0, Duration::ZERO, world.now), "not while connected");
    world.lose(DisconnectReason::Closed);
    let known: Vec<_> =
        world.session.server_pool().map(|known| known.url.host().to_string()).collect();
    assert_eq!(known, ["b", "c", "a"]);
    assert!(!world.session.select_server(3, Duration::ZERO, world.now));
    assert!(world.session.select_server(1, Duration::from_millis(70), world.now));
    assert_eq!(world.redial(), (70, "c".into()));
}

#[test]
fn the_servers_can_be_exchanged() {
    let mut world = settled(ORDERED, &["a", "b"]);
    world.session.remove_servers();
    world.session.add_server(&ServerUrl::new("c").unwrap()).unwrap();
    assert!(world.session.is_connected());
    assert_eq!(world.session.target().unwrap().host(), "a");
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.redial(), (0, "c".into()));
    assert_eq!(world.session.server_pool().count(), 1);

    let mut world = settled(ORDERED, &["a", "b"]);
    world.session.remove_servers();
    world.lose(DisconnectReason::Closed);
    assert_eq!(
        world.session.phase(),
        Phase::Closed(CloseReason::Disconnected(DisconnectReason::Closed)),
        "nowhere to go"
    );
}
