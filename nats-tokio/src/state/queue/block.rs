//! Messages for one subscription out of one read.

use bytes::Bytes;
use nats_proto::Layout;

/// Where a message is in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: u32,
    pub(crate) layout: Layout,
}

impl Entry {
    /// How many bytes the message has.
    pub(crate) const fn len(&self) -> usize {
        self.layout.wire_len()
    }
}

/// Messages for one subscriber out of one read.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) bytes: Bytes,
    pub(crate) entries: Vec<Entry>,
    /// The length of the messages together.
    pub(crate) len: usize,
}

/// A block of fewer bytes than this is copied if the subscriber lags behind.
pub(super) const SPARSE: usize = 16 * 1024;

impl Block {
    /// Cuts off the newest messages until there are at most so many, of so many bytes, and returns
    /// how many were cut off.
    pub(super) fn cut_to(&mut self, messages: u64, bytes: u64) -> u64 {
        let before = self.entries.len();
        let most = usize::try_from(messages).unwrap_or(usize::MAX);
        if before <= most && self.len as u64 <= bytes {
            return 0;
        }
        let mut len: u64 = 0;
        let fits = self.entries.iter().take(most).take_while(|entry| {
            len += entry.layout.wire_len() as u64;
            len <= bytes
        });
        let count = fits.count();
        self.entries.truncate(count);
        self.len = self.entries.iter().map(|entry| entry.layout.wire_len()).sum();
        (before - count) as u64
    }

    /// Cuts off the oldest messages until there are at most so many, of so many bytes, and returns
    /// how many were cut off.
    pub(super) fn cut_front_to(&mut self, messages: u64, bytes: u64) -> u64 {
        let before = self.entries.len();
        let most = usize::try_from(messages).unwrap_or(usize::MAX);
        let mut len: u64 = 0;
        let fits = self.entries.iter().rev().take(most).take_while(|entry| {
            len += entry.layout.wire_len() as u64;
            len <= bytes
        });
        let count = before - fits.count();
        if count > 0 {
            self.entries.drain(..count);
            self.len = self.entries.iter().map(|entry| entry.layout.wire_len()).sum();
        }
        count as u64
    }

    /// Copies a few messages out of a large read, of which they would keep all of the memory.
    ///
    /// A subscriber that keeps up never sees this. One that lags behind may have as many blocks
    /// waiting as messages, each of which would hold a whole read buffer.
    pub(super) fn loosen(&mut self) {
        if self.len >= SPARSE {
            return;
        }
        let mut copy = Vec::with_capacity(self.len);
        for entry in &mut self.entries {
            let at = entry.at as usize;
            let frame = self.bytes.get(at..at + entry.layout.wire_len()).unwrap_or_default();
            entry.at = u32::try_from(copy.len()).unwrap_or(u32::MAX);
            copy.extend_from_slice(frame);
        }
        self.bytes = copy.into();
    }
}
