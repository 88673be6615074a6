//! What is to be sent: one half of the memory is filled while the other one is written.

use nats_proto::wire::SendBuf;

/// One half of the memory for sending.
pub(crate) struct TxBuffer<'d> {
    memory: &'d mut [u8],
    len: usize,
    /// How many bytes at the end hold a message that waits for a connection.
    retained: usize,
}

impl<'d> TxBuffer<'d> {
    pub(crate) const fn new(memory: &'d mut [u8]) -> Self {
        Self { memory, len: 0, retained: 0 }
    }

    /// How many bytes it can hold.
    pub(crate) const fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// How many bytes can be appended.
    pub(crate) const fn room(&self) -> usize {
        self.memory.len().saturating_sub(self.len + self.retained)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Overwrites what it held.
    #[inline(never)]
    pub(crate) fn wipe(&mut self) {
        self.memory.fill(0);
        self.len = 0;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }

    /// Lets `write` append.
    pub(crate) fn write<T>(&mut self, write: impl FnOnce(&mut SendBuf<'_>) -> T) -> T {
        let end = self.memory.len().saturating_sub(self.retained);
        let mut out = SendBuf::resume(self.memory.get_mut(..end).unwrap_or_default(), self.len);
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

    // A message that waits ------------------------------------------------------------------------

    /// Whether a message waits at the end.
    pub(crate) const fn has_retained(&self) -> bool {
        self.retained > 0
    }

    /// Forgets the message that waits.
    pub(crate) const fn drop_retained(&mut self) {
        self.retained = 0;
    }

    /// Has what was written from `start` on wait at the end. Nothing may be waiting there.
    pub(crate) fn retain(&mut self, start: usize) {
        let len = self.len.saturating_sub(start);
        self.retained = len;
        let end = self.memory.len().saturating_sub(len);
        self.memory.copy_within(start..self.len, end);
        self.len = start;
    }

    /// Sends the message that waits, if there is room between the two: there is, unless something
    /// was written before it.
    pub(crate) fn send_retained(&mut self) {
        let start = self.memory.len().saturating_sub(self.retained);
        self.memory.copy_within(start.., self.len);
        self.len += core::mem::take(&mut self.retained);
    }

    /// Swaps with the half that was written. The retained message stays here.
    pub(crate) fn swap(&mut self, written: &mut Self) {
        core::mem::swap(self, written);
        let retained = core::mem::take(&mut written.retained);
        // Both halves are of the same size.
        let start = self.memory.len().saturating_sub(retained);
        if let (Some(from), Some(to)) = (written.memory.get(start..), self.memory.get_mut(start..))
            && from.len() == to.len()
        {
            to.copy_from_slice(from);
            self.retained = retained;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_waits_at_the_end_whatever_is_written_in_front_of_it() {
        let (mut front, mut back) = ([0; 16], [0; 16]);
        let (mut front, mut back) = (TxBuffer::new(&mut front), TxBuffer::new(&mut back));
        let put = |half: &mut TxBuffer<'_>, bytes: &[u8]| {
            half.fill(|rest| {
                rest[..bytes.len()].copy_from_slice(bytes);
                bytes.len()
            });
        };
        put(&mut front, b"PING");
        put(&mut front, b"message");
        front.retain(4);
        assert_eq!((front.bytes(), front.room()), (&b"PING"[..], 5));
        front.swap(&mut back);
        assert_eq!((back.bytes(), back.has_retained()), (&b"PING"[..], false));
        assert_eq!((front.bytes(), front.has_retained()), (&b""[..], true));
        put(&mut front, b"SUB a");
        front.send_retained();
        assert_eq!((front.bytes(), front.has_retained()), (&b"SUB amessage"[..], false));
        assert_eq!(front.room(), 4);
    }
}
