//! The send buffer: one queue of bytes, filled by publishers, emptied by the driver.
//!
//! ```text
//!              ready ─▶ queued ─▶ the driver's batch ─▶ socket
//!  publish ─┤             ▲
//!          not ready ─▶ held, until there is a connection again
//! ```
//!
//! Messages and control lines each have room of their own, so that neither has to wait for the
//! other. Control lines for which there is none stay due in the session.

mod refusing;
#[cfg(test)]
mod tests;
mod waiting;

use std::task::Waker;

use nats_proto::Full;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishError as Refusal;
use nats_proto::wire::PublishLimits;

use self::refusing::Accepted;
use crate::message::payload::Payload;
use crate::options::limits::ReconnectBuffer;
use crate::state::batch::Batch;
use crate::state::batch::Lines;
use crate::state::capacity::Turns;
use crate::sync::remember;

/// What publishers and the driver share.
pub(crate) struct Outbound {
    /// For the connection there is.
    queued: Batch,
    /// For the next one; written behind `queued` once that is there.
    held: Batch,
    /// Whether there is a connection to publish to.
    is_ready: bool,
    /// How many bytes of messages wait: in the queues and with the driver.
    waiting: usize,
    /// How many of them the driver took and did not yet write.
    in_flight: usize,
    /// How much may wait.
    limit: usize,
    /// How much may wait for now, if no waiting publisher is to be overtaken.
    open_limit: usize,
    /// How much may wait for a connection.
    held_limit: ReconnectBuffer,
    limits: PublishLimits,
    /// What waits in the queues may be more than `limits` allow, but no more than that.
    accepted: Accepted,
    /// The numbers of messages that were accepted, and then refused when there was a server, as far
    /// as they are behind `settled`.
    refused: Vec<u64>,
    is_open: bool,
    /// Whether lines are due for which there was no room. Nothing may overtake them.
    owes: bool,
    /// Those who wait for room.
    turns: Turns,
    /// How many messages were accepted.
    messages: u64,
    /// How many frames that belong to their connection were put, and how many of them the driver took.
    frames: u64,
    frames_taken: u64,
    /// The number of the last message that a server is known to have processed, or that was
    /// reported as lost.
    settled: u64,
    /// The driver, if it is asleep and wants to know of the first byte.
    driver: Option<Waker>,
}

/// A message was queued.
#[derive(Debug)]
#[must_use]
pub(crate) struct Queued {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// The driver, if it is to be woken.
    pub(crate) wake: Option<Waker>,
}

impl Queued {
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(driver) = self.wake {
            driver.wake();
        }
    }
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotQueued {
    /// Too much is waiting already.
    Full,
    /// There is no connection, and no room to wait for one.
    Disconnected,
    /// The server would not take it.
    Refused(Refusal),
    /// Publishing is over.
    Closed,
}

impl From<Full> for NotQueued {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl Outbound {
    pub(crate) fn new(limit: usize, held_limit: ReconnectBuffer) -> Self {
        Self {
            queued: Batch::default(),
            held: Batch::default(),
            is_ready: false,
            waiting: 0,
            in_flight: 0,
            limit,
            open_limit: limit,
            held_limit,
            limits: PublishLimits::DEFAULT,
            accepted: Accepted::default(),
            refused: Vec::new(),
            is_open: true,
            owes: false,
            turns: Turns::default(),
            messages: 0,
            frames: 0,
            frames_taken: 0,
            settled: 0,
            driver: None,
        }
    }

