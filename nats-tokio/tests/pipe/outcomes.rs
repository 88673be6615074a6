//! Outcomes of a request: one test for each row of the table in the documentation. None waits for
//! the time-out when the outcome is known before.

use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::Message;
use nats_tokio::PublishError;
use nats_tokio::ReconnectBuffer;
use nats_tokio::RequestError;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::peer::Peer;
use crate::peer::connected;
use crate::peer::pair;
use crate::servers::cut;
use crate::servers::with_servers;

type Asked = JoinHandle<Result<Message, RequestError>>;

fn ask(client: &Client, subject: &'static str) -> Asked {
    let client = client.clone();
    tokio::spawn(async move { client.request(subject, "x").await })
}

/// The outcome, which must be there without a moment's wait.
async fn at_once(asked: Asked) -> Result<Message, RequestError> {
    let start = Instant::now();
    let outcome = asked.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "{outcome:?}");
    outcome
}

/// The number of the subscription for replies.
async fn inbox(peer: &mut Peer) -> String {
    let line = peer.next().await;
    assert!(line.starts_with("SUB _INBOX."), "{line}");
    line.rsplit(' ').next().unwrap().to_owned()
}

/// Where the reply to the next request goes.
async fn asked(peer: &mut Peer) -> String {
    let line = peer.next().await;
    let subjects = line.strip_suffix(": x").expect("a request");
    subjects.rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn nobody_listens() {
    let (client, mut peer) = pair().await;
    let request = ask(&client, "service");
    let sid = inbox(&mut peer).await;
    let reply = asked(&mut peer).await;
    peer.send(&format!("HMSG {reply} {sid} 16 16|NATS/1.0 503||")).await;
    assert_eq!(at_once(request).await, Err(RequestError::NoResponders));
}

#[tokio::test(start_paused = true)]
async fn no_reply_in_time() {
    let (client, mut peer) = pair().await;
    let request = ask(&client, "service");
    inbox(&mut peer).await;
    asked(&mut peer).await;
    assert_eq!(request.await.unwrap(), Err(RequestError::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn no_connection_in_time() {
    // It waits for the next connection in the buffer, or for room in it.
    for buffer in [ReconnectBuffer::DEFAULT, ReconnectBuffer::OFF] {
        let options = ConnectOptions::new().reconnect_buffer(buffer).wait_for_connection();
        let (client, _servers, peer) = with_servers(options).await;
        cut(&client, peer).await;
        let late = client.request("service", "x").timeout(Duration::from_secs(3)).await;
        assert_eq!(late, Err(RequestError::NotConnected));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_connection_was_lost_has_only_timed_out() {
    let options = ConnectOptions::new().keep_requests_on_disconnect();
    let (client, _servers, mut peer) = with_servers(options).await;
    let request = ask(&client, "service");
    inbox(&mut peer).await;
    asked(&mut peer).await;
    cut(&client, peer).await;
    assert_eq!(request.await.unwrap(), Err(RequestError::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn the_connection_was_lost() {
    let (client, _servers, mut peer) = with_servers(ConnectOptions::new()).await;
    let request = ask(&client, "service");
    inbox(&mut peer).await;
    asked(&mut peer).await;
    drop(peer);
    assert_eq!(at_once(request).await, Err(RequestError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn the_subject_is_not_permitted() {
    let (client, mut peer) = pair().await;
    let [first, other] = ["secret", "service"].map(|subject| ask(&client, subject));
    let sid = inbox(&mut peer).await;
    asked(&mut peer).await;
    let reply = asked(&mut peer).await;
    peer.send("-ERR 'Permissions Violation for Publish to \"secret\"'").await;
    assert_eq!(at_once(first).await, Err(RequestError::NotPermitted));
    // One that is made after the first refusal is found, too.
    let second = ask(&client, "secret");
    asked(&mut peer).await;
    peer.send("-ERR 'Permissions Violation for Publish to \"secret\"'").await;
    assert_eq!(at_once(second).await, Err(RequestError::NotPermitted));
    peer.send(&format!("MSG {reply} {sid} 2|ok")).await;
    at_once(other).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_reply_subject_is_not_permitted() {
    let (client, mut peer) = pair().await;
    let [first, second] = ["service", "service"].map(|subject| ask(&client, subject));
    let sid = inbox(&mut peer).await;
    let refused = asked(&mut peer).await;
    let reply = asked(&mut peer).await;
    let error = format!("Permissions Violation for Publish with Reply of \"{refused}\"");
    peer.send(&format!("-ERR '{error}'")).await;
    assert_eq!(at_once(first).await, Err(RequestError::NotPermitted));
    peer.send(&format!("MSG {reply} {sid} 2|ok")).await;
    at_once(second).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_subscription_for_replies_is_refused_and_asked_for_again() {
    let (client, mut peer) = pair().await;
    let requests = ["a", "b"].map(|subject| ask(&client, subject));
    let line = peer.next().await;
    let filter = line.split(' ').nth(1).unwrap();
    asked(&mut peer).await;
    asked(&mut peer).await;
    peer.send(&format!("-ERR 'Permissions Violation for Subscription to \"{filter}\"'")).await;
    for request in requests {
        assert_eq!(at_once(request).await, Err(RequestError::NoInbox));
    }
    // A woken task may ask again at once.
    let again = tokio::spawn({
        let client = client.clone();
        async move {
            assert_eq!(client.request("c", "x").await, Err(RequestError::NoInbox));
            client.request("d", "x").await
        }
    });
    inbox(&mut peer).await;
    asked(&mut peer).await;
    peer.send(&format!("-ERR 'Permissions Violation for Subscription to \"{filter}\"'")).await;
    let sid = inbox(&mut peer).await;
    let reply = asked(&mut peer).await;
    peer.send(&format!("MSG {reply} {sid} 2|ok")).await;
    assert_eq!(at_once(again).await.unwrap().payload(), b"ok");
}

#[tokio::test(start_paused = true)]
async fn there_are_too_many_subscriptions_for_one_for_replies() {
    let (client, mut peer) = pair().await;
    let request = ask(&client, "service");
    inbox(&mut peer).await;
    asked(&mut peer).await;
    peer.send("-ERR 'maximum subscriptions exceeded'").await;
    assert_eq!(at_once(request).await, Err(RequestError::NoInbox));
    let again = ask(&client, "service");
    let sid = inbox(&mut peer).await;
    let mut line = peer.next().await;
    if line == "PING" {
        peer.send("PONG").await;
        line = peer.next().await;
    }
    let reply = line.strip_suffix(": x").unwrap().rsplit(' ').next().unwrap();
    peer.send(&format!("MSG {reply} {sid} 2|ok")).await;
    assert_eq!(again.await.unwrap().unwrap().payload(), b"ok");
}

#[tokio::test(start_paused = true)]
async fn the_reply_is_too_long() {
    let (client, mut peer) = connected(ConnectOptions::new().max_message(200), 4096).await;
    let [first, second] = ["a", "b"].map(|subject| ask(&client, subject));
    let sid = inbox(&mut peer).await;
    let long = asked(&mut peer).await;
    let short = asked(&mut peer).await;
    peer.send(&format!("MSG {long} {sid} 300|{}", "x".repeat(300))).await;
    assert_eq!(at_once(first).await, Err(RequestError::ReplyTooLong));
    peer.send(&format!("MSG {short} {sid} 2|ok")).await;
    assert_eq!(at_once(second).await.unwrap().payload(), b"ok");
    assert_eq!(client.statistics().in_messages, 2);
}

#[tokio::test(start_paused = true)]
async fn the_client_drains() {
    let (client, mut peer) = pair().await;
    let _waits = client.subscribe("a").await.unwrap();
    let draining = tokio::spawn({
        let client = client.clone();
        async move { client.drain().await }
    });
    peer.expect(&["SUB a 1", "UNSUB 1", "PING"]).await;
    let request = ask(&client, "service");
    assert_eq!(at_once(request).await, Err(RequestError::Draining));
    draining.abort();
}

#[tokio::test(start_paused = true)]
async fn the_client_drains_without_a_connection() {
    let (client, _servers, mut peer) = with_servers(ConnectOptions::new()).await;
    let mut jobs = client.subscribe("jobs").await.unwrap();
    peer.expect(&["SUB jobs 1"]).await;
    peer.send("MSG jobs 1 1|x").await;
    sleep(Duration::from_millis(5)).await;
    let waiting = ask(&client, "service");
    inbox(&mut peer).await;
    cut(&client, peer).await;
    assert_eq!(waiting.await.unwrap(), Err(RequestError::Disconnected));
    let held = ask(&client, "service");
    sleep(Duration::from_millis(5)).await;
    let draining = tokio::spawn({
        let client = client.clone();
        async move { client.drain().await }
    });
    assert_eq!(at_once(held).await, Err(RequestError::Draining));
    assert_eq!(at_once(ask(&client, "service")).await, Err(RequestError::Draining));
    drop(jobs.next().await);
    draining.abort();
}

#[tokio::test(start_paused = true)]
async fn the_client_is_closed() {
    // With its connection, and without.
    for is_truncated in [false, true] {
        let options = ConnectOptions::new().keep_requests_on_disconnect();
        let (client, _servers, mut peer) = with_servers(options).await;
        let request = ask(&client, "service");
        inbox(&mut peer).await;
        asked(&mut peer).await;
        let mut silent = Some(peer);
        if is_truncated {
            cut(&client, silent.take().unwrap()).await;
        }
        let closing = tokio::spawn({
            let client = client.clone();
            async move { client.close().await }
        });
        let error = at_once(request).await.unwrap_err();
        assert_eq!(error, RequestError::Closed);
        let late = at_once(ask(&client, "service")).await;
        assert_eq!(late, Err(RequestError::Publish(PublishError::Closed)));
        closing.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_cannot_be_sent() {
    let (client, mut peer) = connected(ConnectOptions::new().max_requests(1), 4096).await;
    let error = client.request("a b", "x").await.unwrap_err();
    assert!(matches!(error, RequestError::Publish(PublishError::InvalidSubject(_))));
    let one = ask(&client, "service");
    inbox(&mut peer).await;
    asked(&mut peer).await;
    assert_eq!(at_once(ask(&client, "service")).await, Err(RequestError::TooManyInFlight));
    one.abort();
}

#[tokio::test(start_paused = true)]
async fn it_is_dropped() {
    let (client, mut peer) = connected(ConnectOptions::new().max_requests(1), 4096).await;
    let dropped = ask(&client, "service");
    let sid = inbox(&mut peer).await;
    let late = asked(&mut peer).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    peer.send(&format!("MSG {late} {sid} 4|late")).await;
    let next = ask(&client, "service");
    let reply = asked(&mut peer).await;
    peer.send(&format!("MSG {reply} {sid} 2|ok")).await;
    assert_eq!(at_once(next).await.unwrap().payload(), b"ok");
}
