//! Servers behind a proxy that the test plays.

use std::error::Error;
use std::io;
use std::time::Duration;

use data_encoding::BASE64;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::Event;
use nats_tokio::ProxyError;
use nats_tokio::ProxyUrlError;
use nats_tokio::Transport;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::peer::Peer;
use crate::servers::Servers;
use crate::texts::chain;

const HTTP: &str = "http://mary:s3cret@proxy.example:3128";
const SOCKS: &str = "socks5://mary:s3cret@proxy.example";
const OK: &str = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";

async fn read_exact<const N: usize>(stream: &mut impl Transport) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// What an HTTP proxy is asked.
async fn request(stream: &mut impl Transport) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Plays a SOCKS5 proxy until it has to answer; what it is asked.
async fn socks(stream: &mut impl Transport, login: Option<(&str, &str)>) -> String {
    match login {
        None => {
            assert_eq!(read_exact(stream).await, [5, 1, 0]);
            stream.write_all(&[5, 0]).await.unwrap();
        }
        Some((user, password)) => {
            assert_eq!(read_exact(stream).await, [5, 2, 0, 2]);
            stream.write_all(&[5, 2]).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), 1);
            assert_eq!(text(stream).await, user);
            assert_eq!(text(stream).await, password);
            stream.write_all(&[1, 0]).await.unwrap();
        }
    }
    assert_eq!(read_exact(stream).await, [5, 1, 0], "connect");
    let host = match stream.read_u8().await.unwrap() {
        1 => std::net::Ipv4Addr::from(read_exact(stream).await).to_string(),
        3 => text(stream).await,
        4 => std::net::Ipv6Addr::from(read_exact::<16>(stream).await).to_string(),
        other => panic!("{other}"),
    };
    format!("{host} {}", stream.read_u16().await.unwrap())
}

