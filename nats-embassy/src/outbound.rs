//! What is to be sent: one half of the memory is filled while the other one is written.

use nats_proto::wire::SendBuf;

/// One half.
pub(crate) struct Half<'d> {
    memory: &'d mut [u8],
    len: usize,
}

impl<'d> Half<'d> {
    pub(crate) const fn new(memory: &'d mut [u8]) -> Self {
        Self { memory, len: 0 }
    }

    /// How many bytes it can hold.
    pub(crate) const fn capacity(&self) -> usize {
        self.memory.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Leaves no trace of what it held.
    pub(crate) fn wipe(&mut self) {
        self.memory.fill(0);
        self.len = 0;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }

    /// Lets `write` write behind what there is.
    pub(crate) fn write<T>(&mut self, write: impl FnOnce(&mut SendBuf<'_>) -> T) -> T {
        let mut out = SendBuf::resume(self.memory, self.len);
        let written = write(&mut out);
        self.len = out.len();
        written
    }

    /// Lets `fill` fill the rest, and say how much of it.
    pub(crate) fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) {
        let rest = self.memory.get_mut(self.len..).unwrap_or_default();
        let most = rest.len();
        self.len += fill(rest).min(most);
    }
}
