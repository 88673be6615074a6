//! One publisher that does everything a server lets it do.

use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::ConnectionStatus;
use nats_tokio::Event;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::connect;
use crate::soon;

/// Frames that a decent client would not send.
fn frames() -> Vec<Vec<u8>> {
    let with_headers = |subject: &[u8], block: &[u8], payload: &[u8]| {
        let mut frame = b"HPUB ".to_vec();
        frame.extend(subject);
        frame.extend(format!(" {} {}\r\n", block.len(), block.len() + payload.len()).bytes());
        frame.extend([block, payload, b"\r\n"].concat());
        frame
    };
    let plain = |subject: &[u8], payload: &[u8]| {
        let line = format!(" {}\r\n", payload.len()).into_bytes();
        [b"PUB ", subject, &line, payload, b"\r\n"].concat()
    };
    let many = b"NATS/1.0\r\n".iter().copied();
    let many: Vec<u8> = many.chain(b"Name: value\r\n".repeat(4700)).chain(*b"\r\n").collect();
    assert!(many.len() > 60_000);
    let long_subject = [b'x'; 4085];
    vec![
        plain(b"poison.\xFF\xFE", b"not UTF-8"),
        plain(b"poison.a\rb", b"a lone CR"),
        plain(b"poison.\0\x01\x7F", b"control characters"),
        plain(b"poison.*.>", b"wildcards"),
        plain(&long_subject, b"a long subject"),
        plain(b"poison", b"\r\n+OK\r\nMSG x 1 1\r\n"),
        plain(b"poison", &vec![b'x'; 1_048_576]),
        with_headers(b"poison", b"NATS/1.0\r\nA: x\ry\r\nB\r\n: \r\n\r\n", b"lone CR"),
        with_headers(b"poison", b"NATS/1.0 5O3\r\n\r\n", b"bad status"),
        with_headers(b"poison", b"NATS/1.0 \xFF\xFF\xFF\r\n\xFF: \xFF\r\n\r\n", b"bytes"),
        with_headers(b"poison", b"garbage", b"no block"),
        with_headers(b"poison", b"\r\n\r\n\r\n\r\n", b"empty lines"),
        with_headers(b"poison", b"", b"no headers"),
        with_headers(b"poison", &many, b"60 KB of headers"),
        with_headers(b"poison \xFF", &many, &vec![0; 900_000]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_publisher_neither_disconnects_nor_delays_anybody() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let mut events = client.events();
    let mut everything = client.subscribe(">").await.unwrap();
    let mut decent = client.subscribe("decent").await.unwrap();
    client.flush().await.unwrap();

    let mut hostile = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let connect = br#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"echo":false}"#;
    hostile.write_all(&[connect, &b"\r\n"[..]].concat()).await.unwrap();
    let frames = frames();
    const ROUNDS: usize = 5;
    let count = frames.len() * ROUNDS;
    let attack = tokio::spawn(async move {
        for _ in 0..ROUNDS {
            for frame in &frames {
                hostile.write_all(frame).await.unwrap();
            }
        }
        hostile.write_all(b"PING\r\n").await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"PONG\r\n") {
            assert_ne!(hostile.read_buf(&mut said).await.unwrap(), 0, "{}", said.escape_ascii());
        }
        hostile
    });

    // Meanwhile, somebody else talks to the same client.
    let other = crate::connect(&server).await;
    for number in 0..200_u32 {
        other.publish("decent", number.to_le_bytes()).await.unwrap();
        let message = tokio::time::timeout(Duration::from_secs(5), decent.next()).await;
        assert_eq!(message.expect("no delay").unwrap().payload(), number.to_le_bytes());
    }
    let _hostile = soon(attack).await.unwrap();

    // Everything came, and everything can be looked at.
    let mut poison = 0;
    while poison < count {
        let message = soon(everything.next()).await.expect("still connected");
        if message.subject() == "decent" {
            continue;
        }
        poison += 1;
        let headers = message.headers();
        let _ = (message.reply(), message.status(), headers.iter().count(), headers.get("A"));
        let _ = format!("{:?}", message.detach().headers());
    }
    client.flush().await.unwrap();
    let statistics = client.statistics();
    assert_eq!((statistics.connects, statistics.dropped_messages), (1, 0));
    assert_eq!(client.status(), ConnectionStatus::Connected);
    drop((client, everything, decent));
    assert!(matches!(soon(events.next()).await, Some(Event::Closed { .. }) | None));
}
