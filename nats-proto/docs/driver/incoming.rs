// What a client brings, and what it refuses.

use std::fmt;

use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::session::Event;
use nats_proto::session::FlushId;
use nats_proto::wire::PublishError;

/// What [`Client::next`](super::client::Client::next) brings.
#[derive(Debug)]
pub enum Incoming {
    /// A message of a subscription.
    Message(Message<Vec<u8>>),
    /// A message that was longer than the client's buffer, and is lost.
    TooLong {
        /// The subscription.
        sid: Sid,
        /// How long its headers and payload were, in bytes.
        size: usize,
    },
    /// A subscription is over.
    Ended {
        /// Which.
        sid: Sid,
        /// Why.
        reason: EndReason,
    },
    /// How a flush ended.
    Flushed {
        /// Which.
        id: FlushId,
        /// Whether the server has everything that was published before. If not, the connection was
        /// lost, and it may have it, or not.
        is_done: bool,
    },
    /// There is a connection, for the first time.
    Connected,
    /// There is a connection again, and the server is told of all subscriptions.
    Reconnected,
    /// There is none any more, or none could be made. What was published since the last flush may be
    /// lost.
    Disconnected(DisconnectReason),
    /// The server refused something, and the connection goes on.
    Refused(String),
    /// There will never be a connection again. The last thing that comes; it comes again and again.
    Closed(CloseReason),
}

impl Incoming {
    /// An event of the session, if it is one for the application.
    pub(super) fn of(event: Event<'_>) -> Option<Self> {
        match event {
            Event::Connected => Some(Self::Connected),
            Event::Reconnected => Some(Self::Reconnected),
            Event::Disconnected { reason, .. } | Event::ConnectFailed { reason, .. } => {
                Some(Self::Disconnected(reason))
            }
            Event::ServerError(error) => Some(Self::Refused(error.to_string())),
            _ => None,
        }
    }
}

/// Why a message was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPublished {
    /// There is no connection at the moment.
    Offline,
    /// There will be none again.
    Closed(CloseReason),
    /// Too much waits to be written: call [`Client::next`](super::client::Client::next).
    Full,
    /// It is longer than the client's buffer.
    TooLong,
    /// The server does not take it.
    Limit(PublishError),
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offline => "there is no connection",
            Self::Closed(_) => "the connection is closed",
            Self::Full => "the send buffer is full",
            Self::TooLong => "the message is longer than the send buffer",
            Self::Limit(_) => "the server does not accept the message",
        })
    }
}

impl std::error::Error for NotPublished {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Closed(stop) => Some(stop),
            Self::Limit(error) => Some(error),
            _ => None,
        }
    }
}
