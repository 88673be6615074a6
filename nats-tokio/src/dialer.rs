//! From a server's address to a stream that NATS is spoken over.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use nats_proto::Scheme;
use nats_proto::session::Lost;
use nats_proto::session::Tls;

use crate::connector::Connector;
use crate::connector::Target;
use crate::connector::Transport;
use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::tcp::Tcp;
use crate::tls::TlsOptions;
#[cfg(feature = "websocket")]
use crate::websocket::WebSocketOptions;

/// Opens connections, and secures them.
#[derive(Clone)]
pub(crate) struct Dialer {
    connector: Arc<dyn Connector>,
    tls: TlsOptions,
    demands_tls: bool,
    #[cfg(feature = "websocket")]
    websocket: WebSocketOptions,
}

/// The connection was not made, or does not work any more.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) Lost, pub(crate) Option<io::Error>);

pub(crate) type Dialing = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, Broken>> + Send>>;

impl Dialer {
    pub(crate) fn new(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let config = options.config;
        let tcp = || -> Arc<dyn Connector> {
            let (timeout, keep_order) = (config.connect_timeout, config.keep_order);
            Arc::new(Tcp { timeout, keep_order, socket: options.socket })
        };
        let connector = options.connector.clone().unwrap_or_else(tcp);
        #[cfg(feature = "proxy")]
        let connector = crate::proxy::through(options, connector)?;
        Ok(Self {
            connector,
            tls: options.tls.clone(),
            demands_tls: config.tls != Tls::Auto,
            #[cfg(feature = "websocket")]
            websocket: WebSocketOptions::new(options)?,
        })
    }

    /// Opens a connection, and the TLS and the WebSocket that belong to its address. A certificate
    /// must be made out to `name`.
    pub(crate) fn open(&self, target: Target, name: String) -> Dialing {
        if target.scheme == Scheme::Ws && self.demands_tls {
            // Nor is it told what is in the headers.
            return Box::pin(async { Err(Broken(Lost::TlsUnavailable, None)) });
        }
        let dialer = self.clone();
        Box::pin(async move {
            let unreachable = |error| Broken(Lost::Unreachable, Some(error));
            let opening = dialer.connector.open(target.clone());
            let mut stream = opening.await.map_err(unreachable)?;
            if target.scheme == Scheme::Wss {
                stream = dialer.secure(stream, name).await?;
            }
            if is_websocket(target.scheme) {
                stream = dialer.upgrade(stream, &target).await?;
            }
            Ok(stream)
        })
    }

    /// Secures a connection to a server whose certificate must be made out to `name`.
    pub(crate) fn secure(&self, stream: Box<dyn Transport>, name: String) -> Dialing {
        let securing = self.tls.clone().secure(stream, name);
        Box::pin(async { securing.await.map_err(|error| Broken(Lost::Tls, Some(error))) })
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
        let error = ConnectError::WebSocketUnsupported;
        Err(Broken(Lost::WebSocket, Some(io::Error::new(io::ErrorKind::Unsupported, error))))
    }
}

pub(crate) const fn is_websocket(scheme: Scheme) -> bool {
    matches!(scheme, Scheme::Ws | Scheme::Wss)
}
