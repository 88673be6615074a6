//! Bytes as they come in.

use nats_proto::session::DisconnectReason;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;

use crate::state::delivery::BorrowedFrame;
use crate::state::delivery::FrameInfo;

/// The memory for receiving, and what is in it.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Inbound<'d> {
    memory: &'d mut [u8],
    /// Everything before this was processed.
    start: usize,
    filled: usize,
    decoder: Decoder<FromServer>,
    /// Whether the reader of a link has the memory.
    is_borrowed: bool,
}

/// What is in the memory.
pub(crate) enum Found<'b> {
    Op(ServerOp<'b>),
    /// A part of something that is too long.
    Skipped(&'b [u8]),
}

impl<'d> Inbound<'d> {
    pub(crate) const fn new(memory: &'d mut [u8]) -> Self {
        let decoder = Decoder::new(Limits::for_buffer(memory.len()));
        Self { memory, start: 0, filled: 0, decoder, is_borrowed: false }
    }

    /// Forgets everything: another connection begins.
    pub(crate) const fn reset(&mut self) {
        (self.start, self.filled) = (0, 0);
        self.decoder = Decoder::new(Limits::for_buffer(self.memory.len()));
    }

    /// Keeps a text in the spare memory, for as long as nothing is received: what `write` writes, if
    /// it says that it did.
    pub(crate) fn write_text(
        &mut self,
        write: impl FnOnce(&mut SendBuf<'_>) -> bool,
    ) -> Option<&str> {
        let spare = self.spare();
        let mut out = SendBuf::new(spare);
        let is_written = write(&mut out);
        let len = out.len();
        let text = spare.get(..len).filter(|_| is_written)?;
        core::str::from_utf8(text).ok()
    }

    /// How many bytes were read and not decoded.
    pub(crate) const fn len(&self) -> usize {
        self.filled - self.start
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

    /// Passes on everything that is complete, until `handle` does not want more.
    pub(crate) fn handle_all(
        &mut self,
        mut handle: impl FnMut(Found<'_>) -> bool,
    ) -> Result<(), DisconnectReason> {
        let mut wants_more = true;
        while wants_more {
            let filled = self.memory.get(self.start..self.filled).unwrap_or_default();
            let len = match self.decoder.decode(filled).map_err(DisconnectReason::Protocol)? {
                Decoded::Frame { op, len } => {
                    wants_more = handle(Found::Op(op));
                    len
                }
                Decoded::Skip { len } => {
                    wants_more = handle(Found::Skipped(filled.get(..len).unwrap_or_default()));
                    len
                }
                Decoded::Partial { .. } => break,
            };
            self.start = self.filled.min(self.start + len);
        }
        Ok(())
    }

    /// Gives the memory away, with the message that was found last.
    pub(crate) fn borrow(&mut self, message: FrameInfo) -> BorrowedFrame<'d> {
        self.is_borrowed = true;
        let start = self.start.saturating_sub(message.layout.wire_len());
        BorrowedFrame { memory: core::mem::take(&mut self.memory), start, message }
    }

    pub(crate) const fn is_borrowed(&self) -> bool {
        self.is_borrowed
    }

    /// The memory is back.
    pub(crate) const fn restore(&mut self, memory: &'d mut [u8]) {
        self.memory = memory;
        self.is_borrowed = false;
    }
}
