#![expect(clippy::cast_possible_truncation, reason = "there are a few")]

use std::format;
use std::vec;
use std::vec::Vec;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CustomExtension;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::PKCS_ECDSA_P256_SHA256;
use rcgen::PKCS_ECDSA_P384_SHA384;
use rcgen::PKCS_ED25519;
use rcgen::SignatureAlgorithm;

use super::super::error::Algorithm;
use super::super::made::Owner;
use super::super::made::authority;
use super::super::made::check;
use super::super::made::check_for;
use super::super::made::server;
use super::*;

const P256: &SignatureAlgorithm = &PKCS_ECDSA_P256_SHA256;
const P384: &SignatureAlgorithm = &PKCS_ECDSA_P384_SHA384;

const fn wrong(index: u8, error: CertificateError) -> Result<(), TlsError> {
    Err(TlsError::Certificate { index, error })
}

/// One authority between the root and a server, after a change to what its certificate says.
fn with_authority(change: impl FnOnce(&mut CertificateParams)) -> Result<(), TlsError> {
    let root = Owner::root("root");
    let mut params = authority("between");
    change(&mut params);
    let between = root.sign(params);
    check(&[between.sign(server()).der, between.der], &root.der)
}

fn with_server(change: impl FnOnce(&mut CertificateParams)) -> Result<(), TlsError> {
    let root = Owner::root("root");
    let mut params = server();
    change(&mut params);
    check(&[root.sign(params).der], &root.der)
}

#[test]
fn every_length() {
    let root = Owner::root("root");
    for authorities in 0..8 {
        let mut chain = root.chain(authorities);
        assert_eq!(check(&chain, &root.der), Ok(()), "{authorities}");
        // With the root, too.
        chain.push(root.der.clone());
        assert_eq!(check(&chain, &root.der), Ok(()), "{authorities}");
    }
    let chain = root.chain(8);
    assert_eq!(check(&chain, &root.der), wrong(7, CertificateError::ChainTooLong));
    // A trusted one in the middle makes it shorter.
    assert_eq!(check(&chain, &chain[4]), Ok(()));
}

#[test]
fn every_order() {
    fn permute(fixed: &mut Vec<Vec<u8>>, rest: &[Vec<u8>], check: &mut impl FnMut(&[Vec<u8>])) {
        if rest.is_empty() {
            check(fixed);
        }
        for index in 0..rest.len() {
            let mut others = rest.to_vec();
            fixed.push(others.remove(index));
            permute(fixed, &others, check);
            fixed.pop();
        }
    }
    let root = Owner::root("root");
    let mut chain = root.chain(3);
    chain.push(root.der.clone());
    let mut count = 0;
    permute(&mut vec![chain[0].clone()], &chain[1..], &mut |sent| {
        assert_eq!(check(sent, &root.der), Ok(()));
        count += 1;
    });
    assert_eq!(count, 24);
    // The first one is the server's.
    chain.swap(0, 1);
    assert_eq!(check(&chain, &root.der), wrong(0, CertificateError::WrongName));
}

#[test]
fn what_is_not_needed() {
    let root = Owner::root("root");
    let chain = root.chain(1);
    let other = Owner::root("other");
    let [own, between] = [&chain[0][..], &chain[1]];
    let sent = [own, &[], b"junk", &other.der, own, between, between, &other.chain(2)[1]];
    assert_eq!(check(&sent, &root.der), Ok(()));
    // Without what is needed, it may have been the one that nobody can read.
    assert_eq!(check(&sent[..5], &root.der), wrong(1, CertificateError::Malformed));
    assert_eq!(check(&[own], &root.der), wrong(0, CertificateError::UnknownIssuer));
    assert_eq!(check(&[own, between], &other.der), wrong(1, CertificateError::UnknownIssuer));
    assert_eq!(check::<&[u8]>(&[], &root.der), Err(TlsError::NoCertificate));
}

