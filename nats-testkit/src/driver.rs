//! What a client has to be able to do so that it can be run through the [checklist](crate::checklist).

mod outcome;
mod pending;

use std::time::Duration;

pub use outcome::Event;
pub use outcome::Failure;
pub use outcome::Reason;
pub use pending::Pending;
pub use pending::Resolver;

use crate::network::Network;
use crate::server::Message;

/// A client under test, together with whatever runs it: its runtime, its clock.
///
/// It is a thin layer over a client, written by whoever has one. Operations are asked for and not waited
/// for: each returns a [`Pending`], whose [`Resolver`] says the outcome when the client knows it.
///
/// ```text
/// checklist ──▶ Driver ──▶ client ──▶ Network::dial, Pipe ──▶ Server
///     │                                                         ▲
///     └───────────── says what the server does ─────────────────┘
/// ```
///
/// Nothing may wait for a real clock. A client has to have room for eight subscriptions, four requests,
/// sixteen messages, three servers and frames of 400 bytes; the checklist needs no more.
pub trait Driver: Sized {
    /// What the client cannot do, with a reason for each. Checks that need it are not run, and the
    /// [report](crate::checklist::Report) says which.
    const ABSENT: &'static [(Ability, &'static str)] = &[];

    /// The longest message that the client takes in bytes, headers and payload together. Default
    /// [`Options::max_message`].
    const MAX_MESSAGE: usize = Options::MAX_MESSAGE;

    /// Makes a client that begins to connect, and does not wait for that.
    fn start(network: &Network, options: &Options) -> Self;

    /// Lets `by` pass: everything that is due until then happens in its order, and then everything that
    /// can go on without more time or more bytes. At least a millisecond.
    fn advance(&mut self, by: Duration);

    /// Sets the clock forward by `by` while nothing runs, as when a computer was suspended.
    fn suspend(&mut self, by: Duration);

    /// Publishes a message. The outcome is whether the client has taken it.
    fn publish(&mut self, message: &Message) -> Pending<Result<(), Failure>>;

    /// Subscribes. `id` is how the checklist names the subscription, and is used once.
    fn subscribe(
        &mut self,
        id: u32,
        filter: &str,
        queue: Option<&str>,
    ) -> Pending<Result<(), Failure>>;

    /// Ends a subscription now.
    fn unsubscribe(&mut self, id: u32);

    /// Ends a subscription when it has got `max` messages in all. With [`Ability::MaxMessages`].
    fn unsubscribe_after(&mut self, id: u32, max: u64) {
        let _ = (id, max);
    }

    /// The next message of a subscription; `None` when it is over and all were taken. Not asked for
    /// again before the outcome is known.
    fn next(&mut self, id: u32) -> Pending<Option<Message>>;

    /// Publishes a request and waits for one reply. With [`Ability::Request`].
    fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        let _ = (message, timeout);
        Pending::resolved(Err(Failure::Absent))
    }

    /// Waits until the server has processed everything that was published. With [`Ability::Flush`].
    fn flush(&mut self) -> Pending<Result<(), Failure>> {
        Pending::resolved(Err(Failure::Absent))
    }

    /// Ends the connection gracefully: subscriptions first, then what was published. `Ok` says that the
    /// server has everything. With [`Ability::Drain`].
    fn drain(&mut self) -> Pending<Result<(), Failure>> {
        Pending::resolved(Err(Failure::Absent))
    }

    /// Closes the client. The outcome is that it is closed.
    fn close(&mut self) -> Pending<()>;

    /// Drops the client and everything that the application has of it, as an application does that is
    /// done with it. What runs it goes on. With [`Ability::DropClient`].
    fn drop_client(&mut self) {}

    /// What happened since this was asked last.
    fn events(&mut self) -> Vec<Event>;

    /// How many bytes wait to be written, if the client can say. With [`Ability::Unsent`].
    fn unsent(&self) -> usize {
        0
    }
}

/// What a client may not be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ability {
    /// [`Driver::unsubscribe_after`].
    MaxMessages,
    /// [`Driver::request`].
    Request,
    /// More than one request at a time.
    SeveralRequests,
    /// [`Driver::flush`].
    Flush,
    /// [`Driver::drain`].
    Drain,
    /// [`Driver::drop_client`].
    DropClient,
    /// [`Driver::unsent`].
    Unsent,
    /// TLS after INFO.
    Tls,
    /// More than one server.
    SeveralServers,
    /// Messages wait for their subscriber.
    Queues,
    /// A message that is longer than [`Driver::MAX_MESSAGE`] is skipped and reported.
    Oversized,
    /// [`Event::PerhapsLost`].
    PerhapsLost,
    /// A message that is published without a connection waits for the next one.
    Offline,
}

/// How a client is to behave. Everything has a default, and what a client cannot set may be as it likes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The servers' URLs, to be tried in this order. Default one: `nats://a:4222`.
    pub servers: Vec<String>,
    /// The token to log in with. Default none.
    pub token: Option<String>,
    /// How long connecting to one server may take. Default 2 s.
    pub connect_timeout: Duration,
    /// How often to send PING. Default 2 min.
    pub ping_interval: Duration,
    /// How many PINGs may go unanswered. Default 2.
    pub max_pings_out: u8,
    /// How long draining may take. Default 30 s.
    pub drain_timeout: Duration,
    /// How long a flush, or closing, may take. Default 10 s.
    pub flush_timeout: Duration,
    /// How long to wait between two attempts at the same server. Default 2 s, and up to 100 ms more.
    pub reconnect_wait: Duration,
    /// After how many failed attempts in a row a server is given up. Default 60.
    pub max_reconnects: Option<u32>,
    /// The longest message that is taken in bytes, if that can be set. Default
    /// [`Options::MAX_MESSAGE`].
    pub max_message: usize,
    /// How many bytes may wait to be written, if that can be set. Default 4 KiB.
    pub send_buffer: usize,
}

impl Options {
    /// The default of [`max_message`](Self::max_message): 8 KiB.
    pub const MAX_MESSAGE: usize = 8192;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            servers: vec!["nats://a:4222".to_owned()],
            token: None,
            connect_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_secs(120),
            max_pings_out: 2,
            drain_timeout: Duration::from_secs(30),
            flush_timeout: Duration::from_secs(10),
            reconnect_wait: Duration::from_secs(2),
            max_reconnects: Some(60),
            max_message: Self::MAX_MESSAGE,
            send_buffer: 4096,
        }
    }
}
