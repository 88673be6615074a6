//! Limits: how much may wait, and how long messages may be.

use crate::options::ConnectOptions;

/// How much may wait for a subscriber before messages are dropped.
///
/// When more than half of it waits, the connection is read a little at a time, 64 KiB a millisecond:
/// a subscriber that only waits for a processor loses nothing. One that has lost messages is not
/// waited for, until it has caught up to half.
///
/// ```
/// use nats_tokio::{Overflow, PendingLimits};
///
/// let latest = PendingLimits::DEFAULT.messages(10).overflow(Overflow::DropOldest);
/// # let _ = latest;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingLimits {
    /// How many messages. Default 500,000.
    pub messages: u64,
    /// How many bytes on the wire, control lines included. One message can always wait, however long
    /// it is; unless this is zero. Default 64 MiB.
    pub bytes: u64,
    /// Which messages are dropped when there are more. Default the newest.
    pub overflow: Overflow,
}

/// What waits for a subscriber; see [`Subscriber::pending`](crate::SubscriptionHandle::pending).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// How many messages.
    pub messages: u64,
    /// How many bytes they have on the wire, control lines included.
    pub bytes: u64,
}

/// Which messages a subscriber loses that is too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Those that come.
    #[default]
    DropNewest,
    /// Those that have waited longest: for values of which only the latest counts. Taking a
    /// message costs a lock then.
    DropOldest,
}

impl PendingLimits {
    /// The defaults, which are those of the Go client.
    pub const DEFAULT: Self =
        Self { messages: 500_000, bytes: 64 * 1024 * 1024, overflow: Overflow::DropNewest };
    /// No limits: a subscriber that is too slow forever takes memory forever.
    pub const NONE: Self = Self { messages: u64::MAX, bytes: u64::MAX, ..Self::DEFAULT };

    /// With another number of messages.
    #[must_use]
    pub const fn messages(mut self, messages: u64) -> Self {
        self.messages = messages;
        self
    }

    /// With another number of bytes on the wire.
    #[must_use]
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// With other messages to drop.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How many bytes may wait if a message of that length is the only one.
    pub(crate) fn bytes_for(&self, message: Option<usize>) -> u64 {
        match message {
            Some(len) if self.bytes > 0 => self.bytes.max(len as u64),
            _ => self.bytes,
        }
    }

    pub(crate) const fn are_half_used(&self, messages: u64, bytes: u64) -> bool {
        messages > self.messages / 2 || bytes > self.bytes / 2
    }
}

impl Default for PendingLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How much is kept for the next connection while there is no connection.
///
/// ```
/// use nats_tokio::ReconnectBuffer;
///
/// let small = ReconnectBuffer::DEFAULT.bytes(64 * 1024);
/// # let _ = small;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconnectBuffer {
    /// How many bytes on the wire. Default 8 MiB.
    pub bytes: usize,
    /// How many messages. Default no limit but that of the bytes.
    pub messages: u64,
}

impl ReconnectBuffer {
    /// The default, which is that of the Go client.
    pub const DEFAULT: Self = Self { bytes: 8 * 1024 * 1024, messages: u64::MAX };
    /// Nothing is kept: publishing fails while there is no connection.
    pub const OFF: Self = Self { bytes: 0, messages: 0 };

    /// With another number of bytes on the wire.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// With another number of messages.
    #[must_use]
    pub const fn messages(mut self, messages: u64) -> Self {
        self.messages = messages;
        self
    }
}

impl Default for ReconnectBuffer {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// # Limits
impl ConnectOptions {
    /// How many requests may be in flight at once; one more is an error. Default 65,536, at most
    /// 16 million.
    #[must_use]
    pub const fn max_requests(mut self, count: usize) -> Self {
        self.max_requests = count;
        self
    }

    /// How much may wait for a subscriber, unless it says otherwise itself, before messages to it
    /// are dropped. Default 500,000 messages and 64 MiB.
    ///
    /// ```
    /// use nats_tokio::Overflow;
    /// use nats_tokio::PendingLimits;
    ///
    /// let limits = PendingLimits::DEFAULT.messages(1_000).overflow(Overflow::DropOldest);
    /// let options = nats_tokio::ConnectOptions::new().pending_limits(limits);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn pending_limits(mut self, limits: PendingLimits) -> Self {
        self.pending_limits = limits;
        self
    }

    /// How many bytes may wait to be written before publishing has to wait. One message fits
    /// always, whatever its length. Default 256 KiB.
    ///
    /// ```
    /// let options = nats_tokio::ConnectOptions::new().send_buffer(4 * 1024 * 1024);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// The longest message that is taken, in bytes on the wire: control line, headers, payload and
    /// line ends. A longer one is skipped, reported as
    /// [`Event::Oversized`](crate::Event::Oversized), and counts as received.
    ///
    /// Default: headers and payload may be as long as the server says (`max_payload` in its INFO,
    /// 1 MiB unless it is set otherwise), and 64 MiB if it does not; a control line and headers that
    /// servers add have 65,000 bytes beside that. So memory is bounded by what the server says; with
    /// servers that are not trusted, say it yourself.
    #[must_use]
    pub const fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = Some(bytes);
        self
    }

    /// The longest control line that the server takes in bytes. Default 4096, nats-server's
    /// `max_control_line`.
    #[must_use]
    pub const fn max_control_line(mut self, bytes: usize) -> Self {
        self.config.max_control_line = bytes;
        self
    }
}
