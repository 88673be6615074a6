use core::time::Duration;

use super::*;

const ORDERED: Config = Config { retain_servers_order: true, ..Config::DEFAULT };

fn hosts<S: Store<Recipient = u8>>(world: &World<S>) -> Vec<&str> {
    let mut hosts: Vec<_> = world.session.server_pool().map(|known| known.url.host()).collect();
    hosts.sort_unstable();
    hosts
}

#[test]
fn servers_tell_of_others() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive("INFO {\"connect_urls\":[\"10.0.0.1:4222\",\"A:4222\"]}");
    assert_eq!(hosts(&world), ["10.0.0.1", "a"], "from the first INFO");
    world.login();
    world.receive("PONG");
    let changes = world.session.server_pool_changes();
    world.receive("INFO {\"connect_urls\":[\"10.0.0.2:4222\",\"[::1]:4222\"]}");
    assert_eq!(hosts(&world), ["10.0.0.2", "::1", "a"], "and from every later one");
    assert_ne!(world.session.server_pool_changes(), changes);
    world.receive("INFO {\"connect_urls\":[]}");
    assert_eq!(hosts(&world).len(), 3, "it tells nothing");
    world.receive("INFO {\"connect_urls\":[\"10.0.0.3:1\",\"10.0.0.4:1\",\"10.0.0.5:1\"]}");
    assert_eq!(world.session.servers_skipped(), 1, "the table has three places");
    assert_eq!(world.session.target().unwrap().host(), "a", "the application's are kept");
}

#[test]
fn a_connection_that_is_lost_in_the_middle_of_info_removes_nothing() {
    let mut world = World::<Small>::connected();
    world.receive("INFO {\"connect_urls\":[\"b:1\",\"c:1\"]}");
    let json = br#"{"connect_urls":["b:1","#;
    let part = crate::wire::InfoPart { json, is_last: false };
    world.session.handle_control(Control::Info(part), world.now);
    world.lose(DisconnectReason::Closed);
    assert_eq!(hosts(&world), ["a", "b", "c"]);
    world.redial();
    world.establish();
    world.receive("INFO {\"connect_urls\":[\"c:1\"]}");
    assert!(!hosts(&world).contains(&"b") || world.session.target().unwrap().host() == "b");
}

