//! Lists of fixed size, and lists that grow.

use crate::error::Full;

/// Keeps other crates from implementing [`Table`].
trait Sealed {}

/// A list that may have a limit.
///
/// Sealed: a session and its tables choose their storage by type aliases and by [`Store`](crate::Store).
#[expect(private_bounds, reason = "sealed")]
pub trait Table<T>: AsRef<[T]> + AsMut<[T]> + Sealed {
    /// Appends an item.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room; the item is dropped then.
    fn push(&mut self, item: T) -> Result<(), Full>;

    /// Removes the item at `index`, and moves those after it up.
    fn remove(&mut self, index: usize) -> Option<T>;
}

/// A list of up to `N` items that owns its memory.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "the storage of sealed traits and of type aliases")]
pub struct FixedTable<T, const N: usize>(heapless::Vec<T, N>);

impl<T, const N: usize> FixedTable<T, N> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }
}

impl<T, const N: usize> Default for FixedTable<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> Sealed for heapless::Vec<T, N> {}

impl<T, const N: usize> Table<T> for heapless::Vec<T, N> {
    fn push(&mut self, item: T) -> Result<(), Full> {
        self.push(item).map_err(|_| Full)
    }

    fn remove(&mut self, index: usize) -> Option<T> {
        (index < self.len()).then(|| self.remove(index))
    }
}

impl<T, const N: usize> AsRef<[T]> for FixedTable<T, N> {
    #[inline]
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const N: usize> AsMut<[T]> for FixedTable<T, N> {
    #[inline]
    fn as_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T, const N: usize> Sealed for FixedTable<T, N> {}

impl<T, const N: usize> Table<T> for FixedTable<T, N> {
    fn push(&mut self, item: T) -> Result<(), Full> {
        self.0.push(item).map_err(|_| Full)
    }

    fn remove(&mut self, index: usize) -> Option<T> {
        (index < self.0.len()).then(|| self.0.remove(index))
    }
}

#[cfg(feature = "alloc")]
pub use growable::Capped;

#[cfg(feature = "alloc")]
mod growable {
    use alloc::vec::Vec;

    use super::Full;
    use super::Sealed;
    use super::Table;

    impl<T> Sealed for Vec<T> {}

    impl<T> Table<T> for Vec<T> {
        fn push(&mut self, item: T) -> Result<(), Full> {
            self.try_reserve(1).map_err(|_| Full)?;
            self.push(item);
            Ok(())
        }

        fn remove(&mut self, index: usize) -> Option<T> {
            (index < self.len()).then(|| self.remove(index))
        }
    }

    /// A list on the heap with a limit.
    #[derive(Clone, Debug)]
    pub struct Capped<T> {
        items: Vec<T>,
        max: usize,
    }

    impl<T> Capped<T> {
        /// An empty list for up to `max` items.
        #[must_use]
        pub const fn new(max: usize) -> Self {
            Self { items: Vec::new(), max }
        }
    }

    impl<T> AsRef<[T]> for Capped<T> {
        fn as_ref(&self) -> &[T] {
            &self.items
        }
    }

    impl<T> AsMut<[T]> for Capped<T> {
        fn as_mut(&mut self) -> &mut [T] {
            &mut self.items
        }
    }

    impl<T> Sealed for Capped<T> {}

    impl<T> Table<T> for Capped<T> {
        fn push(&mut self, item: T) -> Result<(), Full> {
            if self.items.len() >= self.max {
                return Err(Full);
            }
            Table::push(&mut self.items, item)
        }

        fn remove(&mut self, index: usize) -> Option<T> {
            Table::remove(&mut self.items, index)
        }
    }
}
