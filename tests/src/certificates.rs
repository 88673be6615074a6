//! Certificates of the tests' own, in files that are gone when the test ends.

use std::fs;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::SanType;

/// Signs certificates.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    /// What servers send beside their certificate: those from its own up to one below the root's.
    chain: String,
}

/// A certificate and its key, in files.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate's file.
    pub path: PathBuf,
    /// The key's file.
    pub key_path: PathBuf,
}

impl Authority {
    /// One that nobody knows yet.
    ///
    /// # Panics
    ///
    /// If files cannot be written.
    #[must_use]
    pub fn new() -> Self {
        Self::of_key(KeyPair::generate().unwrap())
    }

    /// One that nobody knows yet, with this key.
    ///
    /// # Panics
    ///
    /// If files cannot be written.
    #[must_use]
    pub fn of_key(key: KeyPair) -> Self {
        let params = Self::params("tests");
        let pem = params.self_signed(&key).unwrap().pem();
        Self::of(Issuer::new(params, key), pem, String::new())
    }

    /// One with a certificate from this one, which its servers send beside their own.
    ///
    /// # Panics
    ///
    /// If files cannot be written.
    #[must_use]
    pub fn subordinate(&self, name: &str, key: KeyPair) -> Self {
        let params = Self::params(name);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let chain = format!("{pem}{}", self.chain);
        Self::of(Issuer::new(params, key), pem, chain)
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    /// Somebody with a certificate from this one, who signs others without being allowed to.
    ///
    /// # Panics
    ///
    /// If files cannot be written.
    #[must_use]
    pub fn impostor(&self) -> Self {
        let params = CertificateParams::new(vec!["device.example".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self::of(Issuer::new(params, key), pem, String::new())
    }

    fn of(issuer: Issuer<'static, KeyPair>, pem: String, chain: String) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nats-certs-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ca.pem"), &pem).unwrap();
        Self { folder, issuer, pem, chain }
    }

    /// The file with its certificate.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Its certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a certificate made out to a name or an address.
    #[must_use]
    pub fn sign(&self, name: &str) -> Certificate {
        self.sign_with(name, |_| {})
    }

    /// Signs one after `change`.
    ///
    /// # Panics
    ///
    /// If files cannot be written.
    #[must_use]
    pub fn sign_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        self.sign_key(name, KeyPair::generate().unwrap(), change)
    }

    /// Signs one for this key, after `change`.
    ///
    /// # Panics
    ///
    /// If files cannot be written.
    #[must_use]
    pub fn sign_key(
        &self,
        name: &str,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let path = self.folder.join(format!("{name}.pem"));
        let key_path = self.folder.join(format!("{name}.key"));
        fs::write(&path, pem + &self.chain).unwrap();
        fs::write(&key_path, key.serialize_pem()).unwrap();
        Certificate { path, key_path }
    }

    /// One for `localhost` and 127.0.0.1.
    #[must_use]
    pub fn sign_server(&self) -> Certificate {
        self.sign_with("localhost", |params| {
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            params.subject_alt_names.push(SanType::IpAddress(address));
        })
    }
}

impl Certificate {
    /// The lines of a server's configuration, with more of them inside.
    #[must_use]
    pub fn config(&self, more: &str) -> String {
        let Self { path, key_path } = self;
        format!("tls {{\n cert_file: {path:?}\n key_file: {key_path:?}\n {more}\n}}")
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
