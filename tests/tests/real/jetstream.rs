//! JetStream against a real server.

mod cluster;
mod consumers;
mod consuming;
mod direct;
mod echo;
mod exactly_once;
mod publishing;
mod reports;
mod streams;

use nats_tests::NatsServer;
use nats_tokio::Client;
use nats_tokio::jetstream::Context;

use crate::connect;

/// A server with JetStream, a client and its streams.
async fn start() -> (NatsServer, Client, Context) {
    let server = NatsServer::start("jetstream { store_dir: $STORE, max_mem: 64M, max_file: 256M }");
    let client = connect(&server).await;
    let context = client.jetstream();
    (server, client, context)
}

/// Whether the server is 2.10 or newer.
pub(crate) fn is_recent(client: &Client) -> bool {
    let version = client.server_info().version;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (2, 10)
}
