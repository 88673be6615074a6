//! The little randomness a client needs: inbox names, the order of servers, jitter.

/// Sixteen bytes of entropy from the platform.
///
/// Inbox names are made of it, so two clients with the same seed would receive each other's
/// replies: take it from a true source (`getrandom`, a hardware generator), once per session.
#[derive(Clone, Copy)]
pub struct RngSeed(pub [u8; 16]);

impl core::fmt::Debug for RngSeed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// xoshiro128++: 128 bits of state, 32-bit arithmetic only, hence small on a microcontroller.
///
/// Not for keys or nonces.
#[derive(Clone)]
pub(crate) struct Rng([u32; 4]);

impl Rng {
    pub(crate) fn new(RngSeed(seed): RngSeed) -> Self {
        let mut state = [0; 4];
        let mut mixed = 0;
        for (word, bytes) in state.iter_mut().zip(seed.as_chunks::<4>().0) {
            // Seeds that differ little make generators that differ much, and none is all zero,
            // the one state that xoshiro never leaves.
            mixed = mix(u32::from_le_bytes(*bytes) ^ mixed);
            *word = mixed;
        }
        Self(state)
    }

    pub(crate) const fn next_u32(&mut self) -> u32 {
        let [a, b, c, d] = self.0;
        let result = a.wrapping_add(d).rotate_left(7).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 9), d.rotate_left(11)];
        result
    }

    /// A number below `bound`, without bias beyond 2⁻³²; zero for a bound of zero.
    pub(crate) const fn below(&mut self, bound: u32) -> u32 {
        ((self.next_u32() as u64 * bound as u64) >> 32) as u32
    }

    /// A number up to `max`, or up to 2³² − 2 if that is less.
    pub(crate) const fn up_to(&mut self, max: u32) -> u32 {
        self.below(max.saturating_add(1))
    }

    /// Puts things in a random order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            let other = self.below(u32::try_from(end + 1).unwrap_or(u32::MAX)) as usize;
            // Both are within bounds: `other <= end < len`.
            if other < things.len() && end < things.len() {
                things.swap(other, end);
            }
        }
    }
}

/// The finalizer of MurmurHash3, after a step that changes every number.
const fn mix(number: u32) -> u32 {
    let number = number.wrapping_add(0x9E37_79B9);
    let number = (number ^ (number >> 16)).wrapping_mul(0x85EB_CA6B);
    let number = (number ^ (number >> 13)).wrapping_mul(0xC2B2_AE35);
    number ^ (number >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_reference_generator() {
        // The first outputs of the authors' C code.
        let mut rng = Rng([1, 2, 3, 4]);
        let first: [u32; 4] = core::array::from_fn(|_| rng.next_u32());
        assert_eq!(first, [641, 1_573_767, 3_222_811_527, 3_517_856_514]);
    }

    #[test]
    fn similar_seeds_make_different_generators() {
        let mut first: [u32; 256] = core::array::from_fn(|byte| {
            let mut seed = [0; 16];
            seed[byte % 16] = u8::try_from(byte).unwrap();
            Rng::new(RngSeed(seed)).next_u32()
        });
        first.sort_unstable();
        assert!(first.windows(2).filter(|pair| pair[0] == pair[1]).count() <= 16, "{first:?}");
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(RngSeed([7; 16]));
        assert_eq!(rng.below(0), 0);
        let mut seen = [false; 5];
        for _ in 0..1_000 {
            seen[rng.below(5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
    }
}
