use core::time::Duration;

use super::*;
use crate::wire::Connect;

#[test]
fn connects_in_the_documented_steps() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["nats://u:p@host:4333"]);
    assert_eq!((world.session.phase(), world.session.poll_timeout()), (Phase::Wait, None));
    world.session.connect(world.now);
    let server = ServerUrl::new("nats://host:4333").unwrap();
    assert!(matches!(world.session.phase(), Phase::Dial(_)));
    assert_eq!(world.session.target(), Some(server), "the credentials are not kept");
    world.session.handle_open();
    assert_eq!(world.session.phase(), Phase::Exchange);
    assert_eq!((world.sent().as_str(), world.receive(INFO)), ("", Vec::new()));
    let challenge = Challenge { server, nonce: "abc", auth_required: false, headers: true };
    assert_eq!(world.session.phase(), Phase::Login);
    assert_eq!(world.session.challenge(), Some(challenge));
    assert_eq!(world.login(), "CONNECT ..|PING", "pipelined");
    assert_eq!(world.session.phase(), Phase::Exchange);
    assert!(!world.session.is_ready());
    assert_eq!(world.receive("PONG"), ["Connected"]);
    assert!(world.session.is_ready());
    assert_eq!(world.session.info().max_payload(), 100);
}

#[test]
fn connect_may_be_written_in_pieces() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(INFO);
    let mut line = Vec::<u8>::new();
    while world.session.phase() == Phase::Login {
        let mut piece = [0; 7];
        let len = world.session.log_in(&ClientInfo::DEFAULT, &Auth::None, &mut piece).unwrap();
        line.extend(&piece[..len]);
        if len < piece.len() {
            break;
        }
        assert!(!world.session.has_transmit() || world.session.phase() != Phase::Login);
    }
    assert_eq!(line.len(), Connect::DEFAULT.encoded_len());
    assert_eq!(world.sent(), "PING");
}

#[test]
fn verbose_servers_and_pings_do_not_disturb_the_handshake() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(INFO);
    world.login();
    assert_eq!(world.receive("+OK|PING"), [""; 0]);
    assert_eq!(world.sent(), "PONG");
    assert_eq!(world.receive("PONG"), ["Connected"]);
}

#[test]
fn one_deadline_covers_the_whole_handshake() {
    for stage in 0..5 {
        let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
        world.session.connect(world.now);
        if stage > 0 {
            world.session.handle_open();
        }
        if stage > 1 {
            world.receive("INFO {}");
        }
        if stage > 2 {
            world.session.log_in(&ClientInfo::DEFAULT, &Auth::None, &mut [0; 512]).unwrap();
        }
        if stage > 3 {
            world.sent();
        }
        let (deadline, _) = world.session.poll_timeout().unwrap();
        assert_eq!(deadline.since(world.now), Duration::from_secs(2));
        let (timer, event) = world.wait();
        assert_eq!(timer, Timer::Handshake);
        assert_eq!(
            event,
            Some(Event::ConnectFailed { reason: DisconnectReason::TimedOut, error: None })
        );
        assert_eq!(
            world.session.phase(),
            Phase::Closed(CloseReason::Disconnected(DisconnectReason::TimedOut))
        );
    }
}

#[test]
fn every_server_is_tried_once_and_the_first_that_takes_us_wins() {
    let servers = ["a", "b", "c", "B:4222"];
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut world = World::<Small>::new(Config::DEFAULT, &[]);
        world.session = Session::new(Config::DEFAULT, RngSeed([seed; 16]));
        for server in servers {
            world.session.add_server(&ServerUrl::new(server).unwrap()).unwrap();
        }
        world.session.connect(world.now);
        let mut order = String::new();
        for reason in
            [DisconnectReason::Unreachable, DisconnectReason::Closed, DisconnectReason::Io]
        {
            order.push_str(world.host());
            let event = world.session.handle_disconnected(reason, world.now);
            assert_eq!(event, Some(Event::ConnectFailed { reason, error: None }));
        }
        assert_eq!(
            world.session.phase(),
            Phase::Closed(CloseReason::Disconnected(DisconnectReason::Io))
        );
        orders.insert(order);
    }
    assert_eq!(orders.len(), 6, "all orders of three servers");

    let config = Config { retain_servers_order: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a", "b"]);
    world.session.connect(world.now);
    assert_eq!(world.host(), "a");
    world.session.handle_open();
    let events = world.receive("-ERR 'maximum connections exceeded'");
    assert!(
        events[0].starts_with("ConnectFailed { reason: Server(MaximumConnections)"),
        "{events:?}"
    );
    assert_eq!(world.host(), "b");
    world.connect();
}

