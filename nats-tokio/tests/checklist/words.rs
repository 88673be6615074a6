//! The client's outcomes and events, in the checklist's words.

use nats_testkit::Event;
use nats_testkit::Failure;
use nats_tokio::DrainError;
use nats_tokio::FlushError;
use nats_tokio::PublishError;
use nats_tokio::RequestError;
use nats_tokio::SubscribeError;

pub(crate) fn publish_error(error: PublishError) -> Failure {
    match error {
        PublishError::Full => Failure::Full,
        PublishError::Disconnected => Failure::Disconnected,
        PublishError::Closed => Failure::Closed,
        PublishError::PayloadTooLarge { .. } => Failure::Refused,
        other => Failure::Other(other.to_string()),
    }
}

pub(crate) fn subscribe_error(error: SubscribeError) -> Failure {
    match error {
        SubscribeError::Closed => Failure::Closed,
        other => Failure::Other(other.to_string()),
    }
}

pub(crate) fn request_error(error: RequestError) -> Failure {
    match error {
        RequestError::Publish(error) => publish_error(error),
        RequestError::NoResponders => Failure::NoResponders,
        RequestError::TimedOut => Failure::TimedOut,
        RequestError::NotConnected | RequestError::Disconnected => Failure::Disconnected,
        RequestError::NotPermitted | RequestError::NoInbox => Failure::Refused,
        RequestError::ReplyTooLong => Failure::TooLong,
        RequestError::Draining | RequestError::Closed => Failure::Closed,
        other => Failure::Other(other.to_string()),
    }
}

pub(crate) fn flush_error(error: FlushError) -> Failure {
    match error {
        FlushError::TimedOut => Failure::TimedOut,
        FlushError::NotConnected | FlushError::Disconnected => Failure::Disconnected,
        FlushError::Closed => Failure::Closed,
        other => Failure::Other(other.to_string()),
    }
}

pub(crate) fn drain_error(error: DrainError) -> Failure {
    match error {
        DrainError::TimedOut => Failure::TimedOut,
        DrainError::Closed | DrainError::ClientClosed => Failure::Closed,
        other => Failure::Other(other.to_string()),
    }
}

/// An event, which may be two of the checklist's.
pub(crate) fn events(event: nats_tokio::Event) -> Vec<Event> {
    use nats_tokio::Event as Told;
    match event {
        Told::Connected { .. } | Told::Reconnected { .. } => vec![Event::Connected],
        Told::Disconnected { reason, unconfirmed, .. } => {
            vec![Event::Disconnected(reason.into()), Event::PerhapsLost(unconfirmed)]
        }
        Told::ConnectFailed { reason, .. } => vec![Event::ConnectFailed(reason.into())],
        Told::ServerError { .. } => vec![Event::ServerError],
        Told::Oversized { .. } => vec![Event::Oversized],
        Told::LameDuckMode => vec![Event::LameDuckMode],
        Told::Closed { reason, .. } => vec![Event::Closed(reason.into())],
        _ => vec![Event::Other],
    }
}
