//! Every future, dropped at every await.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::ReconnectBuffer;

use crate::peer::Peer;
use crate::peer::connected;

type Step<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A client whose server answers PING and echoes requests, in the smallest pieces.
async fn slow_pair(send_buffer: usize) -> Client {
    let options = ConnectOptions::new().send_buffer(send_buffer);
    let (client, peer) = connected(options, 16).await;
    tokio::spawn(answer(peer));
    client
}

async fn answer(mut peer: Peer) {
    let mut inbox = String::new();
    loop {
        let line = peer.next().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["closed"] => return,
            ["PING"] => peer.send("PONG").await,
            ["SUB", filter, sid] if filter.starts_with("_INBOX") => inbox = (*sid).to_owned(),
            ["PUB", "service", reply, "x"] => {
                peer.send(&format!("MSG {} {inbox} 2|ok", reply.trim_end_matches(':'))).await;
            }
            _ => {}
        }
    }
}

/// Polls a fresh future `polls` times, and drops it; with more and more polls, until one completes
/// before that. After each, the client must be as good as new.
async fn dropped_at_every_await(
    send_buffer: usize,
    begin: impl for<'a> Fn(&'a Client) -> Step<'a>,
) {
    for polls in 0.. {
        let client = slow_pair(send_buffer).await;
        // Where there is little room, there is something to wait for.
        while send_buffer < 1000 && client.publish("filler", "0123456789").try_send().is_ok() {}
        if dropped_after(polls, client, &begin).await {
            return;
        }
    }
}

/// The same while there is no connection, and nothing can be kept for the next one.
async fn dropped_without_a_connection(begin: impl for<'a> Fn(&'a Client) -> Step<'a>) {
    for polls in 0.. {
        let options = ConnectOptions::new()
            .reconnect_buffer(ReconnectBuffer::OFF)
            .wait_for_connection()
            .connector(|_| async {
                // Time enough to be dropped while there is none.
                tokio::time::sleep(Duration::from_millis(5)).await;
                let (ours, theirs) = tokio::io::duplex(16);
                tokio::spawn(async {
                    let mut peer = Peer::new(theirs);
                    peer.accept().await;
                    answer(peer).await;
                });
                Ok(ours)
            });
        let client = options.connect("a").await.unwrap();
        client.force_reconnect();
        if dropped_after(polls, client, &begin).await {
            return;
        }
    }
}

/// Whether the future completes with so few polls.
async fn dropped_after(
    polls: usize,
    client: Client,
    begin: &impl for<'a> Fn(&'a Client) -> Step<'a>,
) -> bool {
    let mut future = begin(&client);
    let mut count = 0;
    let is_done = std::future::poll_fn(|cx| {
        if count == polls {
            return std::task::Poll::Ready(false);
        }
        count += 1;
        future.as_mut().poll(cx).map(|()| true)
    })
    .await;
    drop(future);
    if !matches!(client.status(), ConnectionStatus::Draining | ConnectionStatus::Closed) {
        client.publish("still", "here").await.unwrap();
        client.flush().await.unwrap();
        let reply = client.request("service", "x").await.unwrap();
        assert_eq!(reply.payload(), b"ok");
    }
    client.close().await;
    is_done
}

