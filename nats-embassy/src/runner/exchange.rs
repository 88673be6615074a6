//! Bytes both ways, over one connection.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Context;
use core::task::Poll;

use embassy_futures::yield_now;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_proto::session::Lost;
use nats_proto::session::Phase;
use nats_proto::wire::ServerOp;

use super::control::disconnect;
use super::control::phase;
use super::control::poll_control;
use crate::memory::runner::RunnerState;
use crate::state::chunks::Pieces;
use crate::state::delivery::Delivery;
use crate::state::delivery::Kept;
use crate::state::delivery::Lent;
use crate::state::inbound::Found;
use crate::state::inbound::Inbound;
use crate::state::outbound::Half;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::transport::Connection;

/// Reads and writes at the same time, until there is something else to do. Neither waits for the
/// other: two sides that only write would wait for ever.
pub(super) async fn exchange<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    connection: &mut impl Connection,
    memory: &mut RunnerState<'d>,
) {
    let RunnerState { inbound, back, pieces, .. } = memory;
    let (reader, writer) = connection.split();
    let mut incoming = Incoming { shared, inbound, pieces, reader };
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

/// Whether there is something else to do by now. Time is looked at after reading: a PONG that was there
/// before anybody had a turn came in time.
fn is_over<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, cx: &Context<'_>) -> bool {
    shared.lock(|state| {
        // Before anything is found not to be there: it may come from another executor any time.
        state.register_runner(cx.waker());
        state.session.phase() != Phase::Exchange
    })
}

/// What is received. Its future has it by reference: an async fn has its arguments twice.
struct Incoming<'r, 'd, R: Sizes<'d>, I> {
    shared: &'r Shared<'d, R>,
    inbound: &'r mut Inbound<'d>,
    pieces: &'r mut Pieces<'d>,
    reader: I,
}

impl<'d, R: Sizes<'d>, I: Read> Incoming<'_, 'd, R, I> {
    async fn read(&mut self) {
        let mut was_read = false;
        loop {
            if self.handle_all() {
                // The runner wakes up for it.
                poll_fn(|_| self.poll_taken_back()).await;
                continue;
            }
            if phase(self.shared) != Phase::Exchange {
                return;
            }
            // Whoever is to have what was read gets a turn before there is more. Embassy's executor
            // polls first what was woken last, which is this task: the others' turn is between two of
            // its own.
            if core::mem::take(&mut was_read) {
                yield_now().await;
                yield_now().await;
            }
            match self.reader.read(self.inbound.spare()).await {
                Ok(0) => return disconnect(self.shared, Lost::Closed),
                Ok(len) => {
                    self.inbound.fill(len);
                    self.shared.lock(|state| count(&mut state.statistics.in_bytes, len));
                    was_read = true;
                }
                Err(_) => return disconnect(self.shared, Lost::Io),
            }
        }
    }

    /// Handles what is there, up to a message that is to be lent, and says whether there is one:
    /// somebody may look at it where it is, and nothing is read meanwhile.
    fn handle_all(&mut self) -> bool {
        let mut lent = None;
        let handled = self.inbound.handle_all(|found| {
            let next = handle(self.shared, self.pieces, found);
            if let Next::Lend(message) = next {
                lent = Some(message);
            }
            matches!(next, Next::GoOn)
        });
        match (handled, lent) {
            (Ok(()), Some(message)) if R::Delivery::LENDS => {
                let letter = self.inbound.lend(message);
                self.shared.lock(|state| state.delivery.lend(letter));
                true
            }
            (Ok(()), _) => false,
            (Err(cause), _) => {
                disconnect(self.shared, cause);
                false
            }
        }
    }

    /// Ready when the memory for receiving is back.
    fn poll_taken_back(&mut self) -> Poll<()> {
        let memory = self.shared.lock(|state| state.delivery.take_back());
        memory.map_or(Poll::Pending, |memory| {
            self.inbound.take_back(memory);
            Poll::Ready(())
        })
    }
}

/// What to do after something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
    Lend(Lent),
}

fn handle<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    pieces: &mut Pieces<'d>,
    found: Found<'_>,
) -> Next {
    let op = match found {
        Found::Op(op) => op,
        Found::Passing(bytes) => {
            pieces.pass(bytes);
            return Next::GoOn;
        }
    };
    let streamed = pieces.are_wanted();
    match op {
        ServerOp::Message(message) => {
            match shared.lock(|state| state.handle_message(&message, streamed)) {
                Kept::Lent(message) => return Next::Lend(message),
                Kept::TooLong if streamed => pieces.whole(&message),
                _ => {}
            }
        }
        ServerOp::Control(op) => {
            let now = now();
            return shared.lock(|state| {
                if let Some(event) = state.session.handle_control(op, now) {
                    state.handle_event(&event);
                }
                state.after_change(now);
                if state.session.phase() == Phase::Exchange { Next::GoOn } else { Next::Stop }
            });
        }
        ServerOp::Oversized(oversized) => {
            let is_wanted = shared.lock(|state| state.handle_oversized(oversized, streamed));
            if is_wanted {
                pieces.begin(&oversized);
            }
        }
        _ => {}
    }
    Next::GoOn
}

/// What is sent.
struct Outgoing<'r, 'd, R: Sizes<'d>, O> {
    shared: &'r Shared<'d, R>,
    back: &'r mut Half<'d>,
    writer: O,
}

impl<'d, R: Sizes<'d>, O: Write> Outgoing<'_, 'd, R, O> {
    async fn write(&mut self) {
        // Begins with the last of CONNECT, of which nothing is left in memory.
        let mut is_login = true;
        loop {
            if let Err(cause) = write_half(self.back, &mut self.writer).await {
                return disconnect(self.shared, cause);
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
            state.wake_sleepers();
            Poll::Ready(())
        })
    }
}

/// Counts bytes.
pub(super) const fn count(counter: &mut u64, len: usize) {
    *counter = counter.wrapping_add(len as u64);
}

/// Writes everything there is.
pub(super) async fn write_half(half: &mut Half<'_>, writer: &mut impl Write) -> Result<(), Lost> {
    let mut rest = half.bytes();
    while !rest.is_empty() {
        let len = writer.write(rest).await.map_err(|_| Lost::Io)?;
        if len == 0 {
            return Err(Lost::Io);
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    half.clear();
    writer.flush().await.map_err(|_| Lost::Io)
}
