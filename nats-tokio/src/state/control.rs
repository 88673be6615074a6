//! The control plane as the driver and the handles share it: the session, and what follows from
//! its events.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::Waker;

use nats_proto::Growable;
use nats_proto::Outcome;
use nats_proto::Sid;
use nats_proto::session::CloseReason;
use nats_proto::session::Confirmations;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::session::Phase;
use nats_proto::session::Session;
use nats_proto::wire::ServerError;

use crate::auth::UrlCredentials;
use crate::error::ConnectError;
use crate::error::Failure;
use crate::error::ServerFailure;
use crate::event::Event;
use crate::options::reconnect::PoolServer;
use crate::server_info::ServerInfo;
use crate::state::extension::ExtensionId;
use crate::state::extension::Extensions;
use crate::state::later::Later;
use crate::state::queue::Entry;
use crate::state::queue::Queue;
use crate::state::unread::Unread;
use crate::status::ConnectionStatus;
use crate::sync::remember;

/// How many subscriptions are named of which one is missing.
const MAX_DOUBTFUL: usize = 64;

/// The control plane.
pub(crate) struct Control {
    pub(crate) session: Session<Growable<Recipient>>,
    /// The subscription that replies come to, once there was a request.
    pub(crate) inbox: Option<Sid>,
    /// The driver's task.
    pub(crate) driver: Option<Waker>,
    /// What more is known of the last thing that went wrong.
    pub(crate) failure: Option<Failure>,
    /// The subscriptions that are over, and have messages waiting.
    pub(crate) unread: Unread,
    /// Whether the application has closed the connection.
    pub(crate) is_closing: bool,
    /// Whether the driver is gone, and nothing will happen any more.
    pub(crate) is_over: bool,
    /// Whether a server could not be connected to.
    pub(crate) has_failed: bool,
    /// The credentials of the servers that were given to us.
    pub(crate) url_credentials: UrlCredentials,
    /// The server that is being tried, or connected to.
    pub(crate) dialled: String,
    /// The server whose INFO the session knows.
    pub(crate) informant: String,
    /// What became of the servers that were tried first, until there is a connection.
    first_failures: Vec<ServerFailure>,
    /// Which messages the server is known to have processed.
    pub(crate) confirmations: Confirmations,
    /// The last one of them, when that was last asked.
    last_confirmed: u64,
    /// What is to be done after unlocking.
    pub(crate) later: Later,
    /// State machines that stand above core NATS.
    pub(crate) extensions: Extensions,
    /// How the connection stood when that was last told.
    status: ConnectionStatus,
    /// How many servers there was no room for, when that was last told.
    left_out: u32,
    /// The servers that listeners know of, and the session's number of changes then.
    servers: (u32, Vec<String>),
}

/// Where a subscription's messages go.
pub(crate) enum Recipient {
    /// To a subscriber. `entries` and `len` are those of the read in progress.
    Subscriber { queue: Arc<Queue>, entries: Vec<Entry>, len: usize },
    /// To the requests that wait for them.
    Replies,
    /// To a state machine above core NATS, with what that has subscribed with.
    Extension { id: ExtensionId, tag: u32 },
}

impl Recipient {
    pub(crate) const fn subscriber(queue: Arc<Queue>) -> Self {
        Self::Subscriber { queue, entries: Vec::new(), len: 0 }
    }
}

impl Control {
    pub(crate) fn new(session: Session<Growable<Recipient>>) -> Self {
        let servers = (session.server_pool_changes(), addresses(&session));
        Self {
            session,
            inbox: None,
            driver: None,
            failure: None,
            unread: Unread::default(),
            is_closing: false,
            is_over: false,
            has_failed: false,
            url_credentials: UrlCredentials::default(),
            dialled: String::new(),
            informant: String::new(),
            first_failures: Vec::new(),
            left_out: 0,
            confirmations: Confirmations::new(),
            last_confirmed: 0,
            later: Later::default(),
            extensions: Extensions::default(),
            status: ConnectionStatus::Connecting,
            servers,
        }
    }

    /// Ends the streams of subscriptions that are over. Returns how the one for replies ended, if it
    /// is among them.
    pub(crate) fn end_released(&mut self) -> Option<EndReason> {
        let mut inbox = None;
        while let Some(released) = self.session.poll_released() {
            match released.recipient {
                Recipient::Subscriber { queue, .. } => {
                    self.end_stream(released.sid, queue, released.ended);
                }
                Recipient::Replies => {
                    self.inbox = None;
                    inbox = Some(released.ended);
                }
                Recipient::Extension { .. } => {}
            }
        }
        inbox
    }

