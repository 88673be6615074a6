//! One subscription: its state, and its lines.

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
    /// The PING after its UNSUB, if it is draining.
    pub(super) until: u32,
    /// The PING after its SUB: at that PONG it is known whether the server took it.
    pub(super) confirmed_by: u32,
    /// Whether that PING is of this SUB alone.
    pub(super) has_ping: bool,
    /// The list it is in, and its neighbours there.
    pub(super) list: Option<ListKind>,
    pub(super) links: Links,
    /// Whether the server is known to have read SUB.
    pub(super) is_confirmed: bool,
    /// Whether SUB was written on this connection, and the neighbours in the list of those.
    pub(super) is_written: bool,
    pub(super) written: Links,
}

/// The neighbours of a subscription in a list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    pub(super) prev: SlotIndex,
    pub(super) next: SlotIndex,
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
pub(super) enum ListKind {
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

    /// Notes whether it is in a list.
    pub(super) const fn note_list(&mut self, kind: ListKind, is_in: bool) {
        match kind {
            ListKind::Written => self.is_written = is_in,
            _ => self.list = if is_in { Some(kind) } else { None },
        }
    }

    pub(super) const fn links_mut(&mut self, kind: ListKind) -> &mut Links {
        match kind {
            ListKind::Written => &mut self.written,
            _ => &mut self.links,
        }
    }

    /// Whether a violation names its filter and queue group.
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
