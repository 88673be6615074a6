//! A slot map: slots are reused, keys are not.

use core::marker::PhantomData;

use super::Table;
use crate::error::Full;

/// The low bits of a key say which slot, the others how often it was used before.
const INDEX_BITS: u32 = 24;
const NO_SLOT: u32 = u32::MAX;

/// A table of `T` in which every entry has a key that is never reused: the key of a removed
/// entry does not find the entry that reuses its slot.
///
/// Keys start at 1 and are small as long as slots are not reused, which keeps subscription numbers
/// short on the wire. Everything takes constant time.
#[derive(Clone, Debug)]
pub(crate) struct SlotMap<T, L> {
    slots: L,
    first_free: u32,
    len: usize,
    entry: PhantomData<T>,
}

/// Where an entry is: half of its key, which serves as long as the entry is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotIndex(u32);

impl SlotIndex {
    /// No entry's.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn of(key: u64) -> Self {
        Self((key & ((1 << INDEX_BITS) - 1)) as u32)
    }
}

/// A slot in the table of a slot map.
#[derive(Clone, Debug)]
pub struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

#[derive(Clone, Debug)]
enum Content<T> {
    Entry(T),
    Free { next: u32 },
}

impl<T, L: Table<Slot<T>>> SlotMap<T, L> {
    pub(crate) const fn new(slots: L) -> Self {
        Self { slots, first_free: NO_SLOT, len: 0, entry: PhantomData }
    }

    /// The key that the next entry will get.
    pub(crate) fn next_key(&self) -> u64 {
        match self.slots.as_ref().get(self.first_free as usize) {
            Some(slot) => key(self.first_free, slot.generation),
            None => key(u32::try_from(self.slots.as_ref().len()).unwrap_or(NO_SLOT), 0),
        }
    }

