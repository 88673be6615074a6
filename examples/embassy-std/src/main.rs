//! A device that is a process on a laptop: the application of the boards, on the executor of the
//! boards, over a socket of the operating system.
//!
//! `cargo run -- laptop nats://localhost:4222`

mod network;

use std::process::exit;

use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_embassy::Config;
use nats_embassy::Resources;
use nats_embassy::Runner;
use nats_embassy_apps::Device;
use nats_embassy_apps::PLACES;
use nats_embassy_apps::SUBSCRIPTIONS;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

use crate::network::Network;

/// 1 KiB to receive, 1 KiB to send, 4 subscriptions, 6 messages of 192 bytes, 1 request.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, SUBSCRIPTIONS, PLACES, 192, 1>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
/// The name of the device, and where the servers are.
static ARGUMENTS: StaticCell<(String, String)> = StaticCell::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let (id, servers) = ARGUMENTS.init((argument("laptop"), argument("nats://localhost:4222")));
    let config = Config::new(servers).name(id);
    let made = nats_embassy::new(config, Network, NATS.take(), entropy());
    let (client, nats) = match made {
        Ok(made) => made,
        Err(error) => fail(&error.to_string()),
    };
    match move_messages(nats) {
        Ok(task) => spawner.spawn(task),
        Err(error) => fail(&error.to_string()),
    }
    match Device::new(client, id).run(|event| println!("{event:?}")).await {
        Ok(()) => exit(0),
        Err(error) => fail(&format!("{error:?}")),
    }
}

#[embassy_executor::task]
async fn move_messages(mut runner: Runner<'static, Nats, Network>) {
    let stop = runner.run().await;
    println!("{stop}");
}

fn entropy() -> [u8; 32] {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    exit(1)
}
