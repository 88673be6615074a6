//! Keeps messages coming from a consumer: a state machine of time and input.

mod ask;
mod config;
mod leave;
mod output;
mod status;
mod suspend;
#[cfg(test)]
mod tests;

pub use config::PullConfig;
pub use config::PullConfigError;
use leave::Leaving;
pub use output::ConsumerState;
pub use output::Handling;
pub use output::Pull;
pub use output::PullEndReason;
pub use output::PullEvent;
pub use output::PullLimit;
pub use output::PullOutput;
use status::Pauses;

use super::inbox::InboxId;
use super::slot::Slot;
use crate::time::Instant;
use crate::time::Millis;

/// How long to wait for the answer to CONSUMER.INFO.
pub(super) const INFO_TIMEOUT: Millis = Millis(2_000);
/// How often to ask whether a consumer that was deleted is there again.
const ABSENCE: Millis = Millis(1_000);
/// The longest pause after pulls that nothing came for.
const MAX_PAUSE: u32 = 30_000;

/// Keeps messages coming from a consumer, whatever the server forgets to say (ADR-37).
///
/// It counts what was asked for, what came and what the application is done with, and asks for more in
/// time. It never has more than [`PullConfig::new`]'s messages under way or with the application. The
/// end of a pull may be announced, announced twice, late, or not at all: then it is noticed by the absence of
/// heartbeats, and another pull is made.
///
/// `SLOTS` is how many pulls are open at the most. With two, one can be made while the last messages of
/// another are coming, which is what a server wants. With one, a device saves 72 bytes, and messages pause
/// for a round trip after each pull.
///
/// # How to drive it
///
/// Like a [`Session`](crate::session::Session): call `handle_*` when something has happened, and **then**
/// [`poll_output`](Self::poll_output) until there is nothing to do, and be back at
/// [`poll_timeout`](Self::poll_timeout). It does not matter how many inputs come before the outputs are
/// collected, so all messages of one read can be passed on under one lock.
///
/// Each [inbox](PullOutput::Subscribe) is a subscription of its own, and a message says by its
/// subscription which inbox it came to. What is a [status](crate::jetstream::PullStatus::read) goes to
/// [`handle_status`](Self::handle_status), with the number in its subject; what is not, to
/// [`handle_message`](Self::handle_message). When the connection is lost, the driver ends the
/// subscriptions of the inboxes, and drops what was not sent yet: pulls live and die with their
/// connection.
///
/// ```
/// use nats_proto::Instant;
/// use nats_proto::jetstream::{Handling, PullConfig, PullConsumer, PullOutput, PullStatus};
///
/// let now = Instant::from_millis(0);
/// let mut consumer = PullConsumer::<1>::new(PullConfig::new(10))?;
/// consumer.handle_connected();
/// let Some(PullOutput::Subscribe(inbox)) = consumer.poll_output(now) else { unreachable!() };
/// let Some(PullOutput::Pull(pull)) = consumer.poll_output(now) else { unreachable!() };
/// assert_eq!((pull.id.inbox, pull.batch), (inbox, 10));
/// assert_eq!(consumer.poll_output(now), None);
///
/// // Six messages of 100 bytes come, and then the pull expires.
/// for _ in 0..6 {
///     assert_eq!(consumer.handle_message(inbox, 100, now), Handling::Deliver);
/// }
/// consumer.handle_status(inbox, Some(pull.id.number), PullStatus::RequestTimeout, now);
/// let Some(PullOutput::Pull(pull)) = consumer.poll_output(now) else { unreachable!() };
/// assert_eq!(pull.batch, 4);
///
/// // The application has dealt with five of them.
/// consumer.release(5, 500);
/// # Ok::<(), nats_proto::jetstream::PullConfigError>(())
/// ```
///
/// # What always holds
///
/// - What came and was not released is never more than the maximum; nor is that together with what was
///   asked for, right after a pull. What comes late may exceed it, and is given back.
/// - No pull is taken for another: not after a status that comes late, nor after a lost connection.
/// - As long as something may be asked for, something is, or [`poll_timeout`](Self::poll_timeout) says
///   when it will be: after twice the heartbeat, or a second after the end of a pull, plus a pause of at
///   most 30 s. No state waits for the server without a timer.
/// - A server that refuses everything is asked four times a second at the most.
#[derive(Clone, Debug)]
pub struct PullConsumer<const SLOTS: usize> {
    config: PullConfig,
    /// What the server allows of the configuration.
    caps: Caps,
    slots: [Slot; SLOTS],
    phase: Phase,
    is_connected: bool,
    /// Whether a message has brought the id of a pin, and no status has taken it away.
    is_pinned: bool,
    /// Whether the consumer was deleted, and is waited for.
    is_absent: bool,
    /// Came, and not released.
    messages: u32,
    bytes: u32,
    last_inbox: u32,
    last_number: u32,
    /// No pull goes out before.
    hold: Instant,
    pauses: Pauses,
    /// The next message does not fit into so many bytes.
    too_small: u32,
    info: Info,
    wants_probe: bool,
    /// Whether nothing is heard of the consumer, and the answer to CONSUMER.INFO will say why.
    is_suspect: bool,
    notices: Notices,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Leaving(Leaving),
    Ended(PullEndReason),
    /// The end was emitted.
    Over,
}

