//! Requests with several replies.

use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::Client;
use nats_tokio::RepliesEndReason;
use nats_tokio::RequestError;
use nats_tokio::RequestMany;

use crate::connect;
use crate::soon;

/// So many replies come, and they end like that.
async fn get(request: RequestMany<'_>) -> (usize, Option<RepliesEndReason>) {
    let mut replies = soon(request).await.unwrap();
    let mut count = 0;
    while let Some(reply) = soon(replies.next()).await {
        assert!(reply.unwrap().payload().starts_with(b"service "));
        count += 1;
    }
    (count, replies.ended())
}

/// Answers everything that is asked, then says that it was all.
async fn serve(client: Client, number: usize, says_last: bool) {
    let mut requests = client.subscribe("who").await.unwrap();
    client.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            client.respond(&request, format!("service {number}")).await.unwrap();
            if says_last && request.payload() == b"say which is the last" {
                client.respond(&request, "").await.unwrap();
            }
        }
    });
}

#[tokio::test]
async fn all_who_answer() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let error = soon(client.request_many("who", "").await.unwrap().next()).await;
    assert_eq!(error.unwrap().unwrap_err(), RequestError::NoResponders);
    for number in 0..3 {
        serve(connect(&server).await, number, false).await;
    }
    let within = client.request_many("who", "").timeout(Duration::from_millis(300));
    assert_eq!(get(within).await, (3, Some(RepliesEndReason::TimedOut)));
    let stall = client.request_many("who", "").stall(Duration::from_millis(300));
    assert_eq!(get(stall).await, (3, Some(RepliesEndReason::Stalled)));
    let first = client.request_many("who", "").stall(Duration::from_secs(5)).max_messages(2);
    assert_eq!(get(first).await, (2, Some(RepliesEndReason::MaxReached)));

    let (alone, other) = (NatsServer::start(""), "say which is the last");
    serve(connect(&alone).await, 0, true).await;
    let client = connect(&alone).await;
    let last = client.request_many("who", other).sentinel().max_messages(9);
    assert_eq!(get(last).await, (1, Some(RepliesEndReason::Sentinel)));
}
