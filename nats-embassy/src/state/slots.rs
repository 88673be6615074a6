//! Where messages wait for whoever asked for them: places of one size, each of which belongs to a
//! subscription or to a request.

use core::task::Waker;

use nats_proto::Layout;
use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::session::Ended;

use crate::state::delivery::Kept;
use crate::state::delivery::Owner;
use crate::wakers::Sleeper;

/// How many messages may wait for a subscriber, and what happens to those beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Queueing {
    /// How many places the subscription takes. At least one; the message that is being looked at
    /// keeps its place.
    pub depth: usize,
    /// What happens if all are taken.
    pub overflow: Overflow,
}

/// What happens to a message that there is no place for. Either way it counts as dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Overflow {
    /// It is dropped. For commands, which are to be obeyed in order.
    DropNewest,
    /// The one that has waited longest is dropped in favour of it. For values, of which the last
    /// one counts.
    DropOldest,
}

impl Queueing {
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

/// A place for one message.
pub(crate) struct Place<'d> {
    /// Missing while somebody looks at the message.
    memory: Option<&'d mut [u8]>,
    owner: Owner,
    /// Whether a message waits in it.
    is_taken: bool,
    /// The messages' order.
    turn: u32,
    layout: Layout,
}

impl Place<'_> {
    pub(crate) const EMPTY: Self = Self {
        memory: None,
        owner: Owner::NOBODY,
        is_taken: false,
        turn: 0,
        layout: Layout::EMPTY,
    };
}

/// What a subscriber has to know.
pub(crate) struct Queue {
    pub(crate) sid: Sid,
    pub(crate) reader: Sleeper,
    /// Whether it is to be woken.
    is_due: bool,
    has_ended: bool,
    /// Why, if it has.
    how: Ended,
    pub(crate) dropped: u32,
    pub(crate) oversized: u32,
    overflow: Overflow,
    /// Whether messages were dropped since the queue was empty.
    pub(crate) is_behind: bool,
    /// Whether there is a subscriber.
    pub(crate) is_used: bool,
    /// Whether the session still has the subscription.
    pub(crate) is_live: bool,
}

impl Queue {
    pub(crate) const EMPTY: Self = Self {
        sid: Sid(0),
        reader: Sleeper::new(),
        is_due: false,
        has_ended: false,
        how: Ended::Unsubscribed,
        dropped: 0,
        oversized: 0,
        overflow: Overflow::DropNewest,
        is_behind: false,
        is_used: false,
        is_live: false,
    };

    const fn end(&mut self, how: Ended) {
        (self.has_ended, self.how, self.is_live) = (true, how, false);
        self.is_due = true;
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        self.has_ended.then_some(self.how)
    }
}

/// A message on loan. Its place gets the memory back in the end.
pub(crate) struct Loan<'d> {
    pub(crate) memory: &'d mut [u8],
    pub(crate) place: usize,
    pub(crate) sid: Sid,
    pub(crate) layout: Layout,
}

pub(crate) struct Mailbox<'d> {
    places: &'d mut [Place<'d>],
    queues: &'d mut [Queue],
    turn: u32,
    /// Whether anybody is to be woken.
    pub(crate) has_due: bool,
}

