use std::borrow::ToOwned;
use std::format;
use std::net::IpAddr;
use std::string::String;
use std::vec;
use std::vec::Vec;

use rcgen::CertificateParams;
use rcgen::CidrSubnet;
use rcgen::DnType;
use rcgen::GeneralSubtree;
use rcgen::NameConstraints;
use rcgen::SanType;

use super::super::error::CertificateError;
use super::super::error::TlsError;
use super::super::made::Owner;
use super::super::made::authority;
use super::super::made::check_for;
use super::super::made::server;
use super::ServerName;
use super::matches;

const WRONG: Result<(), TlsError> =
    Err(TlsError::Certificate { index: 0, error: CertificateError::WrongName });

/// What becomes of a server of this name, by a certificate with those.
fn with_names(name: &str, names: Vec<SanType>) -> Result<(), TlsError> {
    let root = Owner::root("root");
    let mut params = server();
    params.subject_alt_names = names;
    check_for(name, None, &[root.sign(params).der], &root.der)
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.to_owned().try_into().unwrap())
}

fn address(address: &str) -> SanType {
    SanType::IpAddress(address.parse().unwrap())
}

#[test]
fn which_names_are_the_same() {
    for (certified, expected, is_same) in [
        ("a.example", "a.example", true),
        ("A.Example", "a.eXAMPLE", true),
        ("a.example", "b.example", false),
        ("a.example", "a.example.com", false),
        ("example", "a.example", false),
        ("localhost", "localhost", true),
        ("*.example.com", "a.example.com", true),
        ("*.EXAMPLE.com", "a.example.COM", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "a.b.example.com", false),
        ("*.com", "example.com", false),
        ("*", "localhost", false),
        ("*.", "a.", false),
        ("a.*.com", "a.b.com", false),
        ("a*.example.com", "ab.example.com", false),
        ("*a.example.com", "ba.example.com", false),
        ("*.*.com", "a.b.com", false),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", true),
        ("", "a", false),
    ] {
        let result = matches(certified.as_bytes(), expected.as_bytes());
        assert_eq!(result, is_same, "{certified} {expected}");
    }
}

#[test]
fn what_is_a_name() {
    let long = format!("{}.example", vec!["x".repeat(60); 4].join("."));
    for name in ["a", "a.b-c.d_e", "a.example.", "1.2.3", "xn--bcher-kva.example", &long] {
        assert!(matches!(ServerName::read(name), Some(ServerName::Dns(_))), "{name}");
    }
    for name in ["127.0.0.1", "::1", "[::1]", "2001:db8::1"] {
        assert!(matches!(ServerName::read(name), Some(ServerName::Address(_))), "{name}");
    }
    let too_long = format!("{}.example", vec!["x".repeat(62); 4].join("."));
    for name in ["", ".", "a..b", ".a", "a b", "*.a", "bücher.example", "a\0", &too_long] {
        assert!(ServerName::read(name).is_none(), "{name}");
    }
    assert_eq!(ServerName::read("a.").and_then(ServerName::to_tell), Some("a"));
    assert_eq!(ServerName::read("::1").and_then(ServerName::to_tell), None);
}

#[test]
fn names_of_any_number_and_length() {
    let longest = format!("{}.example.com", vec!["x".repeat(59); 4].join("."));
    let mut names: Vec<_> =
        (0..500).map(|number| dns(&format!("host-{number}.example.com"))).collect();
    names.push(SanType::URI("nats://else".to_owned().try_into().unwrap()));
    names.push(SanType::Rfc822Name("a@example.com".to_owned().try_into().unwrap()));
    names.extend((0..500).map(|number: u16| {
        let [high, low] = number.to_be_bytes();
        SanType::IpAddress(IpAddr::from([10, 0, high, low]))
    }));
    names.extend([address("2001:db8::7"), dns(&longest), dns("*.wild.example.com")]);
    for name in [
        "host-0.example.com",
        "host-499.example.com",
        &longest,
        "a.wild.example.com",
        "10.0.1.243",
        "2001:db8::7",
    ] {
        assert_eq!(with_names(name, names.clone()), Ok(()), "{name}");
    }
    for name in ["host-500.example.com", "a.b.wild.example.com", "10.0.1.244", "2001:db8::8"] {
        assert_eq!(with_names(name, names.clone()), WRONG, "{name}");
    }
}

