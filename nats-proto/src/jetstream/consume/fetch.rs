//! A number of messages at once: a state machine of time and input.

mod doubt;
mod end;
#[cfg(test)]
mod tests;

pub use end::FetchEndReason;

use core::time::Duration;

use super::inbox::InboxId;
use super::inbox::PullId;
use super::pull::ConsumerState;
use super::pull::Handling;
use super::pull::Info;
use super::pull::Pull;
use super::slot::Slot;
use super::status::PullStatus;
use crate::time::Instant;
use crate::time::Millis;

/// How long a fetch that does not wait takes at most.
const NO_WAIT: Millis = Millis(1_000);
/// From which time on a fetch asks for heartbeats, and how often at least.
const WITH_HEARTBEAT: u32 = 1_000;
const MAX_HEARTBEAT: u32 = 5_000;
/// How much sooner than the caller's time the server's ends at most.
const MARGIN: u32 = 250;
/// For how long a pull that was given up is listened to, so that what comes is given back at once.
const LINGER: Millis = Millis(500);
/// The same where a message is delivered only so many times: a server with leaf nodes serves a pull
/// that is younger without a subscriber.
const LINGER_LIMITED: Millis = Millis(2_000);
/// How many pulls that were given up are listened to.
const LINGERING: usize = 2;

/// Fetches messages from a consumer, one batch after the other: a pull that ends when there is
/// nothing more, or when it is time.
///
/// All batches use one subscription, unless one is given up in the middle. Nothing is asked for that
/// is not waited for.
///
/// That there is nothing is only said if the server says so. If it says nothing, CONSUMER.INFO is
/// [asked for](FetchOutput::RequestInfo): the consumer may be gone, or its leader, which an old server does not
/// tell, or wait for acknowledgements, which no server tells a fetch that does not wait. Without an answer to
/// that either, the fetch has [timed out](FetchEndReason::TimedOut).
///
/// It is driven like a [`PullConsumer`](crate::jetstream::PullConsumer): `handle_*` when something has happened,
/// then [`poll_output`](Self::poll_output), and [`poll_timeout`](Self::poll_timeout) says when to be back.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::Instant;
/// use nats_proto::jetstream::{Fetch, FetchConfig, FetchEndReason, FetchOutput, Handling, PullStatus};
///
/// let now = Instant::from_millis(0);
/// let mut fetch = Fetch::new();
/// fetch.handle_connected();
/// fetch.start(FetchConfig::new(10).max_wait(Duration::from_secs(5)), now);
/// let Some(FetchOutput::Subscribe(inbox)) = fetch.poll_output(now) else { unreachable!() };
/// let Some(FetchOutput::Pull(pull)) = fetch.poll_output(now) else { unreachable!() };
///
/// assert_eq!(fetch.handle_message(inbox, 100, now), Handling::Deliver);
/// fetch.handle_status(inbox, Some(pull.id.number), PullStatus::NoMessages, now);
/// assert_eq!(fetch.poll_output(now), Some(FetchOutput::End(FetchEndReason::NoMoreMessages)));
/// assert_eq!(fetch.received(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Fetch {
    slot: Slot,
    phase: Phase,
    config: FetchConfig,
    is_connected: bool,
    is_pinned: bool,
    received: u32,
    /// Until when the application waits.
    deadline: Instant,
    /// Whether the server may wait for a first message.
    waits: bool,
    info: Info,
    /// Whether the server has said that the consumer is there, since the last pull.
    is_alive: bool,
    /// Whether CONSUMER.INFO was asked for because of the last pull.
    was_doubted: bool,
    /// No pull goes out before.
    hold: Instant,
    /// How many pulls in a row nobody answered for.
    refusals: u8,
    last_inbox: u32,
    last_number: u32,
    lingering: [Lingering; LINGERING],
    /// An inbox to unsubscribe from at once.
    displaced: Option<InboxId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A pull is to be sent.
    Due,
    Open,
    Ended(FetchEndReason),
}

/// An inbox that is to be unsubscribed from, of a pull that was given up.
#[derive(Clone, Copy, Debug)]
struct Lingering {
    inbox: Option<InboxId>,
    number: u32,
    /// How many messages may still come.
    left: u32,
    until: Instant,
}

