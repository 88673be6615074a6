//! Messages to a stream: their headers, the stream's answer, and a window of those without an answer.

pub(super) mod ack;
pub mod header;
pub(super) mod message_id;
pub(super) mod window;
