//! The effects of the session's events: the only place where they have any.

use nats_proto::Instant;
use nats_proto::Refusal;
use nats_proto::session;
use nats_proto::session::DisconnectReason;
use nats_proto::wire::ServerError;

use super::Shared;
use crate::error::Failure;
use crate::event::Event;
use crate::state::batch::Refused;
use crate::state::control::Control;
use crate::sync::lock;

impl Shared {
    /// Does what follows from an event, and tells listeners.
    pub(crate) fn apply(&self, control: &mut Control, event: &session::Event<'_>) {
        match event {
            session::Event::Connected => {
                let server = self.on_connected(control);
                control.later.tell(Event::Connected { server });
            }
            session::Event::Reconnected => {
                let server = self.on_connected(control);
                control.later.tell(Event::Reconnected { server });
            }
            session::Event::Resubscribed => control.later.tell(Event::Resubscribed),
            session::Event::Reconnecting { attempt, .. } => {
                let (server, attempt) = (control.server(), *attempt);
                control.later.tell(Event::Reconnecting { server, attempt });
            }
            session::Event::ConnectFailed { reason, error, .. } => {
                control.on_connect_failed(*reason, *error);
            }
            session::Event::Disconnected { reason, error, .. } => {
                let unconfirmed = self.on_disconnect(control);
                self.disconnect_extensions(control);
                control.on_disconnected(*reason, *error, unconfirmed);
            }
            session::Event::ServerError(error) => {
                self.fail_refused_requests(control, error);
                if let Some(violation) = error.violation() {
                    self.refuse_extensions(control, &violation);
                }
                control.on_server_error(error);
            }
            session::Event::InfoChanged => self.check_limits(control),
            session::Event::LameDuckMode => {
                self.check_limits(control);
                control.later.tell(Event::LameDuckMode);
            }
            _ => {}
        }
        control.note_servers();
        control.later.note_changed();
    }

    /// The connection, or the attempt to connect, failed.
    pub(crate) fn disconnect(
        &self,
        control: &mut Control,
        reason: DisconnectReason,
        failure: Option<Failure>,
        now: Instant,
    ) {
        // That nothing was said so far tells more than that the connection was closed.
        control.failure = failure.or_else(|| control.failure.take());
        if let Some(event) = control.session.handle_disconnected(reason, now) {
            self.apply(control, &event);
        }
        self.transmit(control);
    }

    /// There is a connection, to the server that is returned.
    fn on_connected(&self, control: &mut Control) -> String {
        self.counters.connects.add(1);
        self.check_limits(control);
        self.connect_extensions(control);
        control.on_connected()
    }

    /// The server's limits may have changed, or the server has.
    fn check_limits(&self, control: &mut Control) {
        let limits = control.session.publish_limits();
        let refused = lock(&self.outbound).set_limits(limits, &mut control.later.wake);
        if refused.is_empty() {
            return;
        }
        self.counters.refused_messages.add(refused.len() as u64);
        lock(&self.requests).handle_not_taken(&refused, &mut control.later.wake);
        for message in refused {
            let Refused { subject, size, reason, .. } = message;
            control.later.tell(Event::MessageRefused { subject, size, reason: reason.into() });
        }
    }

    /// The connection is lost, and with it perhaps so many messages.
    fn on_disconnect(&self, control: &mut Control) -> u64 {
        let confirmed = control.confirmed();
        let wake = &mut control.later.wake;
        let mut outbound = lock(&self.outbound);
        let unconfirmed = outbound.on_disconnect(confirmed, wake);
        let last = outbound.handed_over();
        drop(outbound);
        self.counters.unconfirmed_messages.add(unconfirmed);
        if !self.options.keep_requests_on_disconnect {
            lock(&self.requests).handle_disconnected(last, wake);
        }
        unconfirmed
    }

    /// Fails the requests that the server does not permit.
    fn fail_refused_requests(&self, control: &mut Control, error: &ServerError<'_>) {
        if let Some(violation) = error.violation() {
            let refusal = Refusal::of(&violation, &self.inbox);
            lock(&self.requests).handle_refused(refusal, &mut control.later.wake);
        }
    }
}
