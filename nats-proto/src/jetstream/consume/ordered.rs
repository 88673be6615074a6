//! Reads a stream in its order, by consumers of its own: a state machine of time and input.

mod output;
#[cfg(test)]
mod tests;

pub use output::CreateFailure;
pub use output::DeliverPolicy;
pub use output::OrderedEndReason;
pub use output::OrderedEvent;
pub use output::OrderedHandling;
pub use output::OrderedInfo;
pub use output::OrderedOutput;

use super::delivery::DeliveryInfo;
use super::inbox::InboxId;
use super::info::SequenceInfo;
use super::pull::Handling;
use super::pull::PullConfig;
use super::pull::PullConfigError;
use super::pull::PullConsumer;
use super::pull::PullEvent;
use super::pull::PullOutput;
use super::status::Heartbeat;
use super::status::PullStatus;
use crate::jetstream::pause::Jitter;
use crate::jetstream::pause::doubled;
use crate::time::Instant;
use crate::time::Millis;

/// How long to wait for the answer to CONSUMER.CREATE.
const CREATE_TIMEOUT: Millis = Millis(5_000);
/// How long to wait for the answer to CONSUMER.INFO.
const INFO_TIMEOUT: Millis = Millis(2_000);
/// The first pause before a consumer is created again that could not be.
const PAUSE: u32 = 250;
/// The same where there is no stream, which somebody has to make first.
const PAUSE_WITHOUT_STREAM: u32 = 1_000;
/// The longest of these pauses.
const MAX_PAUSE: u32 = 10_000;
/// A consumer that was read from for so long was a good one.
const GOOD: Millis = Millis(10_000);

/// Reads a stream in its order and without a gap (ADR-17), whatever becomes of the consumer.
///
/// The consumer is not acknowledged to, is kept in memory by one server, and dies with it. When a
/// delivery is missing, when nothing is heard of the consumer, or when it is gone, another one is created
/// that begins behind the last message handed out. So each message from the first one on is handed out
/// once, in the order of the stream.
///
/// # How to drive it
///
/// Like a [`PullConsumer`], whose outputs come inside [`OrderedOutput::Pull`]. Besides, it wants consumers
/// [created](OrderedOutput::Create), [deleted](OrderedOutput::Delete) and
/// [asked about](OrderedOutput::RequestInfo): each has a number, which belongs into its name, so that no
/// name is used twice. It should be created with `ack_policy` `none`, `max_deliver` 1, `mem_storage`,
/// `num_replicas` 1, and an `inactive_threshold` of minutes, so that a consumer disappears that could not be
/// deleted.
///
/// # What always holds
///
/// - What is handed out has growing sequence numbers, and nothing that the consumers deliver between
///   two of them is left out.
/// - It ends only when the application [stops](Self::stop) it, when the server refuses for good what is
///   asked of it, or, if that is [wished](Self::end_without_stream), with its stream.
/// - A consumer that cannot be created is tried again after 250 ms, doubling up to 10 s. So is one that
///   is lost again and again before it has delivered anything.
/// - After a lost connection the consumer is asked about first, and kept if nothing was missed. So
///   connections that come and go leave no consumers behind.
#[derive(Clone, Debug)]
pub struct OrderedConsumer {
    pull: PullConsumer<1>,
    policy: DeliverPolicy,
    ends_without_stream: bool,
    phase: Phase,
    is_connected: bool,
    /// The number of the present consumer, or of the last one.
    serial: u32,
    /// The last inbox of the consumers before the present one.
    old_inbox: InboxId,
    /// The number of the present consumer's next delivery.
    expected: u64,
    /// The sequence number of the last message handed out.
    cursor: Option<u64>,
    /// The sequence number before which the first consumer began to read.
    base: Option<u64>,
    /// A consumer to delete.
    stale: Option<u32>,
    /// How many times in a row a consumer was created, or not, without a message from it.
    attempts: u8,
    /// Since when the present consumer is read from.
    reading_since: Instant,
    jitter: Jitter,
    event: Option<OrderedEvent>,
    wants_probe: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A consumer is to be created.
    Create,
    Creating {
        until: Instant,
    },
    Reading,
    /// The consumer is to be asked about.
    Check,
    Checking {
        until: Instant,
    },
    /// No consumer is created before.
    Waiting {
        until: Instant,
    },
    Ended(OrderedEndReason),
    /// The end was emitted.
    Over,
}

