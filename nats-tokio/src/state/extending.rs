//! When extensions are called, and what they may do then.

use std::task::Waker;

use nats_proto::Filter;
use nats_proto::Instant;
use nats_proto::Sid;
use nats_proto::session::Flush;
use nats_proto::session::FlushState;
use nats_proto::wire::Publish;
use nats_proto::wire::Violation;

use crate::message::payload::Payload;
use crate::state::control::Control;
use crate::state::control::Recipient;
use crate::state::extension::ExtensionId;
use crate::state::extension::Io;
use crate::state::extension::Next;
use crate::state::shared::Shared;
use crate::sync::lock;

impl Shared {
    /// Polls one extension.
    pub(crate) fn poll_extension(&self, control: &mut Control, id: ExtensionId) {
        let Some(extension) = control.extensions.get(id) else { return };
        let now = self.now();
        let mut io = Polled { shared: self, control, id };
        let next = extension.poll(&mut io, now);
        match next {
            Next::At(due) => {
                control.extensions.set_due(id, due, now);
                // The driver wakes up for what it knows of.
                if due.is_some_and(|due| self.is_before_alarm(due)) {
                    control.wake_driver();
                }
            }
            Next::Over => control.extensions.remove(id),
        }
    }

    /// Polls those whose time has come, and returns when the next one's does.
    pub(crate) fn poll_due_extensions(
        &self,
        control: &mut Control,
        now: Instant,
    ) -> Option<Instant> {
        let due = control.extensions.due();
        if control.extensions.take_wants_all() {
            self.poll_extensions(control);
        } else if due.is_some_and(|due| due <= now) {
            for id in control.extensions.due_until(now) {
                self.poll_extension(control, id);
            }
        } else {
            return due;
        }
        control.extensions.due()
    }

    /// Polls those who wait for a PONG, as one has come.
    pub(crate) fn poll_pinging_extensions(&self, control: &mut Control) {
        for id in control.extensions.pinging() {
            self.poll_extension(control, id);
        }
    }

    /// Polls all: there is a connection, or room again.
    pub(crate) fn poll_extensions(&self, control: &mut Control) {
        for (id, _) in control.extensions.every() {
            self.poll_extension(control, id);
        }
    }

    pub(crate) fn connect_extensions(&self, control: &mut Control) {
        for (_, extension) in control.extensions.every() {
            extension.handle_connected();
        }
        self.poll_extensions(control);
    }

    pub(crate) fn disconnect_extensions(&self, control: &mut Control) {
        let position = lock(&self.outbound).frames_taken();
        let now = self.now();
        for (_, extension) in control.extensions.every() {
            extension.handle_disconnected(position, now, &mut control.later.wake);
        }
        // Ends their subscriptions, before anything subscribes again.
        self.poll_extensions(control);
    }

    pub(crate) fn refuse_extensions(&self, control: &mut Control, violation: &Violation<'_>) {
        for (id, extension) in control.extensions.every() {
            extension.handle_violation(violation, &mut control.later.wake);
            self.poll_extension(control, id);
        }
    }

    pub(crate) fn close_extensions(&self, control: &mut Control) {
        for (_, extension) in control.extensions.every() {
            extension.handle_closed(&mut control.later.wake);
        }
        control.extensions.clear();
    }
}

/// An extension, while it is polled.
struct Polled<'c> {
    shared: &'c Shared,
    control: &'c mut Control,
    id: ExtensionId,
}

impl Io for Polled<'_> {
    fn wake(&mut self) -> &mut Vec<Waker> {
        &mut self.control.later.wake
    }

    fn is_connected(&self) -> bool {
        self.control.session.is_connected()
    }

    fn is_ready(&mut self) -> bool {
        if self.control.session.has_transmit() {
            self.shared.transmit(self.control);
        }
        lock(&self.shared.outbound).takes_frames()
    }

    fn subscribe(&mut self, filter: Filter<'_>, tag: u32) -> Option<Sid> {
        let recipient = Recipient::Extension { id: self.id, tag };
        self.control.session.subscribe(filter, None, recipient).ok()
    }

    fn drain(&mut self, sid: Sid) {
        self.control.session.drain_subscription(sid);
        self.shared.transmit(self.control);
    }

    fn unsubscribe(&mut self, sid: Sid) {
        self.control.session.unsubscribe(sid, None);
        self.shared.transmit(self.control);
    }

    fn send(&mut self, publish: &Publish<'_>, payload: &Payload<'_>) -> Option<u64> {
        let (number, driver) = lock(&self.shared.outbound).put_frame(publish, payload)?;
        self.control.later.wake.extend(driver);
        Some(number)
    }

    fn probe(&mut self, now: Instant) {
        self.control.session.probe(now);
        self.shared.transmit(self.control);
        // It has a deadline now that the driver does not know of.
        self.control.wake_driver();
    }

    fn poll_ping(&mut self, ping: &mut Flush) -> bool {
        let is_over = self.control.session.poll_flush(ping, false) != FlushState::Pending;
        self.shared.transmit(self.control);
        self.control.extensions.set_ping(self.id, !is_over);
        is_over
    }
}
