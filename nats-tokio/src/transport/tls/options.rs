//! Settings of TLS.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

/// How to secure a stream.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    pub(crate) roots: Vec<Pem>,
    pub(crate) without_platform: bool,
    /// A certificate and its key.
    pub(crate) identity: Option<(Pem, Pem)>,
    /// A configuration that is used instead of all that.
    pub(crate) ready: Option<Arc<ClientConfig>>,
}

/// Where certificates or a key are. Never shown.
#[derive(Clone)]
pub(crate) enum Pem {
    File(PathBuf),
    Bytes(Arc<[u8]>),
}
