//! Moving bytes: what was published to the socket, what comes from it to `Inbound`.

use std::future::Future;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use nats_proto::session::Lost;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;

use crate::driver::Driver;
use crate::driver::Task;
use crate::state::batch::MAX_SLICES;
use crate::sync::lock;
use crate::transport::Broken;
use crate::transport::tls;

/// How long not to read while a subscriber is behind that has lost nothing so far: it may only be
/// waiting for a processor. One that does not catch up is soon too slow, and not waited for any
/// more.
const REST: Duration = Duration::from_millis(1);

/// How reading went on.
enum Progress {
    /// There may be more.
    Read {
        /// Somebody was woken to take it.
        has_woken: bool,
    },
    /// There is nothing now.
    Wait,
}

fn broken(error: io::Error) -> Broken {
    Broken(tls::loss(&error), Some(error))
}

impl Driver {
    /// Reads and writes until the session wants something else.
    pub(crate) fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut is_awaited = false;
        loop {
            if self.poll_control(cx, Task::Exchange).is_ready() {
                return Poll::Ready(());
            }
            match self.poll_write(cx).and_then(|()| self.poll_read(cx)) {
                // Whoever was given something runs before much more is read: on a thread that is
                // shared, the reader would otherwise fill memory while nobody takes anything out.
                // Most of the time there is nothing more, and nothing to give way for.
                Ok(Progress::Read { has_woken }) if !is_awaited => is_awaited = has_woken,
                Ok(Progress::Read { .. }) => {
                    // Tokio wakes us when everybody else had a turn, also the future that a runtime
                    // with one thread was started with; that one comes last.
                    let _ = pin!(tokio::task::yield_now()).poll(cx);
                    return Poll::Pending;
                }
                Ok(Progress::Wait) => return Poll::Pending,
                Err(Broken(cause, error)) => {
                    self.lose(cause, error);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Writes as much as the stream takes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        loop {
            if self.batch.is_empty() && !self.take_batch(cx.waker()) {
                return self.poll_flush(cx);
            }
            let Some(stream) = &mut self.stream else { return Err(Broken(Lost::Closed, None)) };
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = self.batch.slices(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            match Pin::new(stream).poll_write_vectored(cx, slices) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(Broken(Lost::Closed, None)),
                Poll::Ready(Ok(written)) => self.note_written(written),
                Poll::Ready(Err(error)) => return Err(broken(error)),
            }
        }
    }

    /// Takes over what is to be written: what the session has to say before the connection is
    /// ready, and then what was published.
    fn take_batch(&mut self, driver: &Waker) -> bool {
        let mut control = lock(&self.shared.control);
        if !control.session.is_connected() {
            self.batch.put_control(|out| control.session.poll_transmit(out));
            return !self.batch.is_empty();
        }
        let mut outbound = lock(&self.shared.outbound);
        let has_taken = outbound.take(&mut self.batch);
        if !has_taken {
            outbound.wake_on_data(driver);
        }
        let owes = outbound.owes();
        drop(outbound);
        if owes && has_taken {
            self.shared.pump(&mut control);
        }
        has_taken
    }

    fn note_written(&mut self, written: usize) {
        self.batch.advance(written);
        self.is_unflushed = true;
        self.shared.counters.out_bytes.add(written as u64);
        let mut wake = Vec::new();
        lock(&self.shared.outbound).set_in_flight(self.batch.left(), &mut wake);
        wake.into_iter().for_each(Waker::wake);
    }

    /// Has a stream that buffers send what it has.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        if let Some(stream) = self.stream.as_mut().filter(|_| self.is_unflushed) {
            match Pin::new(stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => return Err(broken(error)),
            }
        }
        Ok(())
    }

    /// Reads once, and deals with what came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<Progress, Broken> {
        if self.rest.as_mut().is_some_and(|rest| rest.as_mut().poll(cx).is_pending()) {
            return Ok(Progress::Wait);
        }
        self.rest = None;
        let Some(stream) = &mut self.stream else { return Err(Broken(Lost::Closed, None)) };
        let reading = pin!(stream.read_buf(self.inbound.buffer()));
        match reading.poll(cx) {
            Poll::Pending => return Ok(Progress::Wait),
            Poll::Ready(Ok(0)) => return Err(Broken(Lost::Closed, None)),
            Poll::Ready(Ok(read)) => self.shared.counters.in_bytes.add(read as u64),
            Poll::Ready(Err(error)) => return Err(broken(error)),
        }
        let outcome = self.inbound.process(&self.shared);
        if outcome.is_behind {
            self.rest = Some(Box::pin(tokio::time::sleep(REST)));
        }
        match outcome.error {
            Some(lost) => Err(Broken(lost, None)),
            None => Ok(Progress::Read { has_woken: outcome.has_woken }),
        }
    }
}
