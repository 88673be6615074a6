//! TLS: what makes a connection secure.

#[cfg(feature = "tls")]
mod config;
#[cfg(feature = "tls")]
pub(crate) mod options;
#[cfg(test)]
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod tests;

use std::error::Error;
use std::io;

use nats_proto::session::DisconnectReason;

#[cfg(feature = "tls")]
pub(crate) use self::options::TlsOptions;
use crate::transport::Transport;

/// What the options say about TLS: nothing, as this build has none.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsOptions {}

impl TlsOptions {
    /// Secures a stream to a server whose certificate must be made out to `name`.
    #[cfg(feature = "tls")]
    pub(crate) async fn secure(
        self,
        stream: Box<dyn Transport>,
        name: String,
    ) -> io::Result<Box<dyn Transport>> {
        let name = tokio_rustls::rustls::pki_types::ServerName::try_from(name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        // It reads files, some of them large.
        let config = tokio::task::spawn_blocking(move || self.client_config()).await??;
        let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await?;
        Ok(Box::new(stream))
    }

    /// This build cannot.
    #[cfg(not(feature = "tls"))]
    pub(crate) async fn secure(
        self,
        _: Box<dyn Transport>,
        _: String,
    ) -> io::Result<Box<dyn Transport>> {
        Err(crate::error::TlsError::Unsupported.into())
    }
}

/// What an error of a stream means: the other side may refuse our certificate long after the
/// handshake is over for us.
pub(crate) fn loss(error: &io::Error) -> DisconnectReason {
    if error.get_ref().is_some_and(is_tls) { DisconnectReason::Tls } else { DisconnectReason::Io }
}

#[cfg(feature = "tls")]
fn is_tls(cause: &(dyn Error + Send + Sync + 'static)) -> bool {
    cause.is::<tokio_rustls::rustls::Error>()
}

#[cfg(not(feature = "tls"))]
const fn is_tls(_: &(dyn Error + Send + Sync + 'static)) -> bool {
    false
}
