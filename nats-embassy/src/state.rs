//! What is true of a client.

use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_sync::waitqueue::WakerRegistration;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Message;
use nats_proto::Requests;
use nats_proto::Sid;
use nats_proto::StatusCode;
use nats_proto::Store;
use nats_proto::session;
use nats_proto::session::Draining;
use nats_proto::session::Session;
use nats_proto::session::Step;
use nats_proto::session::Stop;
use nats_proto::wire::Oversized;
use nats_proto::wire::Publish;

use crate::config::Offline;
use crate::error::PublishError;
use crate::event::Event;
use crate::event::Events;
use crate::event::Statistics;
use crate::fmt::note;
use crate::mailbox::Kept;
use crate::mailbox::Mailbox;
use crate::mailbox::Owner;
use crate::outbound::Half;
use crate::request::Reply;
use crate::request::ReplyState;
use crate::resources::sealed::Sizes;

/// How many tasks can wait for the same thing, without waking each other.
const WAITERS: usize = 4;

pub(crate) struct State<'d, R: Sizes<'d>> {
    pub(crate) session: Session<R::Store>,
    /// What is to be written next.
    pub(crate) front: Half<'d>,
    pub(crate) mailbox: Mailbox<'d>,
    pub(crate) requests: Requests<Reply, R::Requests>,
    pub(crate) inbox: Inbox<<R::Store as Store>::Text>,
    /// The subscription to the inbox, once it was needed.
    pub(crate) inbox_sid: Option<Sid>,
    pub(crate) events: Events,
    pub(crate) statistics: Statistics,
    /// The task that moves the bytes.
    pub(crate) runner: WakerRegistration,
    /// Everybody who waits for room, for a connection, or for its end.
    pub(crate) waiters: MultiWakerRegistration<WAITERS>,
    pub(crate) offline: Offline,
}

