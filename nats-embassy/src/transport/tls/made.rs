//! Certificates that are made for tests.

use std::borrow::ToOwned;
use std::vec;
use std::vec::Vec;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::PKCS_ECDSA_P256_SHA256;
use rcgen::SignatureAlgorithm;

use super::chain;
use super::chain::Expected;
use super::error::TlsError;
use super::name::ServerName;

/// The name of all servers here.
pub(super) const NAME: &str = "nats.example.com";

/// Somebody with a certificate, who signs others.
pub(super) struct Owner {
    pub(super) der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// What an authority's certificate says, if nothing is changed.
pub(super) fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// What a server's certificate says, if nothing is changed.
pub(super) fn server() -> CertificateParams {
    let mut params = named("server");
    params.subject_alt_names =
        CertificateParams::new(vec![NAME.to_owned()]).unwrap().subject_alt_names;
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Tests");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Owner {
    pub(super) fn root(name: &str) -> Self {
        Self::of_itself(authority(name), &PKCS_ECDSA_P256_SHA256)
    }

    pub(super) fn of_itself(params: CertificateParams, kind: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(kind).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub(super) fn sign(&self, params: CertificateParams) -> Self {
        self.sign_for(params, &PKCS_ECDSA_P256_SHA256)
    }

    pub(super) fn sign_for(
        &self,
        params: CertificateParams,
        kind: &'static SignatureAlgorithm,
    ) -> Self {
        let key = KeyPair::generate_for(kind).unwrap();
        self.sign_key(params, key)
    }

    /// Signs for a key that may have other certificates.
    pub(super) fn sign_key(&self, params: CertificateParams, key: KeyPair) -> Self {
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// Authorities below this one, each of which has signed the next, and a server's certificate in front.
    pub(super) fn chain(&self, authorities: usize) -> Vec<Vec<u8>> {
        let mut chain = Vec::new();
        let mut last: Option<Self> = None;
        for number in 0..authorities {
            let params = authority(&std::format!("authority {number}"));
            let next = last.as_ref().unwrap_or(self).sign(params);
            chain.insert(0, next.der.clone());
            last = Some(next);
        }
        chain.insert(0, last.as_ref().unwrap_or(self).sign(server()).der);
        chain
    }
}

/// What comes of these certificates, at any time.
pub(super) fn check<D: AsRef<[u8]>>(sent: &[D], issuers: &[u8]) -> Result<(), TlsError> {
    check_for(NAME, None, sent, issuers)
}

pub(super) fn check_for<D: AsRef<[u8]>>(
    name: &str,
    now: Option<u64>,
    sent: &[D],
    issuers: &[u8],
) -> Result<(), TlsError> {
    let sent: Vec<&[u8]> = sent.iter().map(AsRef::as_ref).collect();
    let name = ServerName::read(name).ok_or(TlsError::ServerName)?;
    chain::check_trusted(issuers)?;
    chain::verify(&sent, &Expected { issuers, name, now }).map(drop)
}
