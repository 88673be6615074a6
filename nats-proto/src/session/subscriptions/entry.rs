//! One subscription: what it is, what is known of it, and its lines.

use core::num::NonZeroU64;

use crate::ascii::Decimal;
use crate::error::Full;
use crate::message::Sid;
use crate::session::EndReason;
use crate::storage::Buffer;
use crate::storage::Sink;
use crate::storage::SlotIndex;
use crate::storage::put_all;
use crate::wire::Violation;
use crate::wire::op::Unsubscribe;

/// One subscription in a session's table.
#[derive(Clone, Debug)]
pub struct Subscription<R, T> {
    /// `filter` or `filter queue`, as SUB has it.
    pub(super) text: T,
    pub(super) recipient: R,
    /// How many messages were delivered in the subscription's life.
    pub(super) delivered: u64,
    /// How many of them before the current SUB. The server counts from there.
    pub(super) delivered_before: u64,
    /// After how many messages it ends.
    pub(super) max: Option<NonZeroU64>,
    /// Whether the server knows of it.
    pub(super) is_sent: bool,
    /// Whether the server does not yet know `max`.
    pub(super) is_max_due: bool,
    pub(super) ending: Option<Ending>,
    /// The PING behind its UNSUB, if it is draining.
    pub(super) until: u32,
    /// The PING behind its SUB: at that PONG it is known what became of it.
    pub(super) confirmed_by: u32,
    /// Whether that PING is behind no other's.
    pub(super) has_ping: bool,
    /// The chain of work it is in, and its neighbours there.
    pub(super) chain: Option<ChainName>,
    pub(super) links: Links,
    /// Whether the server is known to have read SUB.
    pub(super) is_confirmed: bool,
    /// Whether SUB was written on this connection, and the neighbours in the chain of those.
    pub(super) is_written: bool,
    pub(super) written: Links,
}

/// Who is before and behind a subscription in a chain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    pub(super) before: SlotIndex,
    pub(super) behind: SlotIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It gets no more messages.
    Over(EndReason),
    /// It gets what the server sent before it learnt of the end.
    Draining,
    /// UNSUB and PING are written: until the PONG of the number [`until`](Subscription::until).
    Flushing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainName {
    Due,
    Draining,
    Over,
    /// Beside the others.
    Written,
}

impl<R, T: Buffer> Subscription<R, T> {
    /// Writes SUB.
    pub(super) fn transmit_sub(&mut self, sid: Sid, out: &mut impl Sink) -> Result<(), Full> {
        put_sub(self.text.as_ref(), sid, out)?;
        self.is_sent = true;
        self.delivered_before = self.delivered;
        self.is_max_due = self.max.is_some();
        Ok(())
    }

    /// Writes the maximum, if that is due.
    pub(super) fn transmit_max(&mut self, sid: Sid, out: &mut impl Sink) -> Result<(), Full> {
        if self.is_max_due {
            let left = self.max.map_or(0, |max| max.get() - self.delivered_before);
            Unsubscribe { sid, max: NonZeroU64::new(left) }.encode(out)?;
            self.is_max_due = false;
        }
        Ok(())
    }

    /// Notes whether it is in a chain.
    pub(super) const fn note_chain(&mut self, name: ChainName, is_in: bool) {
        match name {
            ChainName::Written => self.is_written = is_in,
            _ => self.chain = if is_in { Some(name) } else { None },
        }
    }

    pub(super) const fn links_mut(&mut self, name: ChainName) -> &mut Links {
        match name {
            ChainName::Written => &mut self.written,
            _ => &mut self.links,
        }
    }

    /// Whether it has the names of which a violation tells.
    pub(super) fn is_of(&self, violation: &Violation<'_>) -> bool {
        let text = self.text.as_ref();
        // Neither has blanks.
        let len = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
        let Some((filter, queue)) = text.split_at_checked(len) else {
            return false;
        };
        violation.subject.is_bytes(filter)
            && match (violation.queue, queue) {
                (Some(quoted), [b' ', queue @ ..]) => quoted.is_bytes(queue),
                (quoted, queue) => quoted.is_none() && queue.is_empty(),
            }
    }
}

/// [`Subscribe`](crate::wire::Subscribe) with names that were checked before.
fn put_sub(names: &[u8], sid: Sid, out: &mut impl Sink) -> Result<(), Full> {
    let sid = Decimal::new(sid.0);
    put_all(&[b"SUB ", names, b" ", sid.as_bytes(), b"\r\n"], out)
}
