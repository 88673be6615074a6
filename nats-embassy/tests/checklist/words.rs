//! Options, outcomes and events, in the words of either side.

use std::time::Duration;

use nats_embassy::Auth;
use nats_embassy::Backoff;
use nats_embassy::Config;
use nats_embassy::FlushError;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_testkit::Event;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Options;

/// What a test needs for as long as it runs.
pub(crate) fn leak<T: ?Sized>(value: Box<T>) -> &'static mut T {
    Box::leak(value)
}

pub(crate) fn config(options: &Options) -> Config<'static> {
    let session = Config::SESSION
        .connect_timeout(options.connect_timeout)
        .ping_interval(options.ping_interval)
        .max_pings_out(options.max_pings_out)
        .drain_timeout(options.drain_timeout)
        .flush_timeout(options.flush_timeout)
        .retain_servers_order(true)
        .ignore_auth_error_abort(false)
        .max_reconnects(options.max_reconnects)
        .backoff(Backoff::Fixed {
            wait: options.reconnect_wait,
            jitter: Duration::from_millis(100),
            jitter_tls: Duration::from_millis(100),
        });
    let config = Config::new(leak(options.servers.join(",").into_boxed_str())).session(session);
    match &options.token {
        Some(token) => config.auth(Auth::Token(leak(token.clone().into_boxed_str()))),
        None => config,
    }
}

pub(crate) fn message(subject: &str, reply: Option<&str>, payload: &[u8]) -> Message {
    reply.into_iter().fold(Message::new(subject, payload), Message::reply)
}

pub(crate) fn publish_error(error: PublishError) -> Failure {
    match error {
        PublishError::Refused(_) | PublishError::TooLong { .. } => Failure::Refused,
        PublishError::Full => Failure::Full,
        PublishError::Disconnected => Failure::Disconnected,
        PublishError::Closed => Failure::Closed,
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

pub(crate) const fn flush_error(error: FlushError) -> Failure {
    match error {
        FlushError::Closed => Failure::Closed,
        _ => Failure::Disconnected,
    }
}

pub(crate) fn event(event: nats_embassy::Event) -> Event {
    use nats_embassy::Event as Reported;
    match event {
        Reported::Connected | Reported::Reconnected => Event::Connected,
        Reported::Disconnected(reason) => Event::Disconnected(reason.into()),
        Reported::ConnectFailed(reason) => Event::ConnectFailed(reason.into()),
        Reported::ServerError(_) => Event::ServerError,
        Reported::Oversized { .. } => Event::Oversized,
        Reported::LameDuckMode => Event::LameDuckMode,
        _ => Event::Other,
    }
}
