//! Bytes both ways, over one connection.

use core::future::poll_fn;
use core::pin::pin;
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

use super::Task;
use super::lose;
use super::poll_control;
use crate::auth::SignError;
use crate::auth::Signer;
use crate::config::Config;
use crate::connector::Connection;
use crate::inbound::Inbound;
use crate::outbound::Half;
use crate::resources::sealed::Sizes;
use crate::shared::Shared;
use crate::shared::now;

/// What logging in takes.
pub(super) struct LogIn<'r, 'd, A> {
    pub(super) config: &'r Config<'d>,
    pub(super) signer: &'r mut A,
    pub(super) is_secure: bool,
}

/// Reads and writes at the same time, until there is something else to do. Neither waits for the
/// other: two sides that only write would wait for ever.
pub(super) async fn exchange<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    connection: &mut impl Connection,
    inbound: &mut Inbound<'d>,
    back: &mut Half<'d>,
    login: LogIn<'_, '_, impl Signer>,
) {
    let (reader, writer) = connection.split();
    let mut reading = pin!(read(shared, inbound, reader));
    let mut writing = pin!(write(shared, back, login, writer));
    poll_fn(|cx| {
        if poll_control(shared, cx, Task::Exchange).is_ready()
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

async fn read<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
    mut reader: impl Read,
) {
    loop {
        match reader.read(inbound.spare()).await {
            Ok(0) => return lose(shared, Lost::Closed),
            Ok(len) => inbound.fill(len),
            Err(_) => return lose(shared, Lost::Io),
        }
        if let Err(cause) = inbound.handle_all(|op| handle(shared, op)) {
            return lose(shared, cause);
        }
        if shared.lock(|state| Task::of(&state.session) != Task::Exchange) {
            return;
        }
        // Whoever is to have what was read gets a turn before there is more.
        yield_now().await;
    }
}

/// Says whether to go on.
fn handle<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, op: ServerOp<'_>) -> bool {
    shared.lock(|state| match op {
        ServerOp::Message(message) => {
            state.handle_message(&message);
            true
        }
        ServerOp::Control(op) => {
            if let Some(event) = state.session.handle_control(op, now()) {
                state.handle_event(&event);
            }
            state.settle(now());
            Task::of(&state.session) == Task::Exchange
        }
        ServerOp::Oversized(oversized) => {
            state.handle_oversized(oversized);
            true
        }
        _ => true,
    })
}

async fn write<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    back: &mut Half<'d>,
    mut login: LogIn<'_, '_, impl Signer>,
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
                core::mem::swap(&mut state.front, back);
                state.waiters.wake();
                Poll::Ready(true)
            })
        });
        let written = if has_bytes.await {
            write_half(back, &mut writer).await
        } else {
            log_in(shared, back, &mut login, &mut writer).await
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
    login: &mut LogIn<'_, '_, impl Signer>,
    writer: &mut impl Write,
) -> Result<(), Lost> {
    let LogIn { config, signer, is_secure } = login;
    let signature = match config.login.needs_signature() {
        true => Some(sign(shared, *signer).await.map_err(|_| Lost::Login)?),
        false => None,
    };
    loop {
        let is_done = shared.lock(|state| {
            let Step::Login(challenge) = state.session.step() else { return true };
            let connect = config.login.connect(
                config.name,
                challenge.headers,
                signature.as_ref(),
                *is_secure,
            );
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
