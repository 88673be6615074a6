//! The sizes of a client's memory, as types.

use embassy_sync::blocking_mutex::raw::RawMutex;
use nats_proto::Store;

use crate::state::delivery::Delivery;

/// The sizes, as types. Only this crate can implement it.
#[expect(unnameable_types, reason = "sealed")]
pub trait Sizes<'d>: Sized {
    /// How tasks exclude each other.
    type Raw: RawMutex;
    /// The session's memory.
    type Store: Store<Recipient = u8>;
    /// Where messages go.
    type Delivery: Delivery<'d>;
}
