//! Events of a connection.

mod display;

use nats_proto::Sid;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::wire::ErrorKind;

use crate::error::PublishError;

/// How many events wait for a listener before the oldest ones are dropped.
pub(crate) const CAPACITY: usize = 128;

/// An event of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first connection is ready.
    #[non_exhaustive]
    Connected {
        /// To this server.
        server: String,
    },
    /// The connection is lost.
    #[non_exhaustive]
    Disconnected {
        /// To this server.
        server: String,
        /// Why.
        reason: DisconnectReason,
        /// The text of the server, or of the operating system, if there is one.
        text: Option<String>,
        /// How many messages may be lost with it: they were handed to the connection, and the
        /// server has not confirmed that it processed them. [`Client::flush`](crate::Client::flush)
        /// and the PINGs in between are what makes it confirm.
        unconfirmed: u64,
    },
    /// A server is being tried.
    #[non_exhaustive]
    Reconnecting {
        /// Which.
        server: String,
        /// The number of the attempt since the connection was lost, from 1.
        attempt: u32,
    },
    /// A server could not be connected to.
    #[non_exhaustive]
    ConnectFailed {
        /// Which.
        server: String,
        /// Why.
        reason: DisconnectReason,
        /// The text of the server, or of the operating system, if there is one; never that of
        /// a callback for credentials.
        text: Option<String>,
    },
    /// Another connection is ready.
    #[non_exhaustive]
    Reconnected {
        /// To this server.
        server: String,
    },
    /// The server knows of all subscriptions again.
    Resubscribed,
    /// The server pool has changed: servers were discovered, or removed because they failed too
    /// often.
    #[non_exhaustive]
    ServersChanged {
        /// The addresses of those that are new.
        added: Vec<String>,
        /// The addresses of those that are gone.
        removed: Vec<String>,
    },
    /// More servers were discovered than the pool has room for: no more than 256 are kept. Servers
    /// that are announced again are counted again.
    #[non_exhaustive]
    ServersSkipped {
        /// How many.
        count: u32,
    },
    /// The server refused something; the connection goes on. A subscription that is not permitted, or
    /// refused for another reason, has ended, see [`Subscriber::ended`](crate::SubscriptionHandle::ended).
    #[non_exhaustive]
    ServerError {
        /// What it is about.
        kind: ErrorKind,
        /// The text of the server.
        text: String,
        /// The subject, filter or reply subject that is not permitted, if it is about a permission.
        /// A quotation mark or backslash in it has a backslash before it.
        subject: Option<String>,
    },
    /// The server refused a subscription and did not say which: one of these is missing there until
    /// the next connection. Follows [`ServerError`](Self::ServerError).
    ///
    /// It happens to subscriptions that were made at the same time, and once: from then on the
    /// server is asked after each, and the one that it refuses [ends](crate::EndReason::Refused).
    #[non_exhaustive]
    SubscriptionMissing {
        /// The text of the server.
        text: String,
        /// Their numbers and subjects, the latter with a queue group behind a blank; 64 at the most.
        may_be: Vec<(Sid, String)>,
    },
    /// A subscriber is too slow, and messages to it were dropped. Told once until it has caught
    /// up.
    #[non_exhaustive]
    SlowConsumer {
        /// The subscription's number.
        sid: Sid,
        /// The subject that it was made for, wildcards included.
        subject: String,
        /// The queue group that it is a member of, if it is of one.
        queue: Option<String>,
        /// How many messages were dropped in its life.
        dropped: u64,
    },
    /// A message was longer than the client's limit, and was skipped.
    #[non_exhaustive]
    Oversized {
        /// The subscription's number.
        sid: Sid,
        /// The subject, with replacement characters for what is not UTF-8.
        subject: String,
        /// The length of headers and payload in bytes.
        size: usize,
    },
    /// A message was accepted while there was no connection, or another one, and the server that
    /// there is now does not take it: it is longer than the server's `max_payload`, or has headers and
    /// the server supports none. It is dropped; those behind it are not.
    #[non_exhaustive]
    MessageRefused {
        /// Where it was published to.
        subject: String,
        /// The length of headers and payload in bytes.
        size: usize,
        /// Why it was refused.
        reason: PublishError,
    },
    /// The server is about to shut down. The client moves to another one by itself, unless
    /// [`lame_duck_jitter`](crate::ConnectOptions::lame_duck_jitter) says otherwise.
    LameDuckMode,
    /// The connection is closed for good.
    #[non_exhaustive]
    Closed {
        /// Why.
        reason: CloseReason,
        /// How many messages were waiting to be sent, and are lost.
        unsent: u64,
        /// How many more may be lost, as in [`Disconnected`](Self::Disconnected).
        unconfirmed: u64,
    },
    /// This many events were dropped because the listener was too slow.
    Missed(u64),
}
