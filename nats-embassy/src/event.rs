//! Events and statistics of a client.

use core::fmt;

use heapless::Vec;
use nats_proto::Sid;
use nats_proto::session;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::wire::ErrorKind;

/// Something happened to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The first connection is ready.
    Connected,
    /// Another connection is ready.
    Reconnected,
    /// The server knows of all subscriptions again.
    Resubscribed,
    /// A server is being tried again.
    #[non_exhaustive]
    Reconnecting {
        /// The number of the attempt since the connection was lost, from 1.
        attempt: u32,
    },
    /// A server could not be connected to.
    ConnectFailed(DisconnectReason),
    /// The connection is lost.
    Disconnected(DisconnectReason),
    /// The server refused something; the connection goes on.
    ServerError(ErrorKind),
    /// Servers or limits may have changed.
    InfoChanged,
    /// The server is about to shut down. If another one is known, the client moves to it.
    LameDuckMode,
    /// Messages were dropped because their subscription's queue was full. Emitted once until it has
    /// been emptied.
    #[non_exhaustive]
    SlowConsumer {
        /// The subscription.
        sid: Sid,
    },
    /// A message was longer than there is room for, and was skipped.
    #[non_exhaustive]
    Oversized {
        /// The subscription.
        sid: Sid,
        /// The length of headers and payload in bytes.
        size: usize,
    },
    /// A subscription of a [`Link`](crate::Link) was ended by the server, or by its maximum. A
    /// [`Subscriber`](crate::Subscriber) of a client tells its end itself.
    #[non_exhaustive]
    SubscriptionEnded {
        /// The subscription.
        sid: Sid,
        /// Why.
        reason: EndReason,
    },
    /// So many events were dropped, because they were not read in time.
    Missed(u32),
}

/// What a client has counted since it was made. The numbers wrap around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Statistics {
    /// How many messages were received, those included that were dropped.
    pub in_messages: u32,
    /// How many messages were published.
    pub out_messages: u32,
    /// How many messages were dropped because a queue was full, or, with a
    /// [`Link`](crate::Link), because the connection was lost before they were looked at.
    pub dropped_messages: u32,
    /// How many messages were skipped because they were too long.
    pub oversized_messages: u32,
    /// How many messages that were too long were passed on
    /// [in chunks](crate::Runner::on_chunk).
    pub streamed_messages: u32,
    /// How many messages that waited for a connection were replaced by later ones, or could not be sent
    /// in the end. Only with [`Offline::KeepLatest`](crate::Offline::KeepLatest).
    pub replaced_messages: u32,
    /// How many connections there were.
    pub connects: u32,
    /// How many bytes were received, on all connections.
    pub in_bytes: u64,
    /// How many bytes were sent, on all connections.
    pub out_bytes: u64,
}

/// How many events are queued.
const CAPACITY: usize = 6;

/// The events that were not read yet. If there are too many, the oldest are dropped.
pub(crate) struct Events {
    waiting: Vec<Event, CAPACITY, u8>,
    missed: u32,
}

impl Statistics {
    /// Nothing was counted yet.
    pub(crate) const NONE: Self = Self {
        in_messages: 0,
        out_messages: 0,
        dropped_messages: 0,
        oversized_messages: 0,
        streamed_messages: 0,
        replaced_messages: 0,
        connects: 0,
        in_bytes: 0,
        out_bytes: 0,
    };
}

impl Events {
    pub(crate) const fn new() -> Self {
        Self { waiting: Vec::new(), missed: 0 }
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.waiting.is_full() {
            self.take_first();
            self.missed = self.missed.saturating_add(1);
        }
        // There is room now.
        let _ = self.waiting.push(event);
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        match core::mem::take(&mut self.missed) {
            0 => self.take_first(),
            missed => Some(Event::Missed(missed)),
        }
    }

    fn take_first(&mut self) -> Option<Event> {
        let first = *self.waiting.first()?;
        self.waiting.remove(0);
        Some(first)
    }
}

impl Event {
    /// The session's event, without what it borrows.
    pub(crate) fn of(event: &session::Event<'_>) -> Option<Self> {
        Some(match *event {
            session::Event::Connected => Self::Connected,
            session::Event::Reconnected => Self::Reconnected,
            session::Event::Resubscribed => Self::Resubscribed,
            session::Event::Reconnecting { attempt, .. } => Self::Reconnecting { attempt },
            session::Event::ConnectFailed { reason, .. } => Self::ConnectFailed(reason),
            session::Event::Disconnected { reason, .. } => Self::Disconnected(reason),
            session::Event::ServerError(error) => Self::ServerError(error.kind()),
            session::Event::InfoChanged => Self::InfoChanged,
            session::Event::LameDuckMode => Self::LameDuckMode,
            _ => return None,
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connected",
            Self::Reconnected => "connected again",
            Self::Resubscribed => "the server knows of all subscriptions again",
            Self::Reconnecting { attempt } => return write!(f, "attempt {attempt} to connect"),
            Self::ConnectFailed(reason) => return write!(f, "could not connect: {reason}"),
            Self::Disconnected(reason) => return write!(f, "disconnected: {reason}"),
            Self::ServerError(kind) => return write!(f, "server error: {kind}"),
            Self::InfoChanged => "the server's servers or limits may have changed",
            Self::LameDuckMode => "the server is about to shut down",
            Self::SlowConsumer { sid } => {
                return write!(f, "messages of subscription {sid} are dropped");
            }
            Self::Oversized { sid, size } => {
                return write!(f, "a message of subscription {sid} is too long: {size} bytes");
            }
            Self::SubscriptionEnded { sid, reason: how } => {
                return write!(f, "subscription {sid} is over: {}", reason(*how));
            }
            Self::Missed(count) => return write!(f, "{count} events were missed"),
        })
    }
}

const fn reason(how: EndReason) -> &'static str {
    match how {
        EndReason::Unsubscribed => "unsubscribed",
        EndReason::MaxReached => "it got all that it was to get",
        EndReason::Drained => "drained",
        EndReason::NotPermitted => "not permitted",
        EndReason::Closed => "the client is closed",
        _ => "the server refused it",
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn events_with_details_are_readable() {
        let (sid, how) = (Sid(7), EndReason::NotPermitted);
        let table = [
            (Event::Reconnecting { attempt: 3 }, "attempt 3 to connect"),
            (Event::Oversized { sid, size: 9 }, "a message of subscription 7 is too long: 9 bytes"),
            (
                Event::SubscriptionEnded { sid, reason: how },
                "subscription 7 is over: not permitted",
            ),
        ];
        for (event, expected) in table {
            assert_eq!(event.to_string(), expected);
        }
    }
}
