//! Events of a connection for `tracing`: a span for as long as there is a handle to it, and in it
//! what [`Event`]s tell. Nothing is said of single messages.

#[cfg(feature = "tracing")]
use crate::error::Chain;
use crate::event::Event;

/// Where a connection says what happens to it: nowhere, as this build has no `tracing`.
#[cfg(not(feature = "tracing"))]
pub(crate) struct Log;

#[cfg(not(feature = "tracing"))]
impl Log {
    pub(crate) const fn new(_: Option<&str>) -> Self {
        Self
    }

    pub(crate) const fn connecting(&self, _: &str) {}

    pub(crate) const fn tell(&self, _: &Event) {}
}

/// Where a connection says what happens to it.
#[cfg(feature = "tracing")]
pub(crate) struct Log(tracing::Span);

#[cfg(feature = "tracing")]
impl Log {
    /// For the connection with that name, if it has one. It lives on its own, not in what made it.
    pub(crate) fn new(name: Option<&str>) -> Self {
        Self(tracing::info_span!(parent: None, "nats", name))
    }

    /// A server is being tried, and there was no connection before.
    pub(crate) fn connecting(&self, server: &str) {
        tracing::debug!(parent: &self.0, server, "connecting");
    }

    pub(crate) fn tell(&self, event: &Event) {
        use nats_proto::session::CloseReason;
        use nats_proto::session::DisconnectReason;
        use tracing::debug;
        use tracing::info;
        use tracing::warn;

        let span = &self.0;
        match event {
            Event::Connected { server } => info!(parent: span, server, "connected"),
            Event::Reconnected { server } => info!(parent: span, server, "reconnected"),
            Event::Reconnecting { server, attempt } => {
                debug!(parent: span, server, attempt, "reconnecting");
            }
            Event::ConnectFailed { server, reason, text } => {
                warn!(parent: span, server, reason = %Chain(reason), text, "could not connect");
            }
            // The application asked for it.
            Event::Disconnected {
                server,
                reason: reason @ (DisconnectReason::LameDuckMode | DisconnectReason::Requested),
                ..
            } => {
                info!(parent: span, server, reason = %Chain(reason), "disconnected");
            }
            Event::Disconnected { server, reason, text, unconfirmed } => {
                warn!(parent: span, server, reason = %Chain(reason), text, unconfirmed, "disconnected");
            }
            Event::Resubscribed => debug!(parent: span, "resubscribed"),
            Event::ServersChanged { added, removed } => {
                debug!(parent: span, ?added, ?removed, "server pool changed");
            }
            Event::ServerError { text, .. } => warn!(parent: span, text, "server error"),
            Event::SlowConsumer { sid, subject, queue, dropped } => {
                warn!(parent: span, subject, queue, sid = sid.0, dropped, "slow consumer");
            }
            Event::Oversized { sid, subject, size } => {
                warn!(parent: span, subject, sid = sid.0, size, "oversized message skipped");
            }
            Event::MessageRefused { subject, size, reason } => {
                warn!(parent: span, subject, size, %reason, "message refused");
            }
            Event::LameDuckMode => info!(parent: span, "server in lame duck mode"),
            Event::Closed {
                reason: reason @ (CloseReason::Closed | CloseReason::Drained),
                unsent,
                unconfirmed,
            } => {
                info!(parent: span, reason = %Chain(reason), unsent, unconfirmed, "closed");
            }
            Event::Closed { reason, unsent, unconfirmed } => {
                warn!(parent: span, reason = %Chain(reason), unsent, unconfirmed, "closed");
            }
            other => warn!(parent: span, event = ?other, "event"),
        }
    }
}