#[test]
fn servers_can_be_ignored() {
    let config = Config { ignore_discovered_servers: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.connect();
    world.receive("INFO {\"connect_urls\":[\"b:1\"]}");
    assert_eq!(hosts(&world), ["a"]);
}

#[test]
fn a_server_that_was_given_up_may_be_discovered_again() {
    let config = Config { max_reconnects: Some(1), retain_servers_order: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a", "b"]);
    world.connect();
    world.now = world.now + Duration::from_secs(9);
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.redial().1, "b");
    world.lose(DisconnectReason::Unreachable);
    assert_eq!(hosts(&world), ["a"]);
    world.redial();
    world.establish();
    world.receive("INFO {\"connect_urls\":[\"b:4222\"]}");
    let b = world.session.server_pool().find(|known| known.url.host() == "b").unwrap();
    assert!(b.is_discovered && b.failures == 0);
}

#[test]
fn who_does_not_let_us_in_removes_nobody() {
    let config = Config { retain_servers_order: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.connect();
    world.receive("INFO {\"connect_urls\":[\"b:1\"]}");
    world.now = world.now + Duration::from_secs(10);
    world.lose(DisconnectReason::Closed);
    for times in [1, 2] {
        // Both refuse the credentials, and tell of others.
        for (host, other) in [("b", "c:1"), ("a", "c:1"), ("c", "b:1")] {
            assert_eq!(world.redial().1, host, "{times}");
            world.decoder = Decoder::default();
            world.session.handle_open();
            world.receive(&format!("INFO {{\"connect_urls\":[\"{other}\"]}}"));
            world.login();
            world.receive("-ERR 'Authorization Violation'");
        }
    }
    assert_eq!(world.session.target(), None, "all are given up");
    assert!(matches!(
        world.session.phase(),
        Phase::Closed(CloseReason::Disconnected(DisconnectReason::Server(_)))
    ));
}

#[test]
fn servers_that_tell_of_each_other_by_turns_are_not_hammered() {
    let mut world = World::<Small>::connected();
    world.now = world.now + Duration::from_secs(10);
    world.lose(DisconnectReason::Closed);
    let before = world.now;
    for round in 0..30 {
        world.redial();
        world.decoder = Decoder::default();
        world.session.handle_open();
        // Whoever is not told of is forgotten, with when it was tried.
        world.receive(&format!("INFO {{\"connect_urls\":[\"x{}:1\"]}}", round % 3));
        world.lose(DisconnectReason::Closed);
    }
    // Two of them are known at any time.
    assert!(world.now.since(before) >= 14 * Duration::from_secs(2), "{:?}", world.now);
}

#[test]
fn mere_addresses_keep_the_name_for_tls() {
    let config = Config { retain_servers_order: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["tls://cluster.example"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(
        "INFO {\"tls_required\":true,\"connect_urls\":[\"10.0.0.1:4222\",\"n2.example:4222\"]}",
    );
    world.session.handle_secured(0, world.now);
    world.login();
    world.receive("PONG");
    assert_eq!(world.session.tls_name(), "cluster.example");
    let mut names = Vec::new();
    world.lose(DisconnectReason::Closed);
    for _ in 0..2 {
        world.redial();
        let server = world.session.target().unwrap();
        assert_eq!(server.scheme(), crate::url::Scheme::Tls, "as the one that told of it");
        names.push(format!("{} as {}", server.host(), world.session.tls_name()));
        world.lose(DisconnectReason::Unreachable);
    }
    assert_eq!(names, ["10.0.0.1 as cluster.example", "n2.example as n2.example"]);
}

#[test]
fn what_is_not_permitted_ends() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    let queue = QueueGroup::new("q").unwrap();
    world.session.subscribe(Filter::new("a").unwrap(), Some(queue), 2).unwrap();
    world.subscribe("b", 3);
    world.sent();
    let refuse = |what: &str| format!("-ERR 'Permissions Violation for Subscription to {what}'");
    assert!(world.receive(&refuse("\"a\""))[0].starts_with("ServerError"));
    assert_eq!(world.released(), [(1, EndReason::NotPermitted)]);
    world.receive(&refuse("\"a\" using queue \"q\""));
    assert_eq!(world.released(), [(2, EndReason::NotPermitted)]);
    world.receive(&refuse("\"other\" (sid \"3\")"));
    assert_eq!(world.released(), [(3, EndReason::NotPermitted)]);
    assert_eq!(world.sent(), "", "the server knows");
    world.subscribe("p", 4);
    world.sent();
    world.receive("-ERR 'Permissions Violation for Publish to \"p\"'");
    assert_eq!(world.released(), []);
}

/// INFO with servers of those numbers.
#[cfg(feature = "alloc")]
fn info_of(numbers: core::ops::Range<u32>) -> String {
    let urls: Vec<_> = numbers.map(|number| format!("\"x{number}:1\"")).collect();
    format!("INFO {{\"connect_urls\":[{}]}}", urls.join(","))
}

#[cfg(feature = "alloc")]
#[test]
fn there_is_one_bound_for_what_servers_tell() {
    use crate::session::servers::MAX_DISCOVERED;
    use crate::session::store::Growable;

    // Before the login, in many INFOs; and after it, in one.
    let mut world = World::<Growable<u8>>::new(Config::DEFAULT, &["a", "b"]);
    world.session.connect(world.now);
    world.session.handle_open();
    for at in 0..100 {
        world.receive(&info_of(at * 50..(at + 1) * 50));
    }
    assert_eq!(world.session.server_pool().count(), MAX_DISCOVERED + 2);
    assert_eq!(world.session.servers_skipped() as usize, 5_000 - MAX_DISCOVERED);
    world.login();
    assert_eq!(world.receive("PONG"), ["Connected"]);
    assert_eq!(world.session.server_pool().count(), MAX_DISCOVERED + 2);
    world.receive(&info_of(7_000..17_000));
    assert_eq!(world.session.server_pool().count(), MAX_DISCOVERED + 2);
    assert!(hosts(&world).contains(&"x7000") && !hosts(&world).contains(&"x0"), "new ones count");
    let left_out = world.session.servers_skipped() as usize;
    assert_eq!(left_out, 5_000 + 10_000 - 2 * MAX_DISCOVERED);

    // The application's own are not counted, and are kept.
    for number in 0..600 {
        let url = format!("own{number}");
        world.session.add_server(&ServerUrl::new(&url).unwrap()).unwrap();
    }
    assert_eq!(world.session.server_pool().count(), MAX_DISCOVERED + 602);
    world.receive(&info_of(0..1));
    assert_eq!(world.session.server_pool().count(), 603);

    // A name that is longer than any.
    world.receive(&format!("INFO {{\"connect_urls\":[\"{}:1\",\"x0:1\"]}}", "n".repeat(256)));
    assert_eq!(world.session.server_pool().count(), 603);
    assert_eq!(world.session.servers_skipped() as usize, left_out + 1);
}

#[test]
fn zones_are_kept_and_are_of_no_certificates_concern() {
    let mut world = World::<Small>::new(ORDERED, &["tls://[fe80::1%eth0]"]);
    world.session.connect(world.now);
    world.session.handle_open();
    assert_eq!(world.session.tls_name(), "fe80::1");
    world.receive("INFO {\"tls_required\":true,\"connect_urls\":[\"[fe80::2%eth0]:4222\"]}");
    world.session.handle_secured(0, world.now);
    world.login();
    world.receive("PONG");
    world.lose(DisconnectReason::Closed);
    assert_eq!(world.redial().1, "fe80::2%eth0");
    assert_eq!(world.session.tls_name(), "fe80::2");
}
