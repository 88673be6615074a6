//! Servers that go, come back, hang, or change their minds.

use std::time::Duration;

use nats_tests::Cluster;
use nats_tests::NatsServer;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::DisconnectReason;
use nats_tokio::EndReason;
use nats_tokio::Event;
use nats_tokio::Events;
use nats_tokio::RequestError;

use crate::soon;

fn eager() -> ConnectOptions {
    let wait = Duration::from_millis(50);
    let backoff = nats_tokio::Backoff::Fixed { wait, jitter: wait, jitter_tls: wait };
    ConnectOptions::new().backoff(backoff).max_reconnects(None)
}

/// The next event that is of interest.
async fn until(events: &mut Events, is_it: impl Fn(&Event) -> bool) -> Event {
    soon(async {
        loop {
            let event = events.next().await.expect("an event");
            if is_it(&event) {
                return event;
            }
        }
    })
    .await
}

async fn reconnected(events: &mut Events) {
    until(events, |event| matches!(event, Event::Reconnected { .. })).await;
}

/// The number of the cluster's server that a client is connected to.
fn node_of(cluster: &Cluster, client: &Client) -> usize {
    let server = &client.server_pool()[0].server;
    (0..cluster.size()).find(|&node| server.ends_with(&format!(":{}", cluster.port(node)))).unwrap()
}

#[tokio::test]
async fn a_server_that_comes_back_finds_everything_as_it_was() {
    let server = NatsServer::start("");
    let port = server.port();
    let client = eager().connect(server.url()).await.unwrap();
    let mut events = client.events();
    let mut subscriber = client.subscribe("a.*").await.unwrap();
    client.publish("a.1", "1").await.unwrap();
    client.flush().await.unwrap();
    drop(server);
    let lost = until(&mut events, |event| matches!(event, Event::Disconnected { .. })).await;
    assert!(matches!(lost, Event::Disconnected { unconfirmed: 0, .. }), "{lost:?}");
    client.publish("a.2", "2").await.unwrap();
    let flush = client.flush();
    let _server = NatsServer::start_on(Some(port), "");
    soon(flush).await.unwrap();
    until(&mut events, |event| *event == Event::Resubscribed).await;
    for payload in ["1", "2"] {
        assert_eq!(soon(subscriber.next()).await.unwrap().payload(), payload.as_bytes());
    }
    assert_eq!(client.statistics().connects, 2);
    drop(subscriber);
    soon(client.drain()).await.unwrap();
}

#[tokio::test]
async fn a_client_survives_its_server_in_a_cluster() {
    let mut cluster = Cluster::start(3, "");
    // One address is enough: the others are discovered.
    let url = format!("nats://127.0.0.1:{}", cluster.port(0));
    let client = eager().connect(&url).await.unwrap();
    let responder = eager().connect(cluster.url()).await.unwrap();
    let mut requests = responder.subscribe("echo").await.unwrap();
    responder.flush().await.unwrap();
    let echo = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let payload = request.payload().to_vec();
            let _ = responder.respond(&request, payload).await;
        }
    });
    assert_eq!(client.server_pool().len(), 3, "{:?}", client.server_pool());
    let mut events = client.events();
    for _ in 0..3 {
        let node = node_of(&cluster, &client);
        cluster.kill_node(node);
        reconnected(&mut events).await;
        assert_ne!(node_of(&cluster, &client), node);
        cluster.start_node(node);
        cluster.wait_until_whole();
        soon(async {
            // The responder may be on its way between servers itself.
            while !matches!(
                client.request("echo", "x").timeout(Duration::from_secs(1)).await,
                Ok(reply) if reply.payload() == b"x"
            ) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    echo.abort();
}

#[tokio::test]
async fn a_lame_duck_is_left_without_a_loss() {
    let cluster = Cluster::start(2, "");
    let options = eager().lame_duck_jitter(Some(Duration::from_millis(200)));
    let url = format!("nats://127.0.0.1:{}", cluster.port(0));
    let client = options.connect(&url).await.unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.flush().await.unwrap();
    let mut events = client.events();
    cluster.node(0).signal("USR2");
    let mut sent = 0_u32;
    soon(async {
        while !matches!(client.server_pool()[0].server.rsplit(':').next(),
            Some(port) if port == cluster.port(1).to_string())
            || client.status() != ConnectionStatus::Connected
        {
            client.publish("b", sent.to_string()).await.unwrap();
            sent += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let left = until(&mut events, |event| matches!(event, Event::Disconnected { .. })).await;
    let Event::Disconnected { server, reason, text: None, unconfirmed: 0, .. } = left else {
        panic!("{left:?}");
    };
    assert!(
        reason == DisconnectReason::LameDuckMode && server.contains(&cluster.port(0).to_string()),
        "{server}"
    );
    client.publish("a", "here").await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().payload(), b"here");
}

#[tokio::test]
async fn a_server_that_hangs_is_found_out() {
    let server = NatsServer::start("");
    let options = eager().ping_interval(Duration::from_millis(100)).max_pings_out(2);
    let client = options.connect(server.url()).await.unwrap();
    let mut events = client.events();
    server.signal("STOP");
    let lost = until(&mut events, |event| matches!(event, Event::Disconnected { .. })).await;
    assert!(
        matches!(lost, Event::Disconnected { reason: DisconnectReason::Stale, .. }),
        "{lost:?}"
    );
    server.signal("CONT");
    reconnected(&mut events).await;
    soon(client.flush()).await.unwrap();
}

#[tokio::test]
async fn permissions_that_are_taken_away_end_what_they_allowed() {
    let users = |allowed: &str| {
        format!(
            "authorization {{ users = [ {{ user: u, password: p, permissions: {{ \
             subscribe: [{allowed}, \"_INBOX.>\"], publish: {{ deny: \"no\" }} }} }} ] }}"
        )
    };
    let server = NatsServer::start(&users("\"a\", \"b\""));
    let client = eager().user_and_password("u", "p").connect(server.url()).await.unwrap();
    let mut a = client.subscribe("a").await.unwrap();
    let mut b = client.subscribe("b").await.unwrap();
    client.flush().await.unwrap();
    let mut events = client.events();
    server.reload(&users("\"a\""));
    assert!(soon(b.next()).await.is_none());
    assert_eq!(b.ended(), Some(EndReason::NotPermitted));
    until(&mut events, |event| matches!(event, Event::ServerError { .. })).await;
    client.publish("a", "1").await.unwrap();
    assert_eq!(soon(a.next()).await.unwrap().payload(), b"1");
    let denied = soon(client.request("no", "")).await;
    assert_eq!(denied.unwrap_err(), RequestError::NotPermitted);
    assert_eq!(client.statistics().connects, 1, "the connection went on");
}

#[tokio::test]
async fn credentials_that_are_refused_twice_end_the_client() {
    let users = |password: &str| format!("authorization {{ user: u, password: {password} }}");
    let server = NatsServer::start(&users("p"));
    let client = eager().user_and_password("u", "p").connect(server.url()).await.unwrap();
    server.reload(&users("q"));
    let stop = soon(client.closed()).await;
    let kind = nats_tokio::ErrorKind::AuthorizationViolation;
    assert_eq!(stop, nats_tokio::CloseReason::Disconnected(DisconnectReason::Server(kind)));
}
