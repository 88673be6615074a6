//! The broker of the examples, as clients see it that behave badly, or are old.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nats_examples::broker::Broker;
use nats_examples::broker::Options;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_PENDING: usize = 1 << 20;
/// More than the operating system keeps for a socket, by far.
const MUCH: usize = 30 << 20;

fn broker(options: Options) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = Broker::new(listener, options).unwrap();
    let address = broker.local_addr().unwrap();
    tokio::spawn(broker.run());
    address
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// A client that has said this, and has the server's PONG for it.
async fn client(address: SocketAddr, connect: &str, lines: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let lines = format!("CONNECT {connect}\r\n{lines}PING\r\n");
    socket.write_all(lines.as_bytes()).await.unwrap();
    said(&mut socket, "PONG\r\n").await;
    socket
}

/// What comes until this does, or the end.
async fn said(socket: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !text.ends_with(end.as_bytes()) {
        match within(socket.read(&mut buffer)).await {
            Ok(len @ 1..) => text.extend_from_slice(&buffer[..len]),
            Ok(0) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes until the other end is gone.
async fn until_gone(mut socket: TcpStream, bytes: &[u8]) -> io::Error {
    loop {
        if let Err(error) = socket.write_all(bytes).await {
            return error;
        }
        tokio::task::yield_now().await;
    }
}

const QUIET: &str = r#"{"verbose":false,"headers":true,"no_responders":true}"#;

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_at_once() {
    let address = broker(Options { max_pending: MAX_PENDING, ..Options::default() });
    let deaf = client(address, QUIET, "SUB a 1\r\n").await;
    let mut other = client(address, QUIET, "SUB a 1\r\n").await;
    let mut publisher = client(address, QUIET, "").await;
    let message = format!("PUB a {}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
    for _ in 0..MUCH / message.len() {
        publisher.write_all(message.as_bytes()).await.unwrap();
        // Whoever reads gets everything meanwhile.
        let mut heard = vec![0; message.len() - "PUB".len() + "MSG 1".len()];
        within(other.read_exact(&mut heard)).await.unwrap();
    }
    // It does not read; its write fails because the client is gone.
    within(until_gone(deaf, b"PUB b 1\r\nx\r\n")).await;
}

#[tokio::test]
async fn a_client_that_only_asks_is_disconnected_at_the_limit() {
    let address = broker(Options { max_pending: MAX_PENDING, ..Options::default() });
    let deaf = client(address, QUIET, "").await;
    let pings = b"PING\r\n".repeat(10_000);
    within(until_gone(deaf, &pings)).await;
}

#[tokio::test]
async fn a_client_that_is_refused_hears_why() {
    let user = Some(("device".to_owned(), "secret".to_owned()));
    let address = broker(Options { user, ..Options::default() });
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"CONNECT {}\r\nPING\r\n").await.unwrap();
    let text = said(&mut socket, "never").await;
    assert!(text.ends_with("-ERR 'Authorization Violation'\r\n"), "{text}");
}

#[tokio::test]
async fn a_client_without_headers_gets_the_payload() {
    let address = broker(Options::default());
    let mut old = client(address, r#"{"verbose":false}"#, "SUB a 1\r\n").await;
    let mut new = client(address, QUIET, "SUB a 2\r\n").await;
    new.write_all(b"HPUB a 18 20\r\nNATS/1.0\r\nA: 1\r\n\r\nhi\r\nPING\r\n").await.unwrap();
    assert_eq!(said(&mut old, "hi\r\n").await, "MSG a 1 2\r\nhi\r\n");
    let text = said(&mut new, "PONG\r\n").await;
    assert!(text.starts_with("HMSG a 2 18 20\r\nNATS/1.0\r\nA: 1\r\n\r\nhi\r\n"), "{text}");
}

#[tokio::test]
async fn a_maximum_counts_that_nobody_responds() {
    let address = broker(Options::default());
    let mut asking = client(address, QUIET, "SUB inbox 1\r\nUNSUB 1 1\r\n").await;
    asking.write_all(b"PUB nobody inbox 0\r\n\r\nPUB inbox 2\r\nhi\r\nPING\r\n").await.unwrap();
    let text = said(&mut asking, "PONG\r\n").await;
    assert_eq!(text, "HMSG inbox 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\nPONG\r\n");
}

#[tokio::test]
async fn a_number_that_is_free_again_is_another_subscription() {
    let address = broker(Options::default());
    let lines = "SUB a.* 1\r\nUNSUB 1\r\nSUB b 1\r\nSUB c 1\r\nSUB d 2\r\nUNSUB 2 5\r\n";
    let mut socket = client(address, QUIET, lines).await;
    socket
        .write_all(b"PUB a.x 0\r\n\r\nPUB b 0\r\n\r\nPUB c 0\r\n\r\nPUB d 0\r\n\r\nPING\r\n")
        .await
        .unwrap();
    assert_eq!(said(&mut socket, "PONG\r\n").await, "MSG b 1 0\r\n\r\nMSG d 2 0\r\n\r\nPONG\r\n");
}
