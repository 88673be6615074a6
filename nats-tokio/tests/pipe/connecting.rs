use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_tokio::CloseReason;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::DisconnectReason;
use nats_tokio::ErrorKind;
use nats_tokio::Event;
use nats_tokio::Target;
use nats_tokio::UrlError;
use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::peer::INFO;
use crate::peer::Peer;
use crate::peer::pair;
use crate::texts::all_failed;
use crate::texts::chain;

#[tokio::test(start_paused = true)]
async fn connects_and_says_who_it_is() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut peer = Peer::new(theirs);
    let options = ConnectOptions::new().name("a \"b\"").no_echo().user_and_password("u", "p");
    let server = async {
        peer.send(INFO).await;
        let connect = peer.next().await.replace("\\\"", "\"").replace("\\\\", "\\");
        for part in [
            r#""verbose":false"#,
            r#""pedantic":false"#,
            r#""user":"u","pass":"p""#,
            r#""name":"a \"b\"""#,
            r#""lang":"rust""#,
            r#""protocol":1"#,
            r#""echo":false"#,
            r#""headers":true"#,
            r#""no_responders":true"#,
        ] {
            assert!(connect.contains(part), "{part} in {connect}");
        }
        peer.expect(&["PING"]).await;
        peer.send("PONG").await;
    };
    let (client, ()) = tokio::join!(options.connect_stream(ours), server);
    let client = client.unwrap();
    let info = client.server_info();
    assert_eq!((info.server_name.as_str(), info.version.as_str()), ("peer", "2.99.0"));
    assert_eq!((info.client_id, info.client_ip.as_str()), (7, "1.2.3.4"));
    assert_eq!(client.max_payload(), 1_000_000);
    assert_eq!(client.status(), ConnectionStatus::Connected);
    assert_eq!(client.statistics().connects, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    for said in ["", "INFO", INFO] {
        let (ours, theirs) = tokio::io::duplex(4096);
        let mut peer = Peer::new(theirs);
        peer.send_bytes(said.as_bytes()).await;
        if said == INFO {
            peer.send_bytes(b"\r\n").await;
        }
        let start = Instant::now();
        let error = ConnectOptions::new().connect_stream(ours).await.unwrap_err();
        let is_right = match said {
            INFO => matches!(error, ConnectError::TimedOut),
            _ => matches!(error, ConnectError::NoInfo) && error.to_string().contains("tls_first"),
        };
        assert!(is_right, "{error}");
        assert_eq!(start.elapsed().as_secs(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn opening_takes_no_longer_than_allowed_either() {
    let options = ConnectOptions::new()
        .connect_timeout(Duration::from_secs(5))
        .connector(|_| std::future::pending::<io::Result<DuplexStream>>());
    let start = Instant::now();
    let error = options.clone().connect("a,b").await.unwrap_err();
    assert_eq!(error.failures().len(), 2);
    assert!(all_failed(&error, |error| matches!(error, ConnectError::TimedOut)), "{error}");
    assert_eq!(start.elapsed().as_secs(), 10, "five for each of two servers");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_opened_in_time_does_not_keep_us_from_the_next() {
    let options = ConnectOptions::new().retain_servers_order().connector(|target| async move {
        if target.host == "a" {
            std::future::pending::<()>().await;
        }
        let (ours, theirs) = tokio::io::duplex(4096);
        let mut peer = Peer::new(theirs);
        tokio::spawn(async move {
            peer.accept().await;
            peer.serve().await
        });
        io::Result::Ok(ours)
    });
    let start = Instant::now();
    let client = options.connect("a,b").await.unwrap();
    assert_eq!(client.server_info().address, "nats://b:4222");
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_empty_address_is_the_default_one() {
    for address in ["", "  "] {
        let options = ConnectOptions::new().connector(|target| async move {
            let Target { scheme, host, port, path, .. } = target;
            let text = format!("{}://{host}:{port}{path}", scheme.as_str());
            io::Result::<DuplexStream>::Err(io::Error::other(text))
        });
        let error = options.connect(address).await.unwrap_err();
        assert!(chain(&error).ends_with("nats://localhost:4222"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_are_tried_until_one_takes_us() {
    let tried = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&tried);
    let options = ConnectOptions::new().retain_servers_order().connector(move |target| {
        log.lock().unwrap().push(format!("{}:{}", target.host, target.port));
        async move {
            if target.host != "c" {
                return Err(io::Error::other(target.host));
            }
            let (ours, theirs) = tokio::io::duplex(4096);
            let mut peer = Peer::new(theirs);
            tokio::spawn(async move {
                peer.accept().await;
                peer.serve().await
            });
            Ok(ours)
        }
    });
    let client = options.clone().connect(["a:1, nats://b", "c:3"]).await.unwrap();
    assert_eq!(*tried.lock().unwrap(), ["a:1", "b:4222", "c:3"]);
    assert_eq!(client.server_info().address, "nats://c:3");

    let error = options.clone().connect("a,b").await.unwrap_err();
    let failures: Vec<_> = error.failures().iter().map(|one| (&*one.server, &one.error)).collect();
    let [("nats://a:4222", first), ("nats://b:4222", second)] = failures.as_slice() else {
        panic!("{failures:?}");
    };
    assert!(matches!(first, ConnectError::Unreachable(error) if error.to_string() == "a"));
    assert!(matches!(second, ConnectError::Unreachable(error) if error.to_string() == "b"));
    assert_eq!(
        error.to_string(),
        "could not connect to any server: nats://a:4222: server unreachable: a; \
         nats://b:4222: server unreachable: b"
    );
    let error = options.connect("a").await.unwrap_err();
    assert!(matches!(&error, ConnectError::Unreachable(error) if error.to_string() == "a"));
    assert!(error.failures().is_empty(), "it says all itself");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_in_the_servers_words() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut peer = Peer::new(theirs);
    let server = async {
        peer.send(INFO).await;
        peer.next().await;
        peer.send("-ERR 'Authorization Violation'").await;
    };
    let (client, ()) = tokio::join!(ConnectOptions::new().connect_stream(ours), server);
    match client.unwrap_err() {
        ConnectError::Refused { kind, text, .. } => {
            assert_eq!(kind, ErrorKind::AuthorizationViolation);
            assert_eq!(text, "Authorization Violation");
        }
        error => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_nats_server() {
    for (said, expected) in [
        ("HTTP/1.1 400 Bad Request", "protocol error"),
        ("INFO {\"max_payload\"", "malformed INFO"),
    ] {
        let (ours, theirs) = tokio::io::duplex(4096);
        let mut peer = Peer::new(theirs);
        peer.send(said).await;
        let error = ConnectOptions::new().connect_stream(ours).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{said}: {error}");
    }
    let (ours, theirs) = tokio::io::duplex(4096);
    drop(theirs);
    let error = ConnectOptions::new().connect_stream(ours).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoInfo), "{error}");
}

#[tokio::test]
async fn options_are_checked() {
    let connect = |url: &str| ConnectOptions::new().connect(url.to_owned());
    assert!(matches!(connect("b:x").await, Err(ConnectError::InvalidUrl(UrlError::Port))));
    let second = |error: UrlError| error.of_entry(2);
    for (list, expected) in [
        ("a,b:x", second(UrlError::Port)),
        ("a,bad url", second(UrlError::Host)),
        (",http://b,", second(UrlError::Scheme)),
        ("a,nats://u:pa/ss@b", second(UrlError::Unescaped)),
    ] {
        let error = connect(list).await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidUrl(error) if error == expected), "{list}");
        let texts = ["a".to_owned(), list.replace("a,", "").replace(',', "")];
        let error = ConnectOptions::new().connect(texts).await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidUrl(error) if error == expected), "{list}");
    }
    for none in [&[][..], &["", ""], &[" ", ","], &[",,"]] {
        let error = ConnectOptions::new().connect(none).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoServers), "{none:?}: {error}");
    }
    for prefix in ["", "a b", "a.*", "a."] {
        let options = ConnectOptions::new().inbox_prefix(prefix);
        let error = options.connect("a").await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidInboxPrefix(_)), "{prefix:?}: {error}");
    }
    let options = ConnectOptions::new().inbox_prefix("a".repeat(221));
    assert!(matches!(options.connect("a").await, Err(ConnectError::InboxPrefixTooLong)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_pings_is_dead() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    let start = Instant::now();
    peer.expect(&["PING", "PING"]).await;
    assert_eq!(client.closed().await, CloseReason::Disconnected(DisconnectReason::Stale));
    assert_eq!(start.elapsed().as_secs(), 360, "two minutes, and two more for each PING");
    assert_event!(
        events.next().await.unwrap(),
        Disconnected {
            server: "nats://stream:4222".into(),
            reason: DisconnectReason::Stale,
            text: None,
            unconfirmed: 0
        }
    );
    assert_event!(
        events.next().await.unwrap(),
        Closed {
            reason: CloseReason::Disconnected(DisconnectReason::Stale),
            unsent: 0,
            unconfirmed: 0
        }
    );
    assert_eq!(events.next().await, None);
    peer.expect(&["closed"]).await;
}

#[tokio::test(start_paused = true)]
async fn pings_of_the_server_are_answered() {
    let (client, mut peer) = pair().await;
    for _ in 0..3 {
        peer.send("PING").await;
        peer.expect(&["PONG"]).await;
    }
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_told() {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    let mut events = client.events();
    drop(peer);
    assert!(subscriber.next().await.is_none());
    assert_event!(
        events.next().await.unwrap(),
        Disconnected {
            server: "nats://stream:4222".into(),
            reason: DisconnectReason::Closed,
            text: None,
            unconfirmed: 0
        }
    );
    assert_eq!(client.closed().await, CloseReason::Disconnected(DisconnectReason::Closed));
    assert_ne!(client.status(), ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn errors_and_news_of_the_server_are_told() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    peer.send("-ERR 'Permissions Violation for Publish to \"a\"'").await;
    assert_event!(
        events.next().await.unwrap(),
        ServerError {
            kind: ErrorKind::PermissionsViolation,
            text: "Permissions Violation for Publish to \"a\"".to_owned(),
            subject: Some("a".to_owned()),
        }
    );
    peer.send("INFO {\"max_payload\":5,\"headers\":true,\"ldm\":true}").await;
    assert_eq!(events.next().await, Some(Event::LameDuckMode));
    assert_eq!(client.max_payload(), 5);
    assert!(client.server_info().lame_duck);
    assert_eq!(client.status(), ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_too_slow_learns_how_much_it_missed() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    for _ in 0..130 {
        peer.send("-ERR 'Invalid Subject'").await;
    }
    client.flush_with(&mut peer).await;
    assert_eq!(events.next().await, Some(Event::Missed(2)));
    assert!(matches!(events.next().await, Some(Event::ServerError { .. })));
}

trait FlushWith {
    async fn flush_with(&self, peer: &mut Peer);
}

impl FlushWith for nats_tokio::Client {
    async fn flush_with(&self, peer: &mut Peer) {
        let server = async {
            peer.expect(&["PING"]).await;
            peer.send("PONG").await;
        };
        let (flushed, ()) = tokio::join!(self.flush(), server);
        flushed.unwrap();
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test(start_paused = true)]
async fn without_tls_its_absence_is_told() {
    use nats_tokio::TlsError;

    let (ours, theirs) = tokio::io::duplex(4096);
    let mut peer = Peer::new(theirs);
    peer.send("INFO {\"tls_required\":true}").await;
    let error = ConnectOptions::new().connect_stream(ours).await.unwrap_err();
    let ConnectError::Tls(error) = error else { panic!("{error}") };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    assert!(matches!(inner, Some(TlsError::Unsupported)), "{error}");
    peer.expect(&["closed"]).await;
}

#[cfg(not(feature = "websocket"))]
#[tokio::test]
async fn without_websocket_its_absence_is_told() {
    for url in ["ws://a", "b,wss://a"] {
        let error = nats_tokio::connect(url).await.unwrap_err();
        assert!(matches!(error, ConnectError::WebSocketUnsupported), "{error}");
    }
}
