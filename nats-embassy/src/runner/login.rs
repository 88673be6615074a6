//! Logging in: CONNECT and its signature.

use core::pin::pin;

use embedded_io_async::Write;
use nats_proto::nkeys::SignatureText;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::wire::Connect;
use nats_proto::wire::Sink;

use super::control::disconnect;
use super::control::unless_changed;
use super::exchange::count;
use super::exchange::write_all;
use crate::auth::Credentials;
use crate::auth::Identity;
use crate::auth::PerAttempt;
use crate::auth::Signer;
use crate::memory::runner::RunnerState;
use crate::state::inbound::Inbound;
use crate::state::outbound::TxBuffer;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::transport::Transport;

/// How to log in: with the configuration's credentials and signatures of a [`Signer`], or with
/// [`Credentials`] of every attempt.
#[expect(unnameable_types, reason = "sealed")]
pub trait LogIn {
    /// Sends CONNECT. Nothing is read meanwhile: the server waits for it.
    async fn log_in<'d, R: Sizes<'d>, W: Write>(
        &mut self,
        desk: &mut LoginContext<'_, 'd, R, W>,
    ) -> Result<(), DisconnectReason>;
}

/// What logging in works with.
#[expect(unnameable_types, reason = "sealed")]
pub struct LoginContext<'r, 'd, R: Sizes<'d>, W> {
    shared: &'r Shared<'d, R>,
    memory: &'r mut RunnerState<'d>,
    writer: W,
    is_secure: bool,
}

/// Logs in over a connection.
pub(super) async fn log_in<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    connection: &mut impl Transport,
    memory: &mut RunnerState<'d>,
    who: &mut impl LogIn,
    is_secure: bool,
) {
    let result = {
        let (_, writer) = connection.split();
        let mut desk = LoginContext { shared, memory: &mut *memory, writer, is_secure };
        let logging_in = pin!(who.log_in(&mut desk));
        unless_changed(shared, Phase::Login, logging_in).await
    };
    if let Some(Err(reason)) = result {
        disconnect(shared, reason);
    }
}

impl<A: Signer> LogIn for A {
    async fn log_in<'d, R: Sizes<'d>, W: Write>(
        &mut self,
        desk: &mut LoginContext<'_, 'd, R, W>,
    ) -> Result<(), DisconnectReason> {
        let LoginContext { shared, memory, writer, is_secure } = desk;
        let RunnerState { name, auth, no_echo, inbound, back, .. } = &mut **memory;
        let signature = match auth.needs_signature() {
            true => {
                put_nonce(shared, back);
                // Without a nonce, the server could not check a signature.
                if back.is_empty() {
                    return Err(DisconnectReason::Auth);
                }
                let signature =
                    self.sign(back.bytes()).await.map_err(|_| DisconnectReason::Auth)?;
                Some(text(&signature, back, inbound).ok_or(DisconnectReason::Auth)?)
            }
            false => None,
        };
        while is_truncated(shared, back, |headers| {
            let name = *name;
            let identity = Identity { name, no_echo: *no_echo, signature, is_secure: *is_secure };
            auth.connect(&identity, headers)
        }) {
            write_all(back, writer).await?;
        }
        Ok(())
    }
}

impl<P: Credentials> LogIn for PerAttempt<P> {
    async fn log_in<'d, R: Sizes<'d>, W: Write>(
        &mut self,
        desk: &mut LoginContext<'_, 'd, R, W>,
    ) -> Result<(), DisconnectReason> {
        let LoginContext { shared, memory, writer, is_secure } = desk;
        let RunnerState { name, no_echo, inbound, back, .. } = &mut **memory;
        put_nonce(shared, back);
        let proof = self.0.log_in(back.bytes()).await.map_err(|_| DisconnectReason::Auth)?;
        if proof.auth.needs_signature() && (proof.signature.is_none() || back.is_empty()) {
            return Err(DisconnectReason::Auth);
        }
        let signature = match &proof.signature {
            Some(signature) => Some(text(signature, back, inbound).ok_or(DisconnectReason::Auth)?),
            None => {
                back.clear();
                None
            }
        };
        while is_truncated(shared, back, |headers| {
            let name = *name;
            let identity = Identity { name, no_echo: *no_echo, signature, is_secure: *is_secure };
            proof.auth.connect(&identity, headers)
        }) {
            write_all(back, writer).await?;
        }
        Ok(())
    }
}

/// Puts the nonce into the memory for sending.
fn put_nonce<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, back: &mut TxBuffer<'d>) {
    shared.lock(|state| {
        if let Some(nonce) = state.session.challenge().and_then(|challenge| challenge.nonce()) {
            let nonce = nonce.as_bytes();
            back.write(|out| out.reserve(nonce.len()).map(|()| out.put(nonce)).unwrap_or_default());
        }
    });
}

/// The signature as a text, in the spare memory for receiving. What was signed is forgotten.
fn text<'i>(
    signature: &[u8; 64],
    back: &mut TxBuffer<'_>,
    inbound: &'i mut Inbound<'_>,
) -> Option<&'i str> {
    back.clear();
    inbound.write_text(|out| {
        let text = SignatureText::new(signature);
        let text = text.as_str().as_bytes();
        out.reserve(text.len()).map(|()| out.put(text)).is_ok()
    })
}

/// Puts CONNECT where it is written from, in parts if need be: a JWT is longer than the memory for
/// sending. Says whether there is another part after this one; the last is for the exchange to write.
fn is_truncated<'d, 'c, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    back: &mut TxBuffer<'d>,
    connect: impl Fn(bool) -> Connect<'c>,
) -> bool {
    shared.lock(|state| {
        let Some(challenge) = state.session.challenge() else { return false };
        let connect = connect(challenge.headers);
        back.fill(|space| state.session.login(&connect, space));
        count(&mut state.statistics.out_bytes, back.bytes().len());
        state.session.phase() == Phase::Login
    })
}
