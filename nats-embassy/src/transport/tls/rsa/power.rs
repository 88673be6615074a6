//! The arithmetic.

use crypto_bigint::Limb;
use crypto_bigint::U2048;
use crypto_bigint::U4096;
use crypto_bigint::Uint;

use super::super::montgomery::Modulus;
use super::super::montgomery::number;
use super::MAX_LEN;

/// The number that was signed, at the end of as many bytes as there ever are. `modulus` is odd.
pub(super) fn open(modulus: &[u8], exponent: u32, signature: &[u8]) -> Option<[u8; MAX_LEN]> {
    if signature.len() != modulus.len() {
        return None;
    }
    let mut opened = [0; MAX_LEN];
    // Of half as many bits, it takes a quarter of the time.
    let is_open = if modulus.len() <= U2048::BYTES {
        open_into::<{ U2048::LIMBS }>(modulus, exponent, signature, &mut opened)
    } else {
        open_into::<{ U4096::LIMBS }>(modulus, exponent, signature, &mut opened)
    };
    is_open.then_some(opened)
}

fn open_into<const LIMBS: usize>(
    modulus: &[u8],
    exponent: u32,
    signature: &[u8],
    opened: &mut [u8; MAX_LEN],
) -> bool {
    let modulus: Uint<LIMBS> = number(modulus);
    let signature = number(signature);
    if signature >= modulus {
        return false;
    }
    let field = Modulus::new(modulus);
    let exponent: Uint<1> = Uint::from_u32(exponent);
    let result = field.get(&field.power(&field.put(&signature), &exponent));
    let words = opened.rchunks_exact_mut(Limb::BYTES).zip(result.as_words());
    words.for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    true
}
