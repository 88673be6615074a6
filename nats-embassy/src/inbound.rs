//! Bytes as they come in.

use nats_proto::session::Lost;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::ServerOp;

/// The memory for receiving, and what is in it.
pub(crate) struct Inbound<'d> {
    memory: &'d mut [u8],
    filled: usize,
    decoder: Decoder<FromServer>,
}

impl<'d> Inbound<'d> {
    pub(crate) const fn new(memory: &'d mut [u8]) -> Self {
        let decoder = Decoder::new(Limits::for_buffer(memory.len()));
        Self { memory, filled: 0, decoder }
    }

    /// Forgets everything: another connection begins.
    pub(crate) const fn reset(&mut self) {
        self.filled = 0;
        self.decoder = Decoder::new(Limits::for_buffer(self.memory.len()));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Where to read into. Never empty after [`handle_all`](Self::handle_all).
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many bytes were read into it.
    pub(crate) const fn fill(&mut self, len: usize) {
        self.filled += len;
    }

    /// Hands over everything that is there in whole, until `handle` does not want more.
    pub(crate) fn handle_all(
        &mut self,
        mut handle: impl FnMut(ServerOp<'_>) -> bool,
    ) -> Result<(), Lost> {
        let mut at = 0;
        let mut wants_more = true;
        while wants_more {
            let filled = self.memory.get(at..self.filled).unwrap_or_default();
            match self.decoder.decode(filled).map_err(Lost::Protocol)? {
                Decoded::Frame { op, len } => {
                    wants_more = handle(op);
                    at += len;
                }
                Decoded::Skip { len } => at += len,
                Decoded::Partial { .. } => break,
            }
        }
        self.drop_first(at);
        Ok(())
    }

    fn drop_first(&mut self, len: usize) {
        if len > 0 {
            let len = len.min(self.filled);
            self.memory.copy_within(len..self.filled, 0);
            self.filled -= len;
        }
    }
}
