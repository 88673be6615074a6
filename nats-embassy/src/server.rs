//! What a server says about itself.

use nats_proto::Store;
use nats_proto::session::Session;

/// What the server that a client is connected to said about itself last. Its name and its version are
/// not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ServerInfo {
    /// The longest headers and payload together in bytes; zero if it did not say. What fits into
    /// half of `TX` may be shorter.
    pub max_payload: u32,
    /// Whether it takes headers.
    pub headers: bool,
    /// Whether it has JetStream.
    pub jetstream: bool,
    /// Whether it is about to shut down.
    pub lame_duck: bool,
    /// Whether it insists on TLS.
    pub tls_required: bool,
    /// Whether it insists on credentials.
    pub auth_required: bool,
    /// The number that it gave to this client.
    pub client_id: u64,
}

impl ServerInfo {
    pub(crate) fn of<S: Store>(session: &Session<S>) -> Option<Self> {
        let info = session.info();
        session.is_connected().then(|| Self {
            max_payload: info.max_payload(),
            headers: info.headers(),
            jetstream: info.jetstream(),
            lame_duck: info.lame_duck(),
            tls_required: info.tls_required(),
            auth_required: info.auth_required(),
            client_id: info.client_id(),
        })
    }
}