impl OrderedConsumer {
    /// A reader without a connection, which begins where `policy` says.
    ///
    /// # Errors
    ///
    /// [`PullConfigError`] if the configuration of its pulls cannot be.
    pub fn new(config: PullConfig, policy: DeliverPolicy) -> Result<Self, PullConfigError> {
        let mut pull = PullConsumer::new(config)?;
        pull.forbid_info();
        Ok(Self {
            pull,
            policy,
            ends_without_stream: false,
            phase: Phase::Create,
            is_connected: false,
            serial: 0,
            old_inbox: InboxId(0),
            expected: 1,
            cursor: None,
            base: None,
            stale: None,
            attempts: 0,
            reading_since: Instant::from_millis(0),
            jitter: Jitter::new(config.seed ^ 0x5bd1_e995),
            event: None,
            wants_probe: false,
        })
    }

    /// Ends when the stream is deleted. By default, it is waited for.
    #[must_use]
    pub const fn end_without_stream(mut self) -> Self {
        self.ends_without_stream = true;
        self
    }

    /// The client is connected, and nothing of an earlier connection is left.
    pub const fn handle_connected(&mut self) {
        self.is_connected = true;
    }

    /// The connection is lost. The consumer may be there at the next one.
    pub fn handle_disconnected(&mut self) {
        self.is_connected = false;
        self.pull.handle_disconnected();
        self.wants_probe = false;
        self.phase = match self.phase {
            // One that is being created may exist as well.
            Phase::Creating { .. } | Phase::Reading | Phase::Checking { .. } => Phase::Check,
            phase => phase,
        };
    }

    /// An answer to [`OrderedOutput::Create`]: the consumer exists, and says that it has delivered
    /// so much, which is where it begins.
    pub fn handle_created(&mut self, serial: u32, delivered: SequenceInfo, now: Instant) {
        if serial == self.serial && matches!(self.phase, Phase::Creating { .. }) {
            self.read(delivered, now);
        }
    }

    /// An answer to [`OrderedOutput::Create`]: there is no consumer.
    pub fn handle_create_failed(&mut self, serial: u32, failure: CreateFailure, now: Instant) {
        if serial != self.serial || !matches!(self.phase, Phase::Creating { .. }) {
            return;
        }
        match failure {
            CreateFailure::StreamNotFound if self.ends_without_stream => {
                self.end(OrderedEndReason::StreamDeleted);
            }
            // What the first one is refused for will not pass.
            CreateFailure::Refused if self.base.is_none() => self.end(OrderedEndReason::Refused),
            CreateFailure::NotPermitted => self.end(OrderedEndReason::NotPermitted),
            CreateFailure::StreamNotFound => self.wait(PAUSE_WITHOUT_STREAM, now),
            CreateFailure::Refused | CreateFailure::Unavailable => self.wait(PAUSE, now),
        }
    }

    /// An answer to [`OrderedOutput::RequestInfo`].
    pub fn handle_info(&mut self, serial: u32, info: OrderedInfo, now: Instant) {
        if serial != self.serial || !matches!(self.phase, Phase::Checking { .. }) {
            return;
        }
        match info {
            OrderedInfo::Exists(delivered) if delivered.consumer_sequence == self.expected - 1 => {
                self.read(delivered, now);
            }
            OrderedInfo::Exists(_) => self.recreate(OrderedEvent::Gap, now),
            OrderedInfo::NotFound => {
                self.recreate(OrderedEvent::ConsumerDeleted, now);
                self.stale = None;
            }
            OrderedInfo::Unknown => self.recreate(OrderedEvent::Stalled, now),
            // If something was missed, the next delivery shows it.
            OrderedInfo::NotPermitted => self.resume(now),
        }
    }