impl<'d> Mailbox<'d> {
    pub(crate) fn new(
        places: &'d mut [Place<'d>],
        memory: impl Iterator<Item = &'d mut [u8]>,
        queues: &'d mut [Queue],
    ) -> Self {
        for (place, memory) in places.iter_mut().zip(memory) {
            *place = Place { memory: Some(memory), ..Place::EMPTY };
        }
        queues.fill_with(|| Queue::EMPTY);
        Self { places, queues, turn: 0, has_due: false }
    }

    /// Takes a queue and places for a subscription.
    pub(crate) fn open(&mut self, queueing: Queueing) -> Option<Owner> {
        let depth = queueing.depth.max(1);
        let free = self.places.iter().filter(|place| place.is_free()).count();
        let is_free = |queue: &Queue| !queue.is_used && !queue.is_live;
        let index = self.queues.iter().position(is_free)?;
        let owner = Owner::of_queue(index)?;
        if free < depth {
            return None;
        }
        let queue = self.queues.get_mut(index)?;
        *queue = Queue { overflow: queueing.overflow, is_used: true, ..Queue::EMPTY };
        let free = self.places.iter_mut().filter(|place| place.is_free());
        free.take(depth).for_each(|place| place.owner = owner);
        Some(owner)
    }

    /// Takes a place for the reply to a request.
    pub(crate) fn open_reply(&mut self) -> Option<usize> {
        let index = self.places.iter().position(Place::is_free)?;
        self.places.get_mut(index)?.owner = Owner::REQUEST;
        Some(index)
    }

    pub(crate) fn queue(&mut self, owner: Owner) -> Option<&mut Queue> {
        self.queues.get_mut(owner.queue()?)
    }

    /// A subscription of the session has begun.
    pub(crate) fn begin(&mut self, owner: Owner, sid: Sid) {
        if let Some(queue) = self.queue(owner) {
            (queue.sid, queue.is_live) = (sid, true);
        }
    }

    /// The session has given a subscription back.
    pub(crate) fn end(&mut self, owner: Owner, how: Ended) {
        if let Some(queue) = self.queue(owner) {
            queue.end(how);
            self.has_due = true;
        }
    }

    pub(crate) fn take_due(&mut self) -> Option<Waker> {
        self.queues.iter_mut().find_map(|queue| queue.reader.take_if(&mut queue.is_due))
    }

    /// Gives up a subscription's places, with the messages in them. One that is on loan follows.
    pub(crate) fn close(&mut self, owner: Owner) {
        for place in self.places.iter_mut().filter(|place| place.owner == owner) {
            place.free();
        }
        if let Some(queue) = self.queue(owner) {
            queue.is_used = false;
        }
    }

    /// Gives up the place for a reply.
    pub(crate) fn close_reply(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index) {
            place.free();
        }
    }

    /// Keeps a message for a subscriber, who is woken.
    pub(crate) fn keep(&mut self, owner: Owner, message: &Message<&[u8]>) -> Kept {
        let index = owner.queue();
        let Some(queue) = index.and_then(|index| self.queues.get_mut(index)) else {
            return Kept::Unwanted;
        };
        let len = message.frame_len();
        let mut owned = self.places.iter().filter(|place| place.owner == owner);
        // All places are of one size.
        let memory = owned.find_map(|place| place.memory.as_deref());
        if memory.is_some_and(|memory| memory.len() < len) {
            return Kept::TooLong;
        }
        queue.is_due = true;
        self.has_due = true;
        let mut places = self.places.iter_mut();
        let is_free = |place: &&mut Place<'_>| {
            place.owner == owner && !place.is_taken && place.memory.is_some()
        };
        self.turn = self.turn.wrapping_add(1);
        if let Some(place) = places.find(is_free) {
            place.put(message, self.turn);
            return Kept::Yes;
        }
        queue.dropped = queue.dropped.wrapping_add(1);
        if queue.overflow == Overflow::DropOldest
            && let Some(index) = self.oldest(owner)
            && let Some(place) = self.places.get_mut(index)
        {
            place.put(message, self.turn);
        }
        Kept::Dropped
    }

    /// Keeps the reply to a request.
    pub(crate) fn keep_reply(&mut self, index: usize, message: &Message<&[u8]>) -> Kept {
        self.turn = self.turn.wrapping_add(1);
        let place = self.places.get_mut(index);
        if place.is_some_and(|place| place.put(message, self.turn)) {
            Kept::Yes
        } else {
            Kept::TooLong
        }
    }

    /// Lends a subscriber the message that has waited longest.
    pub(crate) fn lend(&mut self, owner: Owner) -> Option<Loan<'d>> {
        let index = self.oldest(owner);
        if index.is_none()
            && let Some(queue) = self.queue(owner)
        {
            queue.is_behind = false;
        }
        let sid = self.queue(owner)?.sid;
        self.lend_from(index?, sid)
    }

    /// Lends what is in a place: a message of that subscription.
    pub(crate) fn lend_from(&mut self, index: usize, sid: Sid) -> Option<Loan<'d>> {
        let place = self.places.get_mut(index)?;
        if !core::mem::take(&mut place.is_taken) {
            return None;
        }
        let layout = place.layout;
        Some(Loan { memory: place.memory.take()?, place: index, sid, layout })
    }

    /// Takes a loan back. The place is whose it is by now.
    pub(crate) fn take_back(&mut self, index: usize, memory: &'d mut [u8]) {
        if let Some(place) = self.places.get_mut(index) {
            place.memory = Some(memory);
        }
    }

    /// Whether no message waits for a subscriber, or is being looked at by one.
    pub(crate) fn is_dealt_with(&self) -> bool {
        let is_idle = |place: &Place<'_>| {
            place.owner.queue().is_none() || (!place.is_taken && place.memory.is_some())
        };
        self.places.iter().all(is_idle)
    }

    fn oldest(&self, owner: Owner) -> Option<usize> {
        let places = self.places.iter().enumerate();
        let taken = places.filter(|(_, place)| place.owner == owner && place.is_taken);
        // By age, since the count may have wrapped in between.
        let oldest = taken.max_by_key(|(_, place)| self.turn.wrapping_sub(place.turn));
        oldest.map(|(index, _)| index)
    }
}

impl Place<'_> {
    fn is_free(&self) -> bool {
        self.owner == Owner::NOBODY && self.memory.is_some()
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
        (self.is_taken, self.owner) = (false, Owner::NOBODY);
    }
}
