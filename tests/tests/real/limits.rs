use nats_tests::NatsServer;
use nats_tokio::ConnectOptions;
use nats_tokio::Event;
use nats_tokio::PendingLimits;
use nats_tokio::PublishError;
use nats_tokio::SubscribeError;

use crate::connect;
use crate::soon;

#[tokio::test]
async fn max_payload_is_checked_and_reached() {
    let server = NatsServer::start("max_payload: 1000");
    let client = connect(&server).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("a", [7; 1000]).await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().payload(), [7; 1000]);
    let error = client.publish("a", [7; 1001]).await.unwrap_err();
    assert_eq!(error, PublishError::PayloadTooLarge { len: 1001, max: 1000 });
    client.flush().await.unwrap();
}

#[tokio::test]
async fn messages_are_as_long_as_the_server_allows() {
    let cases = [("64MB", 67_108_864, "256MB"), ("100MB", 80_000_000, "256MB")];
    for (max_payload, len, max_pending) in cases {
        let config = format!("max_payload: {max_payload}\nmax_pending: {max_pending}");
        let server = NatsServer::start(&config);
        let client = connect(&server).await;
        let responder = connect(&server).await;
        let mut jobs = responder.subscribe("echo").await.unwrap();
        responder.flush().await.unwrap();
        let echo = tokio::spawn(async move {
            while let Some(job) = jobs.next().await {
                let headers = job.headers();
                let answer = responder.respond(&job, job.payload_bytes()).headers(headers);
                answer.await.unwrap();
            }
        });
        let text = bytes::Bytes::from(vec![7; len]);
        let reply = soon(client.request("echo", text.clone())).await.unwrap();
        assert!(reply.payload() == text);
        // The same length in all, with headers.
        let mut headers = nats_tokio::HeaderMap::new();
        headers.append("A", "1").unwrap();
        let rest = text.slice(..len - "NATS/1.0\r\nA: 1\r\n\r\n".len());
        let reply = soon(client.request("echo", rest.clone()).headers(&headers)).await.unwrap();
        assert!(reply.payload() == rest && reply.headers().get("A") == Some("1"));
        if len == client.max_payload() {
            let error = client.publish("echo", vec![7; len + 1]).await.unwrap_err();
            assert_eq!(error, PublishError::PayloadTooLarge { len: len + 1, max: len });
        }
        let statistics = client.statistics();
        assert_eq!((statistics.connects, statistics.oversized_messages), (1, 0));
        echo.abort();
    }
}

#[tokio::test]
async fn the_longest_control_line_is_taken_and_one_more_is_not_sent() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let mut subscriber = client.subscribe(">").await.unwrap();
    let (longest, longer) = ("s".repeat(4096 - 6), "s".repeat(4096 - 5));
    client.publish(&longest, "x").await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().subject(), longest);
    let error = client.publish(&longer, "x").await.unwrap_err();
    assert_eq!(error, PublishError::LineTooLong { len: 4097, max: 4096 });
    let error = client.subscribe(&longer).await.unwrap_err();
    assert_eq!(error, SubscribeError::LineTooLong);
    client.flush().await.unwrap();
}

#[tokio::test]
async fn a_server_with_longer_control_lines() {
    let server = NatsServer::start("max_control_line: 10000");
    let options = ConnectOptions::new().max_control_line(10_000);
    let client = options.connect(server.url()).await.unwrap();
    let mut subscriber = client.subscribe(">").await.unwrap();
    let subject = "s".repeat(9_000);
    client.publish(&subject, "x").await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().subject(), subject);
}

#[tokio::test]
async fn a_subscriber_that_sleeps_does_not_delay_the_others() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let publisher = connect(&server).await;
    let mut events = client.events();
    let limits = PendingLimits::DEFAULT.messages(100);
    let mut sleeping = client.subscribe("a").pending_limits(limits).await.unwrap();
    let mut awake = client.subscribe("a").await.unwrap();
    client.flush().await.unwrap();
    for number in 0..5_000 {
        publisher.publish("a", format!("{number}")).await.unwrap();
    }
    for number in 0..5_000 {
        let message = soon(awake.next()).await.unwrap();
        assert_eq!(message.payload(), number.to_string().as_bytes());
    }
    assert_eq!((sleeping.pending().messages, sleeping.dropped()), (100, 4_900));
    let sid = sleeping.sid();
    match soon(events.next()).await {
        Some(Event::SlowConsumer { sid: slow, .. }) => assert_eq!(slow, sid),
        other => panic!("{other:?}"),
    }
    let kept: Vec<_> = std::iter::from_fn(|| sleeping.try_next()).collect();
    assert_eq!(kept.len(), 100);
    assert_eq!(kept[99].payload(), b"99", "the newest are dropped");
}

#[tokio::test]
async fn more_subscriptions_than_the_account_may_have() {
    let server = NatsServer::start("max_subscriptions: 5");
    let client = connect(&server).await;
    let mut events = client.events();
    let mut kept = Vec::new();
    for _ in 0..8 {
        kept.push(client.subscribe("a").await.unwrap());
    }
    match soon(events.next()).await {
        Some(Event::ServerError { kind, .. }) => {
            assert_eq!(kind, nats_tokio::ErrorKind::MaximumSubscriptions);
        }
        other => panic!("{other:?}"),
    }
    client.flush().await.unwrap();
}
