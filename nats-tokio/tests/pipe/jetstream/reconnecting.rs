//! What is sent on the next connection, behind messages that were held for it.

use std::time::Duration;

use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::peer::Peer;
use crate::servers::Servers;

/// Reads on until the client publishes to a subject that begins so, which has to be at once.
async fn expect_publish(peer: &mut Peer, subject: &str) {
    let begun = Instant::now();
    let found = async {
        loop {
            let line = peer.next().await;
            if line == "PING" {
                peer.send("PONG").await;
            }
            let mut words = line.split(' ');
            let is_publish = matches!(words.next(), Some("PUB" | "HPUB"));
            if is_publish && words.next().is_some_and(|found| found.starts_with(subject)) {
                return;
            }
        }
    };
    let found = timeout(Duration::from_secs(1_000), found).await;
    assert!(found.is_ok() && begun.elapsed() < Duration::from_secs(1), "{subject} comes too late");
}

/// A message that was published meanwhile goes first, and must not be the last thing that is sent
/// (nats-io/nats.go#1729, nats-io/nats.rs#860).
#[tokio::test(start_paused = true)]
async fn messages_are_asked_for_again_behind_those_that_were_held() {
    let (options, mut servers) = Servers::new(ConnectOptions::new());
    let (client, mut peer) = tokio::join!(options.connect("a"), servers.accept());
    let client = client.unwrap();
    let mut status = client.watch_status();
    let consumer = client.jetstream().stream("S").unwrap().consumer("w").unwrap();
    let starting = tokio::spawn(async move { consumer.messages().max_messages(10).await });
    expect_publish(&mut peer, "$JS.API.CONSUMER.MSG.NEXT.S.w").await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        servers.set_down(true);
        drop(peer);
        status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
        client.publish("held", "x").await.unwrap();
        servers.set_down(false);
        peer = servers.accept().await;
        expect_publish(&mut peer, "held").await;
        expect_publish(&mut peer, "$JS.API.CONSUMER.MSG.NEXT.S.w").await;
    }
    drop(starting);
}

/// So do messages that were under way.
#[tokio::test(start_paused = true)]
async fn messages_under_way_are_sent_again_behind_those_that_were_held() {
    let (options, mut servers) = Servers::new(ConnectOptions::new());
    let (client, mut peer) = tokio::join!(options.connect("a"), servers.accept());
    let client = client.unwrap();
    let mut status = client.watch_status();
    let publisher = client.jetstream().publisher().timeout(Duration::from_secs(1_000)).build();
    let _sent = publisher.publish("s.a", "x").message_id("1").await.unwrap();
    expect_publish(&mut peer, "s.a").await;
    servers.set_down(true);
    drop(peer);
    status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
    client.publish("held", "x").await.unwrap();
    servers.set_down(false);
    let mut peer = servers.accept().await;
    expect_publish(&mut peer, "held").await;
    expect_publish(&mut peer, "s.a").await;
}
