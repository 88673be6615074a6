//! TLS.

use std::path::PathBuf;
use std::sync::Arc;

use nats_proto::session::Tls;
use tokio_rustls::rustls::ClientConfig;

use crate::options::ConnectOptions;
use crate::transport::tls::options::Pem;

/// TLS, with the feature `ring` (on by default), `aws-lc-rs` or `tls`. See the
/// [crate's documentation](crate#tls).
///
/// Files are read whenever a connection is made, so that what was renewed is used.
impl ConnectOptions {
    /// Connects to servers with TLS only: one that does not offer it is never told anything.
    /// Default off: TLS is used where the address or the server says so.
    #[must_use]
    pub const fn require_tls(mut self) -> Self {
        self.config.tls = Tls::Required;
        self
    }

    /// Begins with TLS before the server says anything, for servers that are set to
    /// `handshake_first`. Others are not connected to. Default off.
    ///
    /// ```
    /// # #[cfg(feature = "tls")] {
    /// let options = nats_tokio::ConnectOptions::new().tls_first();
    /// # let _ = options; }
    /// ```
    #[must_use]
    pub const fn tls_first(mut self) -> Self {
        self.config.tls = Tls::First;
        self
    }

    /// Trusts the root certificates in this PEM file, too. Default: the platform's alone.
    ///
    /// ```
    /// # #[cfg(feature = "tls")] {
    /// let options = nats_tokio::ConnectOptions::new()
    ///     .no_platform_roots()
    ///     .root_certificates("/etc/nats/ca.pem");
    /// # let _ = options; }
    /// ```
    #[must_use]
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.roots.push(Pem::File(path.into()));
        self
    }

    /// Trusts the root certificates in this PEM text, too. Default: the platform's alone.
    #[must_use]
    pub fn root_certificates_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.tls.roots.push(Pem::Bytes(pem.as_ref().into()));
        self
    }

    /// Does not trust the platform's root certificates, only those of the options. Default off.
    #[must_use]
    pub const fn no_platform_roots(mut self) -> Self {
        self.tls.without_platform = true;
        self
    }

    /// Shows the server the certificate in one PEM file, intermediate ones behind it, and proves it
    /// with the key in another. Default none.
    ///
    /// ```
    /// # #[cfg(feature = "tls")] {
    /// let options = nats_tokio::ConnectOptions::new()
    ///     .client_certificate("/etc/nats/client.pem", "/etc/nats/client.key");
    /// # let _ = options; }
    /// ```
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.tls.identity = Some((Pem::File(certificate.into()), Pem::File(key.into())));
        self
    }

    /// Shows the server the certificate in a PEM text, intermediate ones behind it, and proves it
    /// with the key in another. Default none.
    #[must_use]
    pub fn client_certificate_pem(
        mut self,
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Self {
        let bytes = |pem: &[u8]| Pem::Bytes(pem.into());
        self.tls.identity = Some((bytes(certificate.as_ref()), bytes(key.as_ref())));
        self
    }

    /// Uses rustls as it is configured here, whatever the other options say about certificates.
    #[must_use]
    pub fn tls_config(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls.ready = Some(config);
        self
    }
}
