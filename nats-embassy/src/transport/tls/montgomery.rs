//! Arithmetic modulo an odd number, in the form of Montgomery, with numbers of `crypto-bigint`, which
//! P-256 has with it.
//!
//! It is for signatures that others made. Everything here is public, so that nothing has to take the
//! same time always.

use crypto_bigint::Limb;
use crypto_bigint::Uint;
use crypto_bigint::Word;
use crypto_bigint::modular::montgomery_reduction;

/// An odd number, and what makes it fast.
pub(super) struct Modulus<const LIMBS: usize> {
    pub(super) modulus: Uint<LIMBS>,
    /// -1/modulus, modulo one more than the largest word.
    negative_inverse: Limb,
    /// One, in the form of Montgomery.
    pub(super) one: Uint<LIMBS>,
    /// The square of that.
    one_squared: Uint<LIMBS>,
}

impl<const LIMBS: usize> Modulus<LIMBS> {
    /// `modulus` has to be odd.
    pub(super) const fn new(modulus: Uint<LIMBS>) -> Self {
        let one = Uint::MAX.const_rem(&modulus).0.wrapping_add(&Uint::ONE);
        let (one_squared, _) = Uint::const_rem_wide(one.square_wide(), &modulus);
        let negative_inverse = negative_inverse(&modulus);
        Self { modulus, negative_inverse, one, one_squared }
    }

    const fn reduce(&self, product: &(Uint<LIMBS>, Uint<LIMBS>)) -> Uint<LIMBS> {
        montgomery_reduction(product, &self.modulus, self.negative_inverse)
    }

    /// A number that is less than the modulus, in the form of Montgomery.
    pub(super) const fn put(&self, number: &Uint<LIMBS>) -> Uint<LIMBS> {
        self.mul(number, &self.one_squared)
    }

    /// A number, from the form of Montgomery.
    pub(super) const fn get(&self, number: &Uint<LIMBS>) -> Uint<LIMBS> {
        self.reduce(&(*number, Uint::ZERO))
    }

    /// Of two numbers, the result is in the same form as one of them, if the other one is in the form of
    /// Montgomery.
    pub(super) const fn mul(&self, one: &Uint<LIMBS>, other: &Uint<LIMBS>) -> Uint<LIMBS> {
        self.reduce(&one.mul_wide(other))
    }

    pub(super) const fn square(&self, number: &Uint<LIMBS>) -> Uint<LIMBS> {
        self.mul(number, number)
    }

    pub(super) const fn add(&self, one: &Uint<LIMBS>, other: &Uint<LIMBS>) -> Uint<LIMBS> {
        one.add_mod(other, &self.modulus)
    }

    pub(super) const fn sub(&self, one: &Uint<LIMBS>, other: &Uint<LIMBS>) -> Uint<LIMBS> {
        one.sub_mod(other, &self.modulus)
    }

    /// `base` is in the form of Montgomery.
    pub(super) fn power<const N: usize>(
        &self,
        base: &Uint<LIMBS>,
        exponent: &Uint<N>,
    ) -> Uint<LIMBS> {
        let mut result = self.one;
        for bit in (0..exponent.bits_vartime()).rev() {
            result = self.square(&result);
            if exponent.bit_vartime(bit) {
                result = self.mul(&result, base);
            }
        }
        result
    }
}

const fn negative_inverse<const LIMBS: usize>(modulus: &Uint<LIMBS>) -> Limb {
    let Some(lowest) = modulus.as_words().first() else { return Limb::ZERO };
    // An odd number is its own inverse modulo 8; every round doubles the bits that are right.
    let mut inverse: Word = *lowest;
    let two: Word = 2;
    let mut bits = 3;
    while bits < Word::BITS {
        inverse = inverse.wrapping_mul(two.wrapping_sub(lowest.wrapping_mul(inverse)));
        bits *= 2;
    }
    Limb(inverse.wrapping_neg())
}

/// A number of so many bytes at most, the first one the highest.
pub(super) fn number<const LIMBS: usize>(bytes: &[u8]) -> Uint<LIMBS> {
    let mut words = [0; LIMBS];
    for (word, bytes) in words.iter_mut().zip(bytes.rchunks(Limb::BYTES)) {
        *word = bytes.iter().fold(0, |word: Word, byte| word << 8 | Word::from(*byte));
    }
    Uint::from_words(words)
}