#[test]
fn any_byte_counts() {
    let root = Owner::root("root");
    let chain = root.chain(2);
    assert_eq!(check(&chain, &root.der), Ok(()));
    for (index, certificate) in chain.iter().enumerate() {
        for byte in 0..certificate.len() {
            let mut sent = chain.clone();
            sent[index][byte] ^= 1 << (byte % 8);
            assert!(check(&sent, &root.der).is_err(), "byte {byte} of {index}");
            // Without what comes after it.
            sent[index].truncate(byte);
            assert!(check(&sent, &root.der).is_err(), "byte {byte} of {index}");
        }
        let mut sent = chain.clone();
        sent[index].push(0);
        assert_eq!(check(&sent, &root.der), wrong(index as u8, CertificateError::Malformed));
    }
}

#[test]
fn times() {
    let year = |year| rcgen::date_time_ymd(year, 1, 1);
    let limit = |params: &mut CertificateParams, from, until| {
        (params.not_before, params.not_after) = (year(from), year(until));
    };
    let now = |year: i32| Some(rcgen::date_time_ymd(year, 7, 1).unix_timestamp() as u64);
    let root = {
        let mut params = authority("root");
        limit(&mut params, 1990, 1991);
        Owner::of_itself(params, P256)
    };
    let mut params = authority("between");
    limit(&mut params, 2030, 2060);
    let between = root.sign(params);
    let mut params = server();
    limit(&mut params, 2040, 2050);
    let chain = [between.sign(params).der, between.der.clone()];
    let check = |now| check_for("nats.example.com", now, &chain, &root.der);
    assert_eq!(check(now(2035)), wrong(0, CertificateError::NotYetValid));
    // Both ways to write a year; that of the root does not count.
    assert_eq!(check(now(2045)), Ok(()));
    assert_eq!(check(now(2055)), wrong(0, CertificateError::Expired));
    assert_eq!(check(None), Ok(()));
    // To the second.
    let [first, last] = [2040, 2050].map(|y| year(y).unix_timestamp() as u64);
    assert_eq!(check(Some(first)), Ok(()));
    assert_eq!(check(Some(first - 1)), wrong(0, CertificateError::NotYetValid));
    assert_eq!(check(Some(last)), Ok(()));
    assert_eq!(check(Some(last + 1)), wrong(0, CertificateError::Expired));

    let chain = [between.sign(server()).der, between.der];
    let check = |now| check_for("nats.example.com", now, &chain, &root.der);
    assert_eq!(check(now(2025)), wrong(1, CertificateError::NotYetValid));
    assert_eq!(check(now(2045)), Ok(()));
    assert_eq!(check(now(2065)), wrong(1, CertificateError::Expired));
}

#[test]
fn curves() {
    for (root, between, own) in [
        (P384, P384, P384),
        (P384, P384, P256),
        (P384, P256, P256),
        (P256, P384, P256),
        (P256, P384, P384),
        (P256, P256, P384),
    ] {
        let root = Owner::of_itself(authority("root"), root);
        let between = root.sign_for(authority("between"), between);
        let mut chain = [between.sign_for(server(), own).der, between.der];
        assert_eq!(check(&chain, &root.der), Ok(()));
        for index in [0, 1] {
            *chain[index].last_mut().unwrap() ^= 1;
            assert_eq!(
                check(&chain, &root.der),
                wrong(index as u8, CertificateError::BadSignature)
            );
            *chain[index].last_mut().unwrap() ^= 1;
        }
    }
}

#[test]
fn what_is_not_supported() {
    let edwards = &PKCS_ED25519;
    let key = CertificateError::UnsupportedKey(Algorithm::EdDsa);
    let root = Owner::of_itself(authority("root"), edwards);
    let error = Err(TlsError::Issuer { index: 0, error: key });
    assert_eq!(check(&root.chain(0), &root.der), error);
    let good = Owner::root("good");
    assert_eq!(check(&[good.sign_for(server(), edwards).der], &good.der), wrong(0, key));
    let between = good.sign_for(authority("between"), edwards);
    let chain = [between.sign(server()).der, between.der];
    let signature = CertificateError::UnsupportedSignature(Algorithm::EdDsa);
    assert_eq!(check(&chain, &good.der), wrong(0, signature));
}