impl Lingering {
    const NONE: Self = Self { inbox: None, number: 0, left: 0, until: Instant::from_millis(0) };
}

/// What to fetch. Times are rounded up to whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FetchConfig {
    batch: u32,
    max_bytes: u32,
    /// Zero is not at all.
    max_wait: Millis,
    unlimited_deliveries: bool,
}

impl FetchConfig {
    /// Up to so many messages, of those that are there. Zero counts as one.
    #[must_use]
    pub const fn new(batch: u32) -> Self {
        let batch = if batch == 0 { 1 } else { batch };
        Self { batch, max_bytes: 0, max_wait: Millis(0), unlimited_deliveries: false }
    }

    /// Up to so many bytes, of [`pulled_size`](crate::jetstream::pulled_size) each message. Zero, the default, is
    /// no limit.
    #[must_use]
    pub const fn max_bytes(self, max_bytes: u32) -> Self {
        Self { max_bytes, ..self }
    }

    /// If no message is there, wait for the first for so long; that is also how long a fetch takes at
    /// most. The server's time ends a tenth sooner, 250 ms at the most, so that its word is here in time.
    ///
    /// By default, a fetch does not wait; it takes a second at most, since a consumer that waits for
    /// acknowledgements does not answer at all.
    #[must_use]
    pub fn max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait: max_wait.into(), ..self }
    }

    /// The same as a moment: wait for the first message until `deadline`.
    #[must_use]
    pub fn wait_until(self, deadline: Instant, now: Instant) -> Self {
        let left = deadline.as_millis().saturating_sub(now.as_millis());
        Self { max_wait: Millis(u32::try_from(left).unwrap_or(u32::MAX)), ..self }
    }

    /// The consumer delivers a message as often as it takes (`max_deliver` is -1), so that a fetch that
    /// was given up is listened to for 500 ms instead of 2 s.
    #[must_use]
    pub const fn unlimited_deliveries(self) -> Self {
        Self { unlimited_deliveries: true, ..self }
    }

    const fn linger(&self) -> Millis {
        if self.unlimited_deliveries { LINGER } else { LINGER_LIMITED }
    }
}

/// What a [`Fetch`] wants done, on the present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FetchOutput {
    /// Subscribe to the inbox.
    Subscribe(InboxId),
    /// Unsubscribe from the inbox, and go on passing on what still comes until the server has confirmed
    /// that.
    Unsubscribe(InboxId),
    /// Send the pull.
    Pull(Pull),
    /// Ask for the consumer's state (CONSUMER.INFO), and pass the answer to
    /// [`handle_info`](Fetch::handle_info). A driver that cannot ask passes [`ConsumerState::Unknown`].
    RequestInfo,
    /// The fetch is over, and the next one may start.
    End(FetchEndReason),
}

