//! The little randomness a client needs: inbox names, the order of servers, jitter.

/// Sixteen bytes of entropy from the platform.
///
/// Inbox names are made of it, so two clients with the same seed would receive each other's
/// replies: take it from a true source (`getrandom`, a hardware generator), once per session.
#[derive(Clone, Copy)]
pub struct Seed(pub [u8; 16]);

impl core::fmt::Debug for Seed {
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
    pub(crate) fn new(Seed(seed): Seed) -> Self {
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        // The all-zero state is the one that xoshiro never leaves.
        if state == [0; 4] {
            state = [0x9E37_79B9, 0x243F_6A88, 0xB7E1_5162, 0x0F1B_BCDC];
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_reference_generator() {
        // State 1, 2, 3, 4; the first outputs of the authors' C code.
        let mut seed = [0; 16];
        for (i, byte) in [1, 2, 3, 4].into_iter().enumerate() {
            seed[i * 4] = byte;
        }
        let mut rng = Rng::new(Seed(seed));
        let first: [u32; 4] = core::array::from_fn(|_| rng.next_u32());
        assert_eq!(first, [641, 1_573_767, 3_222_811_527, 3_517_856_514]);
    }

    #[test]
    fn a_zero_seed_is_not_a_fixed_point() {
        let mut rng = Rng::new(Seed([0; 16]));
        assert_ne!(rng.next_u32(), rng.next_u32());
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(Seed([7; 16]));
        assert_eq!(rng.below(0), 0);
        let mut seen = [false; 5];
        for _ in 0..1_000 {
            seen[rng.below(5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
    }
}
