//! Logging in: CONNECT and its signature.

use core::pin::pin;

use embedded_io_async::Write;
use nats_proto::nkeys::SignatureText;
use nats_proto::session;
use nats_proto::session::ClientInfo;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::wire::Sink;

use super::control::disconnect;
use super::control::unless_changed;
use super::exchange::count;
use super::exchange::write_all;
use crate::auth::Auth;
use crate::auth::Credentials;
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
    /// The credentials of this attempt. `nonce` is empty if the server does not ask for a signature,
    /// which is put into the spare memory for receiving.
    async fn resolve<'a>(
        &'a mut self,
        configured: Auth<'a>,
        nonce: &[u8],
        inbound: &'a mut Inbound<'_>,
    ) -> Option<session::Auth<'a>>;
}

impl<A: Signer> LogIn for A {
    async fn resolve<'a>(
        &'a mut self,
        configured: Auth<'a>,
        nonce: &[u8],
        inbound: &'a mut Inbound<'_>,
    ) -> Option<session::Auth<'a>> {
        let signature = match configured.needs_signature() {
            // Without a nonce, the server could not check it.
            true if nonce.is_empty() => return None,
            true => Some(text(&self.sign(nonce).await.ok()?, inbound)?),
            false => None,
        };
        configured.with_signature(signature)
    }
}

impl<P: Credentials> LogIn for PerAttempt<P> {
    async fn resolve<'a>(
        &'a mut self,
        _: Auth<'a>,
        nonce: &[u8],
        inbound: &'a mut Inbound<'_>,
    ) -> Option<session::Auth<'a>> {
        let resolved = self.0.log_in(nonce).await.ok()?;
        let signature = match &resolved.signature {
            Some(signature) => Some(text(signature, inbound)?),
            None => None,
        };
        resolved.auth.with_signature(signature)
    }
}

/// Logs in over a connection. The last part of CONNECT is left for the exchange to write.
pub(super) async fn log_in<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    connection: &mut impl Transport,
    memory: &mut RunnerState<'d>,
    who: &mut impl LogIn,
) {
    let result = {
        let (_, writer) = connection.split();
        let logging_in = pin!(send_connect(shared, memory, who, writer));
        unless_changed(shared, Phase::Login, logging_in).await
    };
    if let Some(Err(reason)) = result {
        disconnect(shared, reason);
    }
}

/// Sends CONNECT. Nothing is read meanwhile: the server waits for it.
async fn send_connect<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    memory: &mut RunnerState<'d>,
    who: &mut impl LogIn,
    mut writer: impl Write,
) -> Result<(), DisconnectReason> {
    let RunnerState { client, auth, inbound, back, .. } = memory;
    put_nonce(shared, back);
    let auth = who.resolve(*auth, back.bytes(), inbound).await.ok_or(DisconnectReason::Auth)?;
    back.clear();
    while put_connect(shared, back, client, &auth)? {
        write_all(back, &mut writer).await?;
    }
    Ok(())
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

/// A signature as a text, in the spare memory for receiving.
fn text<'a>(signature: &[u8; 64], inbound: &'a mut Inbound<'_>) -> Option<&'a str> {
    inbound.write_text(|out| {
        let text = SignatureText::new(signature);
        let text = text.as_str().as_bytes();
        out.reserve(text.len()).map(|()| out.put(text)).is_ok()
    })
}

/// Puts CONNECT where it is written from, in parts if need be: a JWT is longer than the memory for
/// sending. Returns whether there is another part after this one.
fn put_connect<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    back: &mut TxBuffer<'d>,
    client: &ClientInfo<'_>,
    auth: &session::Auth<'_>,
) -> Result<bool, DisconnectReason> {
    shared.lock(|state| {
        let mut written = Ok(0);
        back.fill(|space| {
            written = state.session.log_in(client, auth, space);
            written.unwrap_or_default()
        });
        count(&mut state.statistics.out_bytes, written.map_err(|_| DisconnectReason::Auth)?);
        Ok(matches!(state.session.phase(), Phase::Login))
    })
}