    /// Queues a message, `publish` with `payload`, without overtaking a waiting publisher.
    #[inline]
    pub(crate) fn publish(
        &mut self,
        publish: &Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<Queued, NotQueued> {
        if !self.is_open {
            return Err(NotQueued::Closed);
        }
        self.limits.check(publish).map_err(NotQueued::Refused)?;
        if self.is_ready {
            // Most need not be measured.
            if self.waiting + publish.encoded_len_bound() > self.open_limit
                && !self.admits(publish.encoded_len())
            {
                return Err(NotQueued::Full);
            }
        } else {
            self.hold(publish)?;
        }
        self.put(publish, payload)
    }

    /// The same for a publisher whose turn it is.
    pub(crate) fn publish_in_turn(
        &mut self,
        publish: &Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<Queued, NotQueued> {
        if !self.is_open {
            return Err(NotQueued::Closed);
        }
        self.limits.check(publish).map_err(NotQueued::Refused)?;
        if !self.is_ready {
            self.hold(publish)?;
        } else if !self.fits(publish.encoded_len()) {
            return Err(NotQueued::Full);
        }
        self.put(publish, payload)
    }

    /// Queues a message for a publisher whose turn it is, or that overtakes no other.
    pub(crate) fn queue(
        &mut self,
        publish: &Publish<'_>,
        payload: &Payload<'_>,
        is_in_turn: bool,
    ) -> Result<Queued, NotQueued> {
        if is_in_turn {
            self.publish_in_turn(publish, payload)
        } else {
            self.publish(publish, payload)
        }
    }

    /// Queues several messages, or none, and returns the last one; or which one it is that was
    /// refused, if it is about one.
    pub(crate) fn publish_all<'m>(
        &mut self,
        messages: impl Iterator<Item = (Publish<'m>, &'m Payload<'m>)> + Clone,
        is_in_turn: bool,
    ) -> Result<Option<Queued>, (Option<usize>, NotQueued)> {
        if !self.is_open {
            return Err((None, NotQueued::Closed));
        }
        let (mut len, mut copied, mut count) = (0_usize, 0_usize, 0_u64);
        for (index, (message, payload)) in messages.clone().enumerate() {
            let checked = self.limits.check(&message);
            checked.map_err(|refusal| (Some(index), NotQueued::Refused(refusal)))?;
            len = len.saturating_add(message.encoded_len());
            copied = copied.saturating_add(Batch::copied_len(&message, payload));
            count += 1;
        }
        if !self.is_ready {
            self.check_held(len, count).map_err(|refused| (None, refused))?;
        } else if !(if is_in_turn { self.fits(len) } else { self.admits(len) }) {
            return Err((None, NotQueued::Full));
        }
        // From here on there is memory, so that none is left out.
        self.tail().reserve(copied).map_err(|Full| (None, NotQueued::Full))?;
        let mut last: Option<Queued> = None;
        for (message, payload) in messages {
            if !self.is_ready {
                self.accepted.note(message.body_len(), !message.headers.is_empty());
            }
            let mut queued = self.put(&message, payload).map_err(|refused| (None, refused))?;
            queued.wake = queued.wake.or_else(|| last.take().and_then(|before| before.wake));
            last = Some(queued);
        }
        Ok(last)
    }

    #[inline]
    fn put(&mut self, publish: &Publish<'_>, payload: &Payload<'_>) -> Result<Queued, NotQueued> {
        let tail = self.tail();
        let before = tail.left();
        tail.put_message(publish, payload)?;
        let len = tail.left() - before;
        self.waiting += len;
        self.messages += 1;
        Ok(Queued { number: self.messages, wake: self.driver.take() })
    }

    /// Whether so much fits. However long it is, one message fits where none waits.
    const fn fits(&self, len: usize) -> bool {
        self.waiting == 0 || self.waiting.saturating_add(len) <= self.limit
    }

    /// Whether that much fits without overtaking a waiting publisher.
    #[cold]
    const fn admits(&self, len: usize) -> bool {
        self.waiting.saturating_add(len) <= self.open_limit
            || (self.waiting == 0 && self.turns.is_empty() && !self.owes)
    }

    /// Whether a message can be held, and what that means.
    fn hold(&mut self, publish: &Publish<'_>) -> Result<(), NotQueued> {
        self.check_held(publish.encoded_len(), 1)?;
        self.accepted.note(publish.body_len(), !publish.headers.is_empty());
        Ok(())
    }

    const fn check_held(&self, len: usize, count: u64) -> Result<(), NotQueued> {
        if self.held.left().saturating_add(len) <= self.held_limit.bytes
            && self.held.messages().saturating_add(count) <= self.held_limit.messages
        {
            Ok(())
        } else {
            Err(NotQueued::Disconnected)
        }
    }

    /// Where messages go: never past those that are held.
    const fn tail(&mut self) -> &mut Batch {
        if self.is_ready && self.held.is_empty() { &mut self.queued } else { &mut self.held }
    }

    /// Queues control lines behind everything else, as many as there is room for; the others stay
    /// due, and nothing is published before them.
    pub(crate) fn put_control(
        &mut self,
        wake: &mut Vec<Waker>,
        put: impl FnOnce(&mut Lines<'_>) -> Result<(), Full>,
    ) {
        let before = self.queued.control_len() + self.held.control_len();
        let tail = if self.is_ready { self.tail() } else { &mut self.queued };
        let owes = tail.put_lines(before, put).is_err();
        if owes != std::mem::replace(&mut self.owes, owes) {
            self.open();
            self.call(true, wake);
        }
        wake.extend(self.wake_if_data());
    }

    /// Whether lines are due for which there was no room.
    pub(crate) const fn owes(&self) -> bool {
        self.owes
    }

    /// There is a connection to publish to, or there is none any more. What was held is next, or
    /// what is published will be held.
    pub(crate) fn set_ready(&mut self, is_ready: bool, wake: &mut Vec<Waker>) {
        if is_ready == std::mem::replace(&mut self.is_ready, is_ready) {
            return;
        }
        if is_ready {
            self.open();
            self.call(true, wake);
        } else {
            // It was accepted while the connection was ready.
            let held = core::mem::take(&mut self.held);
            self.queued.append(held);
            self.turns.look(wake);
        }
        wake.extend(self.wake_if_data());
    }

    /// The connection is lost. What the driver did not take waits for the next one. Returns how
    /// many messages may be lost, since the server has only confirmed those up to that number.
    pub(crate) fn on_disconnect(&mut self, confirmed: u64, wake: &mut Vec<Waker>) -> u64 {
        self.confirm(confirmed);
        self.set_ready(false, wake);
        self.waiting -= self.in_flight;
        self.in_flight = 0;
        self.owes = false;
        self.waiting -= self.queued.frames_len();
        self.queued.remove_control();
        self.note_limits();
        let held = core::mem::take(&mut self.held);
        self.queued.append(held);
        core::mem::swap(&mut self.held, &mut self.queued);
        let handed_over = self.handed_over();
        let unconfirmed = handed_over - self.settled - self.settle_refused(handed_over);
        self.settled = handed_over;
        unconfirmed
    }

    /// The server has processed all messages up to the one of that number.
    pub(crate) fn confirm(&mut self, number: u64) {
        self.settle_refused(number);
        self.settled = self.settled.max(number);
    }

    /// The number of the last message in front of control lines that are put now.
    pub(crate) const fn handed_over(&self) -> u64 {
        if self.is_ready { self.messages } else { self.messages - self.held.numbers() }
    }

    /// Whether messages can be published to a connection.
    pub(crate) const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Whether messages are kept for a connection that there is not, or that is not ready.
    pub(crate) const fn has_unsent(&self) -> bool {
        !self.is_ready && self.held() > 0
    }

    /// How many messages wait for a connection.
    pub(crate) const fn held(&self) -> u64 {
        self.held.messages()
    }

    /// Exchanges what is next for an empty batch, if there is something.
    pub(crate) fn take(&mut self, batch: &mut Batch) -> bool {
        let next = if !self.queued.is_empty() {
            &mut self.queued
        } else if self.is_ready && !self.held.is_empty() {
            &mut self.held
        } else {
            return false;
        };
        batch.clear();
        core::mem::swap(next, batch);
        self.frames_taken = self.frames;
        self.waiting -= self.in_flight;
        self.in_flight = batch.message_len();
        true
    }

    /// The driver wrote something, and has this much left.
    pub(crate) fn set_in_flight(&mut self, left: usize, wake: &mut Vec<Waker>) {
        let left = left.min(self.in_flight);
        self.waiting -= self.in_flight - left;
        self.in_flight = left;
        self.note_written(wake);
    }

    /// Wakes `driver` as soon as there is something to take.
    pub(crate) fn wake_on_data(&mut self, driver: &Waker) {
        remember(&mut self.driver, driver);
    }

    const fn wake_if_data(&mut self) -> Option<Waker> {
        let has_data = !self.queued.is_empty() || (self.is_ready && !self.held.is_empty());
        if has_data { self.driver.take() } else { None }
    }

    pub(crate) const fn limits(&self) -> PublishLimits {
        self.limits
    }

    /// Refuses all that is published from now on.
    pub(crate) fn close(&mut self, wake: &mut Vec<Waker>) {
        self.is_open = false;
        self.turns.look(wake);
    }

    /// Whether frames of this connection can be put: there is one, and nothing has to go before them.
    pub(crate) const fn takes_frames(&self) -> bool {
        self.is_ready && self.is_open && !self.owes && self.held.is_empty()
    }

    /// Puts a frame that belongs to this connection: it is dropped with it. Returns its number, and the
    /// driver if it is to be woken; `None` if it cannot be put.
    ///
    /// It waits for no room: whoever puts frames has a bound of its own.
    pub(crate) fn put_frame(
        &mut self,
        publish: &Publish<'_>,
        payload: &Payload<'_>,
    ) -> Option<(u64, Option<Waker>)> {
        if !self.takes_frames() || self.limits.check(publish).is_err() {
            return None;
        }
        self.waiting += self.queued.put_frame(publish, payload).ok()?;
        self.frames += 1;
        Some((self.frames, self.driver.take()))
    }

    /// The number that the next frame will have.
    pub(crate) const fn next_frame(&self) -> u64 {
        self.frames + 1
    }

    /// The number of the last frame that may have reached the server.
    pub(crate) const fn frames_taken(&self) -> u64 {
        self.frames_taken
    }

    /// How many messages were queued so far, frames that belong to their connection included.
    pub(crate) const fn all_messages(&self) -> u64 {
        self.messages + self.frames
    }

    /// How many messages were queued so far.
    #[cfg(test)]
    pub(crate) const fn messages(&self) -> u64 {
        self.messages
    }
}