/// What of the configuration may be asked for.
#[derive(Clone, Copy, Debug)]
struct Caps {
    messages: u32,
    bytes: u32,
    expires: Millis,
    heartbeat: Millis,
}

/// Whether CONSUMER.INFO is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Info {
    Idle,
    Wanted,
    Asked { until: Instant },
    Forbidden,
}

/// Events for the application, each emitted once until its cause is over.
#[derive(Clone, Copy, Debug, Default)]
struct Notices {
    stalled: Notice,
    absent: Notice,
    too_large: Notice,
    held_up: Notice,
    batch: Notice,
    bytes: Notice,
    expires: Notice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Notice {
    #[default]
    Nothing,
    Due,
    Done,
}

impl Notice {
    /// Something happened that is emitted once.
    fn note(&mut self) {
        if *self == Self::Nothing {
            *self = Self::Due;
        }
    }

    fn take(&mut self) -> bool {
        let is_due = *self == Self::Due;
        if is_due {
            *self = Self::Done;
        }
        is_due
    }
}

impl<const SLOTS: usize> PullConsumer<SLOTS> {
    /// A consumer without a connection.
    ///
    /// # Errors
    ///
    /// [`PullConfigError`] if the configuration cannot be.
    pub fn new(config: PullConfig) -> Result<Self, PullConfigError> {
        config.check()?;
        let PullConfig { expires, heartbeat, .. } = config;
        Ok(Self {
            config,
            caps: Caps { messages: u32::MAX, bytes: u32::MAX, expires, heartbeat },
            slots: [Slot::EMPTY; SLOTS],
            phase: Phase::Running,
            is_connected: false,
            is_pinned: false,
            is_absent: false,
            messages: 0,
            bytes: 0,
            last_inbox: 0,
            last_number: 0,
            hold: NO_HOLD,
            pauses: Pauses::new(config.seed),
            too_small: 0,
            info: Info::Idle,
            wants_probe: false,
            is_suspect: false,
            notices: Notices::default(),
        })
    }

    /// The client is connected, and nothing of an earlier connection is left: no subscription to an
    /// inbox, no pull that was not sent.
    pub fn handle_connected(&mut self) {
        self.handle_disconnected();
        self.is_connected = true;
        self.hold = NO_HOLD;
        self.pauses.reset();
    }

    /// The connection is lost, and all pulls with it. What was delivered is still good.
    pub fn handle_disconnected(&mut self) {
        self.is_connected = false;
        self.slots.iter_mut().for_each(Slot::forget);
        self.wants_probe = false;
        self.is_suspect = false;
        if self.info != Info::Forbidden {
            self.info = Info::Idle;
        }
        if let Phase::Leaving(leaving) = self.phase {
            self.phase = Phase::Ended(leaving.end);
        }
    }

