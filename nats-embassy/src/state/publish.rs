//! Publishing, and flushing.

use core::convert::Infallible;

use nats_proto::Instant;
use nats_proto::session::Draining;
use nats_proto::session::FlushId;
use nats_proto::session::FlushState;
use nats_proto::wire;
use nats_proto::wire::EncodeError;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishLimits;

use super::State;
use crate::config::Offline;
use crate::error::FlushError;
use crate::error::PublishError;
use crate::state::sizes::Sizes;
use crate::wakers::Turn;

/// What a message that waits for a connection leaves for control lines, in bytes: PING, and SUB of
/// a common length.
const LINES: usize = 80;

/// What a server may object to in the message that waits for it.
#[derive(Clone, Copy)]
pub(crate) struct RetainedBody {
    len: usize,
    has_headers: bool,
}

impl RetainedBody {
    pub(super) const NONE: Self = Self { len: 0, has_headers: false };
}

impl<'d, R: Sizes<'d>> State<'d, R> {
    // Messages -----------------------------------------------------------------------------------

    /// Publishes a message, if it is the turn of the caller, who may have waited for it.
    pub(crate) fn publish(
        &mut self,
        message: &Publish<'_>,
        turn: Option<Turn>,
    ) -> Result<(), PublishError> {
        self.limits().check(message)?;
        self.prepare(message.encoded_len(), turn)?;
        self.put(message, message.body_len(), |out| {
            message.encode(out).map_err(|_| PublishError::Full)
        })
    }

    /// Publishes a payload of up to `max` bytes that is made where it is written from.
    pub(crate) fn publish_in_place(
        &mut self,
        message: &Publish<'_>,
        max: usize,
        payload: &mut Option<impl FnOnce(&mut [u8]) -> usize>,
        turn: Option<Turn>,
    ) -> Result<(), PublishError> {
        let headers = message.headers.as_bytes().len();
        let limits = self.limits();
        if headers + max > limits.payload {
            let (len, max) = (headers + max, limits.payload);
            return Err(wire::PublishError::PayloadTooLarge { len, max }.into());
        }
        limits.check(&Publish { payload: &[], ..*message })?;
        // As many digits as a length can have.
        self.prepare(message.line_len() + headers + max + 12, turn)?;
        let Some(payload) = payload.take() else { return Ok(()) };
        self.put(message, headers + max, |out| {
            let payload = |space: &mut [u8]| Ok::<usize, Infallible>(payload(space));
            message.encode_with(out, max, payload).map_err(|_: EncodeError<_>| PublishError::Full)
        })
    }

    /// Publishes all messages or none. `index` says which one is not taken.
    pub(crate) fn publish_batch(
        &mut self,
        messages: &[Publish<'_>],
        turn: Option<Turn>,
        index: &mut usize,
    ) -> Result<(), PublishError> {
        let (limits, max, mut len) = (self.limits(), self.front.capacity(), 0);
        for (number, message) in messages.iter().enumerate() {
            *index = number;
            limits.check(message)?;
            len += message.encoded_len();
            if len > max {
                return Err(PublishError::TooLong { max });
            }
        }
        *index = 0;
        if !self.session.is_ready() && self.offline == Offline::KeepLatest {
            return Err(PublishError::Disconnected);
        }
        self.prepare(len, turn)?;
        // There is room for all of them.
        messages.iter().try_for_each(|message| {
            self.put(message, 0, |out| message.encode(out).map_err(|_| PublishError::Full))
        })
    }

    /// What the server takes. That of the next connection is asked when there is one.
    fn limits(&self) -> PublishLimits {
        if self.session.is_ready() {
            self.session.publish_limits()
        } else {
            PublishLimits { payload: usize::MAX, line: usize::MAX, headers: true }
        }
    }

    /// Whether a frame of `len` bytes can be published at once. Everything that is due by then is
    /// before it.
    fn prepare(&mut self, len: usize, turn: Option<Turn>) -> Result<(), PublishError> {
        let is_over = self.session.draining() == Some(Draining::Publishes);
        if is_over || self.stopped().is_some() {
            return Err(PublishError::Closed);
        }
        let max = self.front.capacity();
        if len > max {
            return Err(PublishError::TooLong { max });
        }
        if self.session.is_ready() {
            let is_next = self.line.is_next(turn);
            if self.transmit() && is_next && len <= self.front.room() {
                return Ok(());
            }
            return Err(PublishError::Full);
        }
        if self.offline != Offline::KeepLatest {
            return Err(PublishError::Disconnected);
        }
        if len > max.saturating_sub(LINES) {
            return Err(PublishError::TooLong { max: max.saturating_sub(LINES) });
        }
        if len > max - self.front.bytes().len() {
            return Err(PublishError::Full);
        }
        self.drop_retained();
        Ok(())
    }

    /// Writes a message that was prepared for.
    fn put(
        &mut self,
        message: &Publish<'_>,
        body: usize,
        write: impl FnOnce(&mut wire::SendBuf<'_>) -> Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        let start = self.front.bytes().len();
        self.front.write(write)?;
        if !self.session.is_ready() {
            self.front.retain(start);
            self.retained = RetainedBody { len: body, has_headers: !message.headers.is_empty() };
        }
        self.statistics.out_messages = self.statistics.out_messages.wrapping_add(1);
        self.wake_runner();
        Ok(())
    }

    /// What follows from an attempt to publish: the result, or a turn to wait for.
    pub(crate) fn wait_in_turn(
        &mut self,
        result: Result<(), PublishError>,
        turn: &mut Option<Turn>,
    ) -> Option<Result<(), PublishError>> {
        if result.is_err_and(|error| self.may_wait(error)) {
            if turn.is_none() {
                *turn = Some(self.line.join());
            }
            return None;
        }
        if let Some(turn) = turn.take() {
            self.leave(turn);
        }
        Some(result)
    }

    /// Whether to wait after such an error.
    pub(crate) fn may_wait(&self, error: PublishError) -> bool {
        match error {
            PublishError::Full => true,
            PublishError::Disconnected => self.offline == Offline::Wait,
            _ => false,
        }
    }

    /// Puts what is due where it is written from, and says whether all of it fits: control lines,
    /// then the message that waits for a connection.
    pub(crate) fn transmit(&mut self) -> bool {
        let session = &mut self.session;
        if session.has_transmit() && self.front.write(|out| session.poll_transmit(out)).is_err() {
            if self.front.is_empty() && self.front.has_retained() {
                // A line that is longer than what the message leaves: one of the two has to go.
                self.drop_retained();
                return self.transmit();
            }
            return false;
        }
        if self.session.is_ready() && self.front.has_retained() {
            let limits = self.session.publish_limits();
            let RetainedBody { len, has_headers } = self.retained;
            if len > limits.payload || (has_headers && !limits.headers) {
                // Another server's limits are not those of the one before.
                self.drop_retained();
            } else {
                self.front.send_retained();
            }
        }
        true
    }

    pub(super) const fn drop_retained(&mut self) {
        if self.front.has_retained() {
            self.front.drop_retained();
            self.statistics.replaced_messages = self.statistics.replaced_messages.wrapping_add(1);
        }
    }

    /// Asks whether the server has everything, or whether it has answered by now.
    pub(crate) fn flush(
        &mut self,
        begun: &mut Option<FlushId>,
        now: Instant,
    ) -> Option<Result<(), FlushError>> {
        let Some(id) = *begun else {
            if self.stopped().is_some() {
                return Some(Err(FlushError::Closed));
            }
            if self.front.has_retained() {
                return None;
            }
            *begun = self.session.flush();
            if begun.is_some() {
                self.after_change(now);
                self.wake_runner();
            }
            let fails = begun.is_none() && self.offline == Offline::Fail;
            return fails.then_some(Err(FlushError::Disconnected));
        };
        match self.session.flush_state(id) {
            FlushState::Pending => None,
            FlushState::Done => Some(Ok(())),
            FlushState::Lost => Some(Err(FlushError::Disconnected)),
        }
    }
}
