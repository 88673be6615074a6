//! One connection, from dialing to its end.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use embassy_time::Duration;
use embassy_time::with_timeout;
use nats_proto::ServerUrl;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::wire::Sink;

use super::Runner;
use super::control::disconnect;
use super::control::phase;
use super::control::unless_changed;
use super::exchange::exchange;
use super::login::LogIn;
use super::login::log_in;
use crate::state::delivery::Delivery;
use crate::state::inbound::Inbound;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::transport::Connector;
use crate::transport::Transport;

/// How long closing a connection may take.
const CLOSE: Duration = Duration::from_secs(1);
/// How long giving up a connection may take.
const ABORT: Duration = Duration::from_millis(200);

impl<'d, R: Sizes<'d>, C: Connector, A: LogIn> Runner<'d, R, C, A> {
    /// Dials, and does what the session wants with the connection until that is over.
    pub(super) async fn connect(&mut self) {
        let Self { shared, memory, connector, signer } = self;
        let shared = *shared;
        reclaim(shared, &mut memory.inbound).await;
        memory.inbound.reset();
        memory.chunks.reset();
        memory.back.wipe();
        let dialing = dial(shared, &mut memory.inbound, connector);
        let Some(mut connection) = dialing.await else { return };
        shared.lock(|state| state.session.handle_open());
        let stop = loop {
            match phase(shared) {
                // What came before TLS may have been injected.
                Phase::Secure if memory.inbound.len() > 0 => {
                    disconnect(shared, DisconnectReason::Tls);
                }
                Phase::Secure => secure(shared, &mut memory.inbound, &mut connection).await,
                Phase::Login => log_in(shared, &mut connection, memory, signer).await,
                Phase::Exchange => exchange(shared, &mut connection, memory).await,
                Phase::Wait | Phase::Dial(_) => break None,
                Phase::Closed(stop) => break Some(stop),
            }
        };
        // Nothing of CONNECT is left in memory.
        memory.back.wipe();
        let _ = if matches!(stop, Some(CloseReason::Closed | CloseReason::Drained)) {
            with_timeout(CLOSE, connection.close()).await
        } else {
            with_timeout(ABORT, connection.abort()).await
        };
    }
}

/// Gets the memory for receiving back, if the reader of a link has borrowed it.
fn reclaim<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        if !R::Delivery::BORROWS || !inbound.is_borrowed() {
            return Poll::Ready(());
        }
        let memory = shared.lock(|state| {
            state.register_runner(cx.waker());
            state.reclaim()
        });
        memory.map_or(Poll::Pending, |memory| {
            inbound.restore(memory);
            Poll::Ready(())
        })
    })
}

/// Opens a connection to the server that the session wants.
async fn dial<'c, 'd, R: Sizes<'d>, C: Connector>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
    connector: &'c mut C,
) -> Option<C::Transport<'c>> {
    let dialing = phase(shared);
    // There is memory for the address: nothing is received yet.
    let address = inbound.write_text(|out| {
        shared.lock(|state| state.session.target().is_some_and(|server| server.encode(out).is_ok()))
    });
    let Some(server) = address.and_then(|address| ServerUrl::new(address).ok()) else {
        disconnect(shared, DisconnectReason::Unreachable);
        return None;
    };
    let connecting = pin!(connector.connect(&server));
    match unless_changed(shared, dialing, connecting).await? {
        Ok(connection) => Some(connection),
        Err(_) => {
            disconnect(shared, DisconnectReason::Unreachable);
            None
        }
    }
}

/// Secures a connection.
async fn secure<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
    connection: &mut impl Transport,
) {
    let name = inbound.write_text(|out| {
        shared.lock(|state| {
            let name = state.session.tls_name().as_bytes();
            out.reserve(name.len()).map(|()| out.put(name)).is_ok()
        })
    });
    let securing = pin!(connection.start_tls(name.unwrap_or_default()));
    match unless_changed(shared, Phase::Secure, securing).await {
        Some(Ok(())) => {
            let now = now();
            shared.lock(|state| {
                // Nothing was left unread.
                let event = state.session.handle_secured(0, now);
                state.handle_events(event);
            });
        }
        Some(Err(_)) => disconnect(shared, DisconnectReason::Tls),
        None => {}
    }
}
