use std::time::Duration;

use nats_proto::ServerUrl;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;

use super::*;
use crate::ConnectOptions;

type Server = WebSocketStream<DuplexStream>;

/// A client and its server, with so many bytes between them.
async fn pair(capacity: usize) -> (Box<dyn Transport>, Server) {
    let (ours, theirs) = tokio::io::duplex(capacity);
    let options = WebSocketOptions::new(&[], None).unwrap();
    let target = target("ws://a.example");
    let (client, server) = tokio::join!(
        options.upgrade(Box::new(ours), &target),
        tokio_tungstenite::accept_async(theirs)
    );
    (client.unwrap(), server.unwrap())
}

fn target(url: &str) -> Target {
    Target::new(&ServerUrl::new(url).unwrap())
}

async fn next(server: &mut Server) -> Option<Message> {
    std::future::poll_fn(|cx| Pin::new(&mut *server).poll_next(cx)).await?.ok()
}

async fn send(server: &mut Server, message: Message) {
    Pin::new(&mut *server).start_send(message).unwrap();
    std::future::poll_fn(|cx| Pin::new(&mut *server).poll_flush(cx)).await.unwrap();
}

#[tokio::test]
async fn what_goes_in_comes_out_whatever_the_frames() {
    let (client, mut server) = pair(10_000).await;
    let echo = tokio::spawn(async move {
        let mut count = 0;
        while let Some(message) = next(&mut server).await {
            if let Message::Binary(frame) = message {
                assert!(!frame.is_empty() && frame.len() <= MAX_FRAME);
                count += 1;
                if count % 3 == 0 {
                    send(&mut server, Message::Ping(Bytes::from_static(b"?"))).await;
                }
                send(&mut server, Message::Binary(frame)).await;
            }
        }
        count
    });
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 4]).collect();
    let mut received = vec![0; sent.len()];
    let (mut reader, mut writer) = tokio::io::split(client);
    let write = async {
        for part in sent.chunks(100_001) {
            writer.write_all(part).await.unwrap();
            writer.write_all(&[]).await.unwrap();
        }
        writer.flush().await.unwrap();
    };
    let (_, read) = tokio::join!(write, reader.read_exact(&mut received));
    read.unwrap();
    assert!(received == sent);
    writer.shutdown().await.unwrap();
    assert!(echo.await.unwrap() >= sent.len() / MAX_FRAME);
}

#[tokio::test]
async fn slices_share_a_frame() {
    let (mut client, mut server) = pair(1000).await;
    let slices = [b"PUB a 2\r\n".as_slice(), b"", b"hi", b"\r\n"].map(IoSlice::new);
    assert!(client.is_write_vectored());
    assert_eq!(client.write_vectored(&slices).await.unwrap(), 13);
    client.flush().await.unwrap();
    assert_eq!(next(&mut server).await.unwrap().into_data(), "PUB a 2\r\nhi\r\n");
    let long = vec![b'x'; MAX_FRAME - 1];
    let slices = [long.as_slice(), b"yz"].map(IoSlice::new);
    assert_eq!(client.write_vectored(&slices).await.unwrap(), MAX_FRAME, "one byte of the second");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_waited_for() {
    let (mut client, _server) = pair(1000).await;
    let mut written = 0;
    let bytes = vec![0; MAX_FRAME];
    let never = async {
        loop {
            written += client.write(&bytes).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
    assert!(written <= 4 * MAX_FRAME, "{written}");
}

#[tokio::test]
async fn the_end() {
    let (mut client, mut server) = pair(1000).await;
    send(&mut server, Message::Binary("last".into())).await;
    send(&mut server, Message::Close(None)).await;
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"last");
}

#[tokio::test]
async fn what_no_nats_server_sends() {
    let huge = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
    for bytes in [b"\x81\x02hi".as_slice(), b"\x83\x00", &huge] {
        let (mut client, mut server) = pair(1000).await;
        server.get_mut().write_all(bytes).await.unwrap();
        let error = client.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}: {error}");
    }
}

/// The request for a URL, and what came of it.
async fn request(options: ConnectOptions, url: &str, answer: &str) -> (String, io::Result<()>) {
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let options = WebSocketOptions::new(&options.websocket_headers, options.max_message).unwrap();
    let target = target(url);
    let server = async {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(theirs.read_u8().await.unwrap());
        }
        theirs.write_all(answer.as_bytes()).await.unwrap();
        drop(theirs);
        String::from_utf8(request).unwrap()
    };
    let (upgraded, request) = tokio::join!(options.upgrade(Box::new(ours), &target), server);
    let failed = |Broken(reason, error): Broken| {
        // A server that answers was reached.
        let expected = if answer.contains("403") {
            DisconnectReason::WebSocket
        } else {
            DisconnectReason::Unreachable
        };
        assert_eq!(reason, expected, "{answer}");
        error.unwrap()
    };
    (request, upgraded.map(drop).map_err(failed))
}

#[tokio::test]
async fn the_request_names_path_host_and_headers() {
    let options = ConnectOptions::new()
        .websocket_header("Authorization", "Bearer x")
        .websocket_header("X-Twice", "1")
        .websocket_header("x-twice", "2");
    for (url, path, host) in [
        ("ws://a.example", "/", "a.example"),
        ("ws://a.example:8080/nats?x=1", "/nats?x=1", "a.example:8080"),
        ("wss://a.example/deep/path", "/deep/path", "a.example"),
        ("wss://[::1]:80", "/", "[::1]:80"),
        ("ws://[fe80::1%eth0]:81", "/", "[fe80::1]:81"),
    ] {
        let (request, upgraded) =
            request(options.clone(), url, "HTTP/1.1 403 Forbidden\r\n\r\n").await;
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n")));
        for header in ["authorization: Bearer x\r\n", "x-twice: 1\r\n", "x-twice: 2\r\n"] {
            assert!(request.contains(header), "{header} in {request}");
        }
        let error = upgraded.unwrap_err().to_string();
        assert!(error.contains("403"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_websocket() {
    let long = format!("HTTP/1.1 101 Switching Protocols\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    for answer in [
        "",
        "INFO {}\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        &long[..4000],
    ] {
        let (_, upgraded) = request(ConnectOptions::new(), "ws://a", answer).await;
        assert!(upgraded.is_err(), "{answer}");
    }
}

#[test]
fn headers_are_checked() {
    for (name, value) in [
        ("", "x"),
        ("a b", "x"),
        ("X-A", "x\r\nX-B: y"),
        ("Host", "x"),
        ("Upgrade", "x"),
        ("connection", "x"),
        ("Sec-WebSocket-Key", "x"),
        ("sec-websocket-protocol", "x"),
    ] {
        let options = ConnectOptions::new().websocket_header(name, value);
        let error =
            WebSocketOptions::new(&options.websocket_headers, options.max_message).err().unwrap();
        assert!(matches!(&error, ConnectError::InvalidWebSocketHeader(which) if which == name));
    }
    let options = ConnectOptions::new().websocket_header("Cookie", "s3cret");
    assert!(WebSocketOptions::new(&options.websocket_headers, options.max_message).is_ok());
    assert!(!format!("{options:?}").contains("s3cret"));
}