/// A text behind its length.
async fn text(stream: &mut impl Transport) -> String {
    let mut text = vec![0; stream.read_u8().await.unwrap().into()];
    stream.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// SOCKS5's answer.
async fn answer(stream: &mut impl Transport, code: u8) {
    stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
}

/// The proxy's end of the next connection.
async fn dialled(servers: &mut Servers) -> DuplexStream {
    let (host, stream) = servers.dialled.recv().await.unwrap();
    assert_eq!(host, "proxy.example");
    stream
}

/// Does the NATS part, with the server's first bytes right behind the proxy's.
async fn serve(mut stream: DuplexStream, first: &[u8]) -> Peer {
    stream.write_all(first).await.unwrap();
    let mut peer = Peer::new(stream);
    peer.accept().await;
    peer
}

#[tokio::test(start_paused = true)]
async fn through_http() {
    let basic = format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(b"mary:s3cret"));
    for (proxy, server, authority, login) in [
        ("http://proxy.example", "a.example", "a.example:4222", ""),
        (HTTP, "nats://a.example:1", "a.example:1", basic.as_str()),
        (HTTP, "[fe80::1%eth0]", "[fe80::1]:4222", &basic),
    ] {
        let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(proxy));
        let playing = async {
            let mut stream = dialled(&mut servers).await;
            let expected =
                format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n");
            assert_eq!(request(&mut stream).await, expected);
            serve(stream, OK.as_bytes()).await
        };
        let (client, mut peer) = tokio::join!(options.connect(server), playing);
        client.unwrap().publish("a", "hi").await.unwrap();
        peer.expect(&["PUB a: hi"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn through_socks() {
    let login = Some(("mary", "s3cret"));
    for (proxy, server, target, login) in [
        ("socks5://proxy.example", "a.example", "a.example 4222", None),
        (SOCKS, "nats://a.example:1", "a.example 1", login),
        (SOCKS, "127.0.0.1", "127.0.0.1 4222", login),
        (SOCKS, "[fe80::1%eth0]", "fe80::1 4222", login),
    ] {
        let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(proxy));
        let playing = async {
            let mut stream = dialled(&mut servers).await;
            assert_eq!(socks(&mut stream, login).await, target);
            serve(stream, &[5, 0, 0, 3, 1, b'x', 0, 0]).await
        };
        let (client, mut peer) = tokio::join!(options.connect(server), playing);
        client.unwrap().publish("a", "hi").await.unwrap();
        peer.expect(&["PUB a: hi"]).await;
    }
}

/// Connects through an HTTP proxy that answers with this, and hangs up then.
async fn http_failure(answer: &str) -> ConnectError {
    let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(HTTP));
    let playing = async {
        let mut stream = dialled(&mut servers).await;
        request(&mut stream).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    };
    tokio::join!(options.connect("a.example"), playing).0.unwrap_err()
}

fn proxy_error(error: &ConnectError) -> &ProxyError {
    let ConnectError::Unreachable(error) = error else { panic!("{error}") };
    error.get_ref().and_then(|inner| inner.downcast_ref()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_an_http_proxy_says() {
    let secret = BASE64.encode(b"mary:s3cret");
    for (answer, expected) in [
        ("HTTP/1.1 407 Who are you?\r\n\r\n", "proxy authentication required"),
        ("HTTP/1.1 403 Not there\r\n\r\n", "the proxy refused: 403 Not there"),
        ("HTTP/1.0 404\r\n\r\n", "the proxy refused: 404"),
        ("HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", "the proxy refused: 302 Found"),
        ("HTTP/1.1 502 No such host\n\n", "the proxy could not reach the server: 502 No such host"),
        // It is no mirror of secrets.
        ("HTTP/1.1 400 s3cret is wrong\r\n\r\n", "the proxy refused: 400"),
        (&format!("HTTP/1.1 400 {secret}\r\n\r\n"), "the proxy refused: 400"),
        (
            &format!("HTTP/1.1 400 {}\r\n\r\n", "x".repeat(1000)),
            &format!("the proxy refused: 400 {}", "x".repeat(200)),
        ),
        ("INFO {}\r\n", "malformed answer: not a proxy of this kind"),
        ("HTTP/9.9 200\r\n\r\n", "malformed answer: not a proxy of this kind"),
        ("", "the proxy closed the connection without an answer: unexpected end of file"),
        (
            "HTTP/1.1 200 OK\r\n",
            "the proxy closed the connection without an answer: unexpected end of file",
        ),
        (&format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(9000)), "the proxy's answer is too long"),
        (
            &format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101)),
            "the proxy's answer is too long",
        ),
    ] {
        let text = chain(&http_failure(answer).await);
        let expected = format!("server unreachable: {expected}");
        assert!(text.starts_with(&expected), "{answer:?}: {text}");
        assert!(text.len() <= expected.len() || expected.contains("end of file"), "{text}");
    }
    // As long as may be: 8 KiB.
    let start = "HTTP/1.1 407 No\r\nA: ";
    let answer = format!("{start}{}\r\n\r\n", "x".repeat(8192 - start.len() - 4));
    let error = http_failure(&answer).await;
    assert!(matches!(proxy_error(&error), ProxyError::Credentials), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_socks_proxy_says() {
    for (code, expected) in [
        (1, "the proxy refused: General SOCKS server failure"),
        (2, "the proxy refused: Connection not allowed by ruleset"),
        (4, "the proxy could not reach the server: Host unreachable"),
        (5, "the proxy could not reach the server: Connection refused"),
        (99, "malformed answer: not a proxy of this kind"),
    ] {
        let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(SOCKS));
        let playing = async {
            let mut stream = dialled(&mut servers).await;
            socks(&mut stream, Some(("mary", "s3cret"))).await;
            answer(&mut stream, code).await;
        };
        let error = tokio::join!(options.connect("a.example"), playing).0.unwrap_err();
        assert_eq!(chain(&error), format!("server unreachable: {expected}"));
    }
    let too_long = format!("{}.example", "a".repeat(255));
    let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(SOCKS));
    let (client, _stream) = tokio::join!(options.connect(too_long), dialled(&mut servers));
    assert!(matches!(proxy_error(&client.unwrap_err()), ProxyError::NameTooLong));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_a_socks_proxy_does_not_take() {
    for (url, said) in [
        ("socks5://proxy.example", &[5, 255][..]),
        ("socks5://proxy.example", &[5, 2]),
        (SOCKS, &[5, 255]),
        (SOCKS, &[5, 2, 1, 1]),
    ] {
        let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(url));
        let playing = async {
            let mut stream = dialled(&mut servers).await;
            stream.write_all(said).await.unwrap();
            stream
        };
        let error = tokio::join!(options.connect("a.example"), playing).0.unwrap_err();
        assert!(
            matches!(proxy_error(&error), ProxyError::Credentials),
            "{url} {said:?}: {error:?}"
        );
    }
    for said in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), b"", b"\x05"] {
        let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(SOCKS));
        let playing = async {
            let mut stream = dialled(&mut servers).await;
            stream.write_all(said).await.unwrap();
        };
        let error = tokio::join!(options.connect("a.example"), playing).0.unwrap_err();
        match proxy_error(&error) {
            ProxyError::Malformed => assert!(said.len() > 1),
            ProxyError::Lost(_) => assert!(said.len() < 2),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_has_no_more_time_than_connecting() {
    for url in [HTTP, SOCKS] {
        for said in [&b""[..], b"HTTP/1.1 200 OK\r\n", &[5, 0]] {
            let options = ConnectOptions::new().connect_timeout(Duration::from_secs(5)).proxy(url);
            let (options, mut servers) = Servers::new(options);
            let start = Instant::now();
            let playing = async {
                let mut stream = dialled(&mut servers).await;
                if (said.first() == Some(&5)) == (url == SOCKS) {
                    stream.write_all(said).await.unwrap();
                }
                stream
            };
            let (client, _stream) = tokio::join!(options.connect("a.example"), playing);
            let error = client.unwrap_err();
            assert!(matches!(error, ConnectError::TimedOut), "{error}");
            assert_eq!(start.elapsed().as_secs(), 5);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_hangs_up() {
    for url in [HTTP, SOCKS] {
        let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(url));
        let mut stream = {
            let asked = async {
                let mut stream = dialled(&mut servers).await;
                stream.read_u8().await.unwrap();
                stream
            };
            tokio::select! {
                biased;
                connected = options.connect("a.example") => panic!("{connected:?}"),
                stream = asked => stream,
            }
        };
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_address_is_told_before_anything_is_sent() {
    for (url, expected) in [
        ("mary:s3cret@proxy.example", "the scheme is none of http, socks5 and socks5h"),
        ("https://mary:s3cret@proxy.example", "the scheme is none of http, socks5 and socks5h"),
        ("http://mary:s3cret@pro xy", "malformed host or port: the host is missing or malformed"),
        ("http://mary:s3cret@proxy.example/x", "unexpected text after host and port"),
        ("socks5://s3cret@proxy", "credentials that this kind of proxy cannot take"),
    ] {
        let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(url));
        let error = options.connect("a.example").await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidProxy(_)));
        assert_eq!(chain(&error), format!("invalid proxy URL: {expected}"));
        assert!(servers.dialled.try_recv().is_err());
        let (ours, _theirs) = tokio::io::duplex(64);
        let error = ConnectOptions::new().proxy(url).connect_stream(ours).await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidProxy(_)));
    }
    let invalid = ConnectOptions::new().proxy("ftp://x").connect("a.example").await.unwrap_err();
    assert!(matches!(invalid, ConnectError::InvalidProxy(ProxyUrlError::Scheme)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_open_needs_no_proxy() {
    let (client, mut peer) = crate::peer::connected(ConnectOptions::new().proxy(HTTP), 1000).await;
    client.publish("a", "hi").await.unwrap();
    peer.expect(&["PUB a: hi"]).await;
}

/// An error and all that is behind it.
fn check_error(error: &dyn Error) {
    check(&format!("{error} {error:?} {error:#?}"));
    if let Some(source) = error.source() {
        check_error(source);
    }
}

#[track_caller]
fn check(text: &str) {
    let hidden = ["s3cret", "mary", "bWFyeT", "s3cr"];
    assert!(!hidden.iter().any(|secret| text.contains(secret)), "{text}");
}

#[tokio::test(start_paused = true)]
async fn reconnecting_through_it_and_no_word_of_secrets() {
    for (url, is_http) in [(HTTP, true), (SOCKS, false)] {
        let options = ConnectOptions::new().proxy(url);
        check(&format!("{options:?} {options:#?}"));
        let (options, mut servers) = Servers::new(options);
        let pass = async |stream: &mut DuplexStream, succeeds: bool| {
            if is_http {
                request(stream).await;
                let refusal = "HTTP/1.1 407 mary s3cret\r\n\r\n";
                let answer = if succeeds { OK } else { refusal };
                stream.write_all(answer.as_bytes()).await.unwrap();
            } else {
                socks(stream, Some(("mary", "s3cret"))).await;
                answer(stream, if succeeds { 0 } else { 2 }).await;
            }
        };
        let first = async {
            let mut stream = dialled(&mut servers).await;
            pass(&mut stream, true).await;
            serve(stream, b"").await
        };
        let (client, peer) = tokio::join!(options.connect("a.example"), first);
        let client = client.unwrap();
        let mut events = client.events();
        check(&format!("{client:?} {:?} {:?}", client.server_pool(), client.server_info()));
        drop(peer);
        pass(&mut dialled(&mut servers).await, false).await;
        let mut stream = dialled(&mut servers).await;
        pass(&mut stream, true).await;
        let mut peer = serve(stream, b"").await;
        client.publish("a", "hi").await.unwrap();
        peer.expect(&["PUB a: hi"]).await;
        tokio::join!(client.close(), peer.serve());
        let mut has_failed = false;
        while let Some(event) = events.next().await {
            check(&format!("{event:?} {event}"));
            has_failed |= matches!(event, Event::ConnectFailed { .. });
        }
        assert!(has_failed);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_proxy_show_no_secret() {
    for answer in ["HTTP/1.1 407 s3cret\r\n\r\n", "HTTP/1.1 500 bWFyeTpzM2NyZXQ=\r\n\r\n", "x"] {
        check_error(&http_failure(answer).await);
    }
    let options = ConnectOptions::new().proxy(HTTP).connector(|target| async move {
        check(&format!("{target:?}"));
        Err::<DuplexStream, _>(io::Error::other("away"))
    });
    let error = options.connect("a.example").await.unwrap_err();
    check_error(&error);
    assert_eq!(chain(&error), "server unreachable: proxy unreachable: away");
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[tokio::test(start_paused = true)]
async fn tls_through_it() {
    for url in [HTTP, SOCKS] {
        // The certificate is made out to the server, not to the proxy.
        let (acceptor, options) = crate::tls::authority();
        let (options, mut servers) = Servers::new(options.tls_first().proxy(url));
        let playing = async {
            let mut stream = dialled(&mut servers).await;
            if url == HTTP {
                request(&mut stream).await;
                stream.write_all(OK.as_bytes()).await.unwrap();
            } else {
                socks(&mut stream, Some(("mary", "s3cret"))).await;
                answer(&mut stream, 0).await;
            }
            let mut peer = Peer::new(acceptor.accept(stream).await.unwrap());
            peer.accept().await;
            peer
        };
        let (client, mut peer) = tokio::join!(options.connect("tls://a.example"), playing);
        client.unwrap().publish("a", "hi").await.unwrap();
        peer.expect(&["PUB a: hi"]).await;
    }
}

#[cfg(feature = "websocket")]
#[tokio::test(start_paused = true)]
async fn websocket_through_it() {
    let (options, mut servers) = Servers::new(ConnectOptions::new().proxy(HTTP));
    let playing = async {
        let mut stream = dialled(&mut servers).await;
        assert!(request(&mut stream).await.starts_with("CONNECT a.example:80 HTTP/1.1\r\n"));
        stream.write_all(OK.as_bytes()).await.unwrap();
        let upgrade = request(&mut stream).await;
        assert!(upgrade.starts_with("GET /nats HTTP/1.1\r\n"), "{upgrade}");
        assert!(upgrade.contains("Host: a.example\r\n"), "{upgrade}");
        assert!(!upgrade.contains("Proxy-Authorization"), "{upgrade}");
        stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").await.unwrap();
    };
    let (client, ()) = tokio::join!(options.connect("ws://a.example/nats"), playing);
    let error = client.unwrap_err();
    assert!(matches!(error, ConnectError::WebSocket(_)), "what the server says is the server's");
}

/// A proxy that really connects, over TCP.
#[tokio::test]
async fn over_tcp() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, port) = (proxy.local_addr().unwrap(), server.local_addr().unwrap().port());
    for is_http in [true, false] {
        let scheme = if is_http { "http" } else { "socks5" };
        let options = ConnectOptions::new().proxy(format!("{scheme}://{at}"));
        let relay = async {
            let (mut stream, _) = proxy.accept().await.unwrap();
            // The proxy resolves the name: it is unknown elsewhere.
            if is_http {
                let request = request(&mut stream).await;
                assert!(request.starts_with(&format!("CONNECT nats.invalid:{port} ")), "{request}");
                stream.write_all(OK.as_bytes()).await.unwrap();
            } else {
                assert_eq!(socks(&mut stream, None).await, format!("nats.invalid {port}"));
                answer(&mut stream, 0).await;
            }
            let mut onward = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
        };
        let use_it = async {
            let serving = async {
                let mut peer = Peer::new(server.accept().await.unwrap().0);
                peer.accept().await;
                peer
            };
            let connecting = options.connect(format!("nats://nats.invalid:{port}"));
            let (client, mut peer) = tokio::join!(connecting, serving);
            let client = client.unwrap();
            client.publish("a", "hi").await.unwrap();
            peer.expect(&["PUB a: hi"]).await;
            tokio::join!(client.close(), peer.serve());
        };
        tokio::join!(relay, use_it);
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let options = ConnectOptions::new().proxy(format!("http://{free}"));
    let error = options.connect("nats.invalid").await.unwrap_err();
    assert!(matches!(proxy_error(&error), ProxyError::Unreachable(_)), "{error:?}");
    assert!(chain(&error).contains(&format!("proxy unreachable: {free}")), "{error}");
}
