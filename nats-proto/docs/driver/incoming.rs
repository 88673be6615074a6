// What a client brings, and what it refuses.

use std::fmt;

use nats_proto::Message;
use nats_proto::Outcome;
use nats_proto::RequestError;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::session::Event;
use nats_proto::session::Refused;

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
    /// How a request ended.
    Reply {
        /// Which.
        id: RequestId,
        /// The reply, or why there is none.
        reply: Result<Message<Vec<u8>>, Outcome>,
    },
    /// How a flush ended.
    Flushed {
        /// Which.
        number: FlushNumber,
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

/// Which flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushNumber(pub(super) u64);

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

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRequested {
    /// There is no place for it, or no subscription for its reply.
    Request(RequestError),
    /// It was not published.
    Publish(Refused),
}

impl From<RequestError> for NotRequested {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<Refused> for NotRequested {
    fn from(refused: Refused) -> Self {
        Self::Publish(refused)
    }
}

impl fmt::Display for NotRequested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was not sent")
    }
}

impl std::error::Error for NotRequested {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Request(error) => Some(error),
            Self::Publish(refused) => Some(refused),
        }
    }
}
