//! Where long-lived things are kept, in a fixed amount of memory or on the heap.

mod slot_map;
mod table;

pub use slot_map::Slot;
pub use table::Table;

pub(crate) use slot_map::Arena;
pub(crate) use slot_map::Place;
#[cfg(test)]
pub(crate) use slot_map::visits;
