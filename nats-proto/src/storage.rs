//! Buffers and tables, of a fixed size or on the heap.

mod array_buf;
mod bounded;
mod buffer;
mod send_buf;
mod slot_map;
mod table;

pub use array_buf::ArrayBuf;
pub use bounded::Bounded;
pub use buffer::Buffer;
pub use buffer::Sink;
pub use send_buf::SendBuf;
pub use slot_map::Slot;
#[cfg(feature = "alloc")]
pub use table::Capped;
pub use table::Table;

pub(crate) use buffer::put_all;
pub(crate) use send_buf::copy;
pub(crate) use slot_map::SlotIndex;
pub(crate) use slot_map::SlotMap;
#[cfg(test)]
pub(crate) use slot_map::visits;
pub(crate) use table::FixedTable;
