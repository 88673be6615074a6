use rcgen::CertificateParams;
use rcgen::KeyPair;

use super::*;
use crate::ConnectOptions;
use crate::TlsError;

fn certificate() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn error_of(options: ConnectOptions) -> TlsError {
    options.tls.client_config().unwrap_err()
}

#[test]
fn what_is_no_certificate_is_told() {
    let (certificate, key) = certificate();
    let (_, other_key) = self::certificate();
    let own = || ConnectOptions::new().no_platform_roots().root_certificates_pem(&certificate);
    assert!(own().tls.client_config().is_ok());
    assert!(own().client_certificate_pem(&certificate, &key).tls.client_config().is_ok());
    let chain = format!("# with a comment\n{certificate}{certificate}");
    assert!(own().root_certificates_pem(&chain).tls.client_config().is_ok());

    let half = &certificate[..certificate.len() / 2];
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "hello", half, garbage, &key] {
        let error = error_of(own().root_certificates_pem(pem));
        assert!(matches!(error, TlsError::RootCertificate(_)), "{error}");
    }
    for (certificate, key) in [
        (certificate.as_str(), ""),
        (&certificate, &certificate),
        (&certificate, &other_key),
        ("", &key),
        (half, &key),
    ] {
        let error = error_of(own().client_certificate_pem(certificate, key));
        assert!(matches!(error, TlsError::ClientCertificate(_)), "{error}");
        assert!(!error.to_string().contains(key) || key.is_empty());
    }
    let error = error_of(ConnectOptions::new().no_platform_roots());
    assert!(matches!(error, TlsError::NoRoots), "{error}");
}

#[test]
fn files_that_are_missing_are_named() {
    let options = ConnectOptions::new();
    for options in [
        options.clone().root_certificates("/no/such/file"),
        options.client_certificate("/no/such/file", "/nor/this"),
    ] {
        let error = error_of(options);
        assert!(matches!(&error, TlsError::Unreadable { .. }), "{error}");
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("/no/such/file: "), "{error}");
    }
}

#[test]
fn only_what_rustls_says_is_about_tls() {
    let refused = tokio_rustls::rustls::Error::DecryptError;
    assert_eq!(loss(&io::Error::new(io::ErrorKind::InvalidData, refused)), DisconnectReason::Tls);
    assert_eq!(loss(&io::ErrorKind::ConnectionReset.into()), DisconnectReason::Io);
}

#[test]
fn keys_are_not_shown() {
    let (certificate, key) = certificate();
    let options = ConnectOptions::new().client_certificate_pem(certificate, &key);
    assert!(!format!("{options:?}").contains("PRIVATE KEY"));
}
