//! The messages that wait for one subscriber, in the blocks in which they were read.
//!
//! The driver pushes once per read and subscription, however many messages that read held, and
//! wakes the subscriber only if nothing was waiting. Limits and counters are exact per message all
//! the same: the subscriber counts what it takes out of a block.

mod block;
mod taken;
mod taker;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::Weak;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::task::Waker;

use bytes::Bytes;
use nats_proto::Layout;
use nats_proto::session::EndReason;

pub(crate) use self::block::Block;
pub(crate) use self::block::Entry;
pub(crate) use self::taken::OnDealt;
use self::taken::Taken;
pub(crate) use self::taker::Taker;
use crate::message::name::Names;
use crate::options::limits::Overflow;
use crate::options::limits::Pending;
use crate::options::limits::PendingLimits;
use crate::sync::lock;

/// The driver's and the subscriber's common part of a subscription.
#[derive(Debug)]
pub(crate) struct Queue {
    /// What the subscription was made for.
    pub(crate) names: Names,
    waiting: Mutex<Waiting>,
    /// What the subscriber took, which only the subscriber counts.
    taken_messages: AtomicU64,
    taken_bytes: AtomicU64,
    dropped: AtomicU64,
    /// Whether the subscriber is done with it: it saw the end, or is gone.
    is_done: AtomicBool,
    /// What was taken since the connection began to drain, and is not dealt with.
    taken: OnceLock<Arc<Taken>>,
}

#[derive(Debug)]
struct Waiting {
    blocks: VecDeque<Block>,
    limits: PendingLimits,
    pushed_messages: u64,
    pushed_bytes: u64,
    /// How many messages had been taken when some were dropped, if the subscriber has not caught up
    /// since.
    slow_since: Option<u64>,
    ended: Option<EndReason>,
    /// How many messages of the first block were taken, or dropped, one by one.
    next: usize,
    subscriber: Option<Waker>,
    /// An empty vector that the subscriber gave back.
    spare: Vec<Entry>,
}

/// What became of a block.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    /// The subscriber, if it is to be woken.
    pub(crate) wake: Option<Waker>,
    /// Whether the subscriber has just become too slow.
    pub(crate) is_newly_slow: bool,
    /// Whether more than half of what may wait does, and nothing was lost so far.
    pub(crate) is_behind: bool,
}

impl Queue {
    pub(crate) const fn new(limits: PendingLimits, names: Names) -> Self {
        Self {
            names,
            waiting: Mutex::new(Waiting {
                blocks: VecDeque::new(),
                limits,
                pushed_messages: 0,
                pushed_bytes: 0,
                slow_since: None,
                ended: None,
                next: 0,
                subscriber: None,
                spare: Vec::new(),
            }),
            taken_messages: AtomicU64::new(0),
            taken_bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            is_done: AtomicBool::new(false),
            taken: OnceLock::new(),
        }
    }

    /// Appends a block, or as much of it as the limits allow, and exchanges `entries` for an empty
    /// vector.
    pub(crate) fn push(&self, bytes: &Bytes, entries: &mut Vec<Entry>, len: usize) -> Pushed {
        let mut waiting = lock(&self.waiting);
        if waiting.ended.is_some() || self.is_done.load(Relaxed) {
            entries.clear();
            return Pushed::default();
        }
        let spare = core::mem::take(&mut waiting.spare);
        let mut block =
            Block { bytes: bytes.clone(), entries: core::mem::replace(entries, spare), len };
        let (messages, pending_bytes) = self.pending_of(&waiting);
        let taken = self.taken_messages.load(Relaxed);
        waiting.note_caught_up(taken, messages, pending_bytes);
        let dropped = match waiting.limits.overflow {
            Overflow::DropNewest => {
                let first = block.entries.first().filter(|_| messages == 0).map(Entry::len);
                block.cut_to(
                    waiting.limits.messages.saturating_sub(messages),
                    waiting.limits.bytes_for(first).saturating_sub(pending_bytes),
                )
            }
            Overflow::DropOldest => waiting.make_room(&mut block, messages, pending_bytes),
        };
        let is_newly_slow = waiting.note_dropped(dropped, taken);
        if dropped > 0 {
            self.dropped.fetch_add(dropped, Relaxed);
        }
        if block.entries.is_empty() {
            return Pushed { is_newly_slow, ..Pushed::default() };
        }
        if !waiting.blocks.is_empty() {
            block.loosen();
        }
        waiting.pushed_messages += block.entries.len() as u64;
        waiting.pushed_bytes += block.len as u64;
        waiting.blocks.push_back(block);
        let is_behind =
            waiting.slow_since.is_none() && waiting.limits.are_half_used(messages, pending_bytes);
        Pushed { wake: waiting.subscriber.take(), is_newly_slow, is_behind }
    }

