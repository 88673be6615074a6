//! Bytes as they come in.

use nats_proto::session::Lost;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;

use crate::state::delivery::Lent;
use crate::state::delivery::Letter;

/// The memory for receiving, and what is in it.
pub(crate) struct Inbound<'d> {
    memory: &'d mut [u8],
    /// Everything before this was dealt with.
    start: usize,
    filled: usize,
    decoder: Decoder<FromServer>,
    /// Whether somebody else has the memory, to look at a message.
    is_lent: bool,
}

/// What is in the memory.
pub(crate) enum Found<'b> {
    Op(ServerOp<'b>),
    /// A part of something that is too long.
    Passing(&'b [u8]),
}

impl<'d> Inbound<'d> {
    pub(crate) const fn new(memory: &'d mut [u8]) -> Self {
        let decoder = Decoder::new(Limits::for_buffer(memory.len()));
        Self { memory, start: 0, filled: 0, decoder, is_lent: false }
    }

    /// Forgets everything: another connection begins.
    pub(crate) const fn reset(&mut self) {
        (self.start, self.filled) = (0, 0);
        self.decoder = Decoder::new(Limits::for_buffer(self.memory.len()));
    }

    /// Keeps a text in the spare memory, for as long as nothing is received: what `write` writes, if
    /// it says that it did.
    pub(crate) fn note(&mut self, write: impl FnOnce(&mut SendBuf<'_>) -> bool) -> Option<&str> {
        let spare = self.spare();
        let mut out = SendBuf::new(spare);
        let is_written = write(&mut out);
        let len = out.len();
        let text = spare.get(..len).filter(|_| is_written)?;
        core::str::from_utf8(text).ok()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.filled == self.start
    }

    /// Where to read into. Never empty after [`handle_all`](Self::handle_all).
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.memory.copy_within(self.start..self.filled, 0);
            self.filled -= core::mem::take(&mut self.start);
        }
        self.memory.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many bytes were read into it.
    pub(crate) const fn fill(&mut self, len: usize) {
        self.filled += len;
    }

    /// Hands over everything that is there in whole, until `handle` does not want more.
    pub(crate) fn handle_all(
        &mut self,
        mut handle: impl FnMut(Found<'_>) -> bool,
    ) -> Result<(), Lost> {
        let mut wants_more = true;
        while wants_more {
            let filled = self.memory.get(self.start..self.filled).unwrap_or_default();
            let len = match self.decoder.decode(filled).map_err(Lost::Protocol)? {
                Decoded::Frame { op, len } => {
                    wants_more = handle(Found::Op(op));
                    len
                }
                Decoded::Skip { len } => {
                    wants_more = handle(Found::Passing(filled.get(..len).unwrap_or_default()));
                    len
                }
                Decoded::Partial { .. } => break,
            };
            self.start = self.filled.min(self.start + len);
        }
        Ok(())
    }

    /// Lends the memory to somebody who looks at the message that was handed over last.
    pub(crate) fn lend(&mut self, message: Lent) -> Letter<'d> {
        self.is_lent = true;
        let start = self.start.saturating_sub(message.layout.frame_len());
        Letter { memory: core::mem::take(&mut self.memory), start, message }
    }

    pub(crate) const fn is_lent(&self) -> bool {
        self.is_lent
    }

    /// Takes the memory back.
    pub(crate) const fn take_back(&mut self, memory: &'d mut [u8]) {
        self.memory = memory;
        self.is_lent = false;
    }
}
