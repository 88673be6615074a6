//! Messages that were published and not acknowledged yet: a state machine of time and input.

mod chain;
mod config;
mod entry;
mod outcome;
mod reply;
mod single;
mod slot;
#[cfg(test)]
mod tests;

use chain::Chain;
pub use chain::ChainIds;
pub use chain::ExpectedLast;
pub use config::WindowConfig;
pub use config::WindowMessage;
use entry::ANY_TIME;
use entry::Entry;
pub use outcome::MayBeStored;
pub use outcome::NotSent;
pub use outcome::NotStored;
pub use outcome::Outcome;
pub use outcome::PublishReply;
pub use outcome::Settled;
use reply::Pace;
pub use single::SinglePublish;
use slot::NONE;
use slot::Slots;
use slot::WindowSlot;

use crate::inbox::RequestId;
use crate::storage::FixedTable;
use crate::storage::Table;
use crate::time::Instant;

/// Keeps messages until it is known what became of them, and has them sent again where that is safe
/// (ADR-22, and what nats-server does in elections and for `Nats-Msg-Id`).
///
/// A message has exactly one outcome, no later than its deadline, and it is true: `Stored` is in the
/// stream, `NotStored` and `NotSent` are not and will not be, and everything else is `MayBeStored`. A
/// message with an id is sent again after a lost connection, without an answer and after a reply that is
/// none; one without an id only if it is certain that no stream has it. So at most one copy is stored of
/// either.
///
/// `T` is the caller's value for each message: the message to send again, and the task to notify. `L`
/// is the storage: [`FixedPublishWindow`] without an allocator, [`GrowablePublishWindow`] with one.
/// Publishing and settling take constant time. A growable window allocates only when it holds more
/// messages than ever before.
///
/// # How to drive it
///
/// Like a [`Session`](crate::session::Session): call what has happened, then
/// [`poll_transmit`](Self::poll_transmit) until there is nothing to send, and
/// [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout). Each attempt has a
/// token of its own, of which its reply subject is made
/// ([`Inbox::reply`](crate::Inbox::reply)): a reply that comes late is not taken for that to another.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::Instant;
/// use nats_proto::jetstream::{
///     FixedPublishWindow, Outcome, PublishReply, PublishResponse, PublishScanner, WindowConfig,
///     WindowMessage,
/// };
/// use nats_proto::wire::ArrayBuf;
///
/// let mut window = FixedPublishWindow::<&str, 4>::new(WindowConfig::new(4));
/// let now = Instant::from_millis(0);
/// window.handle_connected();
///
/// let message = WindowMessage::new("PUB …", 100, now + Duration::from_secs(5)).with_id();
/// window.publish(message).unwrap();
/// let transmit = window.poll_transmit(1, now).unwrap();
/// assert_eq!((transmit.number, *transmit.data), (1, "PUB …"));
/// let request_id = transmit.request_id;
///
/// let mut scanner = PublishScanner::<ArrayBuf<64>>::default();
/// let response = PublishResponse::read(br#"{"stream":"S","seq":7}"#, &mut scanner).unwrap();
/// let settled = window.handle_reply(request_id, PublishReply::Response(response), now).unwrap();
/// assert_eq!(settled.outcome, Outcome::Stored { sequence: 7, is_duplicate: false });
/// assert_eq!(window.handle_reply(request_id, PublishReply::NoResponders, now), None); // a second one
/// ```
///
/// # Order
///
/// Unless they are [independent](WindowConfig::independent), messages are sent in order, and are in the
/// stream in order as long as nothing fails. A lost connection keeps the order of those with ids: all that
/// were not acknowledged are sent again, in order. What breaks it are refusals of single messages (no
/// responders, too busy) and acknowledgements that get lost: those after may have been stored. What keeps it
/// in any case is a window of one message; or, for the only publisher of a stream, a
/// [chain](Self::start_chain).
#[derive(Clone, Debug)]
pub struct PublishWindow<T, L> {
    config: WindowConfig,
    slots: Slots<L>,
    bytes: u64,
    is_connected: bool,
    last_number: u64,
    chain: Option<Chain>,
    /// How many are sent and not answered.
    sent: u32,
    /// No message before this one waits to be sent.
    cursor: u32,
    /// Nothing is due earlier than this.
    earliest: Instant,
    pace: Pace,
    /// How many bits of a request id are the index of the slot.
    index_bits: u8,
    _data: core::marker::PhantomData<T>,
}

/// A window of up to `N` messages that owns its memory.
pub type FixedPublishWindow<T, const N: usize> = PublishWindow<T, FixedTable<WindowSlot<T>, N>>;

/// A window on the heap, as large as its [configuration](WindowConfig) allows.
#[cfg(feature = "alloc")]
pub type GrowablePublishWindow<T> = PublishWindow<T, alloc::vec::Vec<WindowSlot<T>>>;

/// How many bits the index of one of so many slots has.
fn index_bits(slots: u32) -> u8 {
    u8::try_from(u32::BITS - slots.saturating_sub(1).leading_zeros()).unwrap_or_default()
}