#[tokio::test(start_paused = true)]
async fn publish() {
    dropped_at_every_await(200, |client| {
        Box::pin(async { client.publish("a", "x").await.unwrap() })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn publish_batch() {
    // One that fits beside others, and one that is longer than the buffer.
    for count in [3, 30] {
        dropped_at_every_await(200, |client| {
            Box::pin(async move {
                let messages = (0..count).map(|_| client.publish("a", "x"));
                client.publish_batch(messages).await.unwrap();
            })
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn publish_batch_without_a_connection() {
    dropped_without_a_connection(|client| {
        Box::pin(async {
            let messages = (0..3).map(|_| client.publish("a", "x"));
            client.publish_batch(messages).await.unwrap();
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_was_dropped_is_not_sent() {
    let options = ConnectOptions::new().send_buffer(100);
    let (client, mut peer) = connected(options, 16).await;
    client.publish("first", vec![0; 200]).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(1), client.publish("dropped", "x"));
    assert!(waiting.await.is_err());
    peer.expect(&["PUB first: (200 bytes)"]).await;
    peer.expect_silence().await;
    client.publish("second", "x").await.unwrap();
    peer.expect(&["PUB second: x"]).await;
}

#[tokio::test(start_paused = true)]
async fn subscribe() {
    dropped_at_every_await(200, |client| {
        Box::pin(async { drop(client.subscribe("a").await.unwrap()) })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_dropped_is_not_sent() {
    let (client, mut peer) = connected(ConnectOptions::new().send_buffer(100), 16).await;
    client.publish("first", vec![0; 200]).await.unwrap();
    let batch = client.publish_batch([client.publish("dropped", "x"), client.publish("b", "y")]);
    assert!(tokio::time::timeout(Duration::from_millis(1), batch).await.is_err());
    peer.expect(&["PUB first: (200 bytes)"]).await;
    peer.expect_silence().await;
    client.publish("second", "x").await.unwrap();
    peer.expect(&["PUB second: x"]).await;
}

#[tokio::test(start_paused = true)]
async fn futures_that_borrow_nothing() {
    dropped_at_every_await(200, |client| {
        let future = client.publish("a", "x").into_owned();
        Box::pin(async { future.await.unwrap() })
    })
    .await;
    dropped_at_every_await(200, |client| {
        let future = client.subscribe("a").into_owned();
        Box::pin(async { drop(future.await.unwrap()) })
    })
    .await;
    for send_buffer in [200, 1 << 20] {
        dropped_at_every_await(send_buffer, |client| {
            let future = client.request("service", "x").into_owned();
            Box::pin(async { drop(future.await.unwrap()) })
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn futures_that_borrow_nothing_without_a_connection() {
    dropped_without_a_connection(|client| {
        let future = client.publish("a", "x").into_owned();
        Box::pin(async { future.await.unwrap() })
    })
    .await;
    dropped_without_a_connection(|client| {
        let future = client.subscribe("a").into_owned();
        Box::pin(async { drop(future.await.unwrap()) })
    })
    .await;
    dropped_without_a_connection(|client| {
        let future = client.request("service", "x").into_owned();
        Box::pin(async { drop(future.await.unwrap()) })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn next() {
    // A message that arrives while no task polls is there for the next poll.
    let (client, mut peer) = connected(ConnectOptions::new(), 16).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    for number in 0..20 {
        let dropped = tokio::time::timeout(Duration::from_micros(number * 100), subscriber.next());
        assert!(dropped.await.is_err());
        peer.send(&format!("MSG a 1 2|{number:02}")).await;
        let message = subscriber.next().await.unwrap();
        assert_eq!(message.payload(), format!("{number:02}").as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn request() {
    dropped_at_every_await(200, |client| {
        Box::pin(async { drop(client.request("service", "x").await.unwrap()) })
    })
    .await;
    dropped_at_every_await(1 << 20, |client| {
        Box::pin(async { drop(client.request("service", "x").await.unwrap()) })
    })
    .await;
}

async fn ask_many(client: &Client) {
    let mut replies = client.request_many("service", "x").max_messages(1).await.unwrap();
    assert_eq!(replies.next().await.unwrap().unwrap().payload(), b"ok");
    assert!(replies.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn request_many() {
    dropped_at_every_await(200, |client| Box::pin(ask_many(client))).await;
    dropped_at_every_await(1 << 20, |client| Box::pin(ask_many(client))).await;
}

#[tokio::test(start_paused = true)]
async fn request_many_without_a_connection() {
    dropped_without_a_connection(|client| Box::pin(ask_many(client))).await;
}

#[tokio::test(start_paused = true)]
async fn flush() {
    dropped_at_every_await(200, |client| Box::pin(async { client.flush().await.unwrap() })).await;
}

#[tokio::test(start_paused = true)]
async fn drain() {
    dropped_at_every_await(200, |client| Box::pin(async { client.drain().await.unwrap() })).await;
}

#[tokio::test(start_paused = true)]
async fn close() {
    dropped_at_every_await(200, |client| Box::pin(client.close())).await;
}

#[tokio::test(start_paused = true)]
async fn events() {
    let (client, mut peer) = connected(ConnectOptions::new(), 16).await;
    let mut events = client.events();
    for _ in 0..5 {
        let dropped = tokio::time::timeout(Duration::from_millis(1), events.next());
        assert!(dropped.await.is_err());
        peer.send("-ERR 'Invalid Subject'").await;
        assert!(events.next().await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn connect() {
    for polls in 0.. {
        let (ours, theirs) = tokio::io::duplex(16);
        let server = tokio::spawn(async move {
            let mut peer = Peer::new(theirs);
            peer.accept().await;
            peer.serve().await
        });
        let mut connecting = Box::pin(ConnectOptions::new().connect_stream(ours));
        let mut count = 0;
        let client = std::future::poll_fn(|cx| {
            if count == polls {
                return std::task::Poll::Ready(None);
            }
            count += 1;
            connecting.as_mut().poll(cx).map(Some)
        })
        .await;
        drop(connecting);
        match client {
            Some(client) => {
                client.unwrap().close().await;
                assert!(server.await.unwrap().ends_with(&["closed".to_owned()]));
                return;
            }
            // The server sees that the client is gone; a panic of its is of no interest.
            None => drop(tokio::time::timeout(Duration::from_secs(60), server).await.unwrap()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn publish_without_a_connection() {
    dropped_without_a_connection(|client| {
        Box::pin(async { client.publish("a", "x").await.unwrap() })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn request_without_a_connection() {
    dropped_without_a_connection(|client| {
        Box::pin(async {
            client.request("service", "x").await.unwrap();
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn flush_without_a_connection() {
    dropped_without_a_connection(|client| Box::pin(async { client.flush().await.unwrap() })).await;
}

#[tokio::test(start_paused = true)]
async fn drain_without_a_connection() {
    dropped_without_a_connection(|client| Box::pin(async { client.drain().await.unwrap() })).await;
}
