//! The client's state, behind its lock.

#[cfg(feature = "jetstream")]
pub(crate) mod attempt;
pub(crate) mod borrowed;
pub(crate) mod chunks;
pub(crate) mod delivery;
pub(crate) mod inbound;
pub(crate) mod outbound;
mod publish;
#[cfg(feature = "jetstream")]
pub(crate) mod pulled;
pub(crate) mod queued;
pub(crate) mod requests;
pub(crate) mod shared;
pub(crate) mod sizes;
pub(crate) mod slot_owner;
pub(crate) mod slots;

use core::task::Waker;

use core::num::NonZeroU64;
use nats_proto::Filter;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Message;
use nats_proto::Outcome;
use nats_proto::QueueGroup;
use nats_proto::Sid;
use nats_proto::Store;
use nats_proto::session;
use nats_proto::session::CloseReason;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Session;
use nats_proto::wire::Oversized;

use self::publish::RetainedBody;
use crate::config::Offline;
use crate::error::SubscribeError;
use crate::event::Event;
use crate::event::Events;
use crate::event::Statistics;
use crate::fmt::log_event;
#[cfg(feature = "jetstream")]
use crate::state::attempt::Attempts;
use crate::state::delivery::Delivered;
use crate::state::delivery::Delivery;
use crate::state::outbound::TxBuffer;
use crate::state::requests::NO_INBOX;
use crate::state::sizes::Sizes;
use crate::state::slot_owner::SlotOwner;
use crate::wakers::FairQueue;
use crate::wakers::Turn;
use crate::wakers::Waiters;
use crate::wakers::WakerSlot;

pub(crate) struct State<'d, R: Sizes<'d>> {
    pub(crate) session: Session<R::Store>,
    /// What is to be written next.
    pub(crate) front: TxBuffer<'d>,
    /// What is known of the message that waits in it for a connection.
    retained: RetainedBody,
    /// Where messages go.
    pub(crate) delivery: R::Delivery,
    pub(crate) inbox: Inbox<<R::Store as Store>::Text>,
    /// The last subscription to the inbox, or [`NO_INBOX`].
    pub(crate) inbox_sid: Sid,
    pub(crate) events: Events,
    pub(crate) statistics: Statistics,
    /// The runner's task.
    runner: WakerSlot,
    is_runner_due: bool,
    /// Tasks that wait for space, for a connection, or for its end.
    pub(crate) waiters: Waiters,
    /// Publishers that wait for space.
    line: FairQueue,
    pub(crate) offline: Offline,
    /// Whether it ends without waiting for subscribers.
    is_closing: bool,
}