/// Later than any time that matters.
const NEVER: Instant = Instant::from_millis(u64::MAX);

/// A message in the window, until it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PublishHandle {
    at: u32,
    number: u64,
}

impl PublishHandle {
    /// Its number among all messages of the window, from 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }
}

/// A message that the window did not take: it is full, of messages or of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct NotAccepted<T> {
    /// What was handed in.
    pub data: T,
    /// Whether the message alone is larger than the window, so that waiting for room is of no use.
    pub is_too_large: bool,
}

/// A message to write now.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transmit<'w, T> {
    /// What its reply subject is made of. It differs from attempt to attempt.
    pub request_id: RequestId,
    /// Its number among all messages of the window, from 1.
    pub number: u64,
    /// What the stream's last message has to be, in a [chain](PublishWindow::start_chain).
    pub expected: ExpectedLast,
    /// What was handed in.
    pub data: &'w mut T,
}

impl<T, L: Table<WindowSlot<T>> + Default> PublishWindow<T, L> {
    /// An empty window, without a connection.
    #[must_use]
    pub fn new(config: WindowConfig) -> Self {
        Self {
            config,
            slots: Slots::new(L::default()),
            bytes: 0,
            is_connected: false,
            last_number: 0,
            chain: None,
            sent: 0,
            cursor: NONE,
            earliest: NEVER,
            pace: Pace::new(config.max_messages, config.seed),
            index_bits: index_bits(config.max_messages),
            _data: core::marker::PhantomData,
        }
    }
}

impl<T, L: Table<WindowSlot<T>>> PublishWindow<T, L> {
    /// Whether a message of that size would be taken.
    #[must_use]
    pub fn has_room(&self, size: u32) -> bool {
        let bytes = self.bytes.saturating_add(size.into());
        self.slots.len() < self.config.max_messages && bytes <= self.config.max_bytes.into()
    }

    /// Takes a message. If it can be sent, [`poll_transmit`](Self::poll_transmit) has it next.
    ///
    /// # Errors
    ///
    /// [`NotAccepted`] if there is no room: when a message is settled, there may be.
    pub fn publish(&mut self, message: WindowMessage<T>) -> Result<PublishHandle, NotAccepted<T>> {
        let WindowMessage { data, size, has_id, deadline, retries } = message;
        if !self.has_room(size) {
            return Err(NotAccepted { data, is_too_large: size > self.config.max_bytes });
        }
        let number = self.last_number + 1;
        let entry = Entry::new(deadline, has_id, retries);
        let deadline = entry.deadline;
        let slot = WindowSlot::new(number, size, entry);
        match self.slots.push(data, slot, self.config.max_messages) {
            Ok(at) => {
                self.last_number = number;
                self.bytes += u64::from(size);
                self.earliest = self.earliest.min(deadline);
                if self.cursor == NONE {
                    self.cursor = at;
                }
                Ok(PublishHandle { at, number })
            }
            Err(data) => Err(NotAccepted { data, is_too_large: false }),
        }
    }

    /// The client is connected, and nothing that was not sent on an earlier connection will be.
    pub const fn handle_connected(&mut self) {
        self.is_connected = true;
        self.pace.reset_hold();
    }

    /// The connection is lost: the messages up to `position` may have reached the server, and the
    /// others never left and will not. `settle` gets those whose outcome that is.
    pub fn handle_disconnected(
        &mut self,
        position: u64,
        now: Instant,
        mut settle: impl FnMut(Settled<T>),
    ) {
        self.is_connected = false;
        self.pace.reset_probe();
        let mut at = self.slots.first();
        while at != NONE {
            let this = at;
            at = self.slots.after(this);
            let Some(slot) = self.slots.get_mut(this) else { break };
            let was_sent = slot.entry.is_sent();
            let outcome = slot.entry.lose(position, &self.config, now);
            self.sent = self.sent.saturating_sub(was_sent.into());
            if let Some(outcome) = outcome {
                self.settle(this, outcome, &mut settle);
            }
        }
        self.cursor = self.slots.first();
    }

    /// It is time, at [`poll_timeout`](Self::poll_timeout) or later. `settle` gets the messages whose
    /// outcome that is.
    ///
    /// Takes time in proportion to the window, if something is due.
    pub fn handle_timeout(&mut self, now: Instant, mut settle: impl FnMut(Settled<T>)) {
        self.pace.handle_timeout(now);
        if now < self.earliest {
            return;
        }
        self.earliest = NEVER;
        let mut at = self.slots.first();
        while at != NONE {
            let this = at;
            at = self.slots.after(this);
            let Some(slot) = self.slots.get_mut(this) else { break };
            let was_sent = slot.entry.is_sent();
            let outcome = slot.entry.expire(&self.config, now);
            let is_late = was_sent && !slot.entry.is_sent();
            let due = slot.entry.due_at(&self.config, now);
            if is_late {
                self.requeue(this, true);
            }
            match outcome {
                Some(outcome) => self.settle(this, outcome, &mut settle),
                None => self.earliest = self.earliest.min(due),
            }
        }
    }