impl<'d, R: Sizes<'d>> State<'d, R> {
    pub(crate) fn new(
        session: Session<R::Store>,
        front: Half<'d>,
        mailbox: Mailbox<'d>,
        inbox: Inbox<<R::Store as Store>::Text>,
        offline: Offline,
    ) -> Self {
        Self {
            session,
            front,
            mailbox,
            requests: Requests::default(),
            inbox,
            inbox_sid: None,
            events: Events::default(),
            statistics: Statistics::default(),
            runner: WakerRegistration::new(),
            waiters: MultiWakerRegistration::new(),
            offline,
        }
    }

    /// Why the client is over, if it is.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.session.step() {
            Step::Stop(stop) => Some(stop),
            _ => None,
        }
    }

    // Sending ------------------------------------------------------------------------------------

    /// Whether a frame of `len` bytes can be published at once. Everything that is due by then is
    /// in front of it.
    pub(crate) fn prepare(&mut self, len: usize) -> Result<(), PublishError> {
        let is_over = self.session.draining() == Some(Draining::Publishes);
        if is_over || self.stopped().is_some() {
            return Err(PublishError::Closed);
        }
        let max = self.front.capacity();
        if len > max {
            return Err(PublishError::TooLong { max });
        }
        if !self.session.is_ready() {
            return Err(PublishError::Disconnected);
        }
        if self.pump() && len <= max - self.front.bytes().len() {
            Ok(())
        } else {
            Err(PublishError::Full)
        }
    }

    pub(crate) fn publish(&mut self, message: &Publish<'_>) -> Result<(), PublishError> {
        self.prepare(message.encoded_len())?;
        self.session.publish_limits().check(message)?;
        self.front.write(|out| message.encode(out)).map_err(|_| PublishError::Full)?;
        self.note_published();
        Ok(())
    }

    pub(crate) fn note_published(&mut self) {
        self.statistics.published = self.statistics.published.wrapping_add(1);
        self.runner.wake();
    }

    /// Whether to wait after such an error.
    pub(crate) fn may_wait(&self, error: PublishError) -> bool {
        match error {
            PublishError::Full => true,
            PublishError::Disconnected => self.offline == Offline::Wait,
            _ => false,
        }
    }

    /// Puts the control lines that are due where they are written from, and says whether all of them
    /// fit.
    pub(crate) fn pump(&mut self) -> bool {
        let session = &mut self.session;
        !session.has_transmit() || self.front.write(|out| session.poll_transmit(out)).is_ok()
    }

    // Receiving ----------------------------------------------------------------------------------

    pub(crate) fn handle_message(&mut self, message: &Message<&[u8]>) {
        self.statistics.received = self.statistics.received.wrapping_add(1);
        let sid = message.sid();
        let Some(owner) = self.session.deliver(sid).map(|route| Owner(*route)) else { return };
        if owner == Owner::REQUEST {
            self.handle_reply(message);
        } else {
            match self.mailbox.keep(owner, message) {
                Kept::Yes => {}
                Kept::Dropped => self.note_dropped(owner, sid),
                Kept::TooLong => self.note_oversized(sid, message.layout().body_len()),
            }
            self.release();
        }
    }

    fn handle_reply(&mut self, message: &Message<&[u8]>) {
        let Some(token) = self.inbox.token(message.subject_bytes()) else { return };
        let Some(reply) = self.requests.get_mut(token) else { return };
        if reply.state != ReplyState::Waiting {
            return;
        }
        let is_status = |code| message.status().is_some_and(|status| status.code() == code);
        if message.payload().is_empty() && is_status(StatusCode::NO_RESPONDERS) {
            reply.end(ReplyState::NoResponders);
            return;
        }
        match self.mailbox.keep_reply(reply.place, message) {
            Kept::Yes => reply.end(ReplyState::Answered),
            _ => {
                reply.end(ReplyState::TooLong);
                self.note_oversized(message.sid(), message.layout().body_len());
            }
        }
    }

    /// A message is longer than the memory for receiving.
    pub(crate) fn handle_oversized(&mut self, oversized: Oversized<'_>) {
        self.statistics.received = self.statistics.received.wrapping_add(1);
        let Oversized { sid, subject, size } = oversized;
        // It counts as delivered, as it does for the server.
        let Some(owner) = self.session.deliver(sid).map(|route| Owner(*route)) else { return };
        if owner == Owner::REQUEST {
            let token = self.inbox.token(subject);
            if let Some(reply) = token.and_then(|token| self.requests.get_mut(token)) {
                reply.end(ReplyState::TooLong);
            }
        } else if let Some(queue) = self.mailbox.queue(owner) {
            queue.oversized = queue.oversized.wrapping_add(1);
        }
        self.note_oversized(sid, size);
        self.release();
    }

    fn note_oversized(&mut self, sid: Sid, size: usize) {
        self.statistics.oversized = self.statistics.oversized.wrapping_add(1);
        self.tell(Event::Oversized { sid, size });
    }

    fn note_dropped(&mut self, owner: Owner, sid: Sid) {
        self.statistics.dropped = self.statistics.dropped.wrapping_add(1);
        let queue = self.mailbox.queue(owner);
        if queue.is_some_and(|queue| !core::mem::replace(&mut queue.is_behind, true)) {
            self.tell(Event::SlowConsumer { sid });
        }
    }

    // What follows -------------------------------------------------------------------------------

    /// Tells of what happened to the session.
    pub(crate) fn handle_event(&mut self, event: &session::Event<'_>) {
        match event {
            session::Event::Connected | session::Event::Reconnected => {
                self.statistics.connections = self.statistics.connections.wrapping_add(1);
            }
            session::Event::ConnectFailed { .. } => self.front.clear(),
            session::Event::Disconnected { .. } => {
                self.front.clear();
                self.requests.fail(|_, reply| {
                    if reply.is_sent {
                        reply.end(ReplyState::Disconnected);
                    }
                    reply.is_sent
                });
            }
            _ => {}
        }
        if let Some(event) = Event::of(event) {
            self.tell(event);
        }
    }

    fn tell(&mut self, event: Event) {
        note!(event);
        self.events.push(event);
        self.waiters.wake();
    }

    /// Does what may have become due after the session was called.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.release();
        if self.session.draining() == Some(Draining::Arrived) && self.mailbox.is_dealt_with() {
            if self.session.is_connected() {
                self.session.finish(now);
            } else {
                self.session.finish_unconnected();
            }
            self.release();
        }
        if self.stopped().is_some() {
            self.requests.fail(|_, reply| {
                reply.end(ReplyState::Closed);
                true
            });
        }
        // What does not fit follows when there is room.
        self.pump();
        self.waiters.wake();
    }

    /// Lets subscribers know that there is nothing more to come.
    fn release(&mut self) {
        while let Some(released) = self.session.poll_released() {
            if self.inbox_sid == Some(released.sid) {
                self.inbox_sid = None;
            } else if let Some(queue) = self.mailbox.queue(Owner(released.route)) {
                queue.end(released.ended);
            }
        }
    }
}
