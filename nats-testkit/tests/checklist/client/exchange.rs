//! Bytes in both directions.

use std::task::Context;
use std::task::Poll;

use nats_proto::session::DisconnectReason;
use nats_proto::session::FlushState;
use nats_proto::session::Phase;
use nats_proto::wire::Bounded;
use nats_proto::wire::Connect;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
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
pub(super) fn decoder() -> Decoder<FromServer> {
    Decoder::new(Limits::for_buffer(Options::MAX_MESSAGE + 16))
}

impl Client {
    fn pipe(&self) -> Option<&Pipe> {
        match &self.link {
            Some((_, Link::Open(pipe))) => Some(pipe),
            _ => None,
        }
    }

    /// What stands in front of TLS was not sent by whom TLS is made with.
    pub(super) fn secure(&mut self) {
        if !self.input.is_empty() && !has(Fault::TakesBytesBeforeTls) {
            return self.lost(DisconnectReason::Tls);
        }
        self.pipe().into_iter().for_each(Pipe::secure);
        self.session.handle_secured();
    }

    /// Writes CONNECT, or a part of it.
    pub(super) fn log_in(&mut self) -> bool {
        let mut part = [0; 64];
        let room = MAX_OUTPUT.saturating_sub(self.output.len()).min(part.len());
        let connection = Some(self.session.connection());
        if std::mem::replace(&mut self.logged_in, connection) == connection
            && has(Fault::LogsInOnce)
        {
            return false;
        }
        let headers = self.session.challenge().is_some_and(|challenge| challenge.headers);
        let token = self.token.as_deref();
        let connect =
            Connect { auth_token: token, headers, no_responders: headers, ..Connect::DEFAULT };
        let len = self.session.login(&connect, &mut part[..room]);
        self.output.extend_from_slice(&part[..len]);
        len > 0
    }

    /// Puts into the output what is due: lines first, so that no message overtakes a SUB.
    pub(super) fn transmit(&mut self) {
        let max = if has(Fault::UnboundedOutput) { usize::MAX } else { MAX_OUTPUT };
        loop {
            let mut out = Bounded::new(&mut self.output, max);
            let is_late = has(Fault::OvertakesSubscriptions) && !self.queue.is_empty();
            let is_full = !is_late && self.session.poll_transmit(&mut out).is_err();
            let ping = self.session.last_ping();
            if self.pings.back().is_none_or(|(last, _)| *last != ping) {
                self.pings.push_back((ping, self.sent));
            }
            let is_open =
                self.session.is_ready() || (has(Fault::PublishesEarly) && self.pipe().is_some());
            if is_full || !is_open {
                return;
            }
            let mut out = Bounded::new(&mut self.output, max.min(MAX_OUTPUT));
            match self.queue.pop_front() {
                None => return,
                Some(Queued::Flush(outcome)) => match self.session.flush() {
                    Some(id) => self.flushes.push((id, outcome)),
                    None => outcome.resolve(Err(Failure::Disconnected)),
                },
                Some(Queued::Message { frame, lens, request }) => {
                    // They may be others than when it was published.
                    let is_within = self.session.publish_limits().check_lens(lens).is_ok();
                    if !is_within && !has(Fault::ChecksOnce) && !has(Fault::OldLimits) {
                        self.refuse_request(request);
                    } else if out.reserve(frame.len()).is_ok() {
                        out.put(&frame);
                        self.sent += 1;
                        self.note_sent(request);
                    } else {
                        self.queue.push_front(Queued::Message { frame, lens, request });
                        return;
                    }
                }
            }
        }
    }

    pub(super) fn settle_flushes(&mut self) {
        let Self { session, flushes, .. } = self;
        let forgets = has(Fault::ForgetsFlushes);
        let settled = flushes.extract_if(.., |(id, _)| match session.flush_state(*id) {
            FlushState::Pending => false,
            FlushState::Done => true,
            FlushState::Lost => !forgets,
        });
        for (id, outcome) in settled {
            let is_done = session.flush_state(id) == FlushState::Done;
            outcome.resolve(if is_done { Ok(()) } else { Err(Failure::Disconnected) });
        }
        while let Some((ping, sent)) = self.pings.front()
            && self.pings.len() > 1
            && self.session.flush_state(*ping) == FlushState::Done
        {
            self.confirmed = *sent;
            self.pings.pop_front();
        }
    }

    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> bool {
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
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> Option<bool> {
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
