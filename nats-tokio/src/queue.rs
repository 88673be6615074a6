//! The messages that wait for one subscriber, in the blocks in which they were read.
//!
//! The driver pushes once per read and subscription, however many messages that read held, and
//! wakes the subscriber only if nothing was waiting. Limits and counters are exact per message all
//! the same: the subscriber counts what it takes out of a block.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use bytes::Bytes;
use nats_proto::Layout;
use nats_proto::Sid;
use nats_proto::session::Ended;

use crate::message::Message;
use crate::name::Names;
use crate::pending::Overflow;
use crate::pending::PendingLimits;
use crate::sync::lock;

/// Where a message is in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: u32,
    pub(crate) layout: Layout,
}

/// Messages for one subscriber out of one read.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) bytes: Bytes,
    pub(crate) entries: Vec<Entry>,
    /// The length of the messages together.
    pub(crate) len: usize,
}

/// The driver's and the subscriber's common part of a subscription.
#[derive(Debug)]
pub(crate) struct Queue {
    /// What the subscription was made for.
    pub(crate) names: Names,
    waiting: Mutex<Waiting>,
    /// What the subscriber took, counted by nobody else.
    taken_messages: AtomicU64,
    taken_bytes: AtomicU64,
    dropped: AtomicU64,
    /// Whether the subscriber is done with it: it saw the end, or is gone.
    is_done: AtomicBool,
}

#[derive(Debug)]
struct Waiting {
    blocks: VecDeque<Block>,
    limits: PendingLimits,
    pushed_messages: u64,
    pushed_bytes: u64,
    /// Whether messages were dropped, and the subscriber has not caught up since.
    is_slow: bool,
    ended: Option<Ended>,
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
                is_slow: false,
                ended: None,
                next: 0,
                subscriber: None,
                spare: Vec::new(),
            }),
            taken_messages: AtomicU64::new(0),
            taken_bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            is_done: AtomicBool::new(false),
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
        let dropped = match waiting.limits.overflow {
            Overflow::DropNewest => block.cut_to(
                waiting.limits.messages.saturating_sub(messages),
                waiting.limits.bytes.saturating_sub(pending_bytes),
            ),
            Overflow::DropOldest => waiting.make_room(&mut block, messages, pending_bytes),
        };
        let is_newly_slow = waiting.note_dropped(dropped, messages, pending_bytes);
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
        let is_behind = !waiting.is_slow && waiting.limits.are_half_used(messages, pending_bytes);
        Pushed { wake: waiting.subscriber.take(), is_newly_slow, is_behind }
    }

    /// Nothing comes any more. What is waiting can still be taken.
    pub(crate) fn end(&self, how: Ended) -> Option<Waker> {
        let mut waiting = lock(&self.waiting);
        waiting.ended = Some(how);
        waiting.subscriber.take()
    }

    /// The subscriber wants nothing any more: drops what is waiting.
    pub(crate) fn abandon(&self) {
        self.is_done.store(true, Release);
        let mut waiting = lock(&self.waiting);
        waiting.ended = Some(Ended::Unsubscribed);
        waiting.subscriber = None;
        let blocks = core::mem::take(&mut waiting.blocks);
        drop(waiting);
        drop(blocks);
    }

    /// Why nothing comes any more, if that is so.
    pub(crate) fn ended(&self) -> Option<Ended> {
        lock(&self.waiting).ended
    }

    /// Whether the subscriber has dealt with everything, or wants nothing any more.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done.load(Acquire)
    }

    pub(crate) fn set_limits(&self, limits: PendingLimits) {
        lock(&self.waiting).limits = limits;
    }

    /// How many messages wait, and how many bytes they have.
    pub(crate) fn pending(&self) -> (u64, u64) {
        self.pending_of(&lock(&self.waiting))
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    fn pending_of(&self, waiting: &Waiting) -> (u64, u64) {
        (
            waiting.pushed_messages.saturating_sub(self.taken_messages.load(Relaxed)),
            waiting.pushed_bytes.saturating_sub(self.taken_bytes.load(Relaxed)),
        )
    }
}

impl Waiting {
    /// Drops the oldest messages until a block fits, and of the block itself what does not fit
    /// alone. Returns how many that were.
    fn make_room(&mut self, block: &mut Block, mut messages: u64, mut bytes: u64) -> u64 {
        let PendingLimits { messages: most, bytes: most_bytes, .. } = self.limits;
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
            let (at, len) = (at as usize, layout.frame_len());
            return Some(((block.bytes.slice(at..at + len), layout), len));
        }
    }

    /// Begins or ends an episode of slowness, and says whether one began.
    ///
    /// It ends when less than half of the limits is in use: a subscriber at the limit would begin
    /// a new one with every message else.
    const fn note_dropped(&mut self, dropped: u64, messages: u64, bytes: u64) -> bool {
        if dropped > 0 {
            return !core::mem::replace(&mut self.is_slow, true);
        }
        if !self.limits.are_half_used(messages, bytes) {
            self.is_slow = false;
        }
        false
    }
}

/// A block of fewer bytes than this is copied if the subscriber lags behind.
const SPARSE: usize = 16 * 1024;

