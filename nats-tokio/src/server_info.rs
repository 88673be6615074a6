//! The server's INFO.

use nats_proto::wire;

/// What the server that a client is connected to said about itself last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerInfo {
    /// The address of the server that all this is about, without credentials.
    pub address: String,
    /// The server's unique id.
    pub server_id: String,
    /// The server's name.
    pub server_name: String,
    /// The server's version: `2.15.1`.
    pub version: String,
    /// The longest headers and payload together in bytes; zero if it did not say.
    pub max_payload: u32,
    /// Whether it takes headers.
    pub headers: bool,
    /// Whether it has JetStream.
    pub jetstream: bool,
    /// Whether it insists on credentials.
    pub auth_required: bool,
    /// Whether it insists on TLS.
    pub tls_required: bool,
    /// Whether it insists on a client certificate.
    pub tls_verify: bool,
    /// Whether it speaks TLS with those who want it.
    pub tls_available: bool,
    /// Whether it is about to shut down.
    pub lame_duck: bool,
    /// The number that it gave to this client.
    pub client_id: u64,
    /// The address that it sees this client at.
    pub client_ip: String,
    /// The JetStream domain; empty for the default one.
    pub domain: String,
    /// The name of the cluster that it is a part of; empty if it is in none.
    pub cluster: String,
}

impl ServerInfo {
    /// What the server at `address` said.
    pub(crate) fn new(address: String, info: &wire::ServerInfo<Vec<u8>>) -> Self {
        Self {
            address,
            server_id: info.server_id().to_owned(),
            server_name: info.server_name().to_owned(),
            version: info.version().to_owned(),
            max_payload: info.max_payload(),
            headers: info.headers(),
            jetstream: info.jetstream(),
            auth_required: info.auth_required(),
            tls_required: info.tls_required(),
            tls_verify: info.tls_verify(),
            tls_available: info.tls_available(),
            lame_duck: info.lame_duck(),
            client_id: info.client_id(),
            client_ip: info.client_ip().to_owned(),
            domain: info.domain().to_owned(),
            cluster: info.cluster().to_owned(),
        }
    }
}
