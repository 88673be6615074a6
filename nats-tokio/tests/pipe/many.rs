//! Requests with several replies.

use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::PendingLimits;
use nats_tokio::PublishError;
use nats_tokio::ReconnectBuffer;
use nats_tokio::RepliesEndReason;
use nats_tokio::RequestError;
use nats_tokio::RequestMany;
use nats_tokio::StatusCode;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::peer::Peer;
use crate::peer::connected;
use crate::peer::pair;
use crate::servers::cut;
use crate::servers::with_servers;

/// The replies, how they ended, and after how long.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    replies: Vec<String>,
    ended: Result<RepliesEndReason, RequestError>,
    millis: u128,
}

type Set = fn(RequestMany<'_>) -> RequestMany<'_>;

async fn collect(client: &Client, set: Set) -> Outcome {
    let (start, mut all) = (Instant::now(), Vec::new());
    let request = client.request_many("ask", "?").timeout(Duration::from_secs(2));
    let ended = match set(request).await {
        Err(error) => Err(error),
        Ok(mut replies) => loop {
            match replies.next().await {
                Some(Ok(reply)) => all.push(String::from_utf8_lossy(reply.payload()).into_owned()),
                Some(Err(error)) => {
                    assert!(replies.next().await.is_none());
                    break Err(error);
                }
                None => break Ok(replies.ended().unwrap()),
            }
        },
    };
    Outcome { replies: all, ended, millis: start.elapsed().as_millis() }
}

fn ask(client: &Client, set: Set) -> JoinHandle<Outcome> {
    let client = client.clone();
    tokio::spawn(async move { collect(&client, set).await })
}

fn outcome(
    replies: &[&str],
    ended: Result<RepliesEndReason, RequestError>,
    millis: u128,
) -> Outcome {
    Outcome { replies: replies.iter().map(|&reply| reply.to_owned()).collect(), ended, millis }
}

/// Where the replies to a request that was sent just now go, and the number of their subscription.
async fn asked(peer: &mut Peer) -> (String, String) {
    let line = peer.next().await;
    let subscribed: Vec<_> = line.split(' ').collect();
    let ["SUB", inbox, sid] = subscribed[..] else { panic!("{line}") };
    let mut next = peer.next().await;
    if next == "PING" {
        // Of a connection that is new.
        next = peer.next().await;
    }
    assert_eq!(next, format!("PUB ask {inbox}: ?"));
    (inbox.to_owned(), sid.to_owned())
}

async fn answer(peer: &mut Peer, (inbox, sid): &(String, String), payload: &str) {
    peer.send(&format!("MSG {inbox} {sid} {}|{payload}", payload.len())).await;
}

async fn answer_status(peer: &mut Peer, (inbox, sid): &(String, String), status: u16) {
    peer.send(&format!("HMSG {inbox} {sid} 16 16|NATS/1.0 {status}||")).await;
}

const fn none(request: RequestMany<'_>) -> RequestMany<'_> {
    request
}

const STALL: Duration = Duration::from_millis(300);

#[tokio::test(start_paused = true)]
async fn each_limit_ends_it() {
    type Row<'a> = (Set, &'a [(u64, &'a str)], &'a [&'a str], RepliesEndReason, u128);
    let table: &[Row<'_>] = &[
        (
            none,
            &[(100, "1"), (1000, ""), (800, "3")],
            &["1", "", "3"],
            RepliesEndReason::TimedOut,
            2000,
        ),
        (none, &[], &[], RepliesEndReason::TimedOut, 2000),
        (
            |r| r.max_messages(2),
            &[(9, "1"), (5, "2")],
            &["1", "2"],
            RepliesEndReason::MaxReached,
            14,
        ),
        (|r| r.stall(STALL), &[], &[], RepliesEndReason::TimedOut, 2000),
        (
            |r| r.stall(STALL),
            &[(900, "1"), (299, "2")],
            &["1", "2"],
            RepliesEndReason::Stalled,
            1499,
        ),
        (|r| r.sentinel(), &[(10, "1"), (10, "")], &["1"], RepliesEndReason::Sentinel, 20),
        (none, &[(10, "1"), (10, "503")], &["1"], RepliesEndReason::NoResponders, 20),
        (none, &[(10, "404")], &[], RepliesEndReason::Status(StatusCode::NOT_FOUND), 10),
    ];
    for &(set, sent, replies, ended, millis) in table {
        ends(set, sent, outcome(replies, Ok(ended), millis)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_limits_combined() {
    let all: Set = |request| request.stall(STALL).sentinel().max_messages(3);
    type Row<'a> = (&'a [(u64, &'a str)], &'a [&'a str], RepliesEndReason, u128);
    let table: &[Row<'_>] = &[
        (&[(1900, "1"), (50, "2")], &["1", "2"], RepliesEndReason::TimedOut, 2000),
        (&[(5, "1"), (5, "2"), (5, "3")], &["1", "2", "3"], RepliesEndReason::MaxReached, 15),
        (&[(5, "1"), (5, "")], &["1"], RepliesEndReason::Sentinel, 10),
        (&[(5, "1"), (200, "2")], &["1", "2"], RepliesEndReason::Stalled, 505),
    ];
    for &(sent, replies, ended, millis) in table {
        ends(all, sent, outcome(replies, Ok(ended), millis)).await;
    }
}

/// Sends replies so many milliseconds apart, and expects that outcome, and that the subscription ends.
async fn ends(set: Set, sent: &[(u64, &str)], expected: Outcome) {
    let (client, mut peer) = pair().await;
    let collecting = ask(&client, set);
    let inbox = asked(&mut peer).await;
    for (pause, payload) in sent {
        sleep(Duration::from_millis(*pause)).await;
        match *payload {
            "503" => answer_status(&mut peer, &inbox, 503).await,
            "404" => answer_status(&mut peer, &inbox, 404).await,
            payload => answer(&mut peer, &inbox, payload).await,
        }
    }
    assert_eq!(collecting.await.unwrap(), expected);
    peer.expect(&[&format!("UNSUB {}", inbox.1)]).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_no_replies() {
    let (client, mut peer) = pair().await;
    let outcome_of_none = collect(&client, |request| request.max_messages(0)).await;
    assert_eq!(outcome_of_none, outcome(&[], Ok(RepliesEndReason::MaxReached), 0));
    peer.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn the_server_ends_it() {
    let refusals: [(&str, RequestError); 4] = [
        ("503", RequestError::NoResponders),
        ("Publish to \"ask\"", RequestError::NotPermitted),
        ("Publish with Reply of \"INBOX\"", RequestError::NotPermitted),
        ("Subscription to \"INBOX\"", RequestError::NoInbox),
    ];
    for (refusal, error) in refusals {
        let (client, mut peer) = pair().await;
        let collecting = ask(&client, none);
        let inbox = asked(&mut peer).await;
        match refusal {
            "503" => answer_status(&mut peer, &inbox, 503).await,
            refusal => {
                let about = refusal.replace("INBOX", &inbox.0);
                peer.send(&format!("-ERR 'Permissions Violation for {about}'")).await;
            }
        }
        assert_eq!(collecting.await.unwrap(), outcome(&[], Err(error), 0), "{refusal}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_ends_it() {
    let (client, _servers, mut peer) = with_servers(ConnectOptions::new()).await;
    let collecting = ask(&client, none);
    let inbox = asked(&mut peer).await;
    sleep(Duration::from_millis(7)).await;
    answer(&mut peer, &inbox, "1").await;
    drop(peer);
    let lost = outcome(&["1"], Err(RequestError::Disconnected), 7);
    assert_eq!(collecting.await.unwrap(), lost);
    // There is none now.
    assert_eq!(collect(&client, none).await, outcome(&[], Err(RequestError::NotConnected), 2000));
    client.close().await;
    let closed = Err(PublishError::Closed.into());
    assert_eq!(collect(&client, none).await, outcome(&[], closed, 0));
}

#[tokio::test(start_paused = true)]
async fn the_client_ends_it() {
    let (client, mut peer) = pair().await;
    let collecting = ask(&client, none);
    let inbox = asked(&mut peer).await;
    answer(&mut peer, &inbox, "1").await;
    sleep(Duration::from_millis(1)).await;
    let closing = client.clone();
    tokio::spawn(async move { closing.close().await });
    assert_eq!(collecting.await.unwrap(), outcome(&["1"], Err(RequestError::Closed), 1));

    let (client, mut peer) = pair().await;
    let collecting = ask(&client, none);
    let inbox = asked(&mut peer).await;
    let draining = client.clone();
    let draining = tokio::spawn(async move { draining.drain().await });
    peer.expect(&[&format!("UNSUB {}", inbox.1), "PING"]).await;
    assert_eq!(collect(&client, none).await.ended, Err(RequestError::Draining));
    // It was on its way.
    answer(&mut peer, &inbox, "1").await;
    peer.send("PONG").await;
    assert_eq!(collecting.await.unwrap(), outcome(&["1"], Err(RequestError::Draining), 0));
    peer.expect(&["PING"]).await;
    peer.send("PONG").await;
    draining.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_with_the_next_connection() {
    let options = ConnectOptions::new().keep_requests_on_disconnect();
    let (client, mut servers, mut peer) = with_servers(options).await;
    let collecting = ask(&client, |request| request.timeout(Duration::from_secs(60)).sentinel());
    let inbox = asked(&mut peer).await;
    answer(&mut peer, &inbox, "1").await;
    sleep(Duration::from_millis(1)).await;
    cut(&client, peer).await;
    servers.let_up();
    let mut peer = servers.accept().await;
    peer.expect(&[&format!("SUB {} {}", inbox.0, inbox.1)]).await;
    answer(&mut peer, &inbox, "2").await;
    answer(&mut peer, &inbox, "").await;
    let outcome = collecting.await.unwrap();
    assert_eq!((outcome.replies.len(), outcome.ended), (2, Ok(RepliesEndReason::Sentinel)));
}

#[tokio::test(start_paused = true)]
async fn the_inbox_of_others_is_none_of_its_business() {
    let (client, mut peer) = pair().await;
    let collecting = ask(&client, |request| request.max_messages(1));
    let inbox = asked(&mut peer).await;
    let other = tokio::spawn({
        let client = client.clone();
        async move { client.request("other", "").await }
    });
    let line = peer.next().await;
    let filter = line.split(' ').nth(1).unwrap();
    peer.send(&format!("-ERR 'Permissions Violation for Subscription to \"{filter}\"'")).await;
    assert_eq!(other.await.unwrap(), Err(RequestError::NoInbox));
    answer(&mut peer, &inbox, "1").await;
    assert_eq!(collecting.await.unwrap(), outcome(&["1"], Ok(RepliesEndReason::MaxReached), 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_invalid_is_told_before_anything_is_sent() {
    let options = ConnectOptions::new().max_requests(1);
    let (client, peer) = connected(options, 64 * 1024).await;
    let error = client.request_many("a b", "").await.unwrap_err();
    assert!(matches!(error, RequestError::Publish(PublishError::InvalidSubject(_))), "{error}");
    let error = client.request_many("a", vec![0; 1_000_001]).await.unwrap_err();
    assert!(matches!(error, RequestError::Publish(PublishError::PayloadTooLarge { .. })));
    let first = client.request_many("ask", "?").into_owned().await.unwrap();
    let error = client.request_many("ask", "?").await.unwrap_err();
    assert_eq!(error, RequestError::TooManyInFlight);
    // What is given up leaves room for another one.
    drop(first);
    drop(client.request_many("ask", "?").headers([("A", "b")]).await.unwrap());
    let (heard, ()) = tokio::join!(peer.serve(), client.close());
    let count = |what: &str| heard.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("PUB a "), count("PUB ask"), count("HPUB ask")), (0, 2, 1), "{heard:?}");
    assert_eq!((count("SUB _INBOX"), count("UNSUB")), (2, 2), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded() {
    let (client, mut peer) = pair().await;
    let limits = PendingLimits::DEFAULT.messages(2);
    let request = client.request_many("ask", "?").pending_limits(limits).max_messages(3);
    let mut replies = request.await.unwrap();
    let inbox = asked(&mut peer).await;
    for payload in ["1", "2", "3", "4"] {
        answer(&mut peer, &inbox, payload).await;
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(replies.dropped(), 2);
    for payload in ["1", "2"] {
        assert_eq!(replies.next().await.unwrap().unwrap().payload(), payload.as_bytes());
    }
    assert_eq!(replies.ended(), None);
    answer(&mut peer, &inbox, "5").await;
    assert_eq!(replies.next().await.unwrap().unwrap().payload(), b"5");
    assert!(replies.next().await.is_none());
    assert_eq!((replies.ended(), replies.dropped()), (Some(RepliesEndReason::MaxReached), 2));
}

#[tokio::test(start_paused = true)]
async fn whoever_never_stops_is_stopped() {
    let (client, mut peer) = pair().await;
    let request = client.request_many("ask", "?").timeout(Duration::from_millis(20));
    let mut replies = request.await.unwrap();
    let inbox = asked(&mut peer).await;
    let flooding = tokio::spawn(async move {
        for _ in 0..1000 {
            answer(&mut peer, &inbox, "1").await;
            answer(&mut peer, &inbox, "1").await;
            sleep(Duration::from_millis(1)).await;
        }
    });
    let mut count = 0;
    while let Some(reply) = replies.next().await {
        reply.unwrap();
        count += 1;
        // There is always one more waiting.
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(replies.ended(), Some(RepliesEndReason::TimedOut));
    assert!(count < 60, "{count}");
    flooding.abort();
}

#[tokio::test(start_paused = true)]
async fn next_loses_nothing() {
    let (client, mut peer) = connected(ConnectOptions::new(), 16).await;
    let mut replies = client.request_many("ask", "?").await.unwrap();
    let inbox = asked(&mut peer).await;
    for number in 0..20 {
        let wait = Duration::from_micros(number * 100);
        assert!(tokio::time::timeout(wait, replies.next()).await.is_err());
        answer(&mut peer, &inbox, &number.to_string()).await;
        let reply = replies.next().await.unwrap().unwrap();
        assert_eq!(reply.payload(), number.to_string().as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_room_and_for_a_connection() {
    let options = ConnectOptions::new().reconnect_buffer(ReconnectBuffer::OFF);
    let (client, mut servers, peer) = with_servers(options.clone().wait_for_connection()).await;
    cut(&client, peer).await;
    let late = collect(&client, none).await;
    assert_eq!(late, outcome(&[], Err(RequestError::NotConnected), 2000));
    let collecting = ask(&client, |r| r.timeout(Duration::from_secs(60)).max_messages(1));
    sleep(Duration::from_millis(1)).await;
    servers.let_up();
    let mut peer = servers.accept().await;
    let inbox = asked(&mut peer).await;
    answer(&mut peer, &inbox, "1").await;
    let found = collecting.await.unwrap();
    assert_eq!((found.replies.len(), found.ended), (1, Ok(RepliesEndReason::MaxReached)));

    // Closed while it waits.
    cut(&client, peer).await;
    let collecting = ask(&client, none);
    sleep(Duration::from_millis(3)).await;
    client.close().await;
    let ended = collecting.await.unwrap();
    assert_eq!(ended, outcome(&[], Err(RequestError::Closed), 3));
}
