//! Logging in.

use nats_embassy::Auth;
use nats_embassy::Config;
use nats_embassy::DisconnectReason;
use nats_embassy::ErrorKind;
use nats_embassy::Event;
use nats_embassy::SignError;
use nats_embassy::Signer;

use crate::Nats;
use crate::clock::block_on;
use crate::peer::INFO;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;
use crate::with_config;

/// A secure element, say.
struct Element;

impl Signer for Element {
    async fn sign(&mut self, nonce: &[u8]) -> Result<[u8; 64], SignError> {
        embassy_time::Timer::after_millis(300).await;
        (nonce == b"abc").then_some([1; 64]).ok_or(SignError)
    }
}

#[test]
fn credentials_are_in_connect() {
    let table = [
        (Auth::Password { user: "sue", password: "secret" }, "sue"),
        (Auth::Token("t0ken"), "auth_token"),
        (Auth::Anonymous, "no_responders"),
    ];
    for (login, expected) in table {
        let peer = Peer::new(Script { chunk: 5, ..Script::default() });
        let config = Config::new("nats://one").auth(login).name("device");
        with_config(config, &peer, async |client| client.connected().await.unwrap());
        let log = peer.log();
        let connect = log.iter().find(|line| line.starts_with("CONNECT")).unwrap();
        assert!(connect.contains(expected) && connect.contains("device"), "{connect}");
    }
}

#[test]
fn a_signer_may_take_its_time() {
    // A JWT is longer than what is written at once.
    let jwt = "x".repeat(2000);
    for login in [Auth::Nkey { public: "UXYZ" }, Auth::Jwt(&jwt)] {
        let peer = Peer::new(Script::default());
        let mut resources = Nats::new();
        let config = Config::new("nats://one").auth(login);
        let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        let (client, runner) = made.unwrap();
        let mut runner = runner.with_signer(Element);
        block_on(embassy_futures::select::select(runner.run(), client.connected()));
        let log = peer.log();
        let connect = log.iter().find(|line| line.starts_with("CONNECT")).unwrap();
        assert!(connect.contains("\"sig\":\"AQEB"), "{connect}");
    }
}

#[test]
fn without_a_signature_there_is_no_connection() {
    let peer = Peer::new(Script::default());
    let config = Config::new("nats://one").auth(Auth::Jwt("jwt"));
    with_config(config, &peer, async |client| {
        assert_eq!(client.next_event().await, Some(Event::ConnectFailed(DisconnectReason::Auth)));
    });
}

#[test]
fn a_wrong_password_is_tried_again_later() {
    let peer = Peer::new(Script { refusal: Some("Authorization Violation"), ..Script::default() });
    with_config(Config::new("nats://one"), &peer, async |client| {
        for _ in 0..5 {
            let expected = DisconnectReason::Server(ErrorKind::AuthorizationViolation);
            while client.next_event().await != Some(Event::ConnectFailed(expected)) {}
        }
        peer.script(|script| script.refusal = None);
        client.connected().await.unwrap();
    });
}

#[test]
fn tls_comes_before_the_login() {
    let info = INFO.replace("\"proto\"", "\"tls_required\":true,\"proto\"");
    let peer = Peer::new(Script { info, ..Script::default() });
    let config = Config::new("nats://one");
    with_config(config, &peer, async |client| client.connected().await.unwrap());
    let log = peer.log();
    let at = |start: &str| log.iter().position(|line| line.starts_with(start));
    assert!(at("upgrade one") < at("CONNECT"), "{log:?}");
    assert!(at("upgrade").is_some());
}

#[test]
fn what_is_there_before_tls_is_from_anybody() {
    let info = INFO.replace("\"proto\"", "\"tls_required\":true,\"proto\"");
    let info = format!("{info}\r\nMSG a 1 1\r\nx");
    let peer = Peer::new(Script { info, ..Script::default() });
    with_config(Config::new("nats://one"), &peer, async |client| {
        assert_eq!(client.next_event().await, Some(Event::ConnectFailed(DisconnectReason::Tls)));
    });
}

#[test]
fn what_comes_with_info_waits_for_the_login() {
    for (login, is_signed) in [(Auth::Anonymous, false), (Auth::Nkey { public: "UXYZ" }, true)] {
        let info = format!("{INFO}\r\nPING\r\n+OK");
        let peer = Peer::new(Script { info, ..Script::default() });
        let mut resources = Nats::new();
        let config = Config::new("nats://one").auth(login);
        let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        let (client, runner) = made.unwrap();
        let mut runner = runner.with_signer(Element);
        let app = async {
            client.connected().await.unwrap();
            client.flush().await.unwrap();
        };
        block_on(embassy_futures::select::select(runner.run(), app));
        let log = peer.log();
        let connect = log.iter().find(|line| line.starts_with("CONNECT")).unwrap();
        assert_eq!(connect.contains("\"sig\":\"AQEB"), is_signed, "{connect}");
    }
}

#[test]
fn a_server_that_is_full_says_so() {
    let info = format!("{INFO}\r\n-ERR 'maximum connections exceeded'");
    let peer = Peer::new(Script { info, ..Script::default() });
    with_config(Config::new("nats://one"), &peer, async |client| {
        let expected = DisconnectReason::Server(ErrorKind::MaximumConnections);
        assert_eq!(client.next_event().await, Some(Event::ConnectFailed(expected)));
    });
}

/// Pasted from a file, as a constant of the firmware.
#[cfg(feature = "nkeys")]
const CREDS: &str = "\
-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QifQ.eyJuYXRzIjp7fX0.c2ln
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E
------END USER NKEY SEED------
";

#[cfg(feature = "nkeys")]
#[test]
fn credentials_may_be_a_constant() {
    use nats_embassy::KeySigner;
    use nats_embassy::nats_proto::creds::Credentials;
    use nats_embassy::nats_proto::nkeys::SignatureText;

    let credentials = Credentials::new(CREDS).unwrap();
    let (jwt, seed) = (credentials.jwt().unwrap(), credentials.seed().unwrap());
    let mut expected = KeySigner::new(seed).unwrap();
    let expected = SignatureText::new(&block_on(expected.sign(b"abc")).unwrap());
    let peer = Peer::new(Script::default());
    let mut resources = Nats::new();
    let config = Config::new("nats://one").auth(Auth::Jwt(jwt));
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, runner) = made.unwrap();
    let mut runner = runner.with_signer(KeySigner::new(seed).unwrap());
    block_on(embassy_futures::select::select(runner.run(), client.connected()));
    let log = peer.log();
    let connect = log.iter().find(|line| line.starts_with("CONNECT")).unwrap();
    assert!(connect.contains(jwt) && connect.contains(expected.as_str()), "{connect}");
}