#[test]
fn who_is_no_authority() {
    let error = wrong(1, CertificateError::NotAnAuthority);
    assert_eq!(with_authority(|params| params.is_ca = IsCa::NoCa), error);
    assert_eq!(with_authority(|params| params.is_ca = IsCa::ExplicitNoCa), error);
    // Trusted as it is.
    let root = Owner::of_itself(server(), P256);
    assert_eq!(check(&[root.sign(server()).der], &root.der), Ok(()));
    // And its own issuer.
    assert_eq!(check(&[&root.der], &root.der), Ok(()));
}

#[test]
fn length_of_a_path() {
    let limited = |name: &str, max| {
        let mut params = authority(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(max));
        params
    };
    let root = Owner::root("root");
    for (max, is_allowed) in [(0, false), (1, true), (255, true)] {
        let upper = root.sign(limited("upper", max));
        let lower = upper.sign(authority("lower"));
        let chain = [lower.sign(server()).der, lower.der, upper.der];
        let expected = wrong(2, CertificateError::PathTooLong);
        assert_eq!(check(&chain, &root.der), if is_allowed { Ok(()) } else { expected });
    }
    // One with nothing below it but a server, and one that renewed its key.
    let only = root.sign(limited("only", 0));
    assert_eq!(check(&[only.sign(server()).der, only.der.clone()], &root.der), Ok(()));
    let renewed = only.sign(limited("only", 0));
    let chain = [renewed.sign(server()).der, renewed.der, only.der];
    assert_eq!(check(&chain, &root.der), Ok(()));
    // What a trusted one says about those below it holds.
    let root = Owner::of_itself(limited("root", 0), P256);
    assert_eq!(check(&root.chain(0), &root.der), Ok(()));
    let error = Err(TlsError::Issuer { index: 0, error: CertificateError::PathTooLong });
    assert_eq!(check(&root.chain(1), &root.der), error);
}

#[test]
fn usages() {
    use ExtendedKeyUsagePurpose::Any;
    use ExtendedKeyUsagePurpose::ClientAuth;
    use ExtendedKeyUsagePurpose::ServerAuth;
    use KeyUsagePurpose::DigitalSignature;
    use KeyUsagePurpose::KeyAgreement;
    use KeyUsagePurpose::KeyCertSign;
    for (uses, server_may, authority_may) in [
        (vec![DigitalSignature, KeyAgreement], true, false),
        (vec![KeyCertSign], false, true),
        (vec![KeyAgreement], false, false),
        (vec![DigitalSignature, KeyCertSign], true, true),
    ] {
        let uses = &uses;
        let result = with_server(|params| params.key_usages.clone_from(uses));
        let error = wrong(0, CertificateError::WrongUsage);
        assert_eq!(result, if server_may { Ok(()) } else { error });
        let result = with_authority(|params| params.key_usages.clone_from(uses));
        let error = wrong(1, CertificateError::WrongUsage);
        assert_eq!(result, if authority_may { Ok(()) } else { error });
    }
    for (purposes, is_allowed) in [
        (vec![ServerAuth], true),
        (vec![ClientAuth, ServerAuth], true),
        (vec![Any], true),
        (vec![ClientAuth], false),
    ] {
        let purposes = &purposes;
        let set = |params: &mut CertificateParams| params.extended_key_usages.clone_from(purposes);
        let expect = |index| match is_allowed {
            true => Ok(()),
            false => wrong(index, CertificateError::WrongUsage),
        };
        assert_eq!(with_server(set), expect(0));
        assert_eq!(with_authority(set), expect(1));
    }
}

#[test]
fn extensions() {
    let strange = |is_critical| {
        move |params: &mut CertificateParams| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            extension.set_criticality(is_critical);
            params.custom_extensions.push(extension);
        }
    };
    assert_eq!(with_server(strange(false)), Ok(()));
    assert_eq!(with_authority(strange(false)), Ok(()));
    assert_eq!(with_server(strange(true)), wrong(0, CertificateError::CriticalExtension));
    assert_eq!(with_authority(strange(true)), wrong(1, CertificateError::CriticalExtension));
    // One that is there twice is in none.
    let twice = |params: &mut CertificateParams| {
        let content = vec![0x30, 0];
        let usage = CustomExtension::from_oid_content(&[2, 5, 29, 37], content);
        params.custom_extensions.extend([usage.clone(), usage]);
    };
    assert_eq!(with_server(twice), wrong(0, CertificateError::Malformed));
    // Of which nothing is known, of any length.
    let long = |params: &mut CertificateParams| {
        let extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5; 40_000]);
        params.custom_extensions.push(extension);
    };
    assert_eq!(with_server(long), Ok(()));
}