    /// Ends a subscription after so many messages in all. Returns whether it was still going.
    pub(crate) fn end_after(&mut self, sid: Sid, max: u64) -> bool {
        let max = NonZeroU64::new(max);
        if let (None, Some(Recipient::Subscriber { queue, .. })) =
            (max, self.session.recipient_mut(sid))
        {
            // That many it has got.
            self.later.wake.extend(queue.end(EndReason::MaxReached));
        }
        self.session.unsubscribe(sid, max)
    }

    /// Ends the stream of a subscription now if that is over, though the server may not know it yet.
    pub(crate) fn end_if_over(&mut self, sid: Sid) {
        if let Some((Recipient::Subscriber { queue, .. }, Some(how))) =
            self.session.recipient_and_end_mut(sid)
        {
            self.later.wake.extend(queue.end(how));
        }
    }

    fn end_stream(&mut self, sid: Sid, queue: Arc<Queue>, how: EndReason) {
        self.later.wake.extend(queue.end(how));
        self.unread.put(sid, queue);
    }

    /// The queues of all subscriptions that are not handed back.
    pub(crate) fn queues(&mut self) -> impl Iterator<Item = (Sid, &Arc<Queue>)> {
        queues(&mut self.session)
    }

    /// The server refused something.
    pub(crate) fn on_server_error(&mut self, error: &ServerError<'_>) {
        let (kind, text) = (error.kind(), error.to_string());
        let subject = error.violation().map(|violation| violation.subject.to_string());
        self.later.tell(Event::ServerError { kind, text: text.clone(), subject });
        let maybe_refused: Vec<_> = self
            .session
            .maybe_refused()
            .map(|(sid, name)| (sid, name.to_owned()))
            .take(MAX_DOUBTFUL)
            .collect();
        if !maybe_refused.is_empty() {
            self.later.tell(Event::SubscriptionMissing { text, may_be: maybe_refused });
        }
    }

    /// There is a connection: to this server.
    pub(crate) fn on_connected(&mut self) -> String {
        self.failure = None;
        self.first_failures = Vec::new();
        self.server()
    }

    /// A server could not be connected to.
    pub(crate) fn on_connect_failed(
        &mut self,
        reason: DisconnectReason,
        error: Option<ServerError<'_>>,
    ) {
        self.has_failed = true;
        let text = self.note_failure(error);
        let server = std::mem::take(&mut self.dialled);
        self.note_first_failure(&server, reason);
        self.later.tell(Event::ConnectFailed { server, reason, text });
    }

    /// The connection is lost, and with it perhaps so many messages.
    pub(crate) fn on_disconnected(
        &mut self,
        reason: DisconnectReason,
        error: Option<ServerError<'_>>,
        unconfirmed: u64,
    ) {
        let text = self.note_failure(error);
        let server = std::mem::take(&mut self.dialled);
        self.later.tell(Event::Disconnected { server, reason, text, unconfirmed });
    }

    /// What is known of the reason why there is no connection.
    fn note_failure(&mut self, error: Option<ServerError<'_>>) -> Option<String> {
        if let Some(error) = error {
            self.failure = Some(Failure::Server(error.to_string()));
        }
        self.failure.as_ref().map(ToString::to_string)
    }

    /// A server could not be connected to, and there was no connection before.
    fn note_first_failure(&mut self, server: &str, reason: DisconnectReason) {
        // If it is tried again and again, events say so.
        if !self.session.was_connected() && self.session.tries_once() {
            let (server, failure) = (server.to_owned(), self.failure.take());
            let error = ConnectError::from_lost(reason, failure);
            self.first_failures.push(ServerFailure { server, error });
        }
    }

    /// Why there is no connection in the end.
    pub(crate) fn connect_error(&mut self, stop: CloseReason) -> ConnectError {
        let mut failures = std::mem::take(&mut self.first_failures);
        match (stop, failures.len()) {
            (CloseReason::NoServers, _) => ConnectError::NoServers,
            (CloseReason::Disconnected(_), 2..) => ConnectError::AllFailed(failures),
            (CloseReason::Disconnected(lost), _) => match failures.pop() {
                Some(failure) => failure.error,
                None => ConnectError::from_lost(lost, self.failure.take()),
            },
            _ => ConnectError::Disconnected(DisconnectReason::Closed),
        }
    }

    /// A server told about itself.
    pub(crate) fn note_informant(&mut self) {
        self.informant = self.server();
        self.failure = None;
    }

