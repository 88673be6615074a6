//! Outcomes of requests and drains.

use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::EndReason;
use nats_tokio::RequestError;
use tokio::time::timeout;

use crate::connect;
use crate::soon;

/// Far less than any time-out.
async fn at_once<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(5), future).await.expect("its outcome is known")
}

#[tokio::test]
async fn requests_where_no_inbox_is_permitted() {
    let permissions = |deny: &str| {
        format!(
            "authorization {{ users: [ {{ user: u, password: p, permissions: {{ {deny} }} }} ] }}"
        )
    };
    let server = NatsServer::start(&permissions("subscribe: { deny: [\"_INBOX.>\"] }"));
    let client = nats_tokio::ConnectOptions::new()
        .user_and_password("u", "p")
        .connect(server.url())
        .await
        .unwrap();
    let mut echo = client.subscribe("echo").await.unwrap();
    for _ in 0..3 {
        let outcome = at_once(client.request("echo", "x")).await;
        assert_eq!(outcome, Err(RequestError::NoInbox));
        soon(echo.next()).await.unwrap();
    }
    // The permission comes back, and with it the inbox.
    server.reload(&permissions("subscribe: { deny: [\"other\"] }"));
    let answering = tokio::spawn({
        let client = client.clone();
        async move {
            while let Some(message) = echo.next().await {
                let _ = client.respond(&message, "ok").await;
            }
        }
    });
    let mut outcome = Err(RequestError::NoInbox);
    while outcome == Err(RequestError::NoInbox) {
        outcome = at_once(client.request("echo", "x")).await;
    }
    assert_eq!(outcome.unwrap().payload(), b"ok");
    answering.abort();
}

#[tokio::test]
async fn requests_where_there_are_too_many_subscriptions() {
    let server = NatsServer::start("max_subscriptions: 1");
    let client = connect(&server).await;
    let only = client.subscribe("only").await.unwrap();
    client.flush().await.unwrap();
    let outcome = at_once(client.request("echo", "x")).await;
    assert_eq!(outcome, Err(RequestError::NoInbox));
    drop(only);
    client.flush().await.unwrap();
    assert_eq!(at_once(client.request("echo", "x")).await, Err(RequestError::NoResponders));
}

#[tokio::test]
async fn a_first_program_ends() {
    let server = NatsServer::start("");
    let program = async {
        let client = nats_tokio::connect(server.url()).await.unwrap();
        let mut greetings = client.subscribe("greet.*").await.unwrap();
        client.publish("greet.sue", "hello").await.unwrap();
        let message = greetings.next().await.unwrap();
        assert_eq!(message.payload(), b"hello");
        client.drain().await.unwrap();
        assert_eq!(greetings.ended(), Some(EndReason::Drained));
    };
    at_once(program).await;
}