#[test]
fn addresses() {
    let names = vec![address("192.0.2.1"), address("::ffff:192.0.2.2"), dns("192.0.2.3")];
    assert_eq!(with_names("192.0.2.1", names.clone()), Ok(()));
    assert_eq!(with_names("[::ffff:192.0.2.2]", names.clone()), Ok(()));
    // Neither as an address of the other kind, nor as text.
    assert_eq!(with_names("192.0.2.2", names.clone()), WRONG);
    assert_eq!(with_names("::ffff:192.0.2.1", names.clone()), WRONG);
    assert_eq!(with_names("192.0.2.3", names), WRONG);
}

#[test]
fn common_names() {
    let with_common_name = |name: &str, others: Vec<SanType>| {
        let root = Owner::root("root");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "common.example");
        params.subject_alt_names = others;
        check_for(name, None, &[root.sign(params).der], &root.der)
    };
    assert_eq!(with_common_name("common.example", vec![]), Ok(()));
    assert_eq!(with_common_name("else.example", vec![]), WRONG);
    // Not beside others.
    assert_eq!(with_common_name("common.example", vec![dns("else.example")]), WRONG);
    assert_eq!(with_common_name("else.example", vec![dns("else.example")]), Ok(()));
}

#[test]
fn constraints() {
    fn dns(name: &str) -> GeneralSubtree {
        GeneralSubtree::DnsName(name.to_owned())
    }
    fn network(address: &str, prefix: u8) -> GeneralSubtree {
        let address = address.parse().unwrap();
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))
    }
    let result = |name: &str, permitted: Vec<GeneralSubtree>, excluded: Vec<GeneralSubtree>| {
        let mut root = authority("root");
        root.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted.clone(),
            excluded_subtrees: excluded.clone(),
        });
        let root = Owner::of_itself(root, &rcgen::PKCS_ECDSA_P256_SHA256);
        let free = Owner::root("free");
        let mut between = authority("between");
        between.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: excluded });
        let between = free.sign(between);
        let mut params = server();
        params.subject_alt_names = match name.parse() {
            Ok(address) => vec![SanType::IpAddress(address)],
            Err(_) => vec![SanType::DnsName(name.to_owned().try_into().unwrap())],
        };
        let by_root = check_for(name, None, &[root.sign(params.clone()).der], &root.der);
        let chain = [between.sign(params).der, between.der];
        let by_between = check_for(name, None, &chain, &free.der);
        // It is the same, whoever says it.
        let error = CertificateError::NameConstraints;
        match by_between {
            Ok(()) => assert_eq!(by_root, Ok(())),
            Err(_) => {
                assert_eq!(by_between, Err(TlsError::Certificate { index: 1, error }));
                assert_eq!(by_root, Err(TlsError::Issuer { index: 0, error }));
            }
        }
        by_between.is_ok()
    };
    assert!(result("a.example.com", vec![dns("example.com")], vec![]));
    assert!(result("example.com", vec![dns("example.com")], vec![]));
    assert!(result("a.example.com", vec![dns(".example.com")], vec![]));
    assert!(!result("example.com", vec![dns(".example.com")], vec![]));
    assert!(!result("anexample.com", vec![dns("example.com")], vec![]));
    assert!(!result("a.example.org", vec![dns("example.com")], vec![]));
    assert!(result("a.example.org", vec![dns("example.com"), dns("example.org")], vec![]));
    assert!(!result("a.example.com", vec![dns("example.com")], vec![dns("a.example.com")]));
    assert!(!result("a.example.com", vec![], vec![dns("example.com")]));
    assert!(result("a.example.com", vec![], vec![dns("example.org")]));
    // Of the other kind, it says nothing.
    assert!(result("a.example.com", vec![network("10.0.0.0", 8)], vec![network("10.0.0.0", 8)]));
    assert!(result("10.1.2.3", vec![dns("example.com")], vec![]));
    assert!(result("10.1.2.3", vec![network("10.0.0.0", 8)], vec![]));
    assert!(!result("11.1.2.3", vec![network("10.0.0.0", 8)], vec![]));
    assert!(!result("10.1.2.3", vec![network("10.0.0.0", 8)], vec![network("10.1.2.0", 24)]));
    assert!(result("2001:db8::1", vec![network("2001:db8::", 32)], vec![]));
    assert!(!result("2001:db9::1", vec![network("2001:db8::", 32)], vec![]));
    // What is not understood may be meant.
    let other = String::from("example.com");
    assert!(!result("a.example.com", vec![GeneralSubtree::Rfc822Name(other.clone())], vec![]));
    assert!(!result("a.example.com", vec![], vec![GeneralSubtree::Rfc822Name(other)]));
}
