//! A device in QEMU: the board `virt`, with the instruction set of an ESP32-C6 and 64 KiB of RAM.
//!
//! `cargo xtask firmware` builds it, boots it and talks to it. Its arguments come by semihosting: its
//! name, the servers' addresses, and a user with a password.
#![no_std]
#![no_main]

mod clock;
mod network;

use core::panic::PanicInfo;
use core::time::Duration;

use embassy_executor::Spawner;
use embassy_futures::join::join;
use embassy_net::Runner as NetRunner;
use embassy_net::StackResources;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::Instant;
use nats_embassy::Auth;
use nats_embassy::Backoff;
use nats_embassy::Config;
use nats_embassy::NetConnector;
use nats_embassy::Resources;
use nats_embassy::Runner;
use nats_embassy::nats_proto::session;
use nats_embassy_apps::Device;
use nats_embassy_apps::PLACES;
use nats_embassy_apps::REQUESTS;
use nats_embassy_apps::Reporter;
use nats_embassy_apps::SUBSCRIPTIONS;
use riscv_rt::TrapFrame;
use semihosting::println;
use semihosting::process::exit;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

use crate::network::Buffers;
use crate::network::Network;

/// 1 KiB to receive, 1 KiB to send, messages of 192 bytes.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, SUBSCRIPTIONS, PLACES, 192, REQUESTS>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static SOCKET: ConstStaticCell<[[u8; 1024]; 2]> = ConstStaticCell::new([[0; 1024]; 2]);
static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers::new());
/// For the client, DHCP and DNS.
static SOCKETS: StaticCell<StackResources<3>> = StaticCell::new();
static ARGUMENTS: StaticCell<semihosting::experimental::env::Args<256>> = StaticCell::new();

/// Tests have no time: it pings and connects again sooner than by default. The first server is the
/// nearest one.
const SESSION: session::Config = Config::SESSION
    .connect_timeout(Duration::from_secs(2))
    .ping_interval(Duration::from_secs(1))
    .retain_servers_order(true)
    .lame_duck_jitter(Some(Duration::from_millis(500)))
    .backoff(Backoff::Exponential {
        min: Duration::from_millis(100),
        max: Duration::from_millis(800),
    });

#[embassy_executor::main(entry = "riscv_rt::entry")]
async fn main(spawner: Spawner) {
    clock::start();
    let Ok(arguments) = semihosting::experimental::env::args() else { exit(2) };
    let mut arguments = ARGUMENTS.init(arguments).into_iter().filter_map(Result::ok).skip(1);
    let mut argument = || arguments.next().unwrap_or_default();
    let (id, servers, user, password) = (argument(), argument(), argument(), argument());

    let Some(network) = Network::start(BUFFERS.take()) else { exit(2) };
    // SAFETY: everything that interrupts refer to is there.
    unsafe { riscv::interrupt::enable() };
    let (stack, net) = embassy_net::new(
        network,
        embassy_net::Config::dhcpv4(embassy_net::DhcpConfig::default()),
        SOCKETS.init(StackResources::new()),
        u64::from_le_bytes(entropy()),
    );
    let config =
        Config::new(servers).name(id).auth(Auth::Password { user, password }).session(SESSION);
    let [rx, tx] = SOCKET.take();
    let connector = NetConnector::new(stack, rx, tx);
    let made = nats_embassy::new(config, connector, NATS.take(), entropy());
    let (client, nats) = match made {
        Ok(made) => made,
        Err(error) => panic!("{error}"),
    };
    let (Ok(net), Ok(nats)) = (move_packets(net), move_messages(nats)) else { exit(2) };
    spawner.spawn(net);
    spawner.spawn(nats);

    let log = |event| println!("[{} ms] {event:?}", Instant::now().as_millis());
    let reporter = Reporter::new(client, id, u32::from_le_bytes(entropy()));
    match join(Device::new(client, id).run(log), reporter.run()).await.0 {
        Ok(()) => exit(0),
        Err(error) => {
            println!("{error:?}");
            exit(1)
        }
    }
}

#[embassy_executor::task]
async fn move_packets(mut runner: NetRunner<'static, Network>) {
    runner.run().await
}

#[embassy_executor::task]
async fn move_messages(mut runner: Runner<'static, Nats, NetConnector<'static>>) {
    let stop = runner.run().await;
    println!("[{} ms] {stop}", Instant::now().as_millis());
}

/// The host's; a device has a generator of its own.
fn entropy<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    if semihosting::experimental::random::fill_bytes(&mut bytes).is_err() {
        exit(2);
    }
    bytes
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit(101)
}

/// Rather than hang.
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler(frame: &TrapFrame) -> ! {
    println!("{:?} at {:#x}", riscv::register::mcause::read(), riscv::register::mepc::read());
    println!("{frame:?}");
    exit(102)
}
