//! The state that clients and the driver share, and its parts.

pub(crate) mod batch;
pub(crate) mod capacity;
pub(crate) mod control;
pub(crate) mod counters;
pub(crate) mod extending;
pub(crate) mod extension;
pub(crate) mod handle;
pub(crate) mod later;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod outbound;
pub(crate) mod queue;
pub(crate) mod requests;
pub(crate) mod shared;
pub(crate) mod status;
pub(crate) mod unread;
