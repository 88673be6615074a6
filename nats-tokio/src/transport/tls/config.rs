//! From options to what rustls wants.

use std::borrow::Cow;
use std::fs;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::TlsOptions;
use super::options::Pem;
use crate::error::TlsError;

impl TlsOptions {
    /// Reads what there is to be read. Takes a moment.
    pub(super) fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(ready) = &self.ready {
            return Ok(Arc::clone(ready));
        }
        let config = ClientConfig::builder_with_provider(provider().ok_or(TlsError::NoProvider)?)
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsError::NoProvider)?
            .with_root_certificates(self.roots()?);
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(
                    certificate.certificates(TlsError::ClientCertificate)?,
                    key.key()?,
                )
                .map_err(|error| TlsError::ClientCertificate(error.to_string()))?,
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for pem in &self.roots {
            for certificate in pem.certificates(TlsError::RootCertificate)? {
                roots.add(certificate).map_err(|error| {
                    TlsError::RootCertificate(format!("{}: {error}", pem.place()))
                })?;
            }
        }
        if !self.without_platform {
            // Platforms have odd ones among theirs, which are as good as absent.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
    }
}

impl Pem {
    fn certificates(
        &self,
        malformed: fn(String) -> TlsError,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let bytes = self.read()?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| malformed(format!("{}: {error}", self.place())))?;
        if certificates.is_empty() {
            return Err(malformed(format!("{}: there is none", self.place())));
        }
        Ok(certificates)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&self.read()?).map_err(|error| {
            TlsError::ClientCertificate(format!("{}, the key: {error}", self.place()))
        })
    }

    fn read(&self) -> Result<Cow<'_, [u8]>, TlsError> {
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::File(path) => match fs::read(path) {
                Ok(bytes) => Ok(Cow::Owned(bytes)),
                Err(error) => Err(TlsError::Unreadable { path: path.clone(), error }),
            },
        }
    }

    fn place(&self) -> Cow<'_, str> {
        match self {
            Self::File(path) => path.to_string_lossy(),
            Self::Bytes(_) => Cow::Borrowed("the PEM text"),
        }
    }
}

/// The application's choice for the whole process, if it made one, or else that of the features.
fn provider() -> Option<Arc<CryptoProvider>> {
    CryptoProvider::get_default().cloned().or_else(built_in)
}

#[cfg(feature = "ring")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
const fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}
