//! Servers that the application adds, and finds again.

use core::time::Duration;

use super::*;
use crate::session::AddServerError;
use crate::session::UserInfo;
use crate::url::UrlError;

fn session() -> Session<Small> {
    let config = Config { retain_servers_order: true, ..Config::DEFAULT };
    Session::new(config, RngSeed([5; 16]))
}

#[test]
fn credentials_in_an_address_are_no_secret_that_gets_lost() {
    for text in ["nats://user:password@a", "token@a", "nats://:@a"] {
        let url = ServerUrl::new(text).unwrap();
        let mut session = session();
        assert_eq!(session.add_server(&url), Err(AddServerError::UserInfo), "{text}");
        let list = format!("b,{text}");
        assert_eq!(session.add_servers(&list, UserInfo::Refuse), Err(AddServerError::UserInfo));
        assert_eq!(session.server_pool().count(), 0, "{text}");
        session.add_server(&url.without_user_info()).unwrap();
        session.add_servers(text, UserInfo::Allow).unwrap();
        let known: Vec<_> = session.server_pool().map(|server| server.url).collect();
        assert!(matches!(*known, [only] if only.host() == "a" && !only.has_user_info()));
    }
}

#[test]
fn a_list_is_added_as_a_whole_or_says_why_not() {
    let mut session = session();
    let error = UrlError::Entry { number: 2, error: &UrlError::Port };
    assert_eq!(session.add_servers("a,b:x,c", UserInfo::Allow), Err(AddServerError::Url(error)));
    assert_eq!(session.server_pool().count(), 0);
    session.add_servers("a, b,,", UserInfo::Refuse).unwrap();
    let long = "x".repeat(60);
    assert_eq!(session.add_servers(&long, UserInfo::Refuse), Err(AddServerError::AddressTooLong));
    assert_eq!(session.add_servers("c,d,e", UserInfo::Refuse), Err(AddServerError::Full));
    let hosts: Vec<_> = session.server_pool().map(|server| server.url.host().to_string()).collect();
    assert_eq!(hosts, ["a", "b", "c"]);
}

#[test]
fn the_target_is_found_in_the_applications_list() {
    let mut world = World::<Small> {
        session: session(),
        now: Instant::from_millis(1_000),
        decoder: Decoder::default(),
    };
    // The second is the first one again.
    world.session.add_servers("u:one@a,u:two@a", UserInfo::Allow).unwrap();
    world.session.add_server(&ServerUrl::new("b").unwrap()).unwrap();
    world.session.connect(world.now);
    assert_eq!((world.host(), world.session.target_number()), ("a", Some(0)));
    world.lose(DisconnectReason::Unreachable);
    assert_eq!((world.host(), world.session.target_number()), ("b", Some(2)));
    world.session.handle_open();
    world.receive("INFO {\"connect_urls\":[\"c:1\"]}");
    world.login();
    world.receive("PONG");
    world.lose(DisconnectReason::Closed);
    // The discovered one is none of the application's.
    let mut seen = Vec::new();
    for _ in 0..3 {
        let event = world.wait().1;
        assert!(matches!(event, Some(Event::Reconnecting { .. })), "{event:?}");
        seen.push((world.host().to_string(), world.session.target_number()));
        world.lose(DisconnectReason::Unreachable);
    }
    seen.sort();
    assert_eq!(seen, [("a".into(), Some(0)), ("b".into(), Some(2)), ("c".into(), None)]);
    // Another list counts anew, for those, too, that are known already.
    world.now = world.now + Duration::from_secs(60);
    world.session.remove_servers();
    world.session.add_servers("x,c:1,b", UserInfo::Refuse).unwrap();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        world.wait();
        numbers.push((world.host().to_string(), world.session.target_number()));
        world.lose(DisconnectReason::Unreachable);
    }
    numbers.sort();
    assert_eq!(numbers, [("b".into(), Some(2)), ("c".into(), Some(1)), ("x".into(), Some(0))]);
}

#[test]
fn a_server_in_use_keeps_its_number_until_it_is_added_again() {
    let mut world = World::<Small>::connected();
    assert_eq!(world.session.target_number(), Some(0));
    world.session.remove_servers();
    world.session.add_servers("b,a", UserInfo::Refuse).unwrap();
    assert_eq!(
        (world.session.target().unwrap().host(), world.session.target_number()),
        ("a", Some(1))
    );
}