    /// The number of the last message that the server is known to have processed.
    pub(crate) fn confirmed(&mut self) -> u64 {
        self.confirmations.confirmed(&self.session)
    }

    /// The same, if it is another one than when this was asked last.
    pub(crate) fn newly_confirmed(&mut self) -> Option<u64> {
        let number = self.confirmed();
        (std::mem::replace(&mut self.last_confirmed, number) != number).then_some(number)
    }

    /// Tells of servers that are new or gone, and of how many there was no room for.
    pub(crate) fn note_servers(&mut self) {
        let left_out = self.session.servers_skipped();
        let count = left_out.wrapping_sub(std::mem::replace(&mut self.left_out, left_out));
        if count > 0 {
            self.later.tell(Event::ServersSkipped { count });
        }
        let changes = self.session.server_pool_changes();
        if self.servers.0 == changes {
            return;
        }
        let now = addresses(&self.session);
        let (_, before) = std::mem::replace(&mut self.servers, (changes, now.clone()));
        let known: HashSet<_> = before.iter().collect();
        let added: Vec<_> = now.iter().filter(|one| !known.contains(one)).cloned().collect();
        let kept: HashSet<_> = now.iter().collect();
        let removed: Vec<_> = before.iter().filter(|one| !kept.contains(one)).cloned().collect();
        if !(added.is_empty() && removed.is_empty()) {
            self.later.tell(Event::ServersChanged { added, removed });
        }
    }

    /// The server that is connected to, or tried.
    pub(crate) fn server(&self) -> String {
        self.session.target().map(|server| server.to_string()).unwrap_or_default()
    }

    /// The driver is polled by this task.
    pub(crate) fn set_driver(&mut self, driver: &Waker) {
        remember(&mut self.driver, driver);
    }

    pub(crate) fn wake_driver(&mut self) {
        self.later.wake.extend(self.driver.clone());
    }

    /// How the connection stands.
    pub(crate) fn status(&self) -> ConnectionStatus {
        let session = &self.session;
        if self.stopped().is_some() {
            ConnectionStatus::Closed
        } else if session.is_draining() {
            ConnectionStatus::Draining
        } else if session.is_connected() {
            ConnectionStatus::Connected
        } else if session.was_connected() {
            ConnectionStatus::Reconnecting
        } else {
            ConnectionStatus::Connecting
        }
    }

    /// What the server said about itself last.
    pub(crate) fn server_info(&self) -> ServerInfo {
        ServerInfo::new(self.informant.clone(), self.session.info())
    }

    /// The servers to choose from.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = PoolServer> {
        self.session.server_pool().map(|known| PoolServer {
            server: known.url.to_string(),
            failures: known.failures,
            is_discovered: known.is_discovered,
        })
    }

    /// Shows how the connection stands, if that has changed.
    pub(crate) fn note_status(&mut self) {
        let now = self.status();
        if std::mem::replace(&mut self.status, now) != now {
            self.later.note_status();
        }
    }

    /// Lets the driver look whether everything is drained.
    pub(crate) fn wake_if_draining(&mut self) {
        if self.session.is_draining() {
            self.wake_driver();
        }
    }

    /// What would become of a request, or becomes of those that wait, if that is known.
    pub(crate) fn request_outcome(&self) -> Option<Outcome> {
        match self.stopped() {
            Some(CloseReason::Disconnected(_) | CloseReason::NoServers) => {
                Some(Outcome::Disconnected)
            }
            None if !self.session.is_draining() => None,
            _ if self.session.is_draining() && !self.is_closing => Some(Outcome::Draining),
            _ => Some(Outcome::Closed),
        }
    }

    /// Why the client is closed, if it is.
    pub(crate) fn stopped(&self) -> Option<CloseReason> {
        match self.session.phase() {
            Phase::Closed(stop) => Some(stop),
            _ if self.is_over => Some(CloseReason::Closed),
            _ => None,
        }
    }
}

/// The addresses of the servers to choose from.
fn addresses(session: &Session<Growable<Recipient>>) -> Vec<String> {
    session.server_pool().map(|known| known.url.to_string()).collect()
}

/// The queues of all subscriptions that are not handed back.
pub(crate) fn queues(
    session: &mut Session<Growable<Recipient>>,
) -> impl Iterator<Item = (Sid, &Arc<Queue>)> {
    session.recipients_mut().filter_map(|(sid, recipient)| match recipient {
        Recipient::Subscriber { queue, .. } => Some((sid, &*queue)),
        Recipient::Replies | Recipient::Extension { .. } => None,
    })
}
