//! Moving bytes: what comes from the socket to [`Inbound`](super::inbound::Inbound), what was
//! published to the socket.

use std::future::Future;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::time::Sleep;

use super::Driver;
use super::Read;
use crate::error::Failure;
use crate::state::batch::MAX_SLICES;
use crate::sync::lock;
use crate::transport::Broken;
use crate::transport::tls;

/// How long not to read while a subscriber is behind that has lost nothing so far: it may only be
/// waiting for a processor. One that does not catch up is soon too slow, and not waited for any
/// more.
const REST: Duration = Duration::from_millis(1);

/// How moving bytes stands.
#[derive(Default)]
pub(super) struct Exchange {
    /// Whether the session had a connection in the last turn: then what is published is written.
    pub(super) is_connected: bool,
    /// Whether what was written may still be in a buffer of the stream's own.
    is_unflushed: bool,
    /// Until when nothing is read, if a subscriber is behind.
    rest: Option<Pin<Box<Sleep>>>,
}

impl Exchange {
    /// Does not read for a moment.
    pub(super) fn rest(&mut self) {
        self.rest = Some(Box::pin(tokio::time::sleep(REST)));
    }
}

fn broken(error: io::Error) -> Broken {
    Broken(tls::loss(&error), Some(error))
}

impl Driver {
    /// Reads and writes until the session wants something else.
    pub(super) fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut is_awaited = false;
        loop {
            let read = match self.poll_read(cx) {
                Poll::Ready(Ok(())) => Read::Bytes,
                Poll::Ready(Err(broken)) => Read::Failed(broken),
                Poll::Pending => Read::Nothing,
            };
            let is_idle = matches!(read, Read::Nothing);
            let turn = self.turn(cx, Phase::Exchange, read);
            if turn.is_over {
                return Poll::Ready(());
            }
            if let Err(Broken(reason, error)) = self.poll_write(cx) {
                self.lose(Phase::Exchange, reason, error.map(Failure::Io));
                return Poll::Ready(());
            }
            if self.timers.poll(cx, &self.shared).is_ready() {
                continue;
            }
            if is_idle {
                return Poll::Pending;
            }
            // A subscriber that got messages runs before much more is read: on a thread that is
            // shared, the reader would otherwise fill memory while no subscriber runs.
            // Most of the time there is nothing more, and nothing to give way for.
            if is_awaited {
                // Tokio wakes us when everybody else had a turn, also the future that a runtime
                // with one thread was started with; that one comes last.
                let _ = pin!(tokio::task::yield_now()).poll(cx);
                return Poll::Pending;
            }
            is_awaited = turn.has_woken;
        }
    }

    /// Reads once.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Some(rest) = &mut self.exchange.rest {
            std::task::ready!(rest.as_mut().poll(cx));
            self.exchange.rest = None;
        }
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(Broken(DisconnectReason::Closed, None)));
        };
        let reading = pin!(stream.read_buf(self.inbound.buffer()));
        reading.poll(cx).map(|read| match read {
            Ok(0) => Err(Broken(DisconnectReason::Closed, None)),
            Ok(read) => {
                self.shared.counters.in_bytes.add(read as u64);
                Ok(())
            }
            Err(error) => Err(broken(error)),
        })
    }

    /// Writes as much as the stream takes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        loop {
            if self.batch.is_empty() && !self.take_batch(cx.waker()) {
                return self.poll_flush(cx);
            }
            let Some(stream) = &mut self.stream else {
                return Err(Broken(DisconnectReason::Closed, None));
            };
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = self.batch.slices(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            match Pin::new(stream).poll_write_vectored(cx, slices) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(Broken(DisconnectReason::Closed, None)),
                Poll::Ready(Ok(written)) => self.note_written(written),
                Poll::Ready(Err(error)) => return Err(broken(error)),
            }
        }
    }

    /// Takes over what is to be written.
    fn take_batch(&mut self, driver: &Waker) -> bool {
        // Before that, turns put what the session has to say.
        if !self.exchange.is_connected {
            return false;
        }
        let mut outbound = lock(&self.shared.outbound);
        let took_frames = outbound.takes_frames();
        let has_taken = outbound.take(&mut self.batch);
        if !has_taken {
            outbound.wake_on_data(driver);
        }
        let owes = outbound.owes();
        let has_room = !took_frames && outbound.takes_frames();
        drop(outbound);
        if owes && has_taken {
            self.shared.transmit(&mut lock(&self.shared.control));
        }
        if has_room {
            // What was held for this connection has gone in front of them.
            let mut control = lock(&self.shared.control);
            if control.extensions.want_all() {
                control.wake_driver();
            }
        }
        has_taken
    }

    fn note_written(&mut self, written: usize) {
        self.batch.advance(written);
        self.exchange.is_unflushed = true;
        self.shared.counters.out_bytes.add(written as u64);
        let mut wake = Vec::new();
        lock(&self.shared.outbound).set_in_flight(self.batch.left(), &mut wake);
        wake.into_iter().for_each(Waker::wake);
    }

    /// Has a stream that buffers send what it has.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        if let Some(stream) = self.stream.as_mut().filter(|_| self.exchange.is_unflushed) {
            match Pin::new(stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.exchange.is_unflushed = false,
                Poll::Ready(Err(error)) => return Err(broken(error)),
            }
        }
        Ok(())
    }
}
