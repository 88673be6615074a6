//! Maximum numbers of messages, and which messages count.

use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::EndReason;
use nats_tokio::ErrorKind;
use nats_tokio::Event;
use nats_tokio::PendingLimits;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::peer::INFO;
use crate::peer::Peer;
use crate::peer::connected;
use crate::peer::pair;
use crate::servers::Servers;
use crate::servers::cut;
use crate::servers::with_servers;

/// Lets the client deal with everything that the peer has sent.
async fn settle() {
    sleep(Duration::from_millis(5)).await;
}

async fn send(peer: &mut Peer, sid: u64, len: usize) {
    peer.send(&format!("MSG a {sid} {len}|{}", "x".repeat(len))).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_passed_over_counts_for_the_maximum() {
    let (client, mut peer) = connected(ConnectOptions::new().max_message(1000), 65_536).await;
    let mut subscriber = client.subscribe("a").max_messages(3).await.unwrap();
    peer.expect(&["SUB a 1", "UNSUB 1 3"]).await;
    for len in [10, 5000, 10] {
        send(&mut peer, 1, len).await;
    }
    assert_eq!(subscriber.next().await.unwrap().payload().len(), 10);
    assert_eq!(subscriber.next().await.unwrap().payload().len(), 10);
    assert!(subscriber.next().await.is_none());
    assert_eq!(subscriber.ended(), Some(EndReason::MaxReached));
    let statistics = client.statistics();
    assert_eq!((statistics.in_messages, statistics.oversized_messages), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_one_may_be_what_is_passed_over() {
    let (client, mut peer) = connected(ConnectOptions::new().max_message(1000), 65_536).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    send(&mut peer, 1, 10).await;
    assert!(subscriber.next().await.is_some());
    subscriber.unsubscribe_after(2);
    peer.expect(&["UNSUB 1 2"]).await;
    send(&mut peer, 1, 5000).await;
    assert!(subscriber.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_was_passed_over_is_not_asked_for_again() {
    let options = ConnectOptions::new().max_message(1000);
    let (client, mut servers, mut peer) = with_servers(options).await;
    let mut subscriber = client.subscribe("a").max_messages(3).await.unwrap();
    peer.expect(&["SUB a 1", "UNSUB 1 3"]).await;
    send(&mut peer, 1, 10).await;
    send(&mut peer, 1, 5000).await;
    settle().await;
    cut(&client, peer).await;
    servers.let_up();
    let mut peer = servers.accept().await;
    peer.expect(&["SUB a 1", "UNSUB 1 1"]).await;
    send(&mut peer, 1, 10).await;
    assert!(subscriber.next().await.is_some());
    assert!(subscriber.next().await.is_some());
    assert!(subscriber.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_what_was_passed_over() {
    let (client, mut peer) = connected(ConnectOptions::new().max_message(1000), 65_536).await;
    let _subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    send(&mut peer, 1, 5000).await;
    settle().await;
    let start = Instant::now();
    tokio::spawn(peer.serve());
    client.drain().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// A client of a server that takes messages of that length.
async fn with_payload(max_payload: u32, options: ConnectOptions) -> (Client, Peer) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let mut peer = Peer::new(theirs);
    let info = INFO.replace("\"max_payload\":1000000", &format!("\"max_payload\":{max_payload}"));
    let accept = async {
        peer.send(&info).await;
        peer.next().await;
        peer.expect(&["PING"]).await;
        peer.send("PONG").await;
    };
    let (client, ()) = tokio::join!(options.connect_stream(ours), accept);
    (client.unwrap(), peer)
}

#[tokio::test(start_paused = true)]
async fn messages_are_as_long_as_the_server_says() {
    for max in [1000, 2_000_000] {
        let (client, mut peer) = with_payload(max, ConnectOptions::new()).await;
        let mut subscriber = client.subscribe("a").await.unwrap();
        peer.expect(&["SUB a 1"]).await;
        let (len, max) = (max as usize, max);
        send(&mut peer, 1, len).await;
        assert_eq!(subscriber.next().await.unwrap().payload().len(), len);
        // There is room for what servers add, and no more.
        send(&mut peer, 1, len + 60_000).await;
        assert_eq!(subscriber.next().await.unwrap().payload().len(), len + 60_000);
        send(&mut peer, 1, len + 65_000).await;
        send(&mut peer, 1, 1).await;
        assert_eq!(subscriber.next().await.unwrap().payload().len(), 1);
        assert_eq!(client.statistics().oversized_messages, 1);
        assert_eq!(client.max_payload(), max as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_may_change_its_mind() {
    let (client, mut peer) = with_payload(1000, ConnectOptions::new()).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    // In one read: what follows INFO goes by it.
    let long = format!("MSG a 1 200000\r\n{}\r\n", "x".repeat(200_000));
    peer.send_bytes(format!("INFO {{\"max_payload\":200000}}\r\n{long}").as_bytes()).await;
    assert_eq!(subscriber.next().await.unwrap().payload().len(), 200_000);
    // What is on its way when the limit comes down is taken.
    peer.send_bytes(format!("INFO {{\"max_payload\":1000}}\r\n{long}").as_bytes()).await;
    assert_eq!(subscriber.next().await.unwrap().payload().len(), 200_000);
}

#[tokio::test(start_paused = true)]
async fn what_the_application_says_counts() {
    let (client, mut peer) = with_payload(1000, ConnectOptions::new().max_message(5000)).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    send(&mut peer, 1, 4900).await;
    assert_eq!(subscriber.next().await.unwrap().payload().len(), 4900);
    send(&mut peer, 1, 5000).await;
    settle().await;
    assert_eq!(client.statistics().oversized_messages, 1);
}

#[tokio::test(start_paused = true)]
async fn the_longest_message_can_wait_for_a_subscriber() {
    let max: u32 = 67_108_864;
    let (client, mut peer) = with_payload(max, ConnectOptions::new()).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    let long = vec![b'x'; max as usize];
    peer.send_bytes(format!("MSG a 1 {max}\r\n").as_bytes()).await;
    peer.send_bytes(&long).await;
    peer.send("").await;
    assert_eq!(subscriber.next().await.unwrap().payload(), long);
    let error = client.publish("a", vec![0; max as usize + 1]).await.unwrap_err();
    assert!(error.to_string().contains("67108865"), "{error}");
}

async fn slow_events(events: &mut nats_tokio::Events) -> usize {
    let mut count = 0;
    while let Ok(Some(event)) = timeout(Duration::from_millis(1), events.next()).await {
        count += usize::from(matches!(event, Event::SlowConsumer { .. }));
    }
    count
}

#[tokio::test(start_paused = true)]
async fn every_episode_of_slowness_is_told_once() {
    // Limits that are shorter than what one read brings.
    for limit in [1, 2, 3, 10] {
        let (client, mut peer) = pair().await;
        let mut events = client.events();
        let limits = PendingLimits::NONE.messages(limit);
        let mut subscriber = client.subscribe("a").pending_limits(limits).await.unwrap();
        peer.expect(&["SUB a 1"]).await;
        let flood = "MSG a 1 1|x|".repeat(50);
        for episode in 0..3 {
            for _ in 0..2 {
                peer.send(flood.trim_end_matches('|')).await;
                settle().await;
            }
            assert_eq!(slow_events(&mut events).await, 1, "episode {episode} at {limit}");
            while subscriber.try_next().is_some() {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_may_have_nothing_is_slow_for_ever() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    let limits = PendingLimits::NONE.messages(0);
    let mut subscriber = client.subscribe("a").pending_limits(limits).await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    for _ in 0..5 {
        send(&mut peer, 1, 1).await;
        settle().await;
        assert!(subscriber.try_next().is_none());
    }
    assert_eq!(slow_events(&mut events).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_loop_over_messages_gives_way() {
    let (client, mut peer) = connected(ConnectOptions::new(), 1 << 20).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    for _ in 0..20 {
        peer.send("MSG a 1 1|x|".repeat(1000).trim_end_matches('|')).await;
    }
    while subscriber.pending().messages < 20_000 {
        settle().await;
    }
    let mut taken = 0;
    let taking = async {
        while subscriber.next().await.is_some() {
            taken += 1;
        }
    };
    // What is behind it has a turn before everything is taken.
    tokio::select! {
        biased;
        () = taking => unreachable!("it ends never"),
        () = async {} => {}
    }
    assert!((1..=4096).contains(&taken), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_at_once_was_one() {
    let (options, mut servers) = Servers::new(ConnectOptions::new());
    let connecting = tokio::spawn(options.connect("a"));
    let (_, mut peer) = servers.next().await;
    peer.send(INFO).await;
    assert!(peer.next().await.starts_with("CONNECT"));
    peer.expect(&["PING"]).await;
    peer.send("PONG|-ERR 'User Authentication Expired'").await;
    drop(peer);
    let client = timeout(Duration::from_secs(1), connecting).await.unwrap().unwrap().unwrap();
    servers.accept().await;
    client.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_lost_at_once_is_an_error() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut peer = Peer::new(theirs);
    let connecting = tokio::spawn(ConnectOptions::new().connect_stream(ours));
    peer.send(INFO).await;
    assert!(peer.next().await.starts_with("CONNECT"));
    peer.expect(&["PING"]).await;
    peer.send("PONG|-ERR 'User Authentication Expired'").await;
    drop(peer);
    let error = connecting.await.unwrap().unwrap_err();
    let is_told =
        matches!(error, ConnectError::Refused { kind: ErrorKind::AuthenticationExpired, .. });
    assert!(is_told, "{error:?}");
}
