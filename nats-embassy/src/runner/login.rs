//! Saying who we are.

use core::pin::pin;

use nats_proto::nkeys::SignatureText;
use nats_proto::session::Lost;
use nats_proto::session::Step;
use nats_proto::wire::Sink;

use super::Kit;
use super::Task;
use super::exchange::write_half;
use super::lose;
use super::unless_changed;
use crate::auth::Signer;
use crate::connector::Connection;
use crate::inbound::Inbound;
use crate::outbound::Half;
use crate::resources::sealed::Sizes;
use crate::shared::Shared;

/// Signs what the server wants to have signed, and writes CONNECT. Nothing is read meanwhile: the
/// server waits for it.
pub(super) async fn log_in<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    connection: &mut impl Connection,
    kit: &mut Kit<'d>,
    signer: &mut impl Signer,
    is_secure: bool,
) {
    let Kit { name, login, inbound, back, .. } = kit;
    let result = {
        let (_, mut writer) = connection.split();
        let logging_in = pin!(async {
            let signature = match login.needs_signature() {
                true => Some(sign(shared, back, inbound, signer).await.ok_or(Lost::Login)?),
                false => None,
            };
            // In pieces if need be: a JWT is longer than the memory for sending.
            loop {
                let is_done = shared.lock(|state| {
                    let Step::Login(challenge) = state.session.step() else { return true };
                    let connect = login.connect(*name, challenge.headers, signature, is_secure);
                    back.fill(|space| state.session.login(&connect, space));
                    false
                });
                if is_done {
                    return Ok(());
                }
                write_half(back, &mut writer).await?;
            }
        });
        unless_changed(shared, Task::Login, logging_in).await
    };
    // Nothing of it is left in memory.
    back.wipe();
    if let Some(Err(cause)) = result {
        lose(shared, cause);
    }
}

/// The signature, in the spare memory for receiving; `None` if there is none.
async fn sign<'i, 'd, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    back: &mut Half<'d>,
    inbound: &'i mut Inbound<'d>,
    signer: &mut impl Signer,
) -> Option<&'i str> {
    shared.lock(|state| {
        if let Step::Login(challenge) = state.session.step() {
            let nonce = challenge.nonce.as_bytes();
            back.write(|out| out.reserve(nonce.len()).map(|()| out.put(nonce)).unwrap_or_default());
        }
    });
    // Without a nonce, the server could not check a signature.
    if back.is_empty() {
        return None;
    }
    let signature = signer.sign(back.bytes()).await.ok()?;
    back.clear();
    inbound.note(|out| {
        let text = SignatureText::new(&signature);
        let text = text.as_str().as_bytes();
        out.reserve(text.len()).map(|()| out.put(text)).is_ok()
    })
}
