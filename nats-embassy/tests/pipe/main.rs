//! The client on a scripted transport, with a clock that jumps.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod auth;
mod cancel;
mod chunks;
mod clock;
mod cut;
mod ending;
mod errors;
mod exchange;
mod executor;
#[cfg(feature = "jetstream")]
mod jetstream;
mod keep;
mod limits;
mod link;
mod many;
#[cfg(feature = "nal")]
mod nal;
mod outcomes;
#[cfg_attr(not(feature = "jetstream"), expect(dead_code, reason = "for JetStream"))]
mod peer;
mod reconnect;
mod server;
mod sizes;
mod transport;
mod turns;
mod waiting;
mod wakers;

use core::time::Duration;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::Resources;
use nats_embassy::Runner;

use crate::clock::block_on;
use crate::peer::Peer;
use crate::transport::Network;

/// What most tests use.
type Nats<'d> = Resources<'d, NoopRawMutex, 512, 512, 4, 6, 128, 2>;

/// The same, for long filters.
type Wide<'d> = Resources<'d, NoopRawMutex, 512, 512, 4, 6, 128, 2, 2, 128>;

const SECOND: Duration = Duration::from_secs(1);

/// Runs `app` with a client that is connected to `peer`.
fn with_client<T>(peer: &Peer, app: impl for<'d> AsyncFnOnce(Client<'d, Nats<'d>>) -> T) -> T {
    with_config(Config::new("nats://one"), peer, app)
}

fn with_config<T>(
    config: Config<'_>,
    peer: &Peer,
    app: impl for<'d> AsyncFnOnce(Client<'d, Nats<'d>>) -> T,
) -> T {
    let mut resources = Nats::new();
    let (client, runner) =
        nats_embassy::new(config, Network::new(peer), &mut resources, [7; 32]).unwrap();
    run(runner, app(client))
}

/// Runs `app` beside `runner`.
fn run<'d, T>(mut runner: Runner<'d, Nats<'d>, Network>, app: impl Future<Output = T>) -> T {
    block_on(async {
        let running = async {
            runner.run().await;
            // The application ends by itself.
            core::future::pending().await
        };
        match embassy_futures::select::select(app, running).await {
            embassy_futures::select::Either::First(value) => value,
            embassy_futures::select::Either::Second(never) => never,
        }
    })
}
