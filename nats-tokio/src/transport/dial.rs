//! From a server's address to a stream that NATS is spoken over.

use std::sync::Arc;

use nats_proto::Scheme;
use nats_proto::session::DisconnectReason;

use crate::transport::Broken;
use crate::transport::Connector;
use crate::transport::Dialing;
use crate::transport::Target;
use crate::transport::Transport;
use crate::transport::tls::TlsOptions;
#[cfg(feature = "websocket")]
use crate::transport::websocket::WebSocketOptions;

/// Opens connections, and secures them.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) tls: TlsOptions,
    pub(crate) demands_tls: bool,
    #[cfg(feature = "websocket")]
    pub(crate) websocket: WebSocketOptions,
}

impl Dialer {
    /// Opens a connection, and the TLS and the WebSocket that belong to its address. A certificate
    /// must be made out to `name`.
    pub(crate) fn open(&self, target: Target, name: String) -> Dialing {
        if target.scheme == Scheme::Ws && self.demands_tls {
            // Nor is it told what is in the headers.
            return Box::pin(async { Err(Broken(DisconnectReason::TlsUnavailable, None)) });
        }
        let dialer = self.clone();
        Box::pin(async move {
            let unreachable = |error| Broken(DisconnectReason::Unreachable, Some(error));
            let opening = dialer.connector.open(target.clone());
            let mut stream = opening.await.map_err(unreachable)?;
            if target.scheme.is_websocket() {
                if target.scheme.is_tls() {
                    stream = dialer.secure(stream, name).await?;
                }
                stream = dialer.upgrade(stream, &target).await?;
            }
            Ok(stream)
        })
    }

    /// Secures a connection to a server whose certificate must be made out to `name`.
    pub(crate) fn secure(&self, stream: Box<dyn Transport>, name: String) -> Dialing {
        let securing = self.tls.clone().secure(stream, name);
        Box::pin(async {
            securing.await.map_err(|error| Broken(DisconnectReason::Tls, Some(error)))
        })
    }

    #[cfg(feature = "websocket")]
    async fn upgrade(
        &self,
        stream: Box<dyn Transport>,
        target: &Target,
    ) -> Result<Box<dyn Transport>, Broken> {
        self.websocket.upgrade(stream, target).await
    }

    #[cfg(not(feature = "websocket"))]
    async fn upgrade(
        &self,
        _: Box<dyn Transport>,
        _: &Target,
    ) -> Result<Box<dyn Transport>, Broken> {
        let error = crate::error::ConnectError::WebSocketUnsupported;
        let error = std::io::Error::new(std::io::ErrorKind::Unsupported, error);
        Err(Broken(DisconnectReason::WebSocket, Some(error)))
    }
}
