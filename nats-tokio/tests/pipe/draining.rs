//! A drain waits for messages that are there.

use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::DrainError;
use nats_tokio::EndReason;
use nats_tokio::FlushError;
use nats_tokio::Message;
use nats_tokio::Pending;
use nats_tokio::RequestError;
use nats_tokio::Sid;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::peer::Peer;
use crate::peer::connected;
use crate::peer::pair;
use crate::servers::cut;
use crate::servers::with_servers;

type Draining = JoinHandle<Result<(), DrainError>>;

fn drain(client: &Client) -> Draining {
    let client = client.clone();
    tokio::spawn(async move { client.drain().await })
}

/// Lets the client deal with everything that the peer has sent.
async fn settle() {
    sleep(Duration::from_millis(5)).await;
}

/// What is waited for: which subscription, how many messages wait, and how many are held.
fn draining_subscriptions(client: &Client) -> Vec<(Sid, u64, u64)> {
    client.draining_subscriptions().iter().map(|one| (one.sid, one.waiting, one.held)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_may_be_held_if_nothing_is_left_for_it() {
    let (client, mut peer) = pair().await;
    let mut greetings = client.subscribe("greet.*").await.unwrap();
    let _idle = client.subscribe("idle").await.unwrap();
    peer.expect(&["SUB greet.* 1", "SUB idle 2"]).await;
    peer.send("MSG greet.sue 1 5|hello").await;
    let message = greetings.next().await.unwrap();
    tokio::spawn(peer.serve());
    let start = Instant::now();
    client.drain().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(greetings.pending(), Pending::default());
    assert_eq!(greetings.ended(), Some(EndReason::Drained));
    assert_eq!(message.payload(), b"hello");
}

#[tokio::test(start_paused = true)]
async fn whoever_took_the_last_message_need_not_ask_for_another() {
    let (client, mut peer) = pair().await;
    let mut jobs = client.subscribe("jobs").await.unwrap();
    peer.expect(&["SUB jobs 1"]).await;
    peer.send("MSG jobs 1 r1 1|1|MSG jobs 1 r2 1|2").await;
    settle().await;
    let draining = drain(&client);
    peer.expect(&["UNSUB 1", "PING"]).await;
    peer.send("PONG").await;
    settle().await;
    assert_eq!(draining_subscriptions(&client), [(jobs.sid(), 2, 0)]);
    let first = jobs.next().await.unwrap();
    let second = jobs.try_next().unwrap();
    drop(first);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(draining_subscriptions(&client), [(jobs.sid(), 0, 1)]);
    assert!(!draining.is_finished(), "it may be answered");
    client.respond(&second, "done").await.unwrap();
    peer.expect(&["PUB r2: done"]).await;
    let copy = second.clone();
    drop(second);
    peer.expect_silence().await;
    drop(copy);
    peer.expect(&["PING"]).await;
    peer.send("PONG").await;
    draining.await.unwrap().unwrap();
    assert_eq!(draining_subscriptions(&client), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_dealt_with_once_the_end_is_seen() {
    let (client, mut peer) = pair().await;
    let mut jobs = client.subscribe("jobs").await.unwrap();
    peer.expect(&["SUB jobs 1"]).await;
    peer.send("MSG jobs 1 1|1").await;
    settle().await;
    let draining = drain(&client);
    tokio::spawn(peer.serve());
    let kept: Vec<Message> = vec![jobs.next().await.unwrap()];
    assert!(jobs.next().await.is_none());
    draining.await.unwrap().unwrap();
    assert_eq!(kept[0].payload(), b"1");
}

#[tokio::test(start_paused = true)]
async fn what_ended_before_is_waited_for_too() {
    let (client, mut peer) = pair().await;
    let mut few = client.subscribe("few").max_messages(2).await.unwrap();
    peer.expect(&["SUB few 1", "UNSUB 1 2"]).await;
    peer.send("MSG few 1 0||MSG few 1 0|").await;
    settle().await;
    assert_eq!(few.ended(), Some(EndReason::MaxReached));
    assert_eq!(draining_subscriptions(&client), [(few.sid(), 2, 0)]);
    let draining = drain(&client);
    settle().await;
    peer.expect_silence().await;
    while few.next().await.is_some() {}
    peer.expect(&["PING"]).await;
    peer.send("PONG").await;
    draining.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_it_waits_and_answers_are_taken() {
    let (client, mut servers, mut peer) = with_servers(ConnectOptions::new()).await;
    let mut jobs = client.subscribe("jobs").await.unwrap();
    peer.expect(&["SUB jobs 1"]).await;
    peer.send("MSG jobs 1 r 1|1|MSG jobs 1 r 1|2|MSG jobs 1 r 1|3").await;
    settle().await;
    cut(&client, peer).await;
    let draining = drain(&client);
    settle().await;
    assert!(!draining.is_finished());
    assert_eq!(draining_subscriptions(&client), [(jobs.sid(), 3, 0)]);
    for _ in 0..3 {
        let job = jobs.next().await.unwrap();
        sleep(Duration::from_millis(100)).await;
        client.respond(&job, job.payload()).await.unwrap();
    }
    servers.let_up();
    let mut peer = servers.accept().await;
    peer.expect(&["PUB r: 1", "PUB r: 2", "PUB r: 3", "PING"]).await;
    peer.send("PONG").await;
    draining.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_and_with_nothing_left_it_ends_at_once() {
    let (client, _servers, mut peer) = with_servers(ConnectOptions::new()).await;
    let mut jobs = client.subscribe("jobs").await.unwrap();
    peer.expect(&["SUB jobs 1"]).await;
    peer.send("MSG jobs 1 1|1").await;
    settle().await;
    cut(&client, peer).await;
    let draining = drain(&client);
    settle().await;
    assert!(!draining.is_finished());
    drop(jobs.next().await.unwrap());
    let start = Instant::now();
    draining.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn it_may_take_less_time_than_usual() {
    let (client, mut peer) = pair().await;
    let stuck = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    peer.send("MSG a 1 1|x").await;
    settle().await;
    let start = Instant::now();
    tokio::spawn(peer.serve());
    let drained = client.drain().timeout(Duration::from_secs(3)).await;
    assert_eq!(drained, Err(DrainError::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 3);
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn another_drain_may_give_it_less_time() {
    let (client, _peer) = pair().await;
    let _silent = client.subscribe("a").await.unwrap();
    let start = Instant::now();
    let draining = drain(&client);
    settle().await;
    let drained = client.drain().timeout(Duration::from_secs(2)).await;
    assert_eq!(drained, Err(DrainError::TimedOut));
    assert_eq!(draining.await.unwrap(), Err(DrainError::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_cannot_be_drained() {
    let (client, _servers, peer) = with_servers(ConnectOptions::new()).await;
    cut(&client, peer).await;
    client.close().await;
    let error = client.drain().await.unwrap_err();
    assert_eq!(error, DrainError::ClientClosed);
    assert!(!error.to_string().contains("lost"), "{error}");
    assert_eq!(client.flush().await, Err(FlushError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_flush_has_a_time_out_of_its_own() {
    let (client, _peer) = pair().await;
    let start = Instant::now();
    let flushed = client.flush().timeout(Duration::from_millis(300)).await;
    assert_eq!(flushed, Err(FlushError::TimedOut));
    assert_eq!(start.elapsed().as_millis(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_flush_without_a_connection_says_so() {
    let (client, mut servers, peer) = with_servers(ConnectOptions::new()).await;
    cut(&client, peer).await;
    let flushed = client.flush().timeout(Duration::from_secs(1)).await;
    assert_eq!(flushed, Err(FlushError::NotConnected));
    let flushing = tokio::spawn({
        let client = client.clone();
        async move { client.flush().timeout(Duration::from_secs(60)).await }
    });
    servers.let_up();
    let mut peer = servers.accept().await;
    peer.expect(&["PING"]).await;
    peer.send("PONG").await;
    flushing.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn requests_end_when_it_begins_or_their_replies_end() {
    let (client, mut peer) = connected(ConnectOptions::new(), 4096).await;
    let ask = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.request("service", "x").await })
    };
    let waiting = ask(&client);
    assert!(peer.next().await.starts_with("SUB _INBOX."));
    assert!(peer.next().await.starts_with("PUB service "));
    let start = Instant::now();
    let draining = drain(&client);
    peer.expect(&["UNSUB 1", "PING"]).await;
    assert_eq!(client.request("service", "x").await, Err(RequestError::Draining));
    assert!(!waiting.is_finished(), "its reply may be on its way");
    peer.send("PONG").await;
    assert_eq!(waiting.await.unwrap(), Err(RequestError::Draining));
    peer.expect(&["PING"]).await;
    peer.send("PONG").await;
    draining.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// A peer that answers one message after the other, without reading ahead.
async fn pong(peer: &mut Peer, lines: &[&str]) {
    peer.expect(lines).await;
    peer.send("PONG").await;
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_subscriptions_are_drained_in_turn() {
    let (client, mut peer) = connected(ConnectOptions::new(), 1 << 20).await;
    let mut subscribers = Vec::new();
    for number in 1..=10_000 {
        subscribers.push(client.subscribe("a").await.unwrap());
        peer.expect(&[&format!("SUB a {number}")]).await;
        peer.send(&format!("MSG a {number} 1|x")).await;
    }
    settle().await;
    let draining = drain(&client);
    for number in 1..=10_000 {
        peer.expect(&[&format!("UNSUB {number}")]).await;
    }
    pong(&mut peer, &["PING"]).await;
    settle().await;
    for subscriber in &mut subscribers {
        assert!(!draining.is_finished());
        drop(subscriber.next().await.unwrap());
    }
    pong(&mut peer, &["PING"]).await;
    draining.await.unwrap().unwrap();
}
