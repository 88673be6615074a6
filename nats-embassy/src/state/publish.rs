//! Publishing, and flushing.

use core::convert::Infallible;

#[cfg(feature = "jetstream")]
use nats_proto::Message;
#[cfg(feature = "jetstream")]
use nats_proto::Subject;
use nats_proto::session::Flush;
use nats_proto::session::FlushState;
use nats_proto::session::Gate;
use nats_proto::wire;
use nats_proto::wire::EncodeError;
use nats_proto::wire::Publish;

use super::State;
use crate::config::Offline;
use crate::error::FlushError;
use crate::error::PublishError;
use crate::state::sizes::Sizes;
use crate::wakers::Turn;

/// What a message that waits for a connection leaves for control lines, in bytes: PING, and SUB of
/// a common length.
const LINES: usize = 80;

/// What a server may object to in the message that waits for it: the line is checked before.
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
        let gate = self.session.publish_gate();
        if let Gate::Open(limits) = gate {
            limits.check(message)?;
        }
        self.prepare(gate, message.encoded_len(), turn)?;
        self.put(gate, message, message.body_len(), |out| {
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
        let gate = self.session.publish_gate();
        if let Gate::Open(limits) = gate {
            if headers + max > limits.payload {
                let (len, max) = (headers + max, limits.payload);
                return Err(wire::PublishError::PayloadTooLarge { len, max }.into());
            }
            limits.check(&Publish { payload: &[], ..*message })?;
        }
        // As many digits as a length can have.
        self.prepare(gate, message.line_len() + headers + max + 12, turn)?;
        let Some(payload) = payload.take() else { return Ok(()) };
        self.put(gate, message, headers + max, |out| {
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
        let (gate, max, mut len) = (self.session.publish_gate(), self.front.capacity(), 0);
        for (number, message) in messages.iter().enumerate() {
            *index = number;
            if let Gate::Open(limits) = gate {
                limits.check(message)?;
            }
            len += message.encoded_len();
            if len > max {
                return Err(PublishError::TooLong { max });
            }
        }
        *index = 0;
        if gate == Gate::Offline && self.offline == Offline::KeepLatest {
            return Err(PublishError::Disconnected);
        }
        self.prepare(gate, len, turn)?;
        // There is room for all of them.
        messages.iter().try_for_each(|message| {
            self.put(gate, message, 0, |out| message.encode(out).map_err(|_| PublishError::Full))
        })
    }

    /// Whether a frame of `len` bytes can be published at once. Everything that is due by then is
    /// before it.
    fn prepare(&mut self, gate: Gate, len: usize, turn: Option<Turn>) -> Result<(), PublishError> {
        let max = self.front.capacity();
        match gate {
            Gate::Closed => Err(PublishError::Closed),
            _ if len > max => Err(PublishError::TooLong { max }),
            Gate::Open(_) => {
                let is_next = self.line.is_next(turn);
                if self.transmit() && is_next && len <= self.front.room() {
                    return Ok(());
                }
                Err(PublishError::Full)
            }
            Gate::Offline if self.offline != Offline::KeepLatest => Err(PublishError::Disconnected),
            Gate::Offline => {
                if len > max.saturating_sub(LINES) {
                    return Err(PublishError::TooLong { max: max.saturating_sub(LINES) });
                }
                if len > max - self.front.bytes().len() {
                    return Err(PublishError::Full);
                }
                self.drop_retained();
                Ok(())
            }
        }
    }

    /// Writes a message that was prepared for.
    fn put(
        &mut self,
        gate: Gate,
        message: &Publish<'_>,
        body: usize,
        write: impl FnOnce(&mut wire::SendBuf<'_>) -> Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        let start = self.front.bytes().len();
        self.front.write(write)?;
        if gate == Gate::Offline {
            self.front.retain(start);
            self.retained = RetainedBody { len: body, has_headers: !message.headers.is_empty() };
        }
        self.statistics.out_messages = self.statistics.out_messages.wrapping_add(1);
        self.wake_runner();
        Ok(())
    }

    /// Acknowledges a message of a consumer in some way, if there is room. If not, it comes again in time.
    #[cfg(feature = "jetstream")]
    pub(crate) fn acknowledge(&mut self, message: &Message<&[u8]>, body: &[u8]) {
        let reply = message.reply_bytes().and_then(|reply| core::str::from_utf8(reply).ok());
        if let Some(Ok(reply)) = reply.map(Subject::new)
            && let Gate::Open(_) = self.session.publish_gate()
        {
            let _ = self.publish(&Publish::new(reply, body), None);
        }
    }

    /// How many bytes will have been written when everything is that is to be written now.
    #[cfg(feature = "jetstream")]
    pub(crate) fn written_at(&self) -> u64 {
        self.statistics.out_bytes.wrapping_add(self.front.bytes().len() as u64)
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
            // Another server's limits are not those of the one before.
            if len > limits.payload || (has_headers && !limits.headers) {
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

    /// Asks whether the server has everything. A flush begins as soon as it can.
    pub(crate) fn flush(&mut self, flush: &mut Flush) -> Option<Result<(), FlushError>> {
        let had_begun = flush.has_begun();
        let flushed = self.session.poll_flush(flush, self.front.has_retained());
        if flush.has_begun() != had_begun {
            self.after_change();
            self.wake_runner();
        }
        match flushed {
            FlushState::Done => Some(Ok(())),
            FlushState::Lost if had_begun => Some(Err(FlushError::Disconnected)),
            FlushState::Lost => Some(Err(FlushError::Closed)),
            FlushState::Pending => {
                let fails = !flush.has_begun() && self.offline == Offline::Fail;
                fails.then_some(Err(FlushError::Disconnected))
            }
        }
    }
}
