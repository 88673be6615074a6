//! Pauses before something is tried again.

use crate::time::Millis;

/// Doubled so many times, up to a limit.
pub(super) fn doubled(first: u32, times: u8, most: u32) -> Millis {
    let factor = 1_u32.checked_shl(times.into()).unwrap_or(u32::MAX);
    Millis(first.saturating_mul(factor).min(most))
}

/// Lets clients that were refused together not come back together (xorshift).
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(u32);

impl Jitter {
    pub(super) const fn new(seed: u32) -> Self {
        // Zero is what the generator never leaves.
        Self(if seed == 0 { 1 } else { seed })
    }

    /// From a half to all of a pause.
    pub(super) fn spread(&mut self, Millis(pause): Millis) -> Millis {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        let half = pause / 2;
        let part = (u64::from(half) * u64::from(self.0)) >> 32;
        Millis(pause - half + u32::try_from(part).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses = [0, 1, 2, 3, 31, 32, 255].map(|times| doubled(250, times, 1_000).0);
        assert_eq!(pauses, [250, 500, 1_000, 1_000, 1_000, 1_000, 1_000]);
        assert_eq!(doubled(0, 9, 1_000).0, 0);
    }

    #[test]
    fn pauses_are_spread() {
        let mut jitter = Jitter::new(0);
        let pauses: [u32; 100] = core::array::from_fn(|_| jitter.spread(Millis(1_000)).0);
        assert!(pauses.iter().all(|pause| (500..=1_000).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause < 600) && pauses.iter().any(|pause| *pause > 900));
        assert_eq!(jitter.spread(Millis(0)).0, 0);
        assert_eq!(jitter.spread(Millis(1)).0, 1);
    }
}
