//! How many messages a subscription is to get.

use core::num::NonZeroU64;

/// How many messages a subscription is to get in all: a `u64`, of which zero is none at all, or a
/// `NonZeroU64`.
#[expect(unnameable_types, reason = "sealed")]
pub trait MessageCount {
    /// The number.
    fn get(self) -> u64;
}

impl MessageCount for u64 {
    fn get(self) -> u64 {
        self
    }
}

impl MessageCount for NonZeroU64 {
    fn get(self) -> u64 {
        self.get()
    }
}
