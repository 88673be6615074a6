//! What is true of a session.

use super::Drain;
use super::Draining;
use super::FlushId;
use super::FlushState;
use super::Session;
use super::State;
use crate::message::Sid;
use crate::store::Store;
use crate::url::ServerUrl;
use crate::wire::PublishLimits;
use crate::wire::ServerInfo;

impl<S: Store> Session<S> {
    /// Where a message for `sid` goes, which counts as delivered; `None` if that subscription is
    /// over, or there is no connection yet, and the message is to be dropped.
    #[inline]
    pub fn deliver(&mut self, sid: Sid) -> Option<&mut S::Route> {
        // Whoever speaks before TLS and the login are done may be anybody.
        (self.state == State::Ready).then(|| self.subscriptions.deliver(sid)).flatten()
    }

    /// Where messages for `sid` go, as long as it was not handed back.
    pub fn route_mut(&mut self, sid: Sid) -> Option<&mut S::Route> {
        self.subscriptions.get_mut(sid)
    }

    /// Where messages go, for all subscriptions that were not handed back.
    pub fn routes_mut(&mut self) -> impl Iterator<Item = (Sid, &mut S::Route)> {
        self.subscriptions.iter_mut()
    }

    /// How many subscriptions there are, those included that are to be handed back.
    pub const fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether there is a connection to publish to.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready && !matches!(self.draining, Some(Drain::Publishes { .. }))
    }

    /// How far draining has come, if it was started.
    pub const fn draining(&self) -> Option<Draining> {
        match self.draining {
            None => None,
            Some(Drain::Subscriptions) => Some(Draining::Subscriptions),
            Some(Drain::Arrived) => Some(Draining::Arrived),
            Some(Drain::Publishes { .. }) => Some(Draining::Publishes),
        }
    }

    /// How a flush stands.
    pub const fn flush_state(&self, id: FlushId) -> FlushState {
        if id.link != self.link {
            FlushState::Lost
        } else if self.pings.is_answered(id.number) {
            FlushState::Done
        } else if matches!(self.state, State::Stopped(_)) {
            FlushState::Lost
        } else {
            FlushState::Pending
        }
    }

    /// What may be published on this connection.
    pub fn publish_limits(&self) -> PublishLimits {
        let payload = match self.info.max_payload() {
            0 => usize::MAX,
            max => usize::try_from(max).unwrap_or(usize::MAX),
        };
        let line = self.config.max_control_line;
        PublishLimits { payload, line, headers: self.info.headers() }
    }

    /// What the server said about itself last.
    pub const fn info(&self) -> &ServerInfo<S::Text> {
        &self.info
    }

    /// A number that changes when a connection, or the attempt to make one, is lost: whoever is
    /// still busy with [`Step::Dial`](super::Step::Dial) then had better start again.
    pub const fn link(&self) -> u32 {
        self.link
    }

    /// The name that the server's certificate has to be made out to.
    pub fn tls_name(&self) -> &str {
        self.pool.current().map_or("", |server| server.host())
    }

    /// The server connected to, or being connected to.
    pub fn server(&self) -> Option<ServerUrl<'_>> {
        self.pool.current()
    }
}