impl Fetch {
    /// Nothing is being fetched, and there is no connection.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slot: Slot::EMPTY,
            phase: Phase::Idle,
            config: FetchConfig::new(1),
            is_connected: false,
            is_pinned: false,
            received: 0,
            deadline: Instant::from_millis(0),
            waits: false,
            info: Info::Idle,
            is_alive: false,
            was_doubted: false,
            hold: Instant::from_millis(0),
            refusals: 0,
            last_inbox: 0,
            last_number: 0,
            lingering: [Lingering::NONE; LINGERING],
            displaced: None,
        }
    }

    /// Starts to fetch. While there is no connection, it waits for one.
    ///
    /// A fetch that is under way is [given up](Self::cancel) for it.
    pub fn start(&mut self, config: FetchConfig, now: Instant) {
        self.cancel(now);
        self.config = config;
        self.received = 0;
        self.waits = config.max_wait.0 > 0;
        self.deadline = now + if self.waits { config.max_wait } else { NO_WAIT };
        self.begin();
        self.phase = Phase::Due;
    }

    /// Gives a fetch up: what still comes is [given back](Handling::Nak). Does nothing if there is
    /// none.
    ///
    /// Its pull cannot be taken back, so it is listened to for a while. It gets no more messages than it
    /// asked for.
    pub fn cancel(&mut self, now: Instant) {
        if self.phase == Phase::Open {
            self.abandon(now);
        }
        self.phase = Phase::Idle;
    }

    /// The client is connected, and nothing of an earlier connection is left.
    pub const fn handle_connected(&mut self) {
        self.is_connected = true;
    }

    /// The connection is lost, and the pull with it.
    pub fn handle_disconnected(&mut self) {
        self.is_connected = false;
        self.slot.forget();
        self.lingering = [Lingering::NONE; LINGERING];
        self.displaced = None;
        if self.phase == Phase::Open || self.refusals > 0 && self.phase == Phase::Due {
            self.phase = Phase::Ended(FetchEndReason::Disconnected);
        }
    }

    /// A message came to an inbox: one that takes so many bytes of a pull's limit
    /// ([`pulled_size`](crate::jetstream::pulled_size)).
    pub fn handle_message(&mut self, inbox: InboxId, bytes: u32, now: Instant) -> Handling {
        let is_it = self.phase == Phase::Open && self.slot.is_at(inbox);
        if !is_it {
            let old = self.lingering.iter_mut().find(|old| old.inbox == Some(inbox));
            if let Some(old) = old {
                old.left = old.left.saturating_sub(1);
            }
            return Handling::Nak;
        }
        self.slot.last_sign = now;
        self.slot.count(bytes);
        self.received += 1;
        if !self.slot.is_open() {
            self.phase = Phase::Ended(FetchEndReason::Full);
        }
        Handling::Deliver
    }

    /// The message had the id of a pin ([`header::PIN_ID`](crate::jetstream::header::PIN_ID)), which the caller
    /// keeps: later pulls [say](Pull::is_pinned) whether it goes with them.
    pub const fn handle_pin(&mut self) {
        self.is_pinned = true;
    }

    /// A status came to an inbox, for the pull of that number
    /// ([`PullId::number_in`] its subject). One for another pull than the open one is of no account.
    pub fn handle_status(
        &mut self,
        inbox: InboxId,
        number: Option<u32>,
        status: PullStatus<'_>,
        now: Instant,
    ) {
        let is_it = self.phase == Phase::Open && self.slot.is_at(inbox);
        if !is_it || number != Some(self.slot.number) {
            let is_over = status != PullStatus::Heartbeat;
            let is_old = |old: &&mut Lingering| {
                old.inbox == Some(inbox) && number == Some(old.number) && is_over
            };
            if let Some(old) = self.lingering.iter_mut().find(is_old) {
                old.left = 0;
            }
            return;
        }
        self.slot.last_sign = now;
        if status == PullStatus::Heartbeat {
            self.is_alive = true;
            self.was_doubted = false;
            return;
        }
        self.slot.close();
        if matches!(status, PullStatus::NoResponders | PullStatus::TooManyRequests)
            && self.received == 0
        {
            return self.handle_no_responders(now);
        }
        if status == PullStatus::PinIdMismatch {
            self.is_pinned = false;
        }
        let is_behind = status == PullStatus::RequestsPending && self.received == 0;
        // Older pulls, of others, are served first: wait for our turn.
        let waits_on = is_behind && self.config.max_wait.0 > 0 && self.waits;
        if waits_on {
            self.waits = false;
        }
        self.phase = if waits_on { Phase::Due } else { Phase::Ended(FetchEndReason::new(status)) };
    }

    /// It is time, at [`poll_timeout`](Self::poll_timeout) or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open | Phase::Due) && self.deadline <= now {
            return self.give_up(now);
        }
        self.doubt_in_time(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_output`](Self::poll_output)
    /// again, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let fetch = match self.phase {
            Phase::Due if self.is_connected && self.refusals > 0 => {
                Some(self.deadline.min(self.hold))
            }
            Phase::Due => Some(self.deadline),
            Phase::Open => Some(self.deadline.min(self.doubts_at().unwrap_or(self.deadline))),
            Phase::Idle | Phase::Ended(_) => None,
        };
        let fetch = match (fetch, self.info) {
            (Some(fetch), Info::Asked { until }) => Some(fetch.min(until)),
            _ => fetch,
        };
        let lingering = self.lingering.iter().filter(|old| old.inbox.is_some());
        [fetch, lingering.map(|old| old.until).min()].into_iter().flatten().min()
    }

    /// What to do next. Call it until there is nothing, with room in the send buffer for what it may
    /// ask for, which is done when it returns.
    pub fn poll_output(&mut self, now: Instant) -> Option<FetchOutput> {
        if let Some(inbox) = self.displaced.take() {
            return Some(FetchOutput::Unsubscribe(inbox));
        }
        let is_over =
            |old: &&mut Lingering| old.inbox.is_some() && (old.until <= now || old.left == 0);
        if let Some(old) = self.lingering.iter_mut().find(is_over) {
            return old.inbox.take().map(FetchOutput::Unsubscribe);
        }
        if let Some(output) = self.poll_doubt(now) {
            return Some(output);
        }
        match self.phase {
            Phase::Due if self.is_connected && self.hold <= now => Some(self.poll_pull(now)),
            Phase::Ended(end) => {
                self.phase = Phase::Idle;
                Some(FetchOutput::End(end))
            }
            Phase::Idle | Phase::Due | Phase::Open => None,
        }
    }

    /// How the fetch ended, if it has and [`poll_output`](Self::poll_output) has not said so yet: for a driver
    /// that has no room for other outputs at present.
    pub const fn poll_end(&mut self) -> Option<FetchEndReason> {
        let Phase::Ended(end) = self.phase else { return None };
        self.phase = Phase::Idle;
        Some(end)
    }

    /// How many messages of the last fetch came.
    #[must_use]
    pub const fn received(&self) -> u32 {
        self.received
    }

    /// Whether a pull that was given up is still listened to. What is given back meanwhile comes at once again,
    /// so the caller waits with that.
    #[must_use]
    pub fn is_lingering(&self) -> bool {
        self.lingering.iter().any(|old| old.inbox.is_some())
    }

    /// Whether a fetch is under way.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.phase != Phase::Idle
    }

    fn poll_pull(&mut self, now: Instant) -> FetchOutput {
        let Some(inbox) = self.slot.inbox else {
            self.last_inbox = self.last_inbox.wrapping_add(1);
            let inbox = InboxId(self.last_inbox);
            self.slot.inbox = Some(inbox);
            return FetchOutput::Subscribe(inbox);
        };
        self.last_number = self.last_number.wrapping_add(1);
        let FetchConfig { batch, max_bytes, max_wait, .. } = self.config;
        let expires = self.expires(now);
        let pull = Pull {
            id: PullId { inbox, number: self.last_number },
            batch,
            max_bytes,
            is_pinned: self.is_pinned,
            // A second one waits until it is its turn.
            no_wait: self.waits || max_wait.0 == 0,
            expires,
            heartbeat: if expires.0 >= WITH_HEARTBEAT {
                Millis(MAX_HEARTBEAT.min(expires.0 / 3))
            } else {
                Millis(0)
            },
        };
        self.is_alive = false;
        self.was_doubted = false;
        self.slot.open(&pull, now);
        self.phase = Phase::Open;
        FetchOutput::Pull(pull)
    }

    /// How long the server is to wait: what is left of the time, but for a margin.
    fn expires(&self, now: Instant) -> Millis {
        let max_wait = self.config.max_wait.0;
        if max_wait == 0 {
            return Millis(0);
        }
        let left = self.deadline.as_millis().saturating_sub(now.as_millis());
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        Millis(left.saturating_sub(MARGIN.min(left / 10)).max(1))
    }

    /// Gives up the pull and its inbox, as messages of the next pull could not be distinguished from its own.
    fn abandon(&mut self, now: Instant) {
        let left = self.slot.left;
        self.slot.close();
        let until = now + self.config.linger();
        let old =
            Lingering { inbox: self.slot.inbox.take(), number: self.slot.number, left, until };
        // If there are too many, the oldest is listened to no more.
        if let Some(oldest) = self.lingering.iter_mut().min_by_key(|old| old.inbox) {
            self.displaced = oldest.inbox;
            *oldest = old;
        }
    }
}

impl Default for Fetch {
    fn default() -> Self {
        Self::new()
    }
}