    /// Ends everything now, as if all deadlines had passed: the client is closed. `settle` gets all
    /// messages.
    pub fn close(&mut self, mut settle: impl FnMut(Settled<T>)) {
        while let Some(slot) = self.slots.get(self.slots.first()) {
            let outcome = slot.entry.outcome_if_closed();
            self.settle(self.slots.first(), outcome, &mut settle);
        }
    }

    /// The message that [`poll_transmit`](Self::poll_transmit) returned with this id was not written: it
    /// is longer than the server that the client is connected to now takes.
    pub fn handle_too_large(&mut self, request_id: RequestId) -> Option<Settled<T>> {
        let at = self.find(request_id)?;
        let outcome = self.slots.get(at)?.entry.outcome_unsent(NotSent::TooLarge);
        self.settled(at, outcome)
    }

    /// How many messages are sent and not answered, of those for which `is_it` holds.
    ///
    /// Takes time in proportion to the window.
    pub fn count_sent(&self, is_it: impl Fn(&T) -> bool) -> u32 {
        let (mut count, mut at) = (0, self.slots.first());
        while let Some(slot) = self.slots.get(at) {
            let counts = slot.entry.is_sent() && slot.data.as_ref().is_some_and(&is_it);
            count += u32::from(counts);
            at = self.slots.after(at);
        }
        count
    }

    /// The server did not permit those of the messages that are sent and not answered for which `is_it`
    /// holds. `settle` gets them.
    ///
    /// Takes time in proportion to the window.
    pub fn handle_not_permitted(
        &mut self,
        is_it: impl Fn(&T) -> bool,
        mut settle: impl FnMut(Settled<T>),
    ) {
        let mut at = self.slots.first();
        while at != NONE {
            let this = at;
            at = self.slots.after(this);
            let Some(slot) = self.slots.get(this) else { break };
            if slot.entry.is_sent() && slot.data.as_ref().is_some_and(&is_it) {
                let outcome = slot.entry.outcome_not_permitted();
                self.settle(this, outcome, &mut settle);
            }
        }
    }

    /// The server does not permit the subscription to the inbox, so that no answer will come. `settle`
    /// gets all messages.
    pub fn handle_inbox_not_permitted(&mut self, mut settle: impl FnMut(Settled<T>)) {
        while let Some(slot) = self.slots.get(self.slots.first()) {
            let outcome = slot.entry.outcome_if_inbox_not_permitted();
            self.settle(self.slots.first(), outcome, &mut settle);
        }
    }

    /// Gives a message up: it is not sent any more, and its outcome is not reported. `None` if it is settled
    /// already.
    pub fn cancel(&mut self, handle: PublishHandle) -> Option<T> {
        self.get_mut(handle)?;
        self.remove(handle.at)
    }

    /// What was handed in with a message; `None` if it is settled already.
    pub fn get_mut(&mut self, handle: PublishHandle) -> Option<&mut T> {
        let slot = self.slots.get_mut(handle.at)?;
        slot.data.as_mut().filter(|_| slot.number == handle.number)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit)
    /// again, if nothing else happens. It may turn out to be too early, since a message that is settled
    /// takes no time to look for the next deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let hold = self.pace.hold().filter(|_| self.is_connected && self.sent < self.slots.len());
        let earliest = (self.earliest < NEVER && self.slots.len() > 0).then_some(self.earliest);
        [hold, earliest].into_iter().flatten().min()
    }

    /// The next message to write, as the connection's message of number `position`: those grow, and
    /// [`handle_disconnected`](Self::handle_disconnected) says which of them the server may have. It
    /// counts as sent, so there has to be room for it.
    pub fn poll_transmit(&mut self, position: u64, now: Instant) -> Option<Transmit<'_, T>> {
        if !self.is_connected || self.cursor == NONE || !self.pace.allows(self.sent, now) {
            return None;
        }
        let at = self.next_due(now)?;
        let expected = self.expected_before(at);
        if self.cursor == at {
            self.cursor = self.slots.after(at);
        }
        let slot = self.slots.get_mut(at)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.has_attempt = true;
        let until = slot.entry.send(position, &self.config, now);
        self.sent += 1;
        self.earliest = self.earliest.min(until);
        let request_id = RequestId(u64::from(slot.generation) << self.index_bits | u64::from(at));
        let (number, data) = (slot.number, slot.data.as_mut()?);
        Some(Transmit { request_id, number, expected, data })
    }

    /// The number of the last message that was taken; zero if there was none.
    #[must_use]
    pub const fn last_number(&self) -> u64 {
        self.last_number
    }

    /// The number of the first message that has no outcome yet.
    #[must_use]
    pub fn first_open(&self) -> Option<u64> {
        self.slots.get(self.slots.first()).map(|slot| slot.number)
    }

    /// How many messages have no outcome yet.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.slots.len()
    }

    /// Whether every message has its outcome.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// How many of them are sent, and their replies awaited.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.sent
    }
}
