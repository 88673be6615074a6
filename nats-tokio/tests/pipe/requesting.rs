use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::HeaderMap;
use nats_tokio::Message;
use nats_tokio::PublishError;
use nats_tokio::RequestError;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::peer::Peer;
use crate::peer::connected;
use crate::peer::pair;

type Asked = JoinHandle<Result<Message, RequestError>>;

fn ask(client: &Client, text: &'static str) -> Asked {
    let client = client.clone();
    tokio::spawn(async move { client.request("service", text).await })
}

/// The reply subject of the request that the client sends next, and what it says.
async fn asked(peer: &mut Peer) -> (String, String) {
    let line = peer.next().await;
    let (subjects, text) = line.split_once(": ").expect("a request");
    let reply = subjects.strip_prefix("PUB service ").expect("a reply subject");
    (reply.to_owned(), text.to_owned())
}

async fn inbox(peer: &mut Peer) -> String {
    let line = peer.next().await;
    let filter = line.strip_prefix("SUB ").and_then(|rest| rest.strip_suffix(" 1"));
    filter.expect("the inbox").trim_end_matches('*').to_owned()
}

#[tokio::test(start_paused = true)]
async fn one_inbox_serves_all_requests() {
    let (client, mut peer) = pair().await;
    let requests = ["a", "b", "c"].map(|text| ask(&client, text));
    let prefix = inbox(&mut peer).await;
    assert!(prefix.starts_with("_INBOX.") && prefix.len() == 30, "{prefix}");
    let mut asked_for = Vec::new();
    for _ in 0..3 {
        asked_for.push(asked(&mut peer).await);
    }
    // Answered in another order.
    for (reply, text) in asked_for.iter().rev() {
        assert!(reply.starts_with(&prefix), "{reply}");
        peer.send(&format!("MSG {reply} 1 2|{text}!")).await;
    }
    for (request, text) in requests.into_iter().zip(["a!", "b!", "c!"]) {
        assert_eq!(request.await.unwrap().unwrap().payload(), text.as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_prefix_of_ones_own() {
    let options = ConnectOptions::new().inbox_prefix("my.replies");
    let (client, mut peer) = connected(options, 4096).await;
    let _request = ask(&client, "x");
    assert!(inbox(&mut peer).await.starts_with("my.replies."));
    let (one, other) = (client.new_inbox(), client.new_inbox());
    assert!(one.starts_with("my.replies.") && one != other);
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_known_at_once() {
    let (client, mut peer) = pair().await;
    let request = ask(&client, "x");
    inbox(&mut peer).await;
    let (reply, _) = asked(&mut peer).await;
    peer.send(&format!("HMSG {reply} 1 16 16|NATS/1.0 503||")).await;
    let start = Instant::now();
    assert_eq!(request.await.unwrap(), Err(RequestError::NoResponders));
    assert_eq!(start.elapsed(), Duration::ZERO);

    // With a payload it is a reply like any other.
    let request = ask(&client, "x");
    let (reply, _) = asked(&mut peer).await;
    peer.send(&format!("HMSG {reply} 1 16 17|NATS/1.0 503||x")).await;
    assert_eq!(request.await.unwrap().unwrap().payload(), b"x");
    // An empty one is a reply, too.
    let request = ask(&client, "x");
    let (reply, _) = asked(&mut peer).await;
    peer.send(&format!("MSG {reply} 1 0|")).await;
    assert_eq!(request.await.unwrap().unwrap().payload(), b"");
}

#[tokio::test(start_paused = true)]
async fn requests_are_late_each_in_its_own_time() {
    let (client, mut peer) = pair().await;
    let start = Instant::now();
    let tasks = [300, 100, 10_000, 200].map(|millis| {
        let client = client.clone();
        tokio::spawn(async move {
            let timeout = Duration::from_millis(millis);
            let outcome = client.request("service", "x").timeout(timeout).await;
            (outcome, start.elapsed().as_millis())
        })
    });
    for (task, millis) in tasks.into_iter().zip([300, 100, 10_000, 200]) {
        let (outcome, elapsed) = task.await.unwrap();
        assert_eq!(outcome, Err(RequestError::TimedOut));
        assert!((millis..millis + 5).contains(&elapsed), "{elapsed} for {millis}");
    }
    // The default of the options.
    let request = ask(&client, "x");
    let before = Instant::now();
    assert_eq!(request.await.unwrap(), Err(RequestError::TimedOut));
    assert_eq!(before.elapsed().as_secs(), 10);

    // A late reply finds no request, and does not answer another one.
    inbox(&mut peer).await;
    let (late, _) = asked(&mut peer).await;
    for _ in 0..4 {
        asked(&mut peer).await;
    }
    let request = ask(&client, "new");
    let (reply, _) = asked(&mut peer).await;
    assert_ne!(reply, late);
    peer.send(&format!("MSG {late} 1 4|late|MSG {reply} 1 3|new|MSG {reply} 1 6|second")).await;
    assert_eq!(request.await.unwrap().unwrap().payload(), b"new");
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_requests_in_flight_than_allowed() {
    let options = ConnectOptions::new().max_requests(2);
    let (client, mut peer) = connected(options, 4096).await;
    let first = ask(&client, "1");
    let second = ask(&client, "2");
    inbox(&mut peer).await;
    let (reply, _) = asked(&mut peer).await;
    asked(&mut peer).await;
    assert_eq!(client.request("service", "3").await, Err(RequestError::TooManyInFlight));
    peer.send(&format!("MSG {reply} 1 1|1")).await;
    first.await.unwrap().unwrap();
    // A place is free again; giving up frees another.
    let third = ask(&client, "3");
    asked(&mut peer).await;
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    let fourth = ask(&client, "4");
    asked(&mut peer).await;
    third.abort();
    fourth.abort();
}

#[tokio::test(start_paused = true)]
async fn a_million_late_requests_leave_nothing_behind() {
    let options = ConnectOptions::new().max_requests(10);
    let (client, peer) = connected(options, 64 * 1024).await;
    tokio::spawn(peer.serve());
    for _ in 0..100_000 {
        let late = client.request("service", "x").timeout(Duration::from_millis(10));
        assert_eq!(late.await, Err(RequestError::TimedOut));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked() {
    let (client, mut peer) = pair().await;
    let error = client.request("a b", "x").await.unwrap_err();
    assert!(matches!(error, RequestError::Publish(PublishError::InvalidSubject(_))));
    peer.expect_silence().await;
    let error = client.request("a", vec![0; 2_000_000]).await.unwrap_err();
    assert!(matches!(error, RequestError::Publish(PublishError::PayloadTooLarge { .. })));
    inbox(&mut peer).await;
    peer.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn headers_go_along() {
    let (client, mut peer) = pair().await;
    let mut headers = HeaderMap::new();
    headers.append("A", "1").unwrap();
    let asking = async { client.request("service", "x").headers(&headers).await };
    let answering = async {
        inbox(&mut peer).await;
        let line = peer.next().await;
        assert!(line.starts_with("HPUB service ") && line.ends_with(" A=1: x"), "{line}");
        let reply = line.split(' ').nth(2).unwrap();
        peer.send(&format!("HMSG {reply} 1 18 18|NATS/1.0|B: 2||")).await;
    };
    let (reply, ()) = tokio::join!(asking, answering);
    assert_eq!(reply.unwrap().headers().get("B"), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_fails_requests_at_once() {
    let (client, mut peer) = pair().await;
    let request = ask(&client, "x");
    inbox(&mut peer).await;
    asked(&mut peer).await;
    let start = Instant::now();
    drop(peer);
    assert_eq!(request.await.unwrap(), Err(RequestError::Disconnected));
    assert_eq!(start.elapsed(), Duration::ZERO);
    let error = client.request("service", "x").await.unwrap_err();
    assert_eq!(error, RequestError::Publish(PublishError::Closed));
}

#[tokio::test(start_paused = true)]
async fn time_runs_while_a_request_waits_to_be_sent() {
    let options = ConnectOptions::new().send_buffer(100);
    let (client, _peer) = connected(options, 64).await;
    client.publish("a", vec![0; 5000]).await.unwrap();
    let late = client.request("service", "x").timeout(Duration::from_secs(3));
    let start = Instant::now();
    assert_eq!(late.await, Err(RequestError::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 3);
}
