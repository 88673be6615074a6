//! Certificates that OpenSSL made: `openssl req -x509 -newkey rsa:2048 -sha256`, with
//! `-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest`.

use std::vec::Vec;

use super::super::certificate::Certificate;
use super::super::error::Algorithm;
use super::super::error::CertificateError;
use super::super::error::TlsError;
use super::super::made::check;
use super::super::signature::Key;
use super::super::signature::Scheme;

macro_rules! made {
    ($name:literal) => {
        include_bytes!(concat!("tests/", $name, ".der")).as_slice()
    };
}

const SUPPORTED: &[&[u8]] = &[
    made!("pkcs1-sha256-2048"),
    made!("pkcs1-sha384-3072"),
    made!("pkcs1-sha512-4096"),
    made!("pkcs1-exponent-3"),
    made!("pss-sha256-2048"),
    made!("pss-sha384-3072"),
    made!("pss-sha512-4096"),
    // Of which the message has a byte less than the key, or a bit that counts in the first one.
    made!("pss-sha256-2049"),
    made!("pss-sha512-2055"),
];

#[test]
fn paddings_hashes_and_lengths() {
    for &certificate in SUPPORTED {
        assert_eq!(check(&[certificate], certificate), Ok(()));
        // One of the same key signed by nobody.
        let last = certificate.len() - 1;
        for byte in [last, last - 100, last - 200, last - 255] {
            let mut other = certificate.to_vec();
            other[byte] ^= 1;
            let error = CertificateError::BadSignature;
            let error = Err(TlsError::Certificate { index: 0, error });
            assert_eq!(check(&[&other[..]], certificate), error);
        }
    }
}

#[test]
fn what_was_signed_counts() {
    for &certificate in SUPPORTED {
        let parts = Certificate::read(certificate).unwrap();
        let key = Key::read(parts.key).unwrap();
        let scheme = Scheme::read(parts.algorithm).unwrap();
        let verify = |signed: &[u8], signature: &[u8]| key.has_signed(scheme, &[signed], signature);
        assert!(verify(parts.signed, parts.signature));
        let mut other = parts.signed.to_vec();
        other[20] ^= 1;
        assert!(!verify(&other, parts.signature));
        // By another hash function, or another padding.
        for scheme in SUPPORTED.iter().filter_map(|other| {
            let other = Certificate::read(other).unwrap().algorithm;
            (other.rest() != parts.algorithm.rest()).then(|| Scheme::read(other).unwrap())
        }) {
            assert!(!key.has_signed(scheme, &[parts.signed], parts.signature));
        }
        let longer = [&[0], parts.signature].concat();
        for signature in [&[], &parts.signature[1..], &longer] {
            assert!(!verify(parts.signed, signature));
        }
        let len = parts.signature.len();
        for byte in [0, 1, 0xff] {
            let signature: Vec<u8> = std::vec![byte; len];
            assert!(!verify(parts.signed, &signature));
        }
    }
}

#[test]
fn what_is_not_supported() {
    let key = CertificateError::UnsupportedKey(Algorithm::Rsa);
    for certificate in [made!("short-1024"), made!("long-4104")] {
        let good = SUPPORTED[0];
        let error = Err(TlsError::Certificate { index: 0, error: key });
        assert_eq!(check(&[certificate], good), error);
        let error = Err(TlsError::Issuer { index: 0, error: key });
        assert_eq!(check(&[good], certificate), error);
    }
    for (certificate, algorithm) in
        [(made!("sha1-2048"), Algorithm::Sha1), (made!("pss-long-salt-2048"), Algorithm::Rsa)]
    {
        let error = CertificateError::UnsupportedSignature(algorithm);
        let error = Err(TlsError::Certificate { index: 0, error });
        assert_eq!(check(&[certificate], certificate), error);
    }
}