    pub(crate) fn insert(&mut self, entry: T) -> Result<u64, Full> {
        let key = self.next_key();
        if let Some(slot) = self.slots.as_mut().get_mut(self.first_free as usize) {
            if let Content::Free { next } = slot.content {
                self.first_free = next;
            }
            slot.content = Content::Entry(entry);
        } else {
            if self.slots.as_ref().len() + 1 >= 1 << INDEX_BITS {
                return Err(Full);
            }
            self.slots.push(Slot { generation: 0, content: Content::Entry(entry) })?;
        }
        self.len += 1;
        Ok(key)
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<&T> {
        let slot = self.slots.as_ref().get(index(key)?)?;
        match &slot.content {
            Content::Entry(entry) if is_of(key, slot.generation) => Some(entry),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        #[cfg(test)]
        visits::add();
        let slot = self.slots.as_mut().get_mut(index(key)?)?;
        match &mut slot.content {
            Content::Entry(entry) if is_of(key, slot.generation) => Some(entry),
            _ => None,
        }
    }

    /// The entry in a slot, and its key.
    pub(crate) fn at(&self, index: SlotIndex) -> Option<(u64, &T)> {
        #[cfg(test)]
        visits::add();
        let index = index.0.checked_sub(1)?;
        let slot = self.slots.as_ref().get(index as usize)?;
        match &slot.content {
            Content::Entry(entry) => Some((key(index, slot.generation), entry)),
            Content::Free { .. } => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn at_mut(&mut self, index: SlotIndex) -> Option<(u64, &mut T)> {
        #[cfg(test)]
        visits::add();
        let index = index.0.checked_sub(1)?;
        let slot = self.slots.as_mut().get_mut(index as usize)?;
        match &mut slot.content {
            Content::Entry(entry) => Some((key(index, slot.generation), entry)),
            Content::Free { .. } => None,
        }
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<T> {
        self.get(key)?;
        let index = index(key)?;
        let slot = self.slots.as_mut().get_mut(index)?;
        let free = Content::Free { next: self.first_free };
        let Content::Entry(entry) = core::mem::replace(&mut slot.content, free) else {
            return None;
        };
        slot.generation = slot.generation.wrapping_add(1);
        self.first_free = u32::try_from(index).unwrap_or(NO_SLOT);
        self.len -= 1;
        Some(entry)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// All entries with their keys, in the order of their slots.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        (0..).zip(self.slots.as_mut()).filter_map(|(index, slot)| match &mut slot.content {
            Content::Entry(entry) => Some((key(index, slot.generation), entry)),
            Content::Free { .. } => None,
        })
    }

    /// The key of the first entry in slot `at` or a later one; `at` becomes the slot after it.
    pub(crate) fn key_at_or_after(&self, at: &mut u32) -> Option<u64> {
        loop {
            #[cfg(test)]
            visits::add();
            let index = *at;
            let slot = self.slots.as_ref().get(index as usize)?;
            *at += 1;
            if matches!(slot.content, Content::Entry(_)) {
                return Some(key(index, slot.generation));
            }
        }
    }
}

const fn key(index: u32, generation: u32) -> u64 {
    ((generation as u64) << INDEX_BITS) | (index as u64 + 1)
}

#[inline]
fn index(key: u64) -> Option<usize> {
    let low = u32::try_from(key & ((1 << INDEX_BITS) - 1)).ok()?;
    low.checked_sub(1).map(|index| index as usize)
}

/// A key that no arena made may have a generation that no slot can have.
#[inline]
const fn is_of(key: u64, generation: u32) -> bool {
    key >> INDEX_BITS == generation as u64
}

/// How often this thread's tests have looked at an entry: what work is in proportion to.
#[cfg(test)]
pub(crate) mod visits {
    use core::cell::Cell;

    std::thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

    pub(super) fn add() {
        COUNT.set(COUNT.get() + 1);
    }

    pub(crate) fn take() -> u64 {
        COUNT.replace(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    type Small = SlotMap<u32, heapless::Vec<Slot<u32>, 3>>;

    fn small() -> Small {
        SlotMap::new(heapless::Vec::new())
    }

    #[test]
    fn keys_are_short_and_never_come_again() {
        let mut arena = small();
        assert_eq!((arena.insert(10), arena.insert(11)), (Ok(1), Ok(2)));
        assert_eq!(arena.remove(1), Some(10));
        assert_eq!(arena.remove(1), None);
        let again = arena.insert(12).unwrap();
        assert_eq!(again, (1 << 24) + 1);
        assert_eq!((arena.get(1), arena.get(again)), (None, Some(&12)));
        assert_eq!(arena.iter_mut().map(|(key, _)| key).collect::<Vec<_>>(), [again, 2]);
    }

    #[test]
    fn foreign_keys_find_nothing() {
        let mut arena = small();
        arena.insert(1).unwrap();
        for key in [0, 2, 1 << 24, (1 << 24) + 1, (1 << 56) + 1, u64::MAX] {
            assert_eq!(arena.get_mut(key), None, "{key}");
        }
    }

    #[test]
    fn a_full_table_is_an_error_and_frees_up() {
        let mut arena = small();
        let keys: [u64; 3] = core::array::from_fn(|_| arena.insert(0).unwrap());
        assert_eq!(arena.insert(0), Err(Full));
        arena.remove(keys[1]);
        assert!(arena.insert(0).is_ok());
        assert_eq!((arena.insert(0), arena.len()), (Err(Full), 3));
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(operations in prop::collection::vec((any::<bool>(), 0usize..8), 0..60)) {
            let mut arena = SlotMap::<_, heapless::Vec<Slot<usize>, 5>>::new(heapless::Vec::new());
            let mut model = HashMap::new();
            let mut keys = Vec::new();
            for (step, (is_insert, pick)) in operations.into_iter().enumerate() {
                if is_insert {
                    let expected = arena.next_key();
                    match arena.insert(step) {
                        Ok(key) => {
                            prop_assert_eq!(key, expected);
                            prop_assert!(!keys.contains(&key), "{} came again", key);
                            keys.push(key);
                            model.insert(key, step);
                        }
                        Err(Full) => prop_assert_eq!(model.len(), 5),
                    }
                } else if let Some(key) = keys.get(pick) {
                    prop_assert_eq!(arena.remove(*key), model.remove(key));
                }
                prop_assert_eq!(arena.len(), model.len());
                for key in &keys {
                    prop_assert_eq!(arena.get(*key), model.get(key));
                }
            }
        }
    }
}
