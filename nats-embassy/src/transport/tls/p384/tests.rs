//! Against the crate `p384`, and at the edges.

#![expect(clippy::cast_possible_truncation, reason = "short ones")]

use p384::ecdsa::Signature;
use p384::ecdsa::SigningKey;
use p384::ecdsa::VerifyingKey;
use p384::elliptic_curve::sec1::ToEncodedPoint;
use signature::hazmat::PrehashSigner;
use signature::hazmat::PrehashVerifier;

use super::*;

/// Keys, hashes and what else is to differ from round to round.
struct Numbers(u64);

impl Numbers {
    fn bytes<const LEN: usize>(&mut self) -> [u8; LEN] {
        core::array::from_fn(|_| {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 56) as u8
        })
    }

    fn key(&mut self) -> SigningKey {
        SigningKey::from_slice(&self.bytes::<LEN>()).unwrap()
    }
}

fn point(key: &SigningKey, is_compressed: bool) -> std::vec::Vec<u8> {
    VerifyingKey::from(key).as_affine().to_encoded_point(is_compressed).as_bytes().to_vec()
}

#[test]
fn as_the_other_implementation() {
    let mut numbers = Numbers(1);
    for _ in 0..4 {
        let key = numbers.key();
        let hash: [u8; 64] = numbers.bytes();
        for hash in [&hash[..32], &hash[..48], &hash] {
            let signature: Signature = key.sign_prehash(hash).unwrap();
            let der = signature.to_der();
            for is_compressed in [false, true] {
                let point = point(&key, is_compressed);
                assert!(has_signed(&point, hash, der.as_bytes()));
                // With the other root, it is another key.
                let mut other = point;
                other[0] ^= 1;
                assert!(!has_signed(&other, hash, der.as_bytes()));
            }
            assert!(!has_signed(&point(&numbers.key(), false), hash, der.as_bytes()));
        }
    }
}

#[test]
fn any_bit_counts() {
    let mut numbers = Numbers(2);
    let key = numbers.key();
    let verifying = VerifyingKey::from(&key);
    let hash: [u8; 48] = numbers.bytes();
    let signature: Signature = key.sign_prehash(&hash).unwrap();
    let point = point(&key, false);
    for byte in 0..48 {
        let mut other = hash;
        other[byte] ^= 1 << (byte % 8);
        assert!(!has_signed(&point, &other, signature.to_der().as_bytes()));
    }
    let der = signature.to_der();
    for byte in 0..der.as_bytes().len() {
        let mut other = der.as_bytes().to_vec();
        other[byte] ^= 1 << (byte % 8);
        let expected = Signature::from_der(&other)
            .is_ok_and(|signature| verifying.verify_prehash(&hash, &signature).is_ok());
        assert_eq!(has_signed(&point, &hash, &other), expected);
        assert!(!expected);
    }
    for byte in 0..point.len() {
        let mut other = point.clone();
        other[byte] ^= 1 << (byte % 8);
        assert!(Point::read(&other).is_none());
    }
}

fn integer(bytes: &[u8]) -> std::vec::Vec<u8> {
    let mut bytes = bytes.to_vec();
    while bytes.len() > 1 && bytes[0] == 0 {
        bytes.remove(0);
    }
    if bytes[0] >= 0x80 {
        bytes.insert(0, 0);
    }
    [&[tag::INTEGER, bytes.len() as u8], &bytes[..]].concat()
}

fn signature(r: &U384, s: &U384) -> std::vec::Vec<u8> {
    let both = [integer(&r.to_be_bytes()), integer(&s.to_be_bytes())].concat();
    [&[tag::SEQUENCE, both.len() as u8], &both[..]].concat()
}

#[test]
fn numbers_at_the_edge() {
    let mut numbers = Numbers(3);
    let key = numbers.key();
    let point = point(&key, false);
    let hash = [0xff; 48];
    let good: Signature = key.sign_prehash(&hash).unwrap();
    assert!(has_signed(&point, &hash, good.to_der().as_bytes()));
    let (r, s) = read_signature(good.to_der().as_bytes()).unwrap();
    assert!(has_signed(&point, &hash, &signature(&r, &s)));
    // The other half is as good.
    assert!(has_signed(&point, &hash, &signature(&r, &N.modulus.wrapping_sub(&s))));
    let edges = [U384::ZERO, U384::ONE, N.modulus, P.modulus, U384::MAX];
    for edge in edges {
        assert!(!has_signed(&point, &hash, &signature(&edge, &s)));
        assert!(!has_signed(&point, &hash, &signature(&r, &edge)));
        for other in edges {
            assert!(!has_signed(&point, &[0; 48], &signature(&edge, &other)));
        }
    }
}

/// With the keys 1 and -1, the two points that are added are the same, or each other's opposite.
#[test]
fn the_base_point_as_a_key() {
    let mut one = [0; LEN];
    one[LEN - 1] = 1;
    let most = N.modulus.wrapping_sub(&U384::ONE).to_be_bytes();
    for key in [one, most] {
        let key = SigningKey::from_slice(&key).unwrap();
        for hash in [[0; 48], [1; 48], [0xff; 48]] {
            let signature: Signature = key.sign_prehash(&hash).unwrap();
            assert!(has_signed(&point(&key, false), &hash, signature.to_der().as_bytes()));
        }
        // A hash that is as r leads to infinity, or to twice the point.
        let (x, y) = (GX.to_be_bytes(), GY.to_be_bytes());
        let point = point(&key, false);
        for r in [x, y] {
            let signature = signature(&number(&r), &U384::ONE);
            let verifying = VerifyingKey::from(&key);
            let expected = Signature::from_der(&signature)
                .is_ok_and(|signature| verifying.verify_prehash(&r, &signature).is_ok());
            assert_eq!(has_signed(&point, &r, &signature), expected);
        }
    }
}

#[test]
fn what_is_no_point() {
    let good = point(&Numbers(4).key(), false);
    assert!(Point::read(&good).is_some());
    for len in 0..good.len() {
        assert!(Point::read(&good[..len]).is_none() || len == 49);
    }
    assert!(Point::read(&[&good[..], &[0]].concat()).is_none());
    assert!(Point::read(&[0]).is_none());
    // As large as the modulus.
    let p = P.modulus.to_be_bytes();
    assert!(Point::read(&[&[4], &p[..], &good[49..]].concat()).is_none());
    assert!(Point::read(&[&good[..49], &p[..]].concat()).is_none());
}
