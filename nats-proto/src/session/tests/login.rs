//! What CONNECT says, and what may stand in front of TLS.

use super::*;
use crate::session::Auth;
use crate::session::ClientInfo;
use crate::session::NoNonce;
use crate::wire::ClientOp;
use crate::wire::FromClient;

/// A session that a server has told about itself.
fn asked(config: Config, server: &str, info: &str) -> World<Small> {
    let mut world = World::new(config, &[server]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(&format!("INFO {info}"));
    world
}

/// CONNECT, written in pieces of `room` bytes.
fn connect(
    world: &mut World<Small>,
    client: &ClientInfo<'_>,
    auth: &Auth<'_>,
    room: usize,
) -> String {
    let len = world.session.log_in_len(client, auth).unwrap();
    let mut line = Vec::new();
    while world.session.phase() == Phase::Login {
        let mut part = std::vec![0; room];
        let len = world.session.log_in(client, auth, &mut part).unwrap();
        line.extend_from_slice(&part[..len]);
    }
    assert_eq!(line.len(), len);
    let decoded = Decoder::<FromClient>::default().decode(&line);
    assert!(matches!(decoded, Ok(Decoded::Frame { op: ClientOp::Connect(_), .. })), "{decoded:?}");
    String::from_utf8(line).unwrap()
}

#[test]
fn credentials_of_each_kind() {
    let table = [
        (Auth::None, ""),
        (Auth::UserAndPassword { user: "u", password: "p" }, r#""user":"u","pass":"p","#),
        (Auth::Token("t"), r#""auth_token":"t","#),
        (Auth::Nkey { public: "UAB", signature: "c2ln" }, r#""nkey":"UAB","sig":"c2ln","#),
        (Auth::Jwt { jwt: "ey", signature: Some("c2ln") }, r#""jwt":"ey","sig":"c2ln","#),
        (Auth::Jwt { jwt: "ey", signature: None }, r#""jwt":"ey","#),
    ];
    for (auth, fields) in table {
        for room in [1, 7, 4096] {
            let mut world = asked(Config::DEFAULT, "a", r#"{"nonce":"abc","headers":true}"#);
            let client = ClientInfo::DEFAULT.name(Some("n"));
            let expected = format!(
                "CONNECT {{\"verbose\":false,\"pedantic\":false,\"tls_required\":false,{fields}\
                 \"name\":\"n\",\"lang\":\"rust\",\"version\":\"{}\",\"protocol\":1,\"echo\":true,\
                 \"headers\":true,\"no_responders\":true}}\r\n",
                env!("CARGO_PKG_VERSION")
            );
            assert_eq!(connect(&mut world, &client, &auth, room), expected);
            assert_eq!(world.sent(), "PING");
        }
    }
}

#[test]
fn settings_of_the_client() {
    let mut world = asked(Config::DEFAULT, "a", "{}");
    let client =
        ClientInfo::DEFAULT.lang("c").version("9").echo(false).verbose(true).pedantic(true);
    let line = connect(&mut world, &client, &Auth::None, 4096);
    assert_eq!(
        line,
        "CONNECT {\"verbose\":true,\"pedantic\":true,\"tls_required\":false,\"lang\":\"c\",\
         \"version\":\"9\",\"protocol\":1,\"echo\":false,\"headers\":false,\"no_responders\":false}\
         \r\n",
        "what a server does not know is not asked of it"
    );
}

#[test]
fn tls_is_required_where_it_is() {
    let (required, first) = (Tls::Required, Tls::First);
    let info = r#"{"tls_required":true}"#;
    for (tls, server, info, expected) in [
        (Tls::Auto, "nats://a", "{}", false),
        (Tls::Auto, "nats://a", info, true),
        (required, "nats://a", info, true),
        (first, "nats://a", info, true),
        (Tls::Auto, "ws://a", info, false),
        (Tls::Auto, "wss://a", "{}", true),
    ] {
        let mut world = World::<Small>::new(Config { tls, ..Config::DEFAULT }, &[server]);
        world.session.connect(world.now);
        world.session.handle_open();
        if world.session.phase() == Phase::Secure {
            world.session.handle_secured(0, world.now);
        }
        world.receive(&format!("INFO {info}"));
        if world.session.phase() == Phase::Secure {
            world.session.handle_secured(0, world.now);
        }
        let line = connect(&mut world, &ClientInfo::DEFAULT, &Auth::None, 4096);
        let flag = format!("\"tls_required\":{expected},");
        assert!(line.contains(&flag), "{tls:?} {server} {info}: {line}");
    }
}

#[test]
fn a_signature_that_nobody_asked_for_is_not_sent() {
    for auth in [
        Auth::Nkey { public: "UAB", signature: "c2ln" },
        Auth::Jwt { jwt: "ey", signature: Some("c2ln") },
    ] {
        let mut world = asked(Config::DEFAULT, "a", r#"{"auth_required":true}"#);
        let mut out = [0; 512];
        let client = ClientInfo::DEFAULT;
        assert_eq!(world.session.log_in_len(&client, &auth), Err(NoNonce));
        assert_eq!(world.session.log_in(&client, &auth, &mut out), Err(NoNonce));
        assert_eq!((world.session.phase(), out), (Phase::Login, [0; 512]));
        let event = Event::ConnectFailed { reason: DisconnectReason::Auth, error: None };
        assert_eq!(world.lose(DisconnectReason::Auth), event);
    }
}

#[test]
fn no_text_shows_a_secret() {
    for auth in [
        Auth::UserAndPassword { user: "u", password: "s3cret" },
        Auth::Token("s3cret"),
        Auth::Nkey { public: "s3cret", signature: "s3cret" },
        Auth::Jwt { jwt: "s3cret", signature: Some("s3cret") },
    ] {
        assert!(!format!("{auth:?}").contains("s3cret"));
    }
}

#[test]
fn logging_in_out_of_turn_writes_nothing() {
    let mut world = World::<Small>::connected();
    let mut out = [0; 64];
    assert_eq!(world.session.log_in(&ClientInfo::DEFAULT, &Auth::None, &mut out), Ok(0));
}

#[test]
fn bytes_in_front_of_tls_are_the_end() {
    for tls in [Tls::Required, Tls::First] {
        for unread in [0, 1] {
            let mut world = World::<Small>::new(Config { tls, ..Config::DEFAULT }, &["a"]);
            world.session.connect(world.now);
            world.session.handle_open();
            if tls == Tls::Required {
                world.receive("INFO {\"tls_required\":true}");
            }
            assert_eq!(world.session.phase(), Phase::Secure);
            let event = world.session.handle_secured(unread, world.now);
            if unread == 0 {
                assert_eq!(event, None);
                assert_ne!(world.session.phase(), Phase::Secure);
            } else {
                let failed = Event::ConnectFailed { reason: DisconnectReason::Tls, error: None };
                assert_eq!(event, Some(failed));
                assert_eq!(
                    world.session.phase(),
                    Phase::Closed(CloseReason::Disconnected(DisconnectReason::Tls))
                );
            }
        }
    }
}
