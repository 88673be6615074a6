//! What is to be written: one queue of bytes, filled by whoever publishes, emptied by the driver.

#[cfg(test)]
mod tests;

use std::io::IoSlice;
use std::task::Waker;

use bytes::Bytes;
use nats_proto::Full;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishError as Refusal;
use nats_proto::wire::PublishLimits;
use zeroize::Zeroizing;

use crate::payload::Content;
use crate::payload::Payload;
use crate::shared::Control;

/// From here on a payload that is not borrowed goes to the socket as it is. Below, copying is
/// cheaper than another piece of a vectored write.
const LARGE: usize = 4096;

/// How many pieces a vectored write has at the most.
pub(crate) const MAX_SLICES: usize = 64;

/// A buffer that grew beyond this is given back when it is empty.
const KEPT: usize = 1024 * 1024;

/// The bytes of whole frames, in order.
///
/// Large payloads stay where they are; `large` says in front of which byte each of them belongs.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    large: Vec<(usize, Bytes)>,
    /// How much of `bytes`, of how many of `large`, and of the next of `large` is written.
    written: (usize, usize, usize),
    /// How much is left to write.
    left: usize,
}

/// What publishers and the driver share.
pub(crate) struct Outbound {
    queued: Batch,
    /// How much the driver took and did not yet write.
    in_flight: usize,
    /// How much may wait: in the queue and with the driver.
    limit: usize,
    limits: PublishLimits,
    is_open: bool,
    messages: u64,
    /// The driver, if it is asleep and wants to know of the first byte.
    driver: Option<Waker>,
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotQueued {
    /// Too much is waiting already.
    Full,
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
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            queued: Batch::default(),
            in_flight: 0,
            limit,
            limits: PublishLimits { payload: usize::MAX, line: 4096, headers: true },
            is_open: true,
            messages: 0,
            driver: None,
        }
    }

    /// Queues a message, `publish` with `payload`, and returns the driver if it is to be woken.
    #[inline]
    pub(crate) fn publish(
        &mut self,
        publish: &Publish<'_>,
        payload: &Payload<'_>,
    ) -> Result<Option<Waker>, NotQueued> {
        if !self.is_open {
            return Err(NotQueued::Closed);
        }
        self.limits.check(publish).map_err(NotQueued::Refused)?;
        let len = publish.encoded_len();
        let waiting = self.queued.left + self.in_flight;
        // However long it is, one message can always wait.
        if waiting > 0 && waiting + len > self.limit {
            return Err(NotQueued::Full);
        }
        match &payload.0 {
            Content::Shared(bytes) if bytes.len() >= LARGE => {
                self.queued.put_large(publish, bytes.clone())?;
            }
            _ => self.queued.put(|bytes| publish.encode(bytes))?,
        }
        self.messages += 1;
        Ok(self.driver.take())
    }

    /// Queues control lines behind everything else, without limit: there are no more of them than
    /// things in the session's tables.
    pub(crate) fn put_control(
        &mut self,
        put: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>,
    ) -> Option<Waker> {
        // What finds no memory stays due.
        let _ = self.queued.put(put);
        if self.queued.left > 0 { self.driver.take() } else { None }
    }

    /// Whether a message of average length can be queued.
    pub(crate) const fn has_room(&self) -> bool {
        self.queued.left + self.in_flight < self.limit / 2 || !self.is_open
    }

    /// Exchanges the queue for an empty batch, if there is something in it.
    pub(crate) fn take(&mut self, batch: &mut Batch) -> bool {
        if self.queued.left == 0 {
            return false;
        }
        batch.clear();
        core::mem::swap(&mut self.queued, batch);
        self.in_flight = batch.left;
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

impl Batch {
    pub(crate) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(crate) const fn left(&self) -> usize {
        self.left
    }

    /// Appends a line with secrets in it, which is wiped once it is written.
    pub(crate) fn put_secret(&mut self, line: Zeroizing<Vec<u8>>) {
        self.left += line.len();
        self.large.push((self.bytes.len(), Bytes::from_owner(line)));
    }

    /// Appends what the session has to say before the connection is ready.
    pub(crate) fn put_control(&mut self, control: &mut Control) {
        // What finds no memory stays due.
        let _ = self.put(|out| control.session.poll_transmit(out));
    }

    fn put(&mut self, put: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>) -> Result<(), Full> {
        let before = self.bytes.len();
        let result = put(&mut self.bytes);
        self.left += self.bytes.len() - before;
        result
    }

    fn put_large(&mut self, publish: &Publish<'_>, payload: Bytes) -> Result<(), Full> {
        self.put(|bytes| publish.encode_head(bytes))?;
        self.left += payload.len();
        self.large.push((self.bytes.len(), payload));
        self.put(|bytes| {
            bytes.extend_from_slice(Publish::TAIL);
            Ok(())
        })
    }

    /// What is left to write, in at most as many pieces as fit.
    pub(crate) fn slices<'b>(&'b self, slices: &mut [IoSlice<'b>; MAX_SLICES]) -> usize {
        let (mut at, next, mut offset) = self.written;
        let mut count = 0;
        let mut large = self.large.iter().skip(next);
        while count < MAX_SLICES {
            let (end, payload) = match large.next() {
                Some((end, payload)) => (*end, payload.get(offset..).unwrap_or_default()),
                None => (self.bytes.len(), &[][..]),
            };
            let is_last = payload.is_empty();
            for piece in [self.bytes.get(at..end).unwrap_or_default(), payload] {
                if let Some(slice) = slices.get_mut(count).filter(|_| !piece.is_empty()) {
                    *slice = IoSlice::new(piece);
                    count += 1;
                }
            }
            (at, offset) = (end, 0);
            if is_last {
                break;
            }
        }
        count
    }

    /// `len` more bytes are written.
    pub(crate) fn advance(&mut self, mut len: usize) {
        len = len.min(self.left);
        self.left -= len;
        let (mut at, mut next, mut offset) = self.written;
        while len > 0 {
            let (end, payload) = match self.large.get(next) {
                Some((end, payload)) => (*end, payload.len()),
                None => (self.bytes.len(), 0),
            };
            let step = len.min(end - at);
            at += step;
            len -= step;
            let step = len.min(payload - offset);
            offset += step;
            len -= step;
            if offset == payload && at == end {
                next += 1;
                offset = 0;
            }
        }
        self.written = (at, next, offset);
        if self.left == 0 {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.large.clear();
        self.written = (0, 0, 0);
        self.left = 0;
    }
}
