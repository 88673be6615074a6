//! The messages of a window, in order.

use super::entry::Entry;
use crate::storage::Table;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A slot for a message in a [`PublishWindow`](super::PublishWindow).
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "part of a window's storage, which is sealed")]
pub struct WindowSlot<T> {
    /// `None` if the slot is free.
    pub(super) data: Option<T>,
    pub(super) number: u64,
    /// How many attempts were made from this slot, by whatever message: it distinguishes their replies.
    pub(super) generation: u32,
    /// The neighbours in order of numbers; `next` is also the next free slot.
    prev: u32,
    next: u32,
    pub(super) size: u32,
    /// Whether an attempt was made, so that the generation is this message's.
    pub(super) has_attempt: bool,
    /// How often in a row it came before its predecessor.
    pub(super) conflicts: u8,
    /// Whether it asks for the last message's id by expecting itself.
    pub(super) asks: bool,
    pub(super) entry: Entry,
}

/// The slots in use as a list in order of their numbers, and the free ones as another.
#[derive(Clone, Debug)]
pub(super) struct Slots<L> {
    table: L,
    first: u32,
    last: u32,
    free: u32,
    len: u32,
}

impl<L> Slots<L> {
    pub(super) const fn new(table: L) -> Self {
        Self { table, first: NONE, last: NONE, free: NONE, len: 0 }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) const fn first(&self) -> u32 {
        self.first
    }

    pub(super) fn get<T>(&self, at: u32) -> Option<&WindowSlot<T>>
    where
        L: Table<WindowSlot<T>>,
    {
        self.table.as_ref().get(at as usize).filter(|slot| slot.data.is_some())
    }

    pub(super) fn get_mut<T>(&mut self, at: u32) -> Option<&mut WindowSlot<T>>
    where
        L: Table<WindowSlot<T>>,
    {
        self.table.as_mut().get_mut(at as usize).filter(|slot| slot.data.is_some())
    }

    /// The one after `at`.
    pub(super) fn after<T>(&self, at: u32) -> u32
    where
        L: Table<WindowSlot<T>>,
    {
        self.get(at).map_or(NONE, |slot| slot.next)
    }

    /// The one before `at`.
    pub(super) fn before<T>(&self, at: u32) -> Option<&WindowSlot<T>>
    where
        L: Table<WindowSlot<T>>,
    {
        self.get(self.get(at)?.prev)
    }

    /// Adds a message at the end. Gives it back if there is no room for a slot, or there would be more
    /// than `max`.
    pub(super) fn push<T>(&mut self, data: T, mut slot: WindowSlot<T>, max: u32) -> Result<u32, T>
    where
        L: Table<WindowSlot<T>>,
    {
        slot.prev = self.last;
        slot.next = NONE;
        let mut at = self.free;
        if let Some(free) = self.table.as_ref().get(at as usize) {
            slot.generation = free.generation;
            self.free = free.next;
        } else {
            at = u32::try_from(self.table.as_ref().len()).unwrap_or(NONE);
            if at >= max || self.table.push(WindowSlot::new(0, 0, slot.entry)).is_err() {
                return Err(data);
            }
        }
        let Some(free) = self.table.as_mut().get_mut(at as usize) else { return Err(data) };
        slot.data = Some(data);
        *free = slot;
        match self.get_mut(self.last) {
            Some(last) => last.next = at,
            None => self.first = at,
        }
        self.last = at;
        self.len += 1;
        Ok(at)
    }

    /// Removes a message, and returns what was handed in with it.
    pub(super) fn remove<T>(&mut self, at: u32) -> Option<T>
    where
        L: Table<WindowSlot<T>>,
    {
        let slot = self.get_mut(at)?;
        let data = slot.data.take();
        let (prev, next) = (slot.prev, slot.next);
        if let Some(slot) = self.table.as_mut().get_mut(at as usize) {
            slot.next = self.free;
        }
        self.free = at;
        match self.get_mut(prev) {
            Some(prev) => prev.next = next,
            None => self.first = next,
        }
        match self.get_mut(next) {
            Some(next) => next.prev = prev,
            None => self.last = prev,
        }
        self.len = self.len.saturating_sub(1);
        data
    }
}

impl<T> WindowSlot<T> {
    pub(super) const fn new(number: u64, size: u32, entry: Entry) -> Self {
        Self {
            data: None,
            number,
            generation: 0,
            prev: NONE,
            next: NONE,
            size,
            has_attempt: false,
            conflicts: 0,
            asks: false,
            entry,
        }
    }
}