impl Block {
    /// Cuts off the newest messages until there are at most so many, of so many bytes, and returns
    /// how many were cut off.
    fn cut_to(&mut self, messages: u64, bytes: u64) -> u64 {
        let before = self.entries.len();
        let most = usize::try_from(messages).unwrap_or(usize::MAX);
        if before <= most && self.len as u64 <= bytes {
            return 0;
        }
        let mut len: u64 = 0;
        let fits = self.entries.iter().take(most).take_while(|entry| {
            len += entry.layout.frame_len() as u64;
            len <= bytes
        });
        let count = fits.count();
        self.entries.truncate(count);
        self.len = self.entries.iter().map(|entry| entry.layout.frame_len()).sum();
        (before - count) as u64
    }

    /// Cuts off the oldest messages until there are at most so many, of so many bytes, and returns
    /// how many were cut off.
    fn cut_front_to(&mut self, messages: u64, bytes: u64) -> u64 {
        let before = self.entries.len();
        let most = usize::try_from(messages).unwrap_or(usize::MAX);
        let mut len: u64 = 0;
        let fits = self.entries.iter().rev().take(most).take_while(|entry| {
            len += entry.layout.frame_len() as u64;
            len <= bytes
        });
        let count = before - fits.count();
        if count > 0 {
            self.entries.drain(..count);
            self.len = self.entries.iter().map(|entry| entry.layout.frame_len()).sum();
        }
        count as u64
    }

    /// Copies a few messages out of a large read, of which they would keep all of the memory.
    ///
    /// A subscriber that keeps up never sees this. One that lags behind may have as many blocks
    /// waiting as messages, each of which would hold a whole read buffer.
    fn loosen(&mut self) {
        if self.len >= SPARSE {
            return;
        }
        let mut copy = Vec::with_capacity(self.len);
        for entry in &mut self.entries {
            let at = entry.at as usize;
            let frame = self.bytes.get(at..at + entry.layout.frame_len()).unwrap_or_default();
            entry.at = u32::try_from(copy.len()).unwrap_or(u32::MAX);
            copy.extend_from_slice(frame);
        }
        self.bytes = copy.into();
    }
}

/// The subscriber's end of a [`Queue`].
#[derive(Debug, Default)]
pub(crate) struct Taker {
    sid: Sid,
    /// Blocks taken from the queue; the messages of the first one are handed out.
    blocks: VecDeque<Block>,
    next: usize,
    taken_messages: u64,
    taken_bytes: u64,
}

impl Taker {
    pub(crate) fn new(sid: Sid) -> Self {
        Self { sid, ..Self::default() }
    }

    /// The next message, or `None` behind the last one.
    #[inline]
    pub(crate) fn poll_next(
        &mut self,
        queue: &Queue,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Message>> {
        loop {
            if let Some(message) = self.next_of_block(queue) {
                return Poll::Ready(Some(message));
            }
            match self.next_block(queue, Some(cx)) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The next message if there is one now.
    pub(crate) fn try_next(&mut self, queue: &Queue) -> Option<Message> {
        loop {
            if let Some(message) = self.next_of_block(queue) {
                return Some(message);
            }
            if self.next_block(queue, None) != Poll::Ready(true) {
                return None;
            }
        }
    }

    #[inline]
    fn next_of_block(&mut self, queue: &Queue) -> Option<Message> {
        let block = self.blocks.front()?;
        let Entry { at, layout } = *block.entries.get(self.next)?;
        self.next += 1;
        let at = at as usize;
        let len = layout.frame_len();
        let frame = block.bytes.slice(at..at + len);
        // Nobody else writes these, so there is nothing to be atomic about.
        self.taken_messages += 1;
        self.taken_bytes += len as u64;
        queue.taken_messages.store(self.taken_messages, Relaxed);
        queue.taken_bytes.store(self.taken_bytes, Relaxed);
        Some(Message::new(frame, self.sid, layout))
    }

    /// Turns to the next block, taking all that wait. `false` if there is none and will be none.
    fn next_block(&mut self, queue: &Queue, cx: Option<&mut Context<'_>>) -> Poll<bool> {
        self.next = 0;
        let finished = self.blocks.pop_front();
        if !self.blocks.is_empty() {
            return Poll::Ready(true);
        }
        let mut waiting = lock(&queue.waiting);
        if let Some(Block { mut entries, .. }) = finished {
            entries.clear();
            waiting.spare = entries;
        }
        if waiting.limits.overflow == Overflow::DropOldest {
            // What waits stays where it can still be dropped.
            if let Some(((bytes, layout), len)) = waiting.take_one() {
                self.blocks.push_back(Block { bytes, entries: vec![Entry { at: 0, layout }], len });
                return Poll::Ready(true);
            }
        } else if !waiting.blocks.is_empty() {
            self.next = core::mem::take(&mut waiting.next);
            core::mem::swap(&mut self.blocks, &mut waiting.blocks);
            return Poll::Ready(true);
        }
        if waiting.ended.is_some() {
            drop(waiting);
            queue.is_done.store(true, Release);
            return Poll::Ready(false);
        }
        if let Some(cx) = cx {
            let is_known = waiting.subscriber.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
            if !is_known {
                waiting.subscriber = Some(cx.waker().clone());
            }
        }
        Poll::Pending
    }
}