    /// Nothing comes any more. What is waiting can still be taken. The first reason counts.
    pub(crate) fn end(&self, how: EndReason) -> Option<Waker> {
        let mut waiting = lock(&self.waiting);
        waiting.ended.get_or_insert(how);
        waiting.subscriber.take()
    }

    /// The subscriber wants nothing any more: drops what is waiting.
    pub(crate) fn abandon(&self) {
        self.is_done.store(true, Release);
        let mut waiting = lock(&self.waiting);
        waiting.ended = Some(EndReason::Unsubscribed);
        waiting.subscriber = None;
        let blocks = core::mem::take(&mut waiting.blocks);
        drop(waiting);
        drop(blocks);
    }

    /// Why nothing comes any more, if that is so.
    pub(crate) fn ended(&self) -> Option<EndReason> {
        lock(&self.waiting).ended
    }

    /// The connection is about to end: what is taken from now on is kept an eye on until it is
    /// dealt with.
    pub(crate) fn begin_to_drain(&self, dealt: &Weak<dyn OnDealt>) {
        self.taken.get_or_init(|| Arc::new(Taken::new(Weak::clone(dealt))));
    }

    /// Whether nothing comes any more, nothing waits, and what was taken since draining began is
    /// dealt with: it was dropped, or the subscriber came back for more, or is gone.
    pub(crate) fn is_drained(&self) -> bool {
        self.is_done.load(Acquire) || {
            let waiting = lock(&self.waiting);
            let has_ended = waiting.ended.is_some();
            has_ended && self.pending_of(&waiting).0 == 0 && self.taken() == 0
        }
    }

    /// How many messages were taken since draining began, and are not dealt with.
    pub(crate) fn taken(&self) -> u64 {
        let is_done = self.is_done.load(Acquire);
        self.taken.get().filter(|_| !is_done).map_or(0, |taken| taken.count())
    }

    pub(crate) fn set_pending_limits(&self, limits: PendingLimits) {
        lock(&self.waiting).limits = limits;
    }

    /// What waits for the subscriber.
    pub(crate) fn pending(&self) -> Pending {
        let (messages, bytes) = self.pending_of(&lock(&self.waiting));
        Pending { messages, bytes }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    fn pending_of(&self, waiting: &Waiting) -> (u64, u64) {
        (
            // A reader of the counters that sees a message taken also sees that it is not handled yet.
            waiting.pushed_messages.saturating_sub(self.taken_messages.load(Acquire)),
            waiting.pushed_bytes.saturating_sub(self.taken_bytes.load(Relaxed)),
        )
    }
}

impl Waiting {
    /// Drops the oldest messages until a block fits, and of the block itself what does not fit
    /// alone. Returns how many that were.
    fn make_room(&mut self, block: &mut Block, mut messages: u64, mut bytes: u64) -> u64 {
        let most = self.limits.messages;
        let most_bytes = self.limits.bytes_for(block.entries.last().map(Entry::len));
        let mut dropped = block.cut_front_to(most, most_bytes);
        while messages + block.entries.len() as u64 > most || bytes + block.len as u64 > most_bytes
        {
            let Some((_, len)) = self.take_one() else {
                break;
            };
            self.pushed_messages -= 1;
            self.pushed_bytes -= len as u64;
            messages -= 1;
            bytes -= len as u64;
            dropped += 1;
        }
        dropped
    }

    /// Takes the oldest message out: its bytes and layout, and its length.
    fn take_one(&mut self) -> Option<((Bytes, Layout), usize)> {
        loop {
            let block = self.blocks.front()?;
            let Some(&Entry { at, layout }) = block.entries.get(self.next) else {
                self.blocks.pop_front();
                self.next = 0;
                continue;
            };
            self.next += 1;
            let (at, len) = (at as usize, layout.wire_len());
            return Some(((block.bytes.slice(at..at + len), layout), len));
        }
    }

    /// Ends an episode of slowness if the subscriber has caught up: it has taken something since, and
    /// less than half of the limits is in use. A subscriber at the limit would begin a new one with
    /// every message else.
    const fn note_caught_up(&mut self, taken: u64, messages: u64, bytes: u64) {
        if let Some(before) = self.slow_since
            && taken > before
            && !self.limits.are_half_used(messages, bytes)
        {
            self.slow_since = None;
        }
    }

    /// Begins an episode of slowness if messages were dropped, and says whether it is new.
    const fn note_dropped(&mut self, dropped: u64, taken: u64) -> bool {
        let is_new = dropped > 0 && self.slow_since.is_none();
        if is_new {
            self.slow_since = Some(taken);
        }
        is_new
    }
}
