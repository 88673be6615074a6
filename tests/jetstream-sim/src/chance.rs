//! Chance, from a seed or from bytes.

/// Numbers that look random: those that a fuzzer chose, and when they are used up, SplitMix64's.
#[derive(Clone, Debug)]
pub(crate) struct Chance<'b> {
    bytes: &'b [u8],
    state: u64,
}

impl<'b> Chance<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        let state = bytes.iter().fold(bytes.len() as u64, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self { bytes, state }
    }

    fn next(&mut self) -> u64 {
        if let Some((first, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            // Spread, so that one byte is enough to choose among few and among many.
            return u64::from(*first) << 56 | u64::from(*first) << 24 | u64::from(*first);
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero for a bound of zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let high = u128::from(self.next()) * u128::from(bound);
        u64::try_from(high >> 64).unwrap_or_default()
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of some values.
    pub(crate) fn of<T: Copy + Default>(&mut self, values: &[T]) -> T {
        let at = usize::try_from(self.below(values.len() as u64)).unwrap_or_default();
        values.get(at).copied().unwrap_or_default()
    }
}

/// The bytes of a seed.
#[must_use]
pub const fn bytes_of(seed: u64) -> [u8; 8] {
    // Mixed, since the first bytes choose the most.
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).to_be_bytes()
}
