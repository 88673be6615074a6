use bytes::Bytes;
use nats_tests::NatsServer;
use nats_tokio::Client;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::ErrorKind;
use nats_tokio::Event;

use crate::soon;
use nats_tests::certificates::Authority;

const MESSAGES: usize = 20_000;

fn plain(more: &str) -> NatsServer {
    NatsServer::start(&format!(
        "websocket {{ listen: \"127.0.0.1:-1\"\n no_tls: true }}\nmax_payload: 4MB\n{more}"
    ))
}

fn secure(authority: &Authority) -> NatsServer {
    let tls = authority.sign_server().config("");
    NatsServer::start(&format!("websocket {{ listen: \"127.0.0.1:-1\"\n {tls} }}"))
}

fn url(scheme: &str, server: &NatsServer) -> String {
    format!("{scheme}://localhost:{}", server.websocket_port())
}

/// Large messages and many small ones there and back.
async fn use_it(client: &Client) {
    let mut subscriber = client.subscribe("echo").await.unwrap();
    for size in [0, 1, 125, 126, 4096, 65_000, 65_536, 1_000_000, 1_048_576] {
        let payload: Vec<u8> = (0..size).map(|n: usize| n.to_le_bytes()[0]).collect();
        client.publish("echo", Bytes::from(payload.clone())).await.unwrap();
        let message = soon(subscriber.next()).await.unwrap();
        assert!(message.payload() == payload, "{size} bytes");
    }
    let publish = async {
        for number in 0..MESSAGES {
            client.publish("echo", number.to_string()).await.unwrap();
        }
    };
    let receive = async {
        for number in 0..MESSAGES {
            let message = subscriber.next().await.unwrap();
            assert_eq!(message.payload(), number.to_string().as_bytes());
        }
    };
    soon(async { tokio::join!(publish, receive) }).await;
    soon(client.rtt()).await.unwrap();
    drop(subscriber);
    soon(client.drain()).await.unwrap();
}

#[tokio::test]
async fn without_tls() {
    let server = plain("");
    let client = soon(nats_tokio::connect(url("ws", &server))).await.unwrap();
    assert_eq!(client.server_info().address, url("ws", &server));
    use_it(&client).await;
}

#[tokio::test]
async fn over_tls() {
    let authority = Authority::new();
    let server = secure(&authority);
    let options = || ConnectOptions::new().root_certificates(authority.path());
    // That TLS is demanded is fine as well, first or not.
    for options in [options(), options().require_tls(), options().tls_first()] {
        use_it(&soon(options.connect(url("wss", &server))).await.unwrap()).await;
    }
    let error = soon(nats_tokio::connect(url("wss", &server))).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
}

#[tokio::test]
async fn between_websocket_and_tcp() {
    let server = plain("");
    let there = soon(nats_tokio::connect(url("ws", &server))).await.unwrap();
    let here = soon(nats_tokio::connect(server.url())).await.unwrap();
    let mut requests = here.subscribe("service").await.unwrap();
    let answer = async {
        let request = requests.next().await.unwrap();
        here.respond(&request, request.payload().to_vec()).await.unwrap();
    };
    let payload = vec![7; 3_000_000];
    let request = there.request("service", payload.clone());
    let (reply, ()) = soon(async { tokio::join!(request, answer) }).await;
    assert!(reply.unwrap().payload() == payload);
}

#[tokio::test]
async fn paths_and_headers_do_not_disturb() {
    let server = plain("");
    let options = ConnectOptions::new().websocket_header("Authorization", "Bearer x");
    let url = format!("{}/some/path?x=1", url("ws", &server));
    soon(options.connect(url)).await.unwrap();
}

#[tokio::test]
async fn a_server_whose_own_port_has_tls_may_have_none_here() {
    let authority = Authority::new();
    let server = plain(&authority.sign_server().config(""));
    use_it(&soon(nats_tokio::connect(url("ws", &server))).await.unwrap()).await;
}

#[tokio::test]
async fn refusals() {
    let server = plain("authorization { token: right }");
    let connect = |address: String| soon(nats_tokio::connect(address));
    let with = |token: &str| url("ws", &server).replace("//", &format!("//{token}@"));
    connect(with("right")).await.unwrap();
    let error = connect(with("wrong")).await.unwrap_err();
    let is_refused =
        matches!(error, ConnectError::Refused { kind: ErrorKind::AuthorizationViolation, .. });
    assert!(is_refused, "{error}");

    // Not a WebSocket, not TLS, and no TLS where it is demanded.
    let tcp = format!("localhost:{}", server.port());
    let error = connect(format!("ws://{tcp}")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    let error = connect(url("wss", &server)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    let options = ConnectOptions::new().require_tls();
    let error = soon(options.connect(with("right"))).await.unwrap_err();
    assert!(matches!(error, ConnectError::TlsUnavailable), "{error}");
}

#[tokio::test]
async fn a_server_that_goes_away_is_noticed() {
    let server = plain("");
    let client = soon(nats_tokio::connect(url("ws", &server))).await.unwrap();
    let mut events = client.events();
    drop(server);
    soon(async { while !matches!(events.next().await, Some(Event::Disconnected { .. })) {} }).await;
}
