//! One subscription: what it is, what is known of it, and its lines.

use core::num::NonZeroU64;

use super::Ended;
use crate::arena::Place;
use crate::error::Full;
use crate::message::Sid;
use crate::message::Unsubscription;
use crate::wire::Buffer;
use crate::wire::Decimal;
use crate::wire::Sink;
use crate::wire::Violation;
use crate::wire::put_all;

/// One subscription in a session's table.
#[derive(Clone, Debug)]
pub struct Subscription<R, T> {
    /// `filter` or `filter queue`, as SUB has it.
    pub(super) text: T,
    pub(super) route: R,
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
    pub(super) until: u32,
    /// The chain it is in, and what follows there.
    pub(super) chain: Option<ChainName>,
    pub(super) next: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It gets no more messages.
    Over(Ended),
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
}

impl<R, T: Buffer> Subscription<R, T> {
    /// Writes what is due of it.
    pub(super) fn transmit(&mut self, sid: Sid, out: &mut impl Sink) -> Result<(), Full> {
        if !self.is_sent {
            put_sub(self.text.as_ref(), sid, out)?;
            self.is_sent = true;
            self.delivered_before = self.delivered;
            self.is_max_due = self.max.is_some();
        }
        if self.is_max_due {
            let left = self.max.map_or(0, |max| max.get() - self.delivered_before);
            Unsubscription { sid, max: NonZeroU64::new(left) }.encode(out)?;
            self.is_max_due = false;
        }
        Ok(())
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
