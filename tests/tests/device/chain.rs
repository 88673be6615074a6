//! Certificates as they are in the field: signed by an authority in between, for several names and
//! addresses.

use std::cell::RefCell;
use std::net::IpAddr;

use nats_embassy::CertificateError;
use nats_embassy::Event;
use nats_embassy::TlsConnector;
use nats_embassy::TlsError;
use nats_tests::NatsServer;
use nats_tests::certificates::Authority;
use rcgen::CertificateParams;
use rcgen::KeyPair;
use rcgen::PKCS_ECDSA_P256_SHA256;
use rcgen::PKCS_ECDSA_P384_SHA384;
use rcgen::SanType;
use rcgen::SignatureAlgorithm;

use crate::SESSION;
use crate::first_event;
use crate::network::Network;
use crate::talk;
use crate::tls::Memory;
use crate::tls::NO_TLS;
use crate::tls::Now;
use crate::tls::der;
use crate::tls::entropy;
use crate::tls::url;

const P256: &SignatureAlgorithm = &PKCS_ECDSA_P256_SHA256;
const P384: &SignatureAlgorithm = &PKCS_ECDSA_P384_SHA384;

thread_local! {
    static ERRORS: RefCell<Vec<TlsError>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn keep(error: TlsError) {
    ERRORS.with_borrow_mut(|errors| errors.push(error));
}

/// The errors of this thread, which a test has for itself.
pub(crate) fn take_errors() -> Vec<TlsError> {
    ERRORS.with_borrow_mut(std::mem::take)
}

fn key(kind: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(kind).unwrap()
}

/// Names and addresses of all kinds.
fn many(params: &mut CertificateParams) {
    let address = |address: &str| SanType::IpAddress(address.parse::<IpAddr>().unwrap());
    let name = |name: &str| SanType::DnsName(name.to_owned().try_into().unwrap());
    let long = format!("{}.example.com", vec!["x".repeat(59); 4].join("."));
    let numbered = (0..20).map(|number| name(&format!("leaf-node-{number}.example.com")));
    params.subject_alt_names.splice(0..0, numbered);
    params.subject_alt_names.extend([
        name("*.wild.example.com"),
        name(&long),
        address("192.0.2.7"),
        address("2001:db8::7"),
        address("127.0.0.1"),
    ]);
}

/// What comes of a connection, and why.
async fn connect(server: &str, issuers: &[u8], name: Option<&str>) -> Result<(), TlsError> {
    let mut memory = Memory::new();
    let mut connector =
        TlsConnector::new(Network, issuers, Now, entropy, &mut memory).on_error(keep);
    if let Some(name) = name {
        connector = connector.server_name(name);
    }
    match first_event(server, connector).await {
        Event::Connected => {
            assert_eq!(take_errors(), []);
            Ok(())
        }
        event => {
            assert_eq!(event, NO_TLS);
            Err(take_errors()[0])
        }
    }
}

#[tokio::test]
async fn names_and_addresses() {
    let root = Authority::new();
    let between = root.subordinate("between", key(P256));
    let server = NatsServer::start(&between.sign_key("localhost", key(P256), many).config(""));
    let issuer = der(root.pem());
    assert_eq!(connect(&url(&server), &issuer, None).await, Ok(()));
    assert_eq!(connect(&server.url(), &issuer, None).await, Ok(()));
    for name in ["leaf-node-19.example.com", "A.Wild.Example.com", "192.0.2.7", "2001:db8::7"] {
        assert_eq!(connect(&url(&server), &issuer, Some(name)).await, Ok(()), "{name}");
    }
    let wrong = TlsError::Certificate { index: 0, error: CertificateError::WrongName };
    for name in ["leaf-node-20.example.com", "192.0.2.8", "2001:db8::8"] {
        assert_eq!(connect(&url(&server), &issuer, Some(name)).await, Err(wrong), "{name}");
    }
    assert_eq!(connect(&url(&server), &issuer, Some("*")).await, Err(TlsError::ServerName));
}

#[tokio::test]
async fn authorities_and_curves() {
    for (root, upper, lower, own) in [
        (P256, P256, P256, P256),
        (P384, P384, P256, P256),
        (P256, P384, P384, P384),
        (P384, P256, P384, P256),
    ] {
        let root = Authority::of_key(key(root));
        let upper = root.subordinate("upper", key(upper));
        let lower = upper.subordinate("lower", key(lower));
        let server = NatsServer::start(&lower.sign_key("localhost", key(own), |_| {}).config(""));
        assert_eq!(connect(&url(&server), &der(root.pem()), None).await, Ok(()));
        // Any of them may be the one that is trusted.
        assert_eq!(connect(&url(&server), &der(upper.pem()), None).await, Ok(()));
        assert_eq!(connect(&url(&server), &der(lower.pem()), None).await, Ok(()));
        let both = [der(Authority::new().pem()), der(root.pem())].concat();
        assert_eq!(connect(&url(&server), &both, None).await, Ok(()));
        // Of the same name, with another key.
        let other = der(Authority::new().pem());
        let error = CertificateError::BadSignature;
        let error = Err(TlsError::Certificate { index: 2, error });
        assert_eq!(connect(&url(&server), &other, None).await, error);
    }
}

#[tokio::test]
async fn much_is_said_over_it() {
    let root = Authority::of_key(key(P384));
    let between = root.subordinate("between", key(P384));
    let config = between.sign_key("localhost", key(P384), many).config("");
    let server = NatsServer::start(&config);
    let options = nats_tokio::ConnectOptions::new().root_certificates(root.path());
    let hub = options.connect(url(&server)).await.unwrap();
    let issuer = der(root.pem());
    let mut memory = Memory::new();
    let connector = TlsConnector::new(Network, &issuer, Now, entropy, &mut memory);
    talk(&url(&server), SESSION, connector, &hub).await;
}

#[tokio::test]
async fn what_is_missing() {
    let root = Authority::new();
    let between = root.subordinate("between", key(P256));
    let own = between.sign("localhost");
    // The server does not send the authority's.
    let text = std::fs::read_to_string(&own.path).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let alone = text.split_inclusive(end).next().unwrap();
    std::fs::write(&own.path, alone).unwrap();
    let server = NatsServer::start(&own.config(""));
    let error = CertificateError::UnknownIssuer;
    let error = Err(TlsError::Certificate { index: 0, error });
    assert_eq!(connect(&url(&server), &der(root.pem()), None).await, error);
    assert_eq!(connect(&url(&server), &der(between.pem()), None).await, Ok(()));
    // The device trusts no issuer.
    assert_eq!(connect(&url(&server), &[], None).await, Err(TlsError::NoIssuer));
    let error = TlsError::Issuer { index: 0, error: CertificateError::Malformed };
    assert_eq!(connect(&url(&server), root.pem().as_bytes(), None).await, Err(error));
}

#[tokio::test]
async fn records_that_do_not_fit() {
    let root = Authority::new();
    let own = root.sign_key("localhost", key(P256), |params| {
        (0..9).for_each(|_| many(params));
    });
    let server = NatsServer::start(&own.config(""));
    let issuer = der(root.pem());
    let len = {
        let mut memory = nats_embassy::TlsMemory::<1024, 1024>::new();
        let connector =
            TlsConnector::new(Network, &issuer, Now, entropy, &mut memory).on_error(keep);
        assert_eq!(first_event(&url(&server), connector).await, NO_TLS);
        let [TlsError::RecordTooLong { len }, ..] = take_errors()[..] else { panic!() };
        len
    };
    // As long as the certificate, and 30 bytes.
    let certificate = der(&std::fs::read_to_string(&own.path).unwrap());
    assert_eq!(usize::from(len), certificate.len() + 30);
    assert_eq!(connect(&url(&server), &issuer, None).await, Ok(()));
}