    /// A message came to an inbox: one that takes so many bytes of a pull's limit
    /// ([`pulled_size`](crate::jetstream::pulled_size)).
    ///
    /// It may also come to an inbox that was given up.
    pub fn handle_message(&mut self, inbox: InboxId, bytes: u32, now: Instant) -> Handling {
        self.handle_sign();
        for slot in &mut self.slots {
            slot.last_sign = now;
            if slot.is_at(inbox) {
                slot.count(bytes);
            }
        }
        self.pauses.reset();
        self.too_small = 0;
        self.notices.too_large = Notice::Nothing;
        self.notices.held_up = Notice::Nothing;
        self.notices.absent = Notice::Nothing;
        let is_wanted = match &mut self.phase {
            Phase::Running => true,
            Phase::Leaving(leaving) => leaving.handle_message(),
            // The application still gets what is there, as at the end that the server makes.
            Phase::Ended(end) => !matches!(end, PullEndReason::Stopped),
            Phase::Over => false,
        };
        if !is_wanted || self.messages >= self.config.max_messages {
            return Handling::Nak;
        }
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        Handling::Deliver
    }

    /// The message had the id of a pin ([`header::PIN_ID`](crate::jetstream::header::PIN_ID)), which the caller
    /// keeps: later pulls [say](Pull::is_pinned) whether it goes with them.
    pub const fn handle_pin(&mut self) {
        self.is_pinned = true;
    }

    /// The application is done with so many messages, and so many bytes of them. Others may come in
    /// their place.
    pub const fn release(&mut self, messages: u32, bytes: u32) {
        self.messages = self.messages.saturating_sub(messages);
        self.bytes = if self.messages == 0 { 0 } else { self.bytes.saturating_sub(bytes) };
    }

    /// An answer to [`PullOutput::RequestInfo`].
    pub fn handle_info(&mut self, state: ConsumerState, now: Instant) {
        if self.info == Info::Forbidden || self.phase != Phase::Running {
            return;
        }
        self.info = Info::Idle;
        match state {
            ConsumerState::Exists { reached_max_ack_pending } => {
                self.pauses.handle_alive();
                // The consumer may have no leader all the same, so a pause is not cut too short.
                self.hold = if self.is_absent { NO_HOLD } else { self.hold.min(now + ABSENCE) };
                self.is_absent = false;
                self.notices.absent = Notice::Nothing;
                if reached_max_ack_pending {
                    self.notices.held_up.note();
                }
            }
            ConsumerState::NotFound => return self.handle_absence(now),
            ConsumerState::Unknown => {}
            ConsumerState::NotPermitted => {
                self.info = Info::Forbidden;
                self.is_absent = false;
            }
        }
        self.confirm_stall();
    }

    /// The server has refused a pull as one that the client may not send. Nothing will ever come.
    pub fn handle_not_permitted(&mut self) {
        if self.phase == Phase::Running {
            self.end(PullEndReason::NotPermitted);
        }
    }