#[test]
fn issuers() {
    let roots = ["a", "b", "c"].map(Owner::root);
    let all = roots.iter().map(|root| &root.der[..]).collect::<Vec<_>>().concat();
    for root in &roots {
        assert_eq!(check(&root.chain(0), &all), Ok(()));
        assert_eq!(check(&root.chain(2), &all), Ok(()));
    }
    let other = Owner::root("d");
    assert_eq!(check(&other.chain(0), &all), wrong(0, CertificateError::UnknownIssuer));
    // Somebody else of the same name.
    let other = Owner::root("b");
    assert_eq!(check(&other.chain(0), &all), wrong(0, CertificateError::BadSignature));

    assert_eq!(check(&roots[0].chain(0), &[]), Err(TlsError::NoIssuer));
    let malformed = |index| Err(TlsError::Issuer { index, error: CertificateError::Malformed });
    assert_eq!(check(&roots[0].chain(0), b"-----BEGIN CERTIFICATE-----"), malformed(0));
    assert_eq!(check(&roots[0].chain(0), &all[..all.len() - 1]), malformed(2));
}

/// An authority that has certificates of two others, of which one is trusted: whichever comes first.
#[test]
fn two_ways() {
    let (old, new) = (Owner::root("old"), Owner::root("new"));
    let key = KeyPair::generate().unwrap();
    let pem = key.serialize_pem();
    let again = || KeyPair::from_pem(&pem).unwrap();
    let by_old = old.sign_key(authority("between"), key);
    let by_new = new.sign_key(authority("between"), again());
    let mut params = authority("between");
    params.not_after = rcgen::date_time_ymd(2000, 1, 1);
    let expired = new.sign_key(params, again());
    let own = by_old.sign(server()).der;
    for sent in [
        [&own, &by_old.der, &by_new.der, &expired.der],
        [&own, &expired.der, &by_new.der, &by_old.der],
    ] {
        for root in [&old, &new] {
            let now = Some(1_800_000_000);
            assert_eq!(check_for("nats.example.com", now, &sent, &root.der), Ok(()));
        }
    }
}

/// However many certificates fit, the work is bounded.
#[test]
fn too_many_ways() {
    let root = Owner::root("root");
    let own = root.sign(authority("between"));
    let mut sent: Vec<Vec<u8>> = vec![own.sign(server()).der];
    sent.extend((0..14).map(|_| root.sign(authority("between")).der));
    sent.push(own.der);
    assert_eq!(check(&sent, &root.der), Ok(()));
    let more: Vec<_> = (0..2).flat_map(|_| Owner::root("between").der).collect();
    let issuers = [&more[..], &root.der].concat();
    assert_eq!(check(&sent, &issuers), wrong(0, CertificateError::TooManySignatures));

    // All of one name, each signed by all.
    let key = || KeyPair::generate().unwrap();
    let knot = Owner::of_itself(authority("knot"), P256);
    let sent: Vec<_> = (0..16).map(|_| knot.sign_key(authority("knot"), key()).der).collect();
    let sent = [&[knot.sign(server()).der][..], &sent[..15]].concat();
    assert!(check(&sent, &root.der).is_err());
}

#[test]
fn names_of_any_length() {
    let root = Owner::root("root");
    let between = {
        let mut params = authority("between");
        for number in 0..40 {
            let text = format!("{number} {}", "x".repeat(200));
            params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 3, number]), text);
        }
        root.sign(params)
    };
    let chain = [between.sign(server()).der, between.der];
    assert!(chain[1].len() > 8000);
    assert_eq!(check(&chain, &root.der), Ok(()));
}