    /// A message came to an inbox: one that takes so many bytes of a pull's limit
    /// ([`pulled_size`](crate::jetstream::pulled_size)).
    pub fn handle_message(
        &mut self,
        inbox: InboxId,
        bytes: u32,
        delivery: &DeliveryInfo<'_>,
        now: Instant,
    ) -> OrderedHandling {
        if self.phase != Phase::Reading || inbox <= self.old_inbox {
            return OrderedHandling::Drop;
        }
        let has_room = self.pull.handle_message(inbox, bytes, now) == Handling::Deliver;
        let is_next = delivery.consumer_sequence == self.expected;
        let is_seen = self.cursor.is_some_and(|cursor| delivery.stream_sequence <= cursor);
        if has_room && is_next && !is_seen {
            self.expected = self.expected.saturating_add(1);
            self.cursor = Some(delivery.stream_sequence);
            self.attempts = 0;
            return OrderedHandling::Deliver;
        }
        if has_room {
            self.pull.release(1, bytes);
        }
        if is_next && is_seen {
            self.expected = self.expected.saturating_add(1);
        } else {
            self.recreate(OrderedEvent::Gap, now);
        }
        OrderedHandling::Drop
    }

    /// A status came to an inbox, for the pull of that number
    /// ([`PullId::number_in`](crate::jetstream::PullId::number_in) its subject), with what
    /// [`Heartbeat::read`] finds in it.
    ///
    /// Returns whether the stream has nothing more to deliver at present.
    pub fn handle_status(
        &mut self,
        inbox: InboxId,
        number: Option<u32>,
        status: PullStatus<'_>,
        heartbeat: Option<Heartbeat>,
        now: Instant,
    ) -> bool {
        if self.phase != Phase::Reading || !self.pull.has_pull(inbox, number) {
            return false;
        }
        match (status, heartbeat) {
            (PullStatus::ConsumerDeleted | PullStatus::NoResponders, _) => {
                self.recreate(OrderedEvent::ConsumerDeleted, now);
                false
            }
            // The only sign of a message that was lost behind all others.
            (_, Some(at)) if at.consumer_sequence >= self.expected => {
                self.recreate(OrderedEvent::Gap, now);
                false
            }
            _ => {
                self.pull.handle_status(inbox, number, status, now);
                matches!(
                    status,
                    PullStatus::Heartbeat | PullStatus::RequestTimeout | PullStatus::NoMessages
                )
            }
        }
    }

    /// The application is done with so many messages, and so many bytes of them.
    pub const fn release(&mut self, messages: u32, bytes: u32) {
        self.pull.release(messages, bytes);
    }

    /// The server has refused a pull as one that the client may not send. Nothing will ever come.
    pub fn handle_not_permitted(&mut self) {
        self.end(OrderedEndReason::NotPermitted);
    }

    /// Ends it, and deletes the consumer.
    pub fn stop(&mut self) {
        self.end(OrderedEndReason::Stopped);
    }

