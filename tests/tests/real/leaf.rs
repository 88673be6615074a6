//! A leaf node in front of a cluster: where devices connect.

use std::time::Duration;

use nats_tests::Cluster;
use nats_tests::NatsServer;
use nats_tokio::Backoff;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::RequestError;
use nats_tokio::Subscriber;

use crate::soon;

/// Publishes until it is received: interest takes a while to spread between servers.
async fn arrives(from: &Client, subject: &str, to: &mut Subscriber) {
    soon(async {
        loop {
            from.publish(subject, "x").await.unwrap();
            let next = tokio::time::timeout(Duration::from_millis(50), to.next());
            if let Ok(message) = next.await {
                assert_eq!(message.unwrap().payload(), b"x");
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn messages_cross_it_both_ways_and_again_after_it_was_down() {
    let mut cluster = Cluster::start_with(3, |ports| {
        format!("leafnodes {{ listen: \"127.0.0.1:{}\" }}", ports.leaf)
    });
    let remotes: Vec<_> =
        (0..3).map(|node| format!("\"nats://127.0.0.1:{}\"", cluster.leaf_port(node))).collect();
    let config = format!(
        "leafnodes {{ reconnect: 1, remotes: [ {{ urls: [{}] }} ] }}\n\
         authorization {{ user: device, password: secret }}",
        remotes.join(",")
    );
    let leaf = NatsServer::start(&config);
    let wait = Duration::from_millis(50);
    let backoff = Backoff::Fixed { wait, jitter: wait, jitter_tls: wait };
    let device = ConnectOptions::new()
        .user_and_password("device", "secret")
        .backoff(backoff)
        .connect(leaf.url())
        .await
        .unwrap();
    let hub = ConnectOptions::new().backoff(backoff).connect(cluster.url()).await.unwrap();
    assert_eq!(device.server_pool().len(), 1, "a leaf node does not tell of the cluster's servers");
    let mut commands = device.subscribe("device.7.command").await.unwrap();
    let mut telemetry = hub.subscribe("device.*.telemetry").await.unwrap();
    arrives(&hub, "device.7.command", &mut commands).await;
    arrives(&device, "device.7.telemetry", &mut telemetry).await;

    let mut questions = hub.subscribe("config").await.unwrap();
    let answering = async {
        let question = questions.next().await.unwrap();
        hub.respond(&question, "on").await.unwrap();
    };
    let asking = async {
        loop {
            match device.request("config", "").await {
                Err(RequestError::NoResponders) => tokio::time::sleep(wait).await,
                reply => return reply.unwrap(),
            }
        }
    };
    let (reply, ()) = soon(async { tokio::join!(asking, answering) }).await;
    assert_eq!(reply.payload(), b"on");

    let port = leaf.port();
    drop(leaf);
    let _leaf = NatsServer::start_on(Some(port), &config);
    // The leaf node may have been at any of them.
    cluster.kill_node(0);
    arrives(&hub, "device.7.command", &mut commands).await;
    arrives(&device, "device.7.telemetry", &mut telemetry).await;
    assert_eq!(device.statistics().connects, 2);
}
