//! Bounds of a decoder.

use crate::setters::setters;

/// Bounds of lengths. Nothing a peer sends makes a decoder hold more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Limits {
    /// The longest control line in bytes, without its line end. A longer one is an error; INFO is
    /// exempt. Default 4096, nats-server's `max_control_line`; at most 65,000.
    pub line: usize,
    /// The longest frame in bytes that the caller can hold, line ends included. A longer message
    /// is skipped and reported. Default 64 MiB and a line: nats-server advises against more.
    pub frame: usize,
    /// The longest INFO in bytes. Default 1 MiB, thousands of servers.
    pub info: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self { line: 4096, frame: 64 * 1024 * 1024 + 8192, info: 1 << 20 };

    /// The defaults for a caller whose buffer has `len` bytes.
    #[must_use]
    pub const fn for_buffer(len: usize) -> Self {
        Self { frame: len, ..Self::DEFAULT }
    }
}

impl Limits {
    setters! {
        line: usize,
        frame: usize,
        info: usize,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
