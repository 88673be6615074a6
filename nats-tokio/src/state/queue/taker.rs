//! The subscriber's end of a queue.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use nats_proto::Sid;

use super::Block;
use super::Entry;
use super::Queue;
use crate::message::Message;
use crate::options::limits::Overflow;
use crate::sync::lock;
use crate::sync::remember;

/// So many messages of a block, and each block, are one unit of the budget that a task has for one
/// turn, 128 units: about what one read may bring of the shortest messages is taken in a turn.
const TURN: u32 = 32;

/// The subscriber's end of a [`Queue`].
#[derive(Debug, Default)]
pub(crate) struct Taker {
    sid: Sid,
    /// Blocks taken from the queue; the messages of the first one are handed out.
    blocks: VecDeque<Block>,
    next: usize,
    /// How many messages were taken since the runtime was asked whether to go on.
    since_asked: u32,
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
        if self.since_asked >= TURN {
            // A loop over what never ends gives way like one over Tokio's channels.
            ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
            self.since_asked = 0;
        }
        loop {
            if let Some(message) = self.next_of_block(queue) {
                self.since_asked += 1;
                return Poll::Ready(Some(message));
            }
            match self.next_block(queue, Some(cx)) {
                Poll::Ready(true) => self.since_asked = TURN,
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
        let len = layout.wire_len();
        let mut frame = block.bytes.slice(at..at + len);
        if let Some(taken) = queue.taken.get() {
            frame = taken.watch(frame);
        }
        // Only this task writes these, so there is nothing to be atomic about.
        self.taken_messages += 1;
        self.taken_bytes += len as u64;
        queue.taken_bytes.store(self.taken_bytes, Relaxed);
        queue.taken_messages.store(self.taken_messages, Release);
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
            remember(&mut waiting.subscriber, cx.waker());
        }
        Poll::Pending
    }
}
