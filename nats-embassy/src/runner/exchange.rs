//! Bytes both ways, over one connection.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Context;
use core::task::Poll;

use embassy_futures::yield_now;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::wire::ServerOp;

use super::control::disconnect;
use super::control::phase;
use super::control::poll_control;
use crate::memory::runner::RunnerState;
use crate::state::chunks::Chunks;
use crate::state::delivery::Delivered;
use crate::state::delivery::Delivery;
use crate::state::delivery::FrameInfo;
use crate::state::inbound::Found;
use crate::state::inbound::Inbound;
use crate::state::outbound::TxBuffer;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::transport::Transport;

/// Reads and writes at the same time, until there is something else to do. Neither waits for the
/// other: two sides that only write would wait forever.
pub(super) async fn exchange<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    connection: &mut impl Transport,
    memory: &mut RunnerState<'d>,
) {
    let RunnerState { inbound, back, chunks, .. } = memory;
    let (reader, writer) = connection.split();
    let mut incoming = Incoming { shared, inbound, chunks, reader };
    let mut outgoing = Outgoing { shared, back, writer };
    let (mut reading, mut writing) = (pin!(incoming.read()), pin!(outgoing.write()));
    poll_fn(|cx| {
        if is_over(shared, cx)
            || reading.as_mut().poll(cx).is_ready()
            || writing.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        // What was read may have changed what is to be done, and until when.
        poll_control(shared, cx, Phase::Exchange)
    })
    .await;
}

/// Whether the session has left the phase. The clock is read after the socket: a PONG that has been
/// received came in time, however late this task is polled.
fn is_over<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, cx: &Context<'_>) -> bool {
    shared.lock(|state| {
        // Before anything is found not to be there: it may come from another executor any time.
        state.register_runner(cx.waker());
        !matches!(state.session.phase(), Phase::Exchange)
    })
}

/// What is received. Its future has it by reference: an async fn has its arguments twice.
struct Incoming<'r, 'd, R: Sizes<'d>, I> {
    shared: &'r Shared<'d, R>,
    inbound: &'r mut Inbound<'d>,
    chunks: &'r mut Chunks<'d>,
    reader: I,
}

impl<'d, R: Sizes<'d>, I: Read> Incoming<'_, 'd, R, I> {
    async fn read(&mut self) {
        let mut was_read = false;
        loop {
            if self.handle_all() {
                // The runner wakes up for it.
                poll_fn(|_| self.poll_returned()).await;
                continue;
            }
            if !matches!(phase(self.shared), Phase::Exchange) {
                return;
            }
            // The recipients of what was read get a turn before there is more. Embassy's executor
            // polls first what was woken last, which is this task: the others' turn is between two of
            // its own.
            if core::mem::take(&mut was_read) {
                yield_now().await;
                yield_now().await;
            }
            match self.reader.read(self.inbound.spare()).await {
                Ok(0) => return disconnect(self.shared, DisconnectReason::Closed),
                Ok(len) => {
                    self.inbound.fill(len);
                    self.shared.lock(|state| count(&mut state.statistics.in_bytes, len));
                    was_read = true;
                }
                Err(_) => return disconnect(self.shared, DisconnectReason::Io),
            }
        }
    }

    /// Handles what is there, up to a message for the reader of a link. Returns whether there is one:
    /// it is borrowed where it is, and nothing is read meanwhile.
    fn handle_all(&mut self) -> bool {
        let mut borrowed = None;
        let handled = self.inbound.handle_all(|found| {
            let next = handle(self.shared, self.chunks, found);
            if let Next::Borrow(message) = next {
                borrowed = Some(message);
            }
            matches!(next, Next::GoOn)
        });
        match (handled, borrowed) {
            (Ok(()), Some(message)) if R::Delivery::BORROWS => {
                let frame = self.inbound.borrow(message);
                self.shared.lock(|state| state.delivery.put_borrowed(frame));
                true
            }
            (Ok(()), _) => false,
            (Err(reason), _) => {
                disconnect(self.shared, reason);
                false
            }
        }
    }

    /// Ready when the memory for receiving is back.
    fn poll_returned(&mut self) -> Poll<()> {
        let memory = self.shared.lock(|state| state.delivery.take_returned());
        memory.map_or(Poll::Pending, |memory| {
            self.inbound.restore(memory);
            Poll::Ready(())
        })
    }
}

/// What to do after something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
    Borrow(FrameInfo),
}

fn handle<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    chunks: &mut Chunks<'d>,
    found: Found<'_>,
) -> Next {
    let op = match found {
        Found::Op(op) => op,
        Found::Skipped(bytes) => {
            chunks.pass(bytes);
            return Next::GoOn;
        }
    };
    let streamed = chunks.are_wanted();
    match op {
        ServerOp::Message(message) => {
            match shared.lock(|state| state.handle_message(&message, streamed)) {
                Delivered::Borrowed(message) => return Next::Borrow(message),
                Delivered::TooLong if streamed => chunks.whole(&message),
                _ => {}
            }
        }
        ServerOp::Control(op) => {
            let now = now();
            return shared.lock(|state| {
                let event = state.session.handle_control(op, now);
                state.handle_events(event);
                if matches!(state.session.phase(), Phase::Exchange) {
                    Next::GoOn
                } else {
                    Next::Stop
                }
            });
        }
        ServerOp::Oversized(oversized) => {
            let is_wanted = shared.lock(|state| state.handle_oversized(oversized, streamed));
            if is_wanted {
                chunks.begin(&oversized);
            }
        }
        _ => {}
    }
    Next::GoOn
}

/// What is sent.
struct Outgoing<'r, 'd, R: Sizes<'d>, O> {
    shared: &'r Shared<'d, R>,
    back: &'r mut TxBuffer<'d>,
    writer: O,
}

impl<'d, R: Sizes<'d>, O: Write> Outgoing<'_, 'd, R, O> {
    async fn write(&mut self) {
        // Begins with the last of CONNECT, of which nothing is left in memory.
        let mut is_login = true;
        loop {
            if let Err(reason) = write_all(self.back, &mut self.writer).await {
                return disconnect(self.shared, reason);
            }
            if core::mem::take(&mut is_login) {
                self.back.wipe();
            }
            // The runner wakes up for it.
            poll_fn(|_| self.poll_bytes()).await;
        }
    }

    /// Takes what is to be written, once there is something.
    fn poll_bytes(&mut self) -> Poll<()> {
        self.shared.lock(|state| {
            state.transmit();
            if state.front.is_empty() {
                return Poll::Pending;
            }
            count(&mut state.statistics.out_bytes, state.front.bytes().len());
            state.front.swap(self.back);
            state.wake_waiters();
            Poll::Ready(())
        })
    }
}

/// Counts bytes.
pub(super) const fn count(counter: &mut u64, len: usize) {
    *counter = counter.wrapping_add(len as u64);
}

/// Writes everything there is.
pub(super) async fn write_all(
    half: &mut TxBuffer<'_>,
    writer: &mut impl Write,
) -> Result<(), DisconnectReason> {
    let mut rest = half.bytes();
    while !rest.is_empty() {
        let len = writer.write(rest).await.map_err(|_| DisconnectReason::Io)?;
        if len == 0 {
            return Err(DisconnectReason::Io);
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    half.clear();
    writer.flush().await.map_err(|_| DisconnectReason::Io)
}
