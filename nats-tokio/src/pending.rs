//! How far a subscriber may be behind.

use crate::queue::Entry;

/// How much may wait for a subscriber before messages are dropped.
///
/// When more than half of it waits, the connection is read a little at a time, 64 KiB a millisecond:
/// a subscriber that only waits for a processor loses nothing. One that has lost messages is not
/// waited for, until it has caught up to half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingLimits {
    /// How many messages. Default 500,000.
    pub messages: u64,
    /// How many bytes on the wire, control lines included. One message can always wait, however long
    /// it is; unless this is zero. Default 64 MiB.
    pub bytes: u64,
    /// Which messages are dropped when there are more. Default the newest.
    pub overflow: Overflow,
}

/// Which messages a subscriber loses that is too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Those that come.
    #[default]
    DropNewest,
    /// Those that have waited longest: for values of which only the latest counts. Taking a
    /// message costs a lock then.
    DropOldest,
}

impl PendingLimits {
    /// The defaults, which are those of the Go client.
    pub const DEFAULT: Self =
        Self { messages: 500_000, bytes: 64 * 1024 * 1024, overflow: Overflow::DropNewest };
    /// No limits: a subscriber that is too slow for ever takes memory for ever.
    pub const NONE: Self = Self { messages: u64::MAX, bytes: u64::MAX, ..Self::DEFAULT };

    /// How many bytes may wait if this message is the only one.
    pub(crate) fn bytes_for(&self, message: Option<&Entry>) -> u64 {
        match message {
            Some(message) if self.bytes > 0 => self.bytes.max(message.layout.frame_len() as u64),
            _ => self.bytes,
        }
    }

    pub(crate) const fn are_half_used(&self, messages: u64, bytes: u64) -> bool {
        messages > self.messages / 2 || bytes > self.bytes / 2
    }
}

impl Default for PendingLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
