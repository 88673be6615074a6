//! The whole surface of nats-tokio against the nats-server that `NATS_SERVER` names.

mod auth;
mod core;
mod hostile;
mod interop;
mod jetstream;
mod leaf;
mod limits;
mod many;
mod outcomes;
mod reconnect;
mod security;
mod tls;
mod websocket;

use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::Client;

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(server: &NatsServer) -> Client {
    nats_tokio::connect(server.url()).await.expect("a connection")
}

/// An error and all that is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", chain(source)));
    format!("{error}{}", source.unwrap_or_default())
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}
