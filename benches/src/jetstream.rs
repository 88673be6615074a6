//! Names that the programs for JetStream share.

/// The stream, which stores [`SUBJECT`](crate::SUBJECT).
pub const STREAM: &str = "S";

/// The consumer.
pub const CONSUMER: &str = "C";

/// How many messages a consumer has under way at the most.
pub const MAX_MESSAGES: usize = 500;