    /// It is time, at [`poll_timeout`](Self::poll_timeout) or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.is_connected {
            return;
        }
        match self.phase {
            Phase::Reading => self.pull.handle_timeout(now),
            Phase::Creating { until } if until <= now => {
                // It may have been created all the same.
                self.stale = Some(self.serial);
                self.wait(PAUSE, now);
            }
            Phase::Checking { until } if until <= now => self.recreate(OrderedEvent::Stalled, now),
            Phase::Waiting { until } if until <= now => self.phase = Phase::Create,
            _ => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_output`](Self::poll_output)
    /// again, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            _ if !self.is_connected => None,
            Phase::Reading => self.pull.poll_timeout(),
            Phase::Creating { until } | Phase::Checking { until } | Phase::Waiting { until } => {
                Some(until)
            }
            _ => None,
        }
    }

    /// What to do next. Call it until there is nothing, with room in the send buffer for what it may
    /// ask for, which is done when it returns.
    pub fn poll_output(&mut self, now: Instant) -> Option<OrderedOutput> {
        while let Some(output) = self.pull.poll_output(now) {
            match output {
                PullOutput::Event(PullEvent::Stalled) => {
                    self.wants_probe = true;
                    self.recreate(OrderedEvent::Stalled, now);
                }
                PullOutput::Event(PullEvent::MaxAckPending) | PullOutput::RequestInfo => {}
                PullOutput::End(reason) => self.end(OrderedEndReason::of_pull(reason)),
                output => return Some(OrderedOutput::Pull(output)),
            }
        }
        if let Some(event) = self.event.take() {
            return Some(OrderedOutput::Event(event));
        }
        if self.is_connected {
            if core::mem::take(&mut self.wants_probe) {
                return Some(OrderedOutput::Pull(PullOutput::Probe));
            }
            if let Some(serial) = self.stale.take() {
                return Some(OrderedOutput::Delete { serial });
            }
        }
        match self.phase {
            Phase::Create if self.is_connected => {
                self.serial = self.serial.wrapping_add(1);
                self.expected = 1;
                self.phase = Phase::Creating { until: now + CREATE_TIMEOUT };
                Some(OrderedOutput::Create { serial: self.serial, policy: self.next_policy() })
            }
            Phase::Check if self.is_connected => {
                self.phase = Phase::Checking { until: now + INFO_TIMEOUT };
                Some(OrderedOutput::RequestInfo { serial: self.serial })
            }
            Phase::Ended(end) => {
                self.phase = Phase::Over;
                Some(OrderedOutput::End(end))
            }
            _ => None,
        }
    }

    /// The sequence number of the last message handed out.
    #[must_use]
    pub const fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// How many messages were handed out and not released.
    #[must_use]
    pub const fn buffered(&self) -> u32 {
        self.pull.buffered()
    }

    /// Whether nothing is asked for any more, and the end was emitted.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Where the next consumer begins.
    fn next_policy(&self) -> DeliverPolicy {
        match (self.cursor, self.base) {
            (Some(cursor), _) => DeliverPolicy::ByStartSequence(cursor.saturating_add(1)),
            // Which message is the last one of its subject changes, and is not a matter of order.
            (None, _) if self.policy == DeliverPolicy::LastPerSubject => self.policy,
            // What came since the first one was created is not left out.
            (None, Some(base)) => DeliverPolicy::ByStartSequence(base.saturating_add(1)),
            (None, None) => self.policy,
        }
    }

    /// The consumer is there, and has delivered so much.
    fn read(&mut self, delivered: SequenceInfo, now: Instant) {
        self.base = self.base.or(Some(delivered.stream_sequence));
        self.resume(now);
    }

    const fn resume(&mut self, now: Instant) {
        self.phase = Phase::Reading;
        self.reading_since = now;
        self.pull.resume();
    }

    /// The consumer is lost, or what it delivers is not what comes.
    fn recreate(&mut self, event: OrderedEvent, now: Instant) {
        self.old_inbox = self.pull.suspend();
        self.stale = Some(self.serial);
        self.event = Some(event);
        if self.phase == Phase::Reading && self.reading_since + GOOD <= now {
            self.attempts = 0;
        }
        if self.attempts == 0 {
            self.attempts = 1;
            self.phase = Phase::Create;
        } else {
            self.wait(PAUSE, now);
        }
    }

    fn wait(&mut self, first: u32, now: Instant) {
        let pause = doubled(first, self.attempts.saturating_sub(1), MAX_PAUSE);
        self.attempts = self.attempts.saturating_add(1);
        self.phase = Phase::Waiting { until: now + self.jitter.spread(pause) };
    }

    fn end(&mut self, reason: OrderedEndReason) {
        let may_exist = match self.phase {
            Phase::Ended(_) | Phase::Over => return,
            Phase::Create | Phase::Waiting { .. } => false,
            _ => self.serial > 0,
        };
        self.old_inbox = self.pull.suspend();
        if may_exist {
            self.stale = Some(self.serial);
        }
        self.phase = Phase::Ended(reason);
    }
}