impl<'d, R: Sizes<'d>> State<'d, R> {
    pub(crate) const fn new(
        session: Session<R::Store>,
        front: TxBuffer<'d>,
        delivery: R::Delivery,
        inbox: Inbox<<R::Store as Store>::Text>,
        offline: Offline,
    ) -> Self {
        Self {
            session,
            front,
            retained: RetainedBody::NONE,
            delivery,
            inbox,
            inbox_sid: NO_INBOX,
            events: Events::new(),
            statistics: Statistics::NONE,
            runner: WakerSlot::new(),
            is_runner_due: false,
            waiters: Waiters::new(),
            line: FairQueue::new(),
            offline,
            is_closing: false,
        }
    }

    /// Why the client is closed, if it is.
    pub(crate) fn stopped(&self) -> Option<CloseReason> {
        match self.session.phase() {
            Phase::Closed(stop) => Some(stop),
            _ => None,
        }
    }

    // Waking -------------------------------------------------------------------------------------

    /// The runner's task, to be woken when there is something to do.
    pub(crate) fn register_runner(&mut self, waker: &Waker) {
        self.runner.register(waker);
    }

    /// Wakes the runner.
    pub(crate) fn wake_runner(&mut self) {
        self.is_runner_due = true;
        *self.delivery.has_due() = true;
    }

    /// Wakes all tasks that wait for something that concerns all.
    pub(crate) fn wake_waiters(&mut self) {
        self.waiters.wake();
        *self.delivery.has_due() = true;
    }

    /// Whether a task is to be woken once the lock is released.
    pub(crate) fn has_due(&mut self) -> bool {
        *self.delivery.has_due()
    }

    pub(crate) fn take_due(&mut self) -> Option<Waker> {
        let due = self.runner.take_if(&mut self.is_runner_due);
        let due = due.or_else(|| self.waiters.take_due());
        let due = due.or_else(|| self.delivery.take_due());
        *self.delivery.has_due() = due.is_some();
        due
    }

    /// A publisher that waited for space does not any more.
    pub(crate) fn leave(&mut self, turn: Turn) {
        if self.line.leave(turn) {
            self.wake_waiters();
        }
    }

    // Receiving ----------------------------------------------------------------------------------

    /// Delivers a message. One that is too long counts, unless it is `streamed`.
    pub(crate) fn handle_message(&mut self, message: &Message<&[u8]>, streamed: bool) -> Delivered {
        self.statistics.in_messages = self.statistics.in_messages.wrapping_add(1);
        let sid = message.sid();
        let Some(owner) = self.session.deliver(sid).map(|recipient| SlotOwner(*recipient)) else {
            return Delivered::Unwanted;
        };
        let delivered = if owner == SlotOwner::REQUEST {
            match self.inbox.request_id(message.subject_bytes()) {
                Some(request_id) => self.delivery.deliver_reply(request_id, message),
                None => Delivered::Unwanted,
            }
        } else {
            self.delivery.deliver(owner, message)
        };
        match delivered {
            Delivered::Dropped => self.on_dropped(owner, sid),
            Delivered::TooLong => {
                self.on_too_long(owner, sid, message.layout().body_len(), streamed);
                #[cfg(feature = "jetstream")]
                if self.delivery.terminates(owner) {
                    self.acknowledge(message, b"+TERM");
                }
            }
            #[cfg(feature = "jetstream")]
            Delivered::Returned => self.acknowledge(message, b"-NAK"),
            Delivered::Stored | Delivered::Borrowed(_) | Delivered::Unwanted => {}
        }
        self.release();
        // The requester has been woken.
        if owner == SlotOwner::REQUEST && matches!(delivered, Delivered::TooLong) {
            return Delivered::Unwanted;
        }
        delivered
    }

    /// A message is longer than the memory for receiving. Returns whether a subscription gets it.
    pub(crate) fn handle_oversized(&mut self, oversized: Oversized<'_>, streamed: bool) -> bool {
        self.statistics.in_messages = self.statistics.in_messages.wrapping_add(1);
        let Oversized { sid, subject, size, .. } = oversized;
        // It counts as delivered, as it does for the server.
        let Some(owner) = self.session.deliver(sid).map(|recipient| SlotOwner(*recipient)) else {
            return false;
        };
        if owner == SlotOwner::REQUEST
            && let Some(request_id) = self.inbox.request_id(subject)
        {
            self.delivery.end_request(request_id, Outcome::ReplyTooLong);
        }
        self.on_too_long(owner, sid, size, streamed);
        self.release();
        owner != SlotOwner::REQUEST
    }

    fn on_too_long(&mut self, owner: SlotOwner, sid: Sid, size: usize, streamed: bool) {
        if streamed && owner != SlotOwner::REQUEST {
            self.statistics.streamed_messages = self.statistics.streamed_messages.wrapping_add(1);
            return;
        }
        self.delivery.on_too_long(owner);
        self.statistics.oversized_messages = self.statistics.oversized_messages.wrapping_add(1);
        self.emit(Event::Oversized { sid, size });
    }

    fn on_dropped(&mut self, owner: SlotOwner, sid: Sid) {
        self.statistics.dropped_messages = self.statistics.dropped_messages.wrapping_add(1);
        if self.delivery.begins_dropping(owner) {
            self.emit(Event::SlowConsumer { sid });
        }
    }

    /// The memory for receiving, once no message in it is borrowed. One that was not read is
    /// dropped.
    pub(crate) fn reclaim(&mut self) -> Option<&'d mut [u8]> {
        let (memory, was_read) = self.delivery.reclaim()?;
        self.statistics.dropped_messages =
            self.statistics.dropped_messages.wrapping_add(u32::from(!was_read));
        Some(memory)
    }

    // Subscriptions ------------------------------------------------------------------------------

    pub(crate) fn subscribe(
        &mut self,
        filter: Filter<'_>,
        group: Option<QueueGroup<'_>>,
        owner: SlotOwner,
    ) -> Result<Sid, SubscribeError> {
        let sid = self.session.subscribe(filter, group, owner.0)?;
        self.after_change();
        self.wake_runner();
        Ok(sid)
    }

    /// Changes something about a subscription, or about the session.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut Session<R::Store>) -> T) -> T {
        let changed = change(&mut self.session);
        self.after_change();
        self.wake_runner();
        changed
    }

    /// Ends a subscription when it has got so many messages. Says whether it was still going.
    pub(crate) fn unsubscribe_after(&mut self, sid: Sid, max: u64) -> bool {
        // One that is to get none is over now.
        let max = NonZeroU64::new(max);
        self.change(|session| session.unsubscribe(sid, max))
    }

    // What follows -------------------------------------------------------------------------------

    /// Does everything that is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.session.poll_timeout().is_none_or(|(deadline, _)| deadline > now) {
            return;
        }
        while let Some(event) = self.session.handle_timeout(now) {
            self.handle_event(&event);
        }
        self.after_change();
        // There may be something to write.
        self.wake_runner();
    }

    /// What happened to the session, if anything, and all that follows.
    pub(crate) fn handle_events(&mut self, event: Option<session::Event<'_>>) {
        if let Some(event) = event {
            self.handle_event(&event);
        }
        self.after_change();
    }

    /// Has the consequences of what happened to the session.
    pub(crate) fn handle_event(&mut self, event: &session::Event<'_>) {
        match event {
            session::Event::Connected | session::Event::Reconnected => {
                self.statistics.connects = self.statistics.connects.wrapping_add(1);
            }
            session::Event::ConnectFailed { .. } => self.front.clear(),
            session::Event::Disconnected { .. } => {
                self.front.clear();
                self.delivery.on_disconnected(self.statistics.out_bytes);
                // Pulls are lost with their connection, and what they asked for is not to come to another one.
                #[cfg(feature = "jetstream")]
                while let Some(sid) = self.delivery.take_inbox() {
                    self.session.unsubscribe(sid, None);
                }
            }
            session::Event::ServerError(error) => {
                if let Some(violation) = error.violation() {
                    self.delivery.on_refused(&violation, &self.inbox);
                }
            }
            _ => {}
        }
        if let Some(event) = Event::of(event) {
            self.emit(event);
        }
    }

    fn emit(&mut self, event: Event) {
        log_event(&event);
        self.events.push(event);
        self.wake_waiters();
    }

    /// Does what may have become due after the session was called.
    pub(crate) fn after_change(&mut self) {
        // What does not fit follows when there is room.
        self.transmit();
        self.session.poll_drained(self.outstanding());
        self.release();
        self.transmit();
        if self.stopped().is_some() {
            self.delivery.on_closed();
            self.drop_retained();
        }
        self.wake_waiters();
    }

    fn outstanding(&self) -> Outstanding {
        Outstanding { undelivered: !self.delivery.is_idle(), unsent: self.front.has_retained() }
    }

    /// Ends everything as soon as the server has what was published. What was received and is still
    /// waiting is dropped.
    pub(crate) fn close(&mut self, now: Instant) {
        self.is_closing = true;
        self.session.close(self.outstanding(), now);
        self.delivery.on_closed();
        self.after_change();
        self.wake_runner();
    }

    /// Ends the subscriptions that the session has given back.
    fn release(&mut self) {
        while let Some(released) = self.session.poll_released() {
            let (sid, how) = (released.sid, released.ended);
            if released.recipient == SlotOwner::REQUEST.0 {
                self.delivery.on_inbox_ended(how);
            } else if !self.delivery.end(SlotOwner(released.recipient), sid, how) {
                self.emit(Event::SubscriptionEnded { sid, reason: how });
            }
        }
    }
}