    /// It is time, at [`poll_timeout`](Self::poll_timeout) or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.is_connected {
            return;
        }
        if matches!(self.info, Info::Asked { until } if until <= now) {
            self.info = Info::Idle;
            self.confirm_stall();
        }
        if let Phase::Leaving(_) = self.phase {
            return self.leave_in_time(now);
        }
        let mut is_stalled = false;
        for slot in self.slots.iter_mut().filter(|slot| slot.is_open()) {
            let stalls = slot.stalls_at() <= now;
            is_stalled |= stalls;
            if stalls && slot.is_pinned {
                // A server that does not say that the id is not the pin any more never answers to it.
                self.is_pinned = false;
            }
            if stalls || slot.ends_at() <= now {
                // The server has forgotten to say what became of the pull.
                slot.retire();
            }
        }
        if is_stalled {
            self.handle_stall(now);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_output`](Self::poll_output)
    /// again, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.is_connected {
            return None;
        }
        match self.phase {
            Phase::Running => {}
            Phase::Leaving(leaving) => return Some(leaving.until),
            Phase::Ended(_) | Phase::Over => return None,
        }
        let info = match self.info {
            Info::Asked { until } => Some(until),
            _ => None,
        };
        let hold = self.is_held().then_some(self.hold);
        let open = self.slots.iter().filter(|slot| slot.is_open());
        let slots = open.map(|slot| slot.stalls_at().min(slot.ends_at())).min();
        [info, hold, slots].into_iter().flatten().min()
    }

    /// What to do next. Call it until there is nothing, with room in the send buffer for what it may
    /// ask for, which is done when it returns.
    pub fn poll_output(&mut self, now: Instant) -> Option<PullOutput> {
        let retired = self.slots.iter_mut().find_map(|slot| slot.retired.take());
        if let Some(inbox) = retired {
            return Some(PullOutput::Unsubscribe(inbox));
        }
        if let Some(event) = self.poll_event() {
            return Some(PullOutput::Event(event));
        }
        match self.phase {
            Phase::Running if self.is_connected => self.poll_running(now),
            Phase::Running | Phase::Over => None,
            Phase::Leaving(_) => self.poll_leaving(now),
            Phase::Ended(end) => {
                self.phase = Phase::Over;
                Some(PullOutput::End(end))
            }
        }
    }

    /// How many messages came and were not released.
    #[must_use]
    pub const fn buffered(&self) -> u32 {
        self.messages
    }

    /// How many messages may still come.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.slots.iter().fold(0, |sum, slot| slot.left.saturating_add(sum))
    }

    /// Whether it [stops](Self::stop), and the server may still deliver to its pulls. What is given back meanwhile
    /// comes at once again, so the caller waits with that.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_))
    }

    /// Whether nothing is asked for any more, and the end was emitted.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn poll_event(&mut self) -> Option<PullEvent> {
        let Caps { messages, bytes, expires, .. } = self.caps;
        let max_bytes = self.config.max_bytes.min(bytes);
        let notices = &mut self.notices;
        let table = [
            (&mut notices.stalled, PullEvent::Stalled),
            (&mut notices.absent, PullEvent::ConsumerDeleted),
            (&mut notices.too_large, PullEvent::MessageTooLarge { max_bytes }),
            (&mut notices.held_up, PullEvent::MaxAckPending),
            (&mut notices.batch, PullEvent::Limited(PullLimit::Batch(messages))),
            (&mut notices.bytes, PullEvent::Limited(PullLimit::Bytes(bytes))),
            (&mut notices.expires, PullEvent::Limited(PullLimit::ExpiresMillis(expires.0))),
        ];
        table.into_iter().find_map(|(notice, event)| notice.take().then_some(event))
    }

    /// A sign that the server has not forgotten us.
    const fn handle_sign(&mut self) {
        self.is_suspect = false;
        self.notices.stalled = Notice::Nothing;
    }

    /// Nothing was heard of a pull for too long.
    fn handle_stall(&mut self, now: Instant) {
        self.wants_probe = true;
        let pause = self.pauses.after_stall(self.caps.heartbeat);
        // Without a pull for no longer than a pull lasts.
        self.hold = self.hold.max(now + pause.min(self.caps.expires));
        self.is_suspect = true;
        self.want_info();
        if self.info == Info::Forbidden {
            self.confirm_stall();
        }
    }

    /// Nothing was heard of the consumer, and that it was deleted is not why.
    fn confirm_stall(&mut self) {
        if core::mem::replace(&mut self.is_suspect, false) {
            self.notices.stalled.note();
        }
    }

    fn want_info(&mut self) {
        if self.info == Info::Idle {
            self.info = Info::Wanted;
        }
    }

    /// There is no such consumer.
    fn handle_absence(&mut self, now: Instant) {
        if !self.config.awaits_consumer {
            return self.end(PullEndReason::ConsumerDeleted);
        }
        self.slots.iter_mut().for_each(Slot::close);
        self.hold = now + ABSENCE;
        self.is_suspect = false;
        self.notices.absent.note();
        // Without an answer to that, pulls are all that can find out.
        self.is_absent = self.info != Info::Forbidden;
    }

    fn end(&mut self, end: PullEndReason) {
        self.slots.iter_mut().for_each(Slot::retire);
        self.phase = Phase::Ended(end);
    }
}

/// Earlier than any time that matters.
const NO_HOLD: Instant = Instant::from_millis(0);