#[test]
fn nobody_to_connect_to() {
    let mut world = World::<Small>::new(Config::DEFAULT, &[]);
    world.session.connect(world.now);
    assert_eq!(world.session.phase(), Phase::Closed(CloseReason::NoServers));
}

#[test]
fn tls_when_it_is_asked_for() {
    let tls = "INFO {\"tls_required\":true}";
    let available = "INFO {\"tls_available\":true}";
    let plain = "INFO {}";
    let required = Config { tls: Tls::Required, ..Config::DEFAULT };
    for (config, server, info, secures) in [
        (Config::DEFAULT, "nats://a", tls, true),
        (Config::DEFAULT, "nats://a", available, false),
        (Config::DEFAULT, "tls://a", available, true),
        (Config::DEFAULT, "wss://a", tls, false),
        (Config::DEFAULT, "ws://a", tls, false),
        (required, "nats://a", available, true),
    ] {
        let mut world = World::<Small>::new(config, &[server]);
        world.session.connect(world.now);
        world.session.handle_open();
        world.receive(info);
        assert_eq!(world.session.phase() == Phase::Secure, secures, "{server} {info}");
        world.session.handle_secured(0, world.now);
        assert_eq!(world.session.phase(), Phase::Login);
    }
    for (config, server) in
        [(required, "nats://a"), (Config::DEFAULT, "tls://a"), (required, "ws://a")]
    {
        let mut world = World::<Small>::new(config, &[server]);
        world.session.connect(world.now);
        world.session.handle_open();
        world.receive(plain);
        assert_eq!(
            world.session.phase(),
            Phase::Closed(CloseReason::Disconnected(DisconnectReason::TlsUnavailable))
        );
    }
    let first = Config { tls: Tls::First, ..Config::DEFAULT };
    let mut world = World::<Small>::new(first, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    assert_eq!(world.session.phase(), Phase::Secure);
    world.session.handle_secured(0, world.now);
    assert_eq!(world.session.phase(), Phase::Exchange);
    world.receive(tls);
    assert_eq!(world.session.phase(), Phase::Login, "it is secure already");
}

#[test]
fn a_websockets_tls_lies_below_it() {
    for tls in [Tls::Required, Tls::First] {
        let config = Config { tls, ..Config::DEFAULT };
        for (server, is_secure) in [("wss://a", true), ("ws://a", false)] {
            let mut world = World::<Small>::new(config, &[server]);
            world.session.connect(world.now);
            world.session.handle_open();
            assert_eq!(world.session.phase(), Phase::Exchange);
            world.receive("INFO {\"tls_required\":true}");
            let is_login = world.session.phase() == Phase::Login;
            assert_eq!(is_login, is_secure, "{tls:?} {server}");
            let stop = Phase::Closed(CloseReason::Disconnected(DisconnectReason::TlsUnavailable));
            assert_eq!(world.session.phase() == stop, !is_secure);
        }
    }
}

#[test]
fn messages_before_the_handshake_is_over_are_nobodys() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.subscribe("x", 1);
    world.session.connect(world.now);
    world.session.handle_open();
    assert_eq!(world.receive("MSG x 1 0|"), ["dropped"]);
    world.receive("INFO {\"tls_required\":true}");
    assert_eq!(world.receive("MSG x 1 0|"), ["dropped"]);
    world.session.handle_secured(0, world.now);
    world.login();
    assert_eq!(world.receive("MSG x 1 0|"), ["dropped"]);
    world.receive("PONG");
    assert_eq!(world.receive("MSG x 1 0|"), ["to 1"]);
}
