//! Counters.

/// What went over a client's connections so far (ADR-40).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Bytes read from the socket.
    pub in_bytes: u64,
    /// Bytes written to the socket.
    pub out_bytes: u64,
    /// Messages received, those included that were dropped for being too many or too late.
    pub in_messages: u64,
    /// Messages published, those included that still wait to be written.
    pub out_messages: u64,
    /// Connections made.
    pub connects: u64,
    /// Messages dropped because their subscriber was too slow.
    pub dropped_messages: u64,
    /// Messages that may have been lost with connections, since no server has confirmed that it
    /// processed them.
    pub unconfirmed_messages: u64,
    /// Messages skipped because they were longer than the client's limit.
    pub oversized_messages: u64,
    /// Messages dropped because they were accepted, and then longer than the server takes, or had
    /// headers and the server takes none; see [`Event::MessageRefused`](crate::Event::MessageRefused).
    pub refused_messages: u64,
}
