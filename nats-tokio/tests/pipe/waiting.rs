//! Those who wait for room, or for a connection: in turn, and never for something that does not come.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::PublishError;
use nats_tokio::ReconnectBuffer;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::peer::Peer;
use crate::peer::connected;

/// Publishes in a loop.
fn flood(client: &Client, subject: &'static str, len: usize) {
    let client = client.clone();
    tokio::spawn(async move {
        let payload = vec![b'x'; len];
        while client.publish(subject, &payload).await.is_ok() {}
    });
}

/// How many messages came to each subject, of so many in all.
async fn shares(peer: &mut Peer, total: usize) -> HashMap<String, usize> {
    let mut shares = HashMap::new();
    for _ in 0..total {
        *shares.entry(peer.take().await.0).or_default() += 1;
    }
    shares
}

#[tokio::test(start_paused = true)]
async fn equal_loops_have_equal_shares() {
    for len in [1, 16, 1000, 10_000, 100_000, 300_000] {
        for pipe in [1000, 64 * 1024, 1 << 20] {
            let (client, mut peer) = connected(ConnectOptions::new(), pipe).await;
            for subject in ["a", "b", "c"] {
                flood(&client, subject, len);
            }
            let total = (3_000_000 / (len + 20)).clamp(60, 30_000);
            let shares = shares(&mut peer, total).await;
            let (least, most) = (shares.values().min().unwrap(), shares.values().max().unwrap());
            assert!(shares.len() == 3 && *most <= 2 * least, "{len} bytes, {pipe}: {shares:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_of_any_length_have_their_turn_beside_a_flood() {
    let (client, mut peer) = connected(ConnectOptions::new(), 64 * 1024).await;
    flood(&client, "flood", 1000);
    let count = Arc::new(AtomicUsize::new(0));
    // The last ones are longer than all that may wait.
    for len in [1, 1000, 10_000, 100_000, 255_000, 300_000, 900_000] {
        let (client, count) = (client.clone(), Arc::clone(&count));
        tokio::spawn(async move {
            for _ in 0..5 {
                client.publish("other", vec![b'x'; len]).await.unwrap();
                let borrowed = vec![b'x'; len];
                client.publish("other", &borrowed).await.unwrap();
                count.fetch_add(1, SeqCst);
            }
        });
    }
    let mut floods = 0;
    while count.load(SeqCst) < 35 {
        floods += usize::from(peer.take().await.0 == "flood");
        assert!(floods < 50_000, "{} of 35", count.load(SeqCst));
    }
}

#[tokio::test(start_paused = true)]
async fn control_operations_do_not_wait_beside_a_flood() {
    for send_buffer in [0, 1, 1000, 256 * 1024] {
        let options = ConnectOptions::new().send_buffer(send_buffer);
        let (client, mut peer) = connected(options, 1000).await;
        flood(&client, "flood", 1000);
        for _ in 0..100 {
            peer.expect(&["PUB flood: (1000 bytes)"]).await;
        }
        let start = Instant::now();
        let subscriber = client.subscribe("a").await.unwrap();
        let flush = tokio::spawn({
            let client = client.clone();
            async move { client.flush().await }
        });
        let mut floods = 0;
        let mut heard = Vec::new();
        while heard.len() < 2 {
            match peer.next().await {
                flood if flood.starts_with("PUB flood") => floods += 1,
                line => heard.push(line),
            }
            assert!(floods < 600, "{send_buffer}: {heard:?}");
        }
        assert_eq!(heard, ["SUB a 1", "PING"]);
        peer.send("PONG").await;
        flush.await.unwrap().unwrap();
        assert!(start.elapsed() < Duration::from_millis(50));
        drop(subscriber);
    }
}

#[tokio::test(start_paused = true)]
async fn subscribing_needs_no_room() {
    for send_buffer in [0, 1] {
        let options = ConnectOptions::new().send_buffer(send_buffer);
        let (client, mut peer) = connected(options, 1000).await;
        let _subscriber = timeout(Duration::ZERO, client.subscribe("a")).await.unwrap().unwrap();
        client.publish("b", "x").await.unwrap();
        client.publish("b", "y").await.unwrap();
        peer.expect(&["SUB a 1", "PUB b: x", "PUB b: y"]).await;
    }
}

/// Whether a future, polled once, has to wait.
fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// A client whose server does not read, with nothing but a filler of that length in front.
async fn stalled() -> (Client, Peer) {
    let (client, peer) = connected(ConnectOptions::new().send_buffer(100), 16).await;
    client.publish("filler", vec![b'x'; 500]).await.unwrap();
    (client, peer)
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_in_order_and_not_overtaken() {
    let (client, mut peer) = stalled().await;
    let mut tasks = Vec::new();
    for (number, len) in [90, 1, 2000, 1, 30, 30, 30, 30].into_iter().enumerate() {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            client.publish(format!("{number}"), vec![b'x'; len]).await
        }));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(client.publish("early", "x").try_send(), Err(PublishError::Full));
    assert_eq!(peer.take().await.0, "filler");
    for number in 0..tasks.len() {
        assert_eq!(peer.take().await.0, format!("{number}"));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    client.publish("late", "x").try_send().unwrap();
    peer.expect(&["PUB late: x"]).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_or_not_polled_keeps_nobody_waiting() {
    let (client, mut peer) = stalled().await;
    let dropped: Vec<_> =
        (0..100).map(|_| Box::pin(client.publish("dropped", vec![0; 1000]))).collect();
    let mut unpolled = pin!(client.publish("unpolled", vec![0; 1000]));
    let mut dropped = dropped;
    for waiting in &mut dropped {
        assert!(is_pending(waiting.as_mut()));
    }
    assert!(is_pending(unpolled.as_mut()));
    let task = tokio::spawn({
        let client = client.clone();
        async move {
            for _ in 0..100 {
                client.publish("others", vec![0; 1000]).await.unwrap();
            }
        }
    });
    drop(dropped);
    assert_eq!(peer.take().await.0, "filler");
    // Its turn has come, and it does not look; the others go on.
    for _ in 0..100 {
        assert_eq!(peer.take().await.0, "others");
    }
    task.await.unwrap();
    unpolled.await.unwrap();
    assert_eq!(peer.take().await.0, "unpolled");
}

#[tokio::test(start_paused = true)]
async fn who_waits_learns_of_the_end() {
    let (client, peer) = stalled().await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.publish("late", "x").await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!waiting.is_finished());
    let closing = tokio::spawn(async move { client.close().await });
    let end = timeout(Duration::from_millis(1), waiting).await.unwrap().unwrap();
    assert_eq!(end, Err(PublishError::Closed));
    tokio::spawn(peer.serve());
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_learns_of_a_new_limit() {
    let (client, mut peer) = stalled().await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.publish("late", "0123456789").await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    peer.send(r#"INFO {"max_payload":9}"#).await;
    let end = timeout(Duration::from_millis(1), waiting).await.unwrap().unwrap();
    assert_eq!(end, Err(PublishError::PayloadTooLarge { len: 10, max: 9 }));
    assert_eq!(peer.take().await.0, "filler");
    client.publish("late", "012345678").await.unwrap();
    peer.expect(&["PUB late: 012345678"]).await;
}

/// A client that is connected again a second after its connection was lost, and its servers.
async fn reconnecting(
    options: ConnectOptions,
) -> (Client, Peer, tokio::sync::mpsc::UnboundedReceiver<Peer>) {
    let (give, mut servers) = tokio::sync::mpsc::unbounded_channel();
    let attempts = Arc::new(AtomicUsize::new(0));
    let options = options.connector(move |_| {
        let (give, attempts) = (give.clone(), Arc::clone(&attempts));
        async move {
            if attempts.fetch_add(1, SeqCst) > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let (ours, theirs) = tokio::io::duplex(16);
            tokio::spawn(async move {
                let mut peer = Peer::new(theirs);
                peer.accept().await;
                let _ = give.send(peer);
            });
            Ok(ours)
        }
    });
    let client = options.send_buffer(100).connect("a").await.unwrap();
    let peer = servers.recv().await.unwrap();
    (client, peer, servers)
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_kept_for_the_next_connection() {
    let (client, peer, mut servers) = reconnecting(ConnectOptions::new()).await;
    client.publish("filler", vec![b'x'; 500]).await.unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.publish("late", "x").await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(peer);
    timeout(Duration::from_millis(1), waiting).await.unwrap().unwrap().unwrap();
    let mut peer = servers.recv().await.unwrap();
    peer.expect(&["PUB late: x"]).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_fails_if_nothing_can_be_kept() {
    let options = ConnectOptions::new().reconnect_buffer(ReconnectBuffer::OFF);
    let (client, peer, mut servers) = reconnecting(options).await;
    client.publish("filler", vec![b'x'; 500]).await.unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.publish("late", "x").await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(peer);
    let end = timeout(Duration::from_millis(1), waiting).await.unwrap().unwrap();
    assert_eq!(end, Err(PublishError::Disconnected));
    // A subscription takes no room; it is made now, and known to the next server.
    assert_eq!(client.status(), ConnectionStatus::Reconnecting);
    let subscriber = timeout(Duration::ZERO, client.subscribe("a")).await.unwrap().unwrap();
    let mut peer = servers.recv().await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    drop(subscriber);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_goes_on_when_it_is_there() {
    let options =
        ConnectOptions::new().reconnect_buffer(ReconnectBuffer::OFF).wait_for_connection();
    let (client, peer, mut servers) = reconnecting(options).await;
    drop(peer);
    while client.status() == ConnectionStatus::Connected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut waiting = Vec::new();
    for number in 0..5 {
        let client = client.clone();
        waiting.push(tokio::spawn(async move {
            client.publish(format!("{number}"), "x").await.unwrap();
            Instant::now()
        }));
    }
    let mut peer = servers.recv().await.unwrap();
    let connected = Instant::now();
    for (number, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(peer.take().await.0, format!("{number}"));
        // Nothing else happened that could have woken it.
        assert!(waiting.await.unwrap() - connected < Duration::from_millis(2));
    }
    // And tasks that wait then end with the client.
    drop(peer);
    while client.status() == ConnectionStatus::Connected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut late = pin!(client.publish("late", "x"));
    assert!(is_pending(late.as_mut()));
    tokio::join!(client.close(), async {
        assert_eq!(late.await, Err(PublishError::Closed));
    });
}

#[tokio::test(start_paused = true)]
async fn requests_wait_in_the_same_queue() {
    let (client, mut peer) = stalled().await;
    let request = tokio::spawn({
        let client = client.clone();
        async move { client.request("late", "x").await.map(|reply| reply.payload().to_vec()) }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut behind = pin!(client.publish("behind", "x"));
    assert!(is_pending(behind.as_mut()));
    assert_eq!(peer.take().await.0, "filler");
    let said = [peer.next().await, peer.next().await];
    assert!(said[0].starts_with("SUB _INBOX") && said[1].starts_with("PUB late _INBOX"));
    behind.await.unwrap();
    peer.expect(&["PUB behind: x"]).await;
    let reply = said[1].split(' ').nth(2).unwrap().trim_end_matches(':');
    peer.send(&format!("MSG {reply} 1 2|ok")).await;
    assert_eq!(request.await.unwrap().unwrap(), b"ok");
}

#[tokio::test(start_paused = true)]
async fn messages_do_not_overtake_a_subscription_that_finds_no_room() {
    let (client, mut peer) = connected(ConnectOptions::new(), 64).await;
    // More lines than may wait.
    let mut subscribers = Vec::new();
    for number in 0..10_000 {
        subscribers.push(client.subscribe(format!("subject.{number}")).await.unwrap());
    }
    assert_eq!(client.publish("subject.9999", "x").try_send(), Err(PublishError::Full));
    let mut publish = pin!(client.publish("subject.9999", "x"));
    assert!(is_pending(publish.as_mut()));
    let told = async {
        for number in 0..10_000 {
            assert_eq!(peer.next().await, format!("SUB subject.{number} {}", number + 1));
        }
        peer.expect(&["PUB subject.9999: x"]).await;
    };
    let (published, ()) = tokio::join!(publish, told);
    published.unwrap();
}
