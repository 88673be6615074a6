//! Messages that were accepted for another server, or none, and that this one does not take.

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::Event;
use nats_tokio::PublishError;
use nats_tokio::RequestError;
use tokio::sync::mpsc;

use crate::peer::Peer;

/// A client that is not connected yet, and its servers, which take what their INFO says.
async fn connecting(infos: &[&'static str]) -> (Client, mpsc::UnboundedReceiver<Peer>) {
    let (give, servers) = mpsc::unbounded_channel();
    let infos = std::sync::Mutex::new(Vec::from(infos).into_iter());
    let options = ConnectOptions::new().retry_on_initial_connect().connector(move |_| {
        let info = infos.lock().unwrap().next();
        let give = give.clone();
        async move {
            let info = info.ok_or(std::io::ErrorKind::ConnectionRefused)?;
            if info.is_empty() {
                return Err(std::io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = tokio::io::duplex(64);
            tokio::spawn(async move {
                let mut peer = Peer::new(theirs);
                peer.send(info).await;
                assert!(peer.next().await.starts_with("CONNECT {"));
                peer.expect(&["PING"]).await;
                peer.send("PONG").await;
                let _ = give.send(peer);
            });
            Ok(ours)
        }
    });
    (options.connect("a").await.unwrap(), servers)
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_is_checked_when_it_is_handed_over() {
    let (client, mut servers) =
        connecting(&["", "INFO {\"max_payload\":10}", "INFO {\"max_payload\":100}"]).await;
    let mut events = client.events();
    client.publish("first", "0123456789").await.unwrap();
    client.publish("too.long", "0123456789a").await.unwrap();
    client.publish("headers", "").headers([("A", "1")]).await.unwrap();
    client.publish("large", vec![b'x'; 100_000]).await.unwrap();
    let request = |len: usize| {
        let client = client.clone();
        tokio::spawn(async move { client.request("asked", vec![b'x'; len]).await })
    };
    let (long, short) = (request(11), request(10));
    tokio::task::yield_now().await;
    client.publish("last", "x").await.unwrap();

    let mut peer = servers.recv().await.unwrap();
    let said = [peer.next().await, peer.next().await, peer.next().await, peer.next().await];
    assert!(said[0].starts_with("SUB _INBOX"));
    assert_eq!(said[1], "PUB first: 0123456789");
    assert!(said[2].starts_with("PUB asked _INBOX"));
    assert_eq!(said[3], "PUB last: x");
    assert_eq!(
        long.await.unwrap().unwrap_err(),
        RequestError::Publish(PublishError::PayloadTooLarge { len: 11, max: 10 }),
        "at once"
    );
    let mut refused = Vec::new();
    while refused.len() < 4 {
        if let Event::MessageRefused { subject, size, reason, .. } = events.next().await.unwrap() {
            refused.push((subject, size, reason));
        }
    }
    let too_large = |subject: &str, len| {
        (subject.to_owned(), len, PublishError::PayloadTooLarge { len, max: 10 })
    };
    assert_eq!(
        refused,
        [
            too_large("too.long", 11),
            too_large("headers", 18),
            too_large("large", 100_000),
            too_large("asked", 11),
        ]
    );
    assert_eq!(client.statistics().refused_messages, 4);

    // Those that were refused are not lost with the connection, too.
    drop(peer);
    while !matches!(events.next().await.unwrap(), Event::Disconnected { unconfirmed: 3, .. }) {}
    assert_eq!(short.await.unwrap().unwrap_err(), RequestError::Disconnected);
    client.publish("next", "0123456789").await.unwrap();
    let mut peer = servers.recv().await.unwrap();
    assert!(peer.next().await.starts_with("SUB _INBOX"));
    peer.expect(&["PING", "PUB next: 0123456789"]).await;
    client.publish("next", vec![b'x'; 100]).await.unwrap();
    peer.expect(&["PUB next: (100 bytes)"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_without_headers_gets_none() {
    let (client, mut servers) = connecting(&["", "INFO {\"max_payload\":1000000}"]).await;
    let mut events = client.events();
    for number in 0..10 {
        client.publish("plain", format!("{number}")).await.unwrap();
        client.publish("headers", "x").headers([("A", "1")]).await.unwrap();
    }
    let mut peer = servers.recv().await.unwrap();
    for number in 0..10 {
        peer.expect(&[&format!("PUB plain: {number}")]).await;
    }
    let mut count = 0;
    while count < 10 {
        if let Event::MessageRefused { reason, .. } = events.next().await.unwrap() {
            assert_eq!(reason, PublishError::HeadersUnsupported);
            count += 1;
        }
    }
    peer.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_lowered_holds_for_what_waits() {
    let (client, mut servers) = connecting(&["", "INFO {\"max_payload\":1000}"]).await;
    let mut peer = servers.recv().await.unwrap();
    // This one is being written.
    client.publish("first", vec![b'x'; 1000]).await.unwrap();
    tokio::task::yield_now().await;
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    client.publish("short", "0123456789").await.unwrap();
    client.publish("long", "0123456789a").await.unwrap();
    client.publish("short", "0123456789").await.unwrap();
    let mut events = client.events();
    peer.send("INFO {\"max_payload\":10}").await;
    assert!(matches!(events.next().await.unwrap(), Event::MessageRefused { size: 11, .. }));
    peer.expect(&["PUB first: (1000 bytes)", "PUB short: 0123456789", "PUB short: 0123456789"])
        .await;
}
