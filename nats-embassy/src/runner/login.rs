//! Saying who we are.

use core::pin::pin;

use embedded_io_async::Write;
use nats_proto::nkeys::SignatureText;
use nats_proto::session::Lost;
use nats_proto::session::Step;
use nats_proto::wire::Sink;

use super::Kit;
use super::Task;
use super::exchange::write_half;
use super::lose;
use super::unless_changed;
use crate::auth::SignError;
use crate::auth::Signer;
use crate::connector::Connection;
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
    let result = {
        let (_, writer) = connection.split();
        let writing = pin!(write(shared, writer, kit, signer, is_secure));
        unless_changed(shared, Task::Login, writing).await
    };
    // Nothing of it is left in memory.
    kit.back.wipe();
    if let Some(Err(cause)) = result {
        lose(shared, cause);
    }
}

async fn write<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    mut writer: impl Write,
    kit: &mut Kit<'d>,
    signer: &mut impl Signer,
    is_secure: bool,
) -> Result<(), Lost> {
    let signature = match kit.login.needs_signature() {
        true => Some(sign(shared, &mut kit.back, signer).await.map_err(|_| Lost::Login)?),
        false => None,
    };
    // In pieces if need be: a JWT is longer than the memory for sending.
    while fill(shared, kit, signature.as_ref(), is_secure) {
        write_half(&mut kit.back, &mut writer).await?;
    }
    Ok(())
}

/// Fills the memory with the next part of CONNECT, and says whether there was one.
fn fill<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    kit: &mut Kit<'d>,
    signature: Option<&[u8; 64]>,
    is_secure: bool,
) -> bool {
    let Kit { name, login, back, .. } = kit;
    let signature = signature.map(SignatureText::new);
    back.clear();
    shared.lock(|state| {
        let Step::Login(challenge) = state.session.step() else { return false };
        let connect = login.connect(*name, challenge.headers, signature.as_ref(), is_secure);
        back.fill(|space| state.session.login(&connect, space));
        true
    })
}

async fn sign<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    back: &mut Half<'d>,
    signer: &mut impl Signer,
) -> Result<[u8; 64], SignError> {
    shared.lock(|state| {
        if let Step::Login(challenge) = state.session.step() {
            let nonce = challenge.nonce.as_bytes();
            back.write(|out| out.reserve(nonce.len()).map(|()| out.put(nonce)).unwrap_or_default());
        }
    });
    if back.is_empty() {
        // The server could not check a signature.
        return Err(SignError);
    }
    signer.sign(back.bytes()).await
}
