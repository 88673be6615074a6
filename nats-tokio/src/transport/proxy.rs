//! Connections through a proxy.

mod address;
mod http;
mod socks;

use std::sync::Arc;

use nats_proto::Scheme;

use self::address::Protocol;
pub(crate) use self::address::Proxy;
use crate::error::ProxyError;
use crate::transport::Connector;
use crate::transport::Opening;
use crate::transport::Target;

/// Servers behind a proxy.
pub(crate) struct Proxied {
    pub(crate) proxy: Proxy,
    /// Opens connections to the proxy.
    pub(crate) connector: Arc<dyn Connector>,
}

impl Connector for Proxied {
    fn open(&self, target: Target) -> Opening {
        let proxy = self.proxy.clone();
        let opening = self.connector.open(Target {
            scheme: Scheme::Nats,
            host: proxy.host.clone(),
            port: proxy.port,
            path: String::new(),
        });
        Box::pin(async move {
            let stream = opening.await.map_err(ProxyError::Unreachable)?;
            // A zone is an interface of this machine.
            let host = target.host.split('%').next().unwrap_or_default();
            let credentials = proxy.credentials.as_deref();
            match proxy.protocol {
                Protocol::Http => Ok(http::tunnel(stream, host, target.port, credentials).await?),
                Protocol::Socks5 => {
                    Ok(socks::tunnel(stream, host, target.port, credentials).await?)
                }
            }
        })
    }
}
