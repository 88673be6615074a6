//! What a driver is told to do, and when.

use core::time::Duration;

use super::*;

#[test]
fn a_connection_goes_through_its_phases() {
    let config = Config { tls: Tls::Required, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["nats://a:1"]);
    assert_eq!((world.session.phase(), world.session.challenge()), (Phase::Wait, None));
    world.session.connect(world.now);
    assert_eq!(world.session.phase(), Phase::Dial(world.session.connection()));
    assert_eq!(world.session.target(), ServerUrl::new("a:1").ok());
    world.session.handle_open();
    assert_eq!(world.session.phase(), Phase::Exchange);
    world.receive("INFO {\"tls_required\":true,\"nonce\":\"abc\",\"headers\":true}");
    assert_eq!((world.session.phase(), world.session.challenge()), (Phase::Secure, None));
    world.session.handle_secured(0, world.now);
    let challenge = world.session.challenge().unwrap();
    assert_eq!((world.session.phase(), challenge.nonce()), (Phase::Login, Some("abc")));
    assert!(challenge.headers && !challenge.auth_required);
    world.login();
    assert_eq!((world.session.phase(), world.session.challenge()), (Phase::Exchange, None));
    world.receive("PONG");
    assert_eq!(world.session.phase(), Phase::Exchange);
    world.session.abort();
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::Closed));
}

#[test]
fn each_attempt_has_a_number_of_its_own() {
    let config = Config { retry_on_initial_connect: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.session.connect(world.now);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let number = world.session.connection();
        assert_eq!(world.session.phase(), Phase::Dial(number));
        assert!(!seen.contains(&number), "{number} came again");
        seen.push(number);
        world.session.handle_open();
        assert_eq!(world.session.connection(), number, "the connection is that of the attempt");
        world.lose(DisconnectReason::Closed);
        assert_eq!(world.session.phase(), Phase::Wait);
        assert!(!seen.contains(&world.session.connection()), "nothing of it is left");
        world.redial();
    }
    // A time-out while it is dialled is another attempt, too.
    let number = world.session.connection();
    world.wait();
    world.redial();
    assert_ne!(world.session.phase(), Phase::Dial(number));
    let last = world.session.connection();
    world.session.abort();
    assert_ne!(world.session.connection(), last, "what was begun is of no use any more");
    let over = world.session.connection();
    world.session.abort();
    assert_eq!(world.session.connection(), over, "there was nothing more to be given up");
}

#[test]
fn a_challenge_without_a_nonce_has_none() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive("INFO {\"auth_required\":true}");
    let challenge = world.session.challenge().unwrap();
    assert_eq!(
        (challenge.nonce(), challenge.auth_required, challenge.headers),
        (None, true, false)
    );
}

#[test]
fn everything_that_is_due_is_done_up_to_an_event() {
    let config = Config { connect_timeout: Duration::ZERO, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a", "b", "c"]);
    world.session.connect(world.now);
    let told: Vec<_> = core::iter::from_fn(|| world.session.handle_timeout(world.now)).collect();
    let failed = Event::ConnectFailed { reason: DisconnectReason::TimedOut, error: None };
    assert_eq!(told, [failed; 3], "each server was tried once");
    assert_eq!(
        world.session.phase(),
        Phase::Closed(CloseReason::Disconnected(DisconnectReason::TimedOut))
    );

    // Two PINGs that nobody answered, and the end: a clock that jumps finds all of it, one by one.
    let mut world = World::<Small>::connected();
    for _ in 0..2 {
        world.now = world.now + Duration::from_secs(300);
        assert_eq!(world.session.handle_timeout(world.now), None);
        assert!(world.session.poll_timeout().unwrap().0 > world.now, "nothing is due any more");
        assert_eq!(world.sent(), "PING");
    }
    world.now = world.now + Duration::from_secs(86_400);
    let stale = Event::Disconnected { reason: DisconnectReason::Stale, error: None };
    let told: Vec<_> = core::iter::from_fn(|| world.session.handle_timeout(world.now)).collect();
    // The server may be tried at once, and that is due as well.
    assert_eq!(told, [stale, Event::Reconnecting { attempt: 1 }]);
    assert_eq!(world.session.phase(), Phase::Dial(world.session.connection()));
    assert!(world.session.poll_timeout().unwrap().0 > world.now);
}

#[test]
fn several_timers_of_one_moment_need_one_call() {
    let config = Config {
        ping_interval: Duration::from_secs(5),
        drain_timeout: Duration::from_secs(5),
        ..Config::DEFAULT
    };
    let mut world = World::<Small>::new(config, &["a"]);
    world.connect();
    world.subscribe("a", 1);
    world.session.drain(world.now);
    world.now = world.now + Duration::from_secs(5);
    assert_eq!(world.session.handle_timeout(world.now), None);
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::DrainTimedOut));
    assert_eq!(world.session.poll_timeout(), None);
}

#[test]
fn what_was_confirmed_is_known_when_the_connection_is_gone() {
    let end: [fn(&mut World<Small>); 2] = [
        |world| {
            world.lose(DisconnectReason::Closed);
        },
        |world| world.session.abort(),
    ];
    for end in end {
        let mut world = World::<Small>::connected();
        let first = world.session.flush().unwrap();
        world.sent();
        let second = world.session.flush().unwrap();
        world.sent();
        world.receive("PONG");
        end(&mut world);
        assert_eq!(world.session.flush_state(first), FlushState::Done);
        assert_eq!(world.session.flush_state(second), FlushState::Lost);
    }
}
