//! Bytes both ways, over one connection.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Context;
use core::task::Poll;

use embassy_futures::yield_now;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_proto::Store;
use nats_proto::nkeys::SignatureText;
use nats_proto::session::Lost;
use nats_proto::session::Step;
use nats_proto::wire::ServerOp;
use nats_proto::wire::Sink;

use super::Kit;
use super::Task;
use super::lose;
use super::poll_control;
use crate::auth::Login;
use crate::auth::SignError;
use crate::auth::Signer;
use crate::connector::Connection;
use crate::delivery::Delivery;
use crate::delivery::Kept;
use crate::delivery::Lent;
use crate::inbound::Found;
use crate::inbound::Inbound;
use crate::outbound::Half;
use crate::pieces::Pieces;
use crate::resources::sealed::Sizes;
use crate::shared::Shared;
use crate::shared::now;

/// Reads and writes at the same time, until there is something else to do. Neither waits for the
/// other: two sides that only write would wait for ever.
pub(super) async fn exchange<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    connection: &mut impl Connection,
    kit: &mut Kit<'d>,
    signer: &mut impl Signer,
    is_secure: bool,
) {
    let Kit { name, login, inbound, back, pieces } = kit;
    let (reader, writer) = connection.split();
    let login = LogIn { name: *name, login, is_secure };
    let mut reading = pin!(read(shared, inbound, pieces, reader));
    let mut writing = pin!(write(shared, back, login, signer, writer));
    poll_fn(|cx| {
        if is_over(shared, cx)
            || reading.as_mut().poll(cx).is_ready()
            || writing.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        // What was read may have changed what is to be done, and until when.
        poll_control(shared, cx, Task::Exchange)
    })
    .await;
}

/// Whether there is something else to do by now. Time is looked at after reading: a PONG that was there
/// before anybody had a turn came in time.
fn is_over<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, cx: &Context<'_>) -> bool {
    shared.lock(|state| {
        // Before anything is found not to be there: it may come from another executor any time.
        state.runner.register(cx.waker());
        Task::of(&state.session) != Task::Exchange
    })
}

async fn read<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
    pieces: &mut Pieces<'d>,
    mut reader: impl Read,
) {
    loop {
        match reader.read(inbound.spare()).await {
            Ok(0) => return lose(shared, Lost::Closed),
            Ok(len) => inbound.fill(len),
            Err(_) => return lose(shared, Lost::Io),
        }
        loop {
            let mut lent = None;
            let handled = inbound.handle_all(|found| {
                let next = handle(shared, pieces, found);
                if let Next::Lend(message) = next {
                    lent = Some(message);
                }
                matches!(next, Next::GoOn)
            });
            if let Err(cause) = handled {
                return lose(shared, cause);
            }
            match lent {
                Some(message) if R::Delivery::LENDS => lend(shared, inbound, message).await,
                _ => break,
            }
        }
        if shared.lock(|state| Task::of(&state.session) != Task::Exchange) {
            return;
        }
        // Whoever is to have what was read gets a turn before there is more. Embassy's executor polls
        // first what was woken last, which is this task: the others' turn is between two of its own.
        yield_now().await;
        yield_now().await;
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
            return shared.lock(|state| {
                if let Some(event) = state.session.handle_control(op, now()) {
                    state.handle_event(&event);
                }
                state.settle(now());
                if Task::of(&state.session) == Task::Exchange { Next::GoOn } else { Next::Stop }
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

/// Lets somebody look at a message where it is. Nothing is read meanwhile.
async fn lend<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, inbound: &mut Inbound<'d>, message: Lent) {
    let letter = inbound.lend(message);
    shared.lock(|state| state.delivery.lend(letter));
    // The runner wakes up for it.
    let memory = poll_fn(|_| {
        shared.lock(|state| state.delivery.take_back().map_or(Poll::Pending, Poll::Ready))
    });
    inbound.take_back(memory.await);
}

/// What logging in takes, besides a signer.
struct LogIn<'r, 'd> {
    name: Option<&'d str>,
    login: &'r Login<'d>,
    is_secure: bool,
}

async fn write<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    back: &mut Half<'d>,
    login: LogIn<'_, 'd>,
    signer: &mut impl Signer,
    mut writer: impl Write,
) {
    loop {
        let has_bytes = poll_fn(|_| {
            // The runner wakes up for either.
            shared.lock(|state| {
                state.pump();
                if matches!(state.session.step(), Step::Login(_)) {
                    return Poll::Ready(false);
                }
                if state.front.is_empty() {
                    return Poll::Pending;
                }
                state.front.swap(back);
                state.waiters.wake();
                Poll::Ready(true)
            })
        });
        let written = if has_bytes.await {
            write_half(back, &mut writer).await
        } else {
            log_in(shared, back, &login, signer, &mut writer).await
        };
        if let Err(cause) = written {
            return lose(shared, cause);
        }
    }
}

async fn write_half(back: &mut Half<'_>, writer: &mut impl Write) -> Result<(), Lost> {
    let mut rest = back.bytes();
    while !rest.is_empty() {
        let len = writer.write(rest).await.map_err(|_| Lost::Io)?;
        if len == 0 {
            return Err(Lost::Io);
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    back.clear();
    writer.flush().await.map_err(|_| Lost::Io)
}

/// Says who we are, in pieces if need be: a JWT is longer than the memory for sending.
async fn log_in<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    back: &mut Half<'d>,
    login: &LogIn<'_, 'd>,
    signer: &mut impl Signer,
    writer: &mut impl Write,
) -> Result<(), Lost> {
    let LogIn { name, login, is_secure } = *login;
    let signature = match login.needs_signature() {
        true => Some(sign(shared, signer).await.map_err(|_| Lost::Login)?),
        false => None,
    };
    loop {
        let is_done = shared.lock(|state| {
            let Step::Login(challenge) = state.session.step() else { return true };
            let connect = login.connect(name, challenge.headers, signature.as_ref(), is_secure);
            back.fill(|space| state.session.login(&connect, space));
            false
        });
        if is_done {
            back.wipe();
            return Ok(());
        }
        write_half(back, writer).await?;
    }
}

async fn sign<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    signer: &mut impl Signer,
) -> Result<SignatureText, SignError> {
    let mut nonce = <R::Store as Store>::Text::default();
    shared.lock(|state| {
        if let Step::Login(challenge) = state.session.step() {
            let text = challenge.nonce.as_bytes();
            if nonce.reserve(text.len()).is_ok() {
                nonce.put(text);
            }
        }
    });
    if nonce.as_ref().is_empty() {
        // The server could not check a signature.
        return Err(SignError);
    }
    Ok(SignatureText::new(&signer.sign(nonce.as_ref()).await?))
}
