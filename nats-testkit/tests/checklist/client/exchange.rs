//! Bytes in both directions.

use std::task::Context;
use std::task::Poll;

use nats_proto::session::Auth;
use nats_proto::session::ClientInfo;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Flush;
use nats_proto::session::FlushState;
use nats_proto::session::Phase;
use nats_proto::session::Refused;
use nats_proto::wire::Bounded;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::PublishLens;
use nats_proto::wire::ServerOp;
use nats_proto::wire::Sink;
use nats_testkit::Event;
use nats_testkit::Failure;
use nats_testkit::Options;
use nats_testkit::Pipe;

use super::Client;
use super::Link;
use super::Queued;
use crate::fault::Fault;
use crate::fault::has;

/// How many bytes may wait to be written.
const MAX_OUTPUT: usize = 1024;

/// A connection has a decoder of its own.
pub(super) const fn decoder() -> Decoder<FromServer> {
    Decoder::new(Limits::for_buffer(Options::MAX_MESSAGE + 16))
}

impl Client {
    const fn pipe(&self) -> Option<&Pipe> {
        match &self.link {
            Some((_, Link::Open(pipe))) => Some(pipe),
            _ => None,
        }
    }

    pub(super) fn secure(&mut self) {
        // What stands in front of TLS was not sent by whom TLS is made with.
        let unread = if has(Fault::TakesBytesBeforeTls) { 0 } else { self.input.len() };
        if unread == 0 {
            self.pipe().into_iter().for_each(Pipe::secure);
        }
        let event = self.session.handle_secured(unread, self.now());
        event.into_iter().for_each(|event| self.note(event));
    }

    /// Writes CONNECT, or a part of it.
    pub(super) fn log_in(&mut self) -> bool {
        let connection = Some(self.session.connection());
        if std::mem::replace(&mut self.logged_in, connection) == connection
            && has(Fault::LogsInOnce)
        {
            return false;
        }
        let mut part = [0; 64];
        let room = MAX_OUTPUT.saturating_sub(self.output.len()).min(part.len());
        let auth = self.token.as_deref().map_or(Auth::None, Auth::Token);
        let len = self.session.log_in(&ClientInfo::DEFAULT, &auth, &mut part[..room]);
        let len = len.unwrap_or_default();
        self.output.extend_from_slice(&part[..len]);
        len > 0
    }

    /// Puts into the output what is due, and then what waits, as far as there is room.
    pub(super) fn transmit(&mut self) {
        if !has(Fault::OvertakesSubscriptions) || self.queue.is_empty() {
            let max = if has(Fault::UnboundedOutput) { usize::MAX } else { MAX_OUTPUT };
            // Lines for which there is no room stay due.
            let _ = self.session.poll_transmit(&mut Bounded::new(&mut self.output, max));
            self.confirmations.note_transmit(&self.session, self.sent);
        }
        while let Some(queued) = self.queue.pop_front() {
            match queued {
                Queued::Flush(outcome) => {
                    self.flushes.push((Flush::new(), outcome));
                    self.settle_flushes();
                }
                Queued::Message { frame, lens, request } => match self.put(&frame, lens) {
                    Ok(()) => {
                        self.confirmations.note_transmit(&self.session, self.sent);
                        self.sent += 1;
                        request.into_iter().for_each(|id| self.requests.note_sent(id));
                    }
                    Err(Refused::Offline | Refused::Full) => {
                        return self.queue.push_front(Queued::Message { frame, lens, request });
                    }
                    Err(_) => request
                        .into_iter()
                        .for_each(|id| self.end_request(id, nats_proto::Outcome::NotPermitted)),
                },
            }
        }
    }

    /// Puts a message into the output: behind the lines that are due, and within the limits of the
    /// server that there is now.
    fn put(&mut self, frame: &[u8], lens: PublishLens) -> Result<(), Refused> {
        let mut out = Bounded::new(&mut self.output, MAX_OUTPUT);
        let is_ready = self.session.is_ready();
        let is_open = matches!(self.link, Some((_, Link::Open(_))));
        let skips_checks = [Fault::ChecksOnce, Fault::OldLimits, Fault::OvertakesSubscriptions];
        if (skips_checks.into_iter().any(has) && is_ready)
            || (has(Fault::PublishesEarly) && is_open)
        {
            out.reserve(frame.len())?;
            out.put(frame);
            return Ok(());
        }
        self.session.publish_encoded(frame, lens, &mut out)
    }

    pub(super) fn settle_flushes(&mut self) {
        let Self { session, flushes, .. } = self;
        let forgets = has(Fault::ForgetsFlushes);
        let mut flushed = Vec::new();
        for (mut flush, outcome) in flushes.drain(..) {
            match session.poll_flush(&mut flush, false) {
                FlushState::Done => outcome.resolve(Ok(())),
                FlushState::Lost if !forgets => outcome.resolve(Err(Failure::Disconnected)),
                _ => flushed.push((flush, outcome)),
            }
        }
        *flushes = flushed;
    }

    pub(super) fn write(&mut self, cx: &Context<'_>) -> bool {
        let Some(pipe) = self.pipe().filter(|_| !self.output.is_empty()) else { return false };
        match pipe.poll_write(cx, &self.output) {
            Poll::Ready(Ok(len)) => {
                self.output.drain(..len);
                if has(Fault::DropsRest) {
                    self.output.clear();
                }
            }
            Poll::Ready(Err(_)) => self.lost(DisconnectReason::Io),
            Poll::Pending if has(Fault::Spins) => cx.waker().wake_by_ref(),
            Poll::Pending => return false,
        }
        !has(Fault::Spins)
    }

    /// Whether something was read; `None` if that was all.
    pub(super) fn read(&mut self, cx: &Context<'_>) -> Option<bool> {
        let mut memory = [0; 4096];
        let Some(pipe) = self.pipe() else { return Some(false) };
        match pipe.poll_read(cx, &mut memory) {
            Poll::Ready(Ok(0)) if has(Fault::LeavesTheLoop) => return None,
            Poll::Ready(Ok(0)) => self.lost(DisconnectReason::Closed),
            Poll::Ready(Ok(len)) => {
                self.input.extend_from_slice(&memory[..len]);
                self.decode();
            }
            Poll::Ready(Err(_)) => self.lost(DisconnectReason::Io),
            Poll::Pending => return Some(false),
        }
        Some(true)
    }

    /// Decodes until no frame is whole, or something else than a frame is to come.
    fn decode(&mut self) {
        let now = self.now();
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while self.session.phase() == Phase::Exchange {
            match self.decoder.decode(rest) {
                Ok(Decoded::Frame { op, len }) => {
                    rest = &rest[len..];
                    match op {
                        ServerOp::Message(message) => self.deliver(message),
                        ServerOp::Oversized(_) if has(Fault::IgnoresOversized) => {}
                        ServerOp::Oversized(long) => {
                            // It counts as delivered.
                            self.session.deliver(long.sid);
                            self.events.push(Event::Oversized);
                            self.reply_too_long(long.subject);
                        }
                        ServerOp::Control(op) => {
                            let event = self.session.handle_control(op, now);
                            event.into_iter().for_each(|event| self.note(event));
                        }
                        _ => {}
                    }
                    if has(Fault::DecodesOneFrame) {
                        break;
                    }
                }
                Ok(Decoded::Skip { len }) => rest = &rest[len..],
                Ok(Decoded::Partial { .. }) => break,
                Err(_) if has(Fault::WrongReason) => self.lost(DisconnectReason::Io),
                Err(error) => self.lost(DisconnectReason::Protocol(error)),
            }
        }
        self.input = rest.to_vec();
    }
}
