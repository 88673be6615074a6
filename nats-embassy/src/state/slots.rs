//! Slots of one size in which messages wait, each of which belongs to a subscription or to a request.

use core::task::Waker;

use nats_proto::Layout;
use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::session::EndReason;

use crate::state::delivery::Delivered;
#[cfg(feature = "jetstream")]
use crate::state::pulled::NO_SID;
#[cfg(feature = "jetstream")]
use crate::state::pulled::Pulled;
use crate::state::slot_owner::SlotOwner;
use crate::wakers::WakerSlot;

/// How many messages may wait for a subscriber, and what happens to those beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PendingLimits {
    /// How many slots the subscription takes. At least one; a message keeps its slot
    /// until it is dropped.
    pub depth: usize,
    /// What happens if all are taken.
    pub overflow: Overflow,
}

/// Which message is dropped if there is no free slot. Either way it counts as dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Overflow {
    /// It is dropped. For commands, which are to be obeyed in order.
    DropNewest,
    /// The one that has waited longest is dropped in favour of it. For values, of which the last
    /// one counts.
    DropOldest,
}

impl PendingLimits {
    /// Up to `depth` messages wait; more are dropped.
    #[must_use]
    pub const fn drop_newest(depth: usize) -> Self {
        Self { depth, overflow: Overflow::DropNewest }
    }

    /// Up to `depth` messages wait; for more, the oldest ones are dropped.
    #[must_use]
    pub const fn drop_oldest(depth: usize) -> Self {
        Self { depth, overflow: Overflow::DropOldest }
    }
}

/// A slot for one message.
pub(crate) struct MessageSlot<'d> {
    /// Missing while the application has the message.
    memory: Option<&'d mut [u8]>,
    owner: SlotOwner,
    /// Whether a message waits in it.
    is_taken: bool,
    /// The messages' order.
    turn: u32,
    layout: Layout,
}

impl MessageSlot<'_> {
    pub(crate) const EMPTY: Self = Self {
        memory: None,
        owner: SlotOwner::NONE,
        is_taken: false,
        turn: 0,
        layout: Layout::EMPTY,
    };
}

/// A subscription's queue.
pub(crate) struct Queue {
    pub(crate) sid: Sid,
    pub(crate) reader: WakerSlot,
    /// Whether it is to be woken.
    pub(crate) is_due: bool,
    has_ended: bool,
    /// Why, if it has.
    how: EndReason,
    pub(crate) dropped: u32,
    pub(crate) oversized: u32,
    overflow: Overflow,
    /// Whether messages were dropped since the queue was empty.
    pub(crate) is_behind: bool,
    /// Whether there is a subscriber.
    pub(crate) is_used: bool,
    /// Whether the session still has the subscription.
    pub(crate) is_live: bool,
    /// What it has as the queue of a consumer.
    #[cfg(feature = "jetstream")]
    pub(crate) pulled: Pulled,
}

impl Queue {
    pub(crate) const EMPTY: Self = Self {
        sid: Sid(0),
        reader: WakerSlot::new(),
        is_due: false,
        has_ended: false,
        how: EndReason::Unsubscribed,
        dropped: 0,
        oversized: 0,
        overflow: Overflow::DropNewest,
        is_behind: false,
        is_used: false,
        is_live: false,
        #[cfg(feature = "jetstream")]
        pulled: Pulled::NONE,
    };

    const fn end(&mut self, how: EndReason) {
        (self.has_ended, self.how, self.is_live) = (true, how, false);
        self.is_due = true;
    }

    pub(crate) fn ended(&self) -> Option<EndReason> {
        self.has_ended.then_some(self.how)
    }

    /// An inbox of a consumer is not subscribed to any more. Returns whether that is not the end of all:
    /// another one may follow.
    #[cfg(feature = "jetstream")]
    fn end_inbox(&mut self, sid: Sid) -> bool {
        if !self.pulled.is_used() {
            return false;
        }
        let pulled = &mut self.pulled;
        let is_current = self.sid == sid;
        if is_current {
            self.sid = NO_SID;
        } else if pulled.former == sid {
            pulled.former = NO_SID;
        }
        self.is_live = self.sid != NO_SID || pulled.former != NO_SID;
        !is_current
    }

    /// Another inbox of a consumer is subscribed to, and a former one is given up.
    #[cfg(feature = "jetstream")]
    pub(crate) fn begin_inbox(&mut self, sid: Sid) {
        let before = core::mem::replace(&mut self.sid, sid);
        if before != NO_SID {
            self.pulled.former = before;
        }
        (self.is_live, self.has_ended) = (true, false);
    }
}

/// A message that was taken out of its slot, which gets the memory back in the end.
pub(crate) struct TakenFrame<'d> {
    pub(crate) memory: &'d mut [u8],
    pub(crate) slot: usize,
    pub(crate) sid: Sid,
    pub(crate) layout: Layout,
}

#[cfg(feature = "jetstream")]
impl TakenFrame<'_> {
    pub(crate) fn message(&self) -> Message<&[u8]> {
        let frame = self.memory.get(..self.layout.wire_len()).unwrap_or_default();
        Message::from_frame(frame, self.sid, self.layout)
    }
}

