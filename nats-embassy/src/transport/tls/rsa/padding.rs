//! What a signature says when it was opened.

use super::super::der::tag;
use super::super::hash::Hash;
use super::super::hash::MAX_HASH;
use super::HASHES;

/// EMSA-PKCS1-v1_5: zero, one, ones all over, zero, the name of the hash function, the hash.
pub(super) fn is_pkcs1(message: &[u8], kind: Hash, hash: &[u8]) -> bool {
    let [h0, h1, h2, h3, h4, h5, h6, h7] = HASHES;
    let function = [tag::OID, 9, h0, h1, h2, h3, h4, h5, h6, h7, kind.arc(), tag::NULL, 0];
    let head = [tag::SEQUENCE, kind.len().saturating_add(17), tag::SEQUENCE, 13];
    let value = [tag::OCTET_STRING, kind.len()];
    let parts: [&[u8]; 4] = [&head, &function, &value, hash];
    let rest = parts.iter().rev().try_fold(message, |message, part| message.strip_suffix(*part));
    match rest {
        Some([0, 1, ones @ .., 0]) => ones.len() >= 8 && ones.iter().all(|byte| *byte == 0xff),
        _ => false,
    }
}

/// EMSA-PSS, with as much salt as the hash has bytes. `mask` has the bits of the first byte that count.
pub(super) fn is_pss(message: &mut [u8], mask: u8, kind: Hash, hash: &[u8]) -> bool {
    let Some((0xbc, message)) = message.split_last_mut().map(|(last, rest)| (*last, rest)) else {
        return false;
    };
    let Some(at) = message.len().checked_sub(hash.len()) else { return false };
    let Some((block, proof)) = message.split_at_mut_checked(at) else { return false };
    match block.first_mut() {
        Some(first) if *first & !mask == 0 => {}
        _ => return false,
    }
    unmask(block, proof, kind);
    if let Some(first) = block.first_mut() {
        *first &= mask;
    }
    let Some(at) = block.len().checked_sub(hash.len()) else { return false };
    let Some((padding, salt)) = block.split_at_checked(at) else { return false };
    let mut memory = [0; MAX_HASH];
    let is_padded = matches!(padding, [zeros @ .., 1] if zeros.iter().all(|byte| *byte == 0));
    is_padded && kind.of(&[&[0; 8], hash, salt], &mut memory) == proof
}

/// MGF1, added to `block`.
fn unmask(block: &mut [u8], seed: &[u8], kind: Hash) {
    let mut memory = [0; MAX_HASH];
    let chunks = block.chunks_mut(usize::from(kind.len()).max(1));
    for (count, chunk) in (0_u32..).zip(chunks) {
        let mask = kind.of(&[seed, &count.to_be_bytes()], &mut memory);
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}
