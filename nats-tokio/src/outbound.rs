//! What is to be written: one queue of bytes, filled by whoever publishes, emptied by the driver.
//!
//! ```text
//!              ready ─▶ queued ─▶ the driver's batch ─▶ socket
//!  publish ─┤             ▲
//!          not ready ─▶ held, until there is a connection again
//! ```

#[cfg(test)]
mod tests;

use std::task::Waker;

use nats_proto::Full;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishError as Refusal;
use nats_proto::wire::PublishLimits;

use crate::batch::Batch;
use crate::payload::Payload;

/// How much is kept for the next connection while there is none.
///
/// ```
/// use nats_tokio::ReconnectBuffer;
///
/// let small = ReconnectBuffer { bytes: 64 * 1024, ..ReconnectBuffer::DEFAULT };
/// # let _ = small;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconnectBuffer {
    /// How many bytes on the wire. Default 8 MiB.
    pub bytes: usize,
    /// How many messages. Default no limit but that of the bytes.
    pub messages: u64,
}

impl ReconnectBuffer {
    /// The default, which is that of the Go client.
    pub const DEFAULT: Self = Self { bytes: 8 * 1024 * 1024, messages: u64::MAX };
    /// Nothing is kept: publishing fails while there is no connection.
    pub const OFF: Self = Self { bytes: 0, messages: 0 };
}

impl Default for ReconnectBuffer {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What publishers and the driver share.
pub(crate) struct Outbound {
    /// For the connection there is.
    queued: Batch,
    /// For the next one; written behind `queued` once that is there.
    held: Batch,
    /// Whether there is a connection to publish to.
    is_ready: bool,
    /// How much the driver took and did not yet write.
    in_flight: usize,
    /// How much may wait: in the queue and with the driver.
    limit: usize,
    /// How much may wait for a connection.
    held_limit: ReconnectBuffer,
    limits: PublishLimits,
    is_open: bool,
    /// How many messages were accepted.
    messages: u64,
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
            in_flight: 0,
            limit,
            held_limit,
            limits: PublishLimits { payload: usize::MAX, line: 4096, headers: true },
            is_open: true,
            messages: 0,
            settled: 0,
            driver: None,
        }
    }

    /// Queues a message, `publish` with `payload`.
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
            let waiting = self.waiting();
            // However long it is, one message can always wait. Most need not be measured.
            if waiting > 0
                && waiting + publish.encoded_len_bound() > self.limit
                && waiting + publish.encoded_len() > self.limit
            {
                return Err(NotQueued::Full);
            }
        } else if self.held.left() + publish.encoded_len() > self.held_limit.bytes
            || self.held.messages() >= self.held_limit.messages
        {
            return Err(NotQueued::Disconnected);
        }
        self.tail().put_message(publish, payload)?;
        self.messages += 1;
        Ok(Queued { number: self.messages, wake: self.driver.take() })
    }

    /// Where messages go: never past those that are held.
    const fn tail(&mut self) -> &mut Batch {
        if self.is_ready && self.held.is_empty() { &mut self.queued } else { &mut self.held }
    }

    /// Queues control lines behind everything else, without limit: there are no more of them than
    /// things in the session's tables.
    pub(crate) fn put_control(
        &mut self,
        put: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>,
    ) -> Option<Waker> {
        let tail = if self.is_ready { self.tail() } else { &mut self.queued };
        // What finds no memory stays due.
        let _ = tail.put_lines(put);
        self.wake_if_data()
    }

    /// There is a connection to publish to, or there is none any more. What was held is next, or
    /// what is published will be held.
    pub(crate) fn set_ready(&mut self, is_ready: bool) -> Option<Waker> {
        if self.is_ready && !is_ready {
            // It was handed over while the connection was ready.
            let held = core::mem::take(&mut self.held);
            self.queued.append(held);
        }
        self.is_ready = is_ready;
        self.wake_if_data()
    }

    /// The connection is lost. What the driver did not take waits for the next one. Returns how
    /// many messages may be lost, since the server has not confirmed that it got them.
    pub(crate) fn lose(&mut self) -> u64 {
        self.set_ready(false);
        self.in_flight = 0;
        self.queued.remove_control();
        let held = core::mem::take(&mut self.held);
        self.queued.append(held);
        core::mem::swap(&mut self.held, &mut self.queued);
        let handed_over = self.handed_over();
        let unconfirmed = handed_over - self.settled;
        self.settled = handed_over;
        unconfirmed
    }

    /// The server has processed all messages up to the one of that number.
    pub(crate) fn confirm(&mut self, number: u64) {
        self.settled = self.settled.max(number);
    }

    /// The number of the last message in front of control lines that are put now.
    pub(crate) const fn handed_over(&self) -> u64 {
        if self.is_ready { self.messages } else { self.messages - self.held.messages() }
    }

    /// How many messages wait for a connection.
    pub(crate) const fn held(&self) -> u64 {
        self.held.messages()
    }

    const fn waiting(&self) -> usize {
        self.queued.left() + self.held.left() + self.in_flight
    }

    /// Whether a message of average length can be queued.
    pub(crate) const fn has_room(&self) -> bool {
        if !self.is_open {
            return true;
        }
        if self.is_ready {
            self.waiting() < self.limit / 2
        } else {
            self.held.left() < self.held_limit.bytes
                && self.held.messages() < self.held_limit.messages
        }
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
        self.in_flight = batch.left();
        true
    }

    /// The driver wrote something, and has this much left.
    pub(crate) const fn set_in_flight(&mut self, left: usize) {
        self.in_flight = left;
    }

    /// Wakes `driver` as soon as there is something to take.
    pub(crate) fn wake_on_data(&mut self, driver: &Waker) {
        if !self.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            self.driver = Some(driver.clone());
        }
    }

    const fn wake_if_data(&mut self) -> Option<Waker> {
        let has_data = !self.queued.is_empty() || (self.is_ready && !self.held.is_empty());
        if has_data { self.driver.take() } else { None }
    }

    pub(crate) const fn set_limits(&mut self, limits: PublishLimits) {
        self.limits = limits;
    }

    pub(crate) const fn limits(&self) -> PublishLimits {
        self.limits
    }

    /// Refuses all that is published from now on.
    pub(crate) const fn close(&mut self) {
        self.is_open = false;
    }

    /// How many messages were queued so far.
    pub(crate) const fn messages(&self) -> u64 {
        self.messages
    }
}