pub(crate) struct MessageSlots<'d> {
    slots: &'d mut [MessageSlot<'d>],
    queues: &'d mut [Queue],
    turn: u32,
    /// Whether a task is to be woken.
    pub(crate) has_due: bool,
}

impl<'d> MessageSlots<'d> {
    pub(crate) fn new(
        slots: &'d mut [MessageSlot<'d>],
        memory: impl Iterator<Item = &'d mut [u8]>,
        queues: &'d mut [Queue],
    ) -> Self {
        for (slot, memory) in slots.iter_mut().zip(memory) {
            *slot = MessageSlot { memory: Some(memory), ..MessageSlot::EMPTY };
        }
        queues.fill_with(|| Queue::EMPTY);
        Self { slots, queues, turn: 0, has_due: false }
    }

    /// Takes a queue and slots for a subscription.
    pub(crate) fn open(&mut self, pending_limits: PendingLimits) -> Option<SlotOwner> {
        let depth = pending_limits.depth.max(1);
        let free = self.slots.iter().filter(|slot| slot.is_free()).count();
        let is_free = |queue: &Queue| !queue.is_used && !queue.is_live;
        let index = self.queues.iter().position(is_free)?;
        let owner = SlotOwner::of_queue(index)?;
        if free < depth {
            return None;
        }
        let queue = self.queues.get_mut(index)?;
        *queue = Queue { overflow: pending_limits.overflow, is_used: true, ..Queue::EMPTY };
        let free = self.slots.iter_mut().filter(|slot| slot.is_free());
        free.take(depth).for_each(|slot| slot.owner = owner);
        Some(owner)
    }

    /// Takes a slot for the reply to a request.
    pub(crate) fn open_reply(&mut self) -> Option<usize> {
        let index = self.slots.iter().position(MessageSlot::is_free)?;
        self.slots.get_mut(index)?.owner = SlotOwner::REQUEST;
        Some(index)
    }

    pub(crate) fn queue(&mut self, owner: SlotOwner) -> Option<&mut Queue> {
        self.queues.get_mut(owner.queue()?)
    }

    /// A subscription of the session has begun.
    pub(crate) fn begin(&mut self, owner: SlotOwner, sid: Sid) {
        if let Some(queue) = self.queue(owner) {
            (queue.sid, queue.is_live) = (sid, true);
        }
    }

    /// The session has given a subscription back.
    pub(crate) fn end(&mut self, owner: SlotOwner, sid: Sid, how: EndReason) {
        let _ = sid;
        if let Some(queue) = self.queue(owner) {
            #[cfg(feature = "jetstream")]
            if queue.end_inbox(sid) {
                return;
            }
            queue.end(how);
            self.has_due = true;
        }
    }

    pub(crate) fn take_due(&mut self) -> Option<Waker> {
        self.queues.iter_mut().find_map(|queue| queue.reader.take_if(&mut queue.is_due))
    }

    /// Gives up a subscription's slots, with the messages in them. One that was taken out follows.
    pub(crate) fn close(&mut self, owner: SlotOwner) {
        for slot in self.slots.iter_mut().filter(|slot| slot.owner == owner) {
            slot.free();
        }
        if let Some(queue) = self.queue(owner) {
            queue.is_used = false;
        }
    }

    /// Gives up the slot for a reply.
    pub(crate) fn close_reply(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.free();
        }
    }

    /// Stores a message for a subscriber, which is woken.
    pub(crate) fn deliver(&mut self, owner: SlotOwner, message: &Message<&[u8]>) -> Delivered {
        let index = owner.queue();
        let Some(queue) = index.and_then(|index| self.queues.get_mut(index)) else {
            return Delivered::Unwanted;
        };
        #[cfg(feature = "jetstream")]
        if let Some(read) = queue.pulled.read {
            if let Some(status) = read(message) {
                queue.is_due |= message.sid() == queue.sid && queue.pulled.handle_status(status);
                self.has_due |= queue.is_due;
                return Delivered::Stored;
            }
            if message.sid() != queue.sid {
                return Delivered::Returned;
            }
        }
        let len = message.wire_len();
        let mut owned = self.slots.iter().filter(|slot| slot.owner == owner);
        // All slots are of one size.
        let memory = owned.find_map(|slot| slot.memory.as_deref());
        if memory.is_some_and(|memory| memory.len() < len) {
            return Delivered::TooLong;
        }
        queue.is_due = true;
        self.has_due = true;
        let mut slots = self.slots.iter_mut();
        let is_free = |slot: &&mut MessageSlot<'_>| {
            slot.owner == owner && !slot.is_taken && slot.memory.is_some()
        };
        self.turn = self.turn.wrapping_add(1);
        if let Some(slot) = slots.find(is_free) {
            slot.put(message, self.turn);
            return Delivered::Stored;
        }
        #[cfg(feature = "jetstream")]
        if queue.pulled.is_used() {
            return Delivered::Returned;
        }
        queue.dropped = queue.dropped.wrapping_add(1);
        if queue.overflow == Overflow::DropOldest
            && let Some(index) = self.oldest(owner)
            && let Some(slot) = self.slots.get_mut(index)
        {
            slot.put(message, self.turn);
        }
        Delivered::Dropped
    }

    /// Stores the reply to a request.
    pub(crate) fn deliver_reply(&mut self, index: usize, message: &Message<&[u8]>) -> Delivered {
        self.turn = self.turn.wrapping_add(1);
        let slot = self.slots.get_mut(index);
        if slot.is_some_and(|slot| slot.put(message, self.turn)) {
            Delivered::Stored
        } else {
            Delivered::TooLong
        }
    }

    /// Takes the message of a subscription that has waited longest.
    pub(crate) fn take_next(&mut self, owner: SlotOwner) -> Option<TakenFrame<'d>> {
        let index = self.oldest(owner);
        if index.is_none()
            && let Some(queue) = self.queue(owner)
        {
            queue.is_behind = false;
        }
        let sid = self.queue(owner)?.sid;
        self.take_from(index?, sid)
    }

    /// Takes what is in a slot: a message of that subscription.
    pub(crate) fn take_from(&mut self, index: usize, sid: Sid) -> Option<TakenFrame<'d>> {
        let slot = self.slots.get_mut(index)?;
        if !core::mem::take(&mut slot.is_taken) {
            return None;
        }
        let layout = slot.layout;
        Some(TakenFrame { memory: slot.memory.take()?, slot: index, sid, layout })
    }

    /// The memory of a message that was taken is back. The slot may have another owner by now.
    pub(crate) fn give_back(&mut self, index: usize, memory: &'d mut [u8]) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.memory = Some(memory);
        }
    }

    /// How many slots of a subscription have a message that waits, and how many are free.
    #[cfg(feature = "jetstream")]
    pub(crate) fn count(&self, owner: SlotOwner) -> (u32, u32) {
        let owned = self.slots.iter().filter(|slot| slot.owner == owner);
        owned.fold((0, 0), |(waiting, free), slot| match (slot.is_taken, &slot.memory) {
            (true, _) => (waiting + 1, free),
            (false, Some(_)) => (waiting, free + 1),
            (false, None) => (waiting, free),
        })
    }

    /// Takes an inbox of a consumer, whose connection is lost.
    #[cfg(feature = "jetstream")]
    pub(crate) fn take_inbox(&mut self) -> Option<Sid> {
        self.queues.iter_mut().find_map(|queue| {
            let pulled = &mut queue.pulled;
            if !pulled.is_used() {
                return None;
            }
            let inbox = if pulled.former == NO_SID { &mut queue.sid } else { &mut pulled.former };
            let sid = Some(core::mem::replace(inbox, NO_SID)).filter(|sid| *sid != NO_SID)?;
            pulled.forget_news();
            queue.is_due = true;
            self.has_due = true;
            Some(sid)
        })
    }

    /// The inbox of a consumer, and its former one.
    #[cfg(feature = "jetstream")]
    pub(crate) fn inboxes(&self, owner: SlotOwner) -> [Sid; 2] {
        let queue = owner.queue().and_then(|index| self.queues.get(index));
        queue.map_or([NO_SID; 2], |queue| [queue.sid, queue.pulled.former])
    }

    #[cfg(feature = "jetstream")]
    pub(crate) fn terminates(&self, owner: SlotOwner) -> bool {
        let queue = owner.queue().and_then(|index| self.queues.get(index));
        queue.is_some_and(|queue| queue.pulled.terminates)
    }

    /// Whether no message waits for a subscriber, or is held by one.
    pub(crate) fn is_idle(&self) -> bool {
        let is_idle = |slot: &MessageSlot<'_>| {
            slot.owner.queue().is_none() || (!slot.is_taken && slot.memory.is_some())
        };
        self.slots.iter().all(is_idle)
    }

    fn oldest(&self, owner: SlotOwner) -> Option<usize> {
        let slots = self.slots.iter().enumerate();
        let taken = slots.filter(|(_, slot)| slot.owner == owner && slot.is_taken);
        // By age, since the count may have wrapped in between.
        let oldest = taken.max_by_key(|(_, slot)| self.turn.wrapping_sub(slot.turn));
        oldest.map(|(index, _)| index)
    }
}

impl MessageSlot<'_> {
    fn is_free(&self) -> bool {
        self.owner == SlotOwner::NONE && self.memory.is_some()
    }

    fn put(&mut self, message: &Message<&[u8]>, turn: u32) -> bool {
        let frame = message.frame();
        let Some(memory) = self.memory.as_mut().and_then(|memory| memory.get_mut(..frame.len()))
        else {
            return false;
        };
        memory.copy_from_slice(frame);
        (self.is_taken, self.turn, self.layout) = (true, turn, message.layout());
        true
    }

    const fn free(&mut self) {
        (self.is_taken, self.owner) = (false, SlotOwner::NONE);
    }
}
