//! One message at a time.

use super::Outcome;
use super::PublishReply;
use super::WindowConfig;
use super::WindowMessage;
use super::entry::Entry;
use super::entry::Readiness;
use super::entry::State;
use super::entry::Verdict;
use super::entry::pause;
use crate::inbox::RequestId;
use crate::jetstream::pause::Jitter;
use crate::time::Instant;

/// Keeps one message until it is known what became of it: a [`PublishWindow`](super::PublishWindow) of one,
/// for devices. The rules are the same, and messages are in the stream in order. The message stays with the
/// caller.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::Instant;
/// use nats_proto::jetstream::{Outcome, PublishReply, SinglePublish, WindowConfig, WindowMessage};
///
/// let now = Instant::from_millis(0);
/// let mut publish = SinglePublish::new(WindowConfig::DEFAULT);
/// publish.handle_connected();
/// publish.start(WindowMessage::new((), 100, now + Duration::from_secs(5)).with_id().retries(2));
/// let request_id = publish.poll_transmit(1, now).unwrap(); // send it with Inbox::reply(request_id)
///
/// // No responders at present: again in a moment.
/// assert_eq!(publish.handle_reply(request_id, PublishReply::NoResponders, now), None);
/// assert_eq!(publish.poll_transmit(2, now), None);
/// assert!(publish.poll_timeout(now).unwrap() <= now + Duration::from_millis(250));
/// ```
#[derive(Clone, Debug)]
pub struct SinglePublish {
    config: WindowConfig,
    entry: Option<Entry>,
    is_connected: bool,
    /// How many attempts were made, by whatever message.
    attempts: u32,
    /// Whether one was by the present message.
    has_attempt: bool,
    jitter: Jitter,
}

impl SinglePublish {
    /// Nothing is being published, and there is no connection. How many messages and bytes there may be
    /// is of no account.
    #[must_use]
    pub const fn new(config: WindowConfig) -> Self {
        let jitter = Jitter::new(config.seed);
        Self { config, entry: None, is_connected: false, attempts: 0, has_attempt: false, jitter }
    }

    /// Begins with a message. One that has no outcome yet is [given up](Self::cancel).
    pub fn start<T>(&mut self, message: WindowMessage<T>) {
        let WindowMessage { deadline, has_id, retries, .. } = message;
        self.entry = Some(Entry::new(deadline, has_id, retries));
        self.has_attempt = false;
    }

    /// The client is connected, and nothing that was not sent on an earlier connection will be.
    pub const fn handle_connected(&mut self) {
        self.is_connected = true;
    }

    /// The connection is lost: a message up to `position` may have reached the server, and a later one
    /// never left and will not. The outcome, if that settles it.
    pub fn handle_disconnected(&mut self, position: u64, now: Instant) -> Option<Outcome> {
        self.is_connected = false;
        let outcome = self.entry.as_mut()?.lose(position, &self.config, now);
        self.settle(outcome)
    }

    /// A reply came to the reply subject made of `request_id`. The outcome, if that settles it.
    pub fn handle_reply(
        &mut self,
        request_id: RequestId,
        reply: PublishReply<'_>,
        now: Instant,
    ) -> Option<Outcome> {
        if !self.has_attempt || request_id.0 != u64::from(self.attempts) {
            return None;
        }
        let entry = self.entry.as_mut()?;
        match entry.reply(reply, &self.config, now) {
            Verdict::Settled(outcome) => self.settle(Some(outcome)),
            Verdict::Refused { is_jam, before } => {
                let not_before = now + self.jitter.spread(pause(is_jam, before));
                entry.state = State::Waiting { not_before };
                None
            }
            Verdict::Nothing | Verdict::Again(_) => None,
        }
    }

    /// The server did not permit the last attempt. The outcome, if there is a message.
    pub fn handle_not_permitted(&mut self) -> Option<Outcome> {
        self.entry.take().map(|entry| entry.outcome_not_permitted())
    }

    /// The server does not permit the subscription to the inbox, so that no answer will come. The outcome,
    /// if there is a message.
    pub fn handle_inbox_not_permitted(&mut self) -> Option<Outcome> {
        self.entry.take().map(|entry| entry.outcome_if_inbox_not_permitted())
    }

    /// It is time, at [`poll_timeout`](Self::poll_timeout) or later. The outcome, if that settles it.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Outcome> {
        let outcome = self.entry.as_mut()?.expire(&self.config, now);
        self.settle(outcome)
    }

    /// Gives the message up: it is not sent any more, and its outcome is not reported. What it would be if
    /// nothing else were heard; `None` if there is no message.
    pub fn cancel(&mut self) -> Option<Outcome> {
        self.entry.take().map(|entry| entry.outcome_in_time())
    }

    /// The client is closed, and the message is given up. The outcome, if there is a message.
    pub fn close(&mut self) -> Option<Outcome> {
        self.entry.take().map(|entry| entry.outcome_if_closed())
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit)
    /// again, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.entry.as_ref().map(|entry| entry.due_at(&self.config, now))
    }

    /// Whether to write the message now, as the connection's message of number `position`: what its reply
    /// subject is made of. It counts as sent, so there has to be room for it.
    pub fn poll_transmit(&mut self, position: u64, now: Instant) -> Option<RequestId> {
        if !self.is_connected || !self.is_due(now) {
            return None;
        }
        let entry = self.entry.as_mut()?;
        entry.send(position, &self.config, now);
        self.attempts = self.attempts.wrapping_add(1);
        self.has_attempt = true;
        Some(RequestId(self.attempts.into()))
    }

    /// Whether the message is to be written as soon as there is a connection, and room for it.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        let entry = self.entry.as_ref();
        entry.is_some_and(|entry| entry.readiness(&self.config, now) == Readiness::Now)
    }

    /// Whether there is a message without an outcome.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.entry.is_some()
    }

    const fn settle(&mut self, outcome: Option<Outcome>) -> Option<Outcome> {
        if outcome.is_some() {
            self.entry = None;
        }
        outcome
    }
}
