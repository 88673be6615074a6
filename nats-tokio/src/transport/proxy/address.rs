//! The address of a proxy.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use nats_proto::PercentEncoded;
use nats_proto::ServerUrl;
use zeroize::Zeroizing;

use crate::error::ProxyUrlError;

/// The longest user's name, and the longest password, of SOCKS5 in bytes (RFC 1929).
const MAX_CREDENTIAL: usize = 255;

/// A proxy, and how to talk to it. Never shown.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(super) protocol: Protocol,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<Arc<Credentials>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Socks5,
}

/// A user's name and password.
pub(super) struct Credentials {
    pub(super) user: Zeroizing<String>,
    pub(super) password: Zeroizing<String>,
}

impl Proxy {
    /// Reads `scheme://user:password@host:port`.
    pub(crate) fn new(text: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = text.trim_ascii().split_once("://").ok_or(ProxyUrlError::Scheme)?;
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "http" => Protocol::Http,
            "socks5" | "socks5h" => Protocol::Socks5,
            _ => return Err(ProxyUrlError::Scheme),
        };
        // The rest is what it is with servers, but for the port if there is none.
        let [ws, wss] = ["ws://", "wss://"].map(|scheme| Zeroizing::new(format!("{scheme}{rest}")));
        let url = ServerUrl::new(&ws).map_err(ProxyUrlError::Address)?;
        let other = ServerUrl::new(&wss).map_err(ProxyUrlError::Address)?;
        if !url.path().is_empty() {
            return Err(ProxyUrlError::Path);
        }
        let port = match protocol {
            _ if url.port() == other.port() => url.port(),
            Protocol::Http => 80,
            Protocol::Socks5 => 1080,
        };
        let credentials = match (url.user(), url.password()) {
            (Some(user), password) => Some(Arc::new(Credentials::new(protocol, user, password)?)),
            (None, Some(_)) => return Err(ProxyUrlError::Credentials),
            (None, None) => None,
        };
        Ok(Self { protocol, host: url.host().to_owned(), port, credentials })
    }
}

impl Credentials {
    fn new(
        protocol: Protocol,
        user: PercentEncoded<'_>,
        password: Option<PercentEncoded<'_>>,
    ) -> Result<Self, ProxyUrlError> {
        let text = |encoded: PercentEncoded<'_>| {
            let text = String::from_utf8(encoded.bytes().collect()).map(Zeroizing::new);
            text.map_err(|_| ProxyUrlError::Credentials)
        };
        let user = text(user)?;
        let password = password.map(text).transpose()?.unwrap_or_default();
        let is_sendable = match protocol {
            Protocol::Http => !user.contains(':'),
            Protocol::Socks5 => {
                [&user, &password].iter().all(|text| (1..=MAX_CREDENTIAL).contains(&text.len()))
            }
        };
        is_sendable.then_some(Self { user, password }).ok_or(ProxyUrlError::Credentials)
    }
}
