//! A device in QEMU: a Stellaris LM3S6965, which is a Cortex-M3 with 64 KiB of RAM and Ethernet.
//!
//! `cargo xtask firmware` builds it, boots it and talks to it. Its arguments come by semihosting: its
//! name, the servers' addresses, and a user with a password. It logs with `defmt`, and
//! nats-embassy does, too.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::time::Duration;

use cortex_m_rt::ExceptionFrame;
use cortex_m_rt::exception;
use defmt::Debug2Format;
use defmt::Display2Format;
use defmt_semihosting as _;
use embassy_executor::Spawner;
use embassy_futures::join::join;
use embassy_net::Runner as NetRunner;
use embassy_net::StackResources;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use lm3s6965::clock;
use lm3s6965::ethernet::Ethernet;
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
use semihosting::process::exit;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

/// 1 KiB to receive, 1 KiB to send, messages of 192 bytes.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, SUBSCRIPTIONS, PLACES, 192, REQUESTS>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static SOCKET: ConstStaticCell<[[u8; 1024]; 2]> = ConstStaticCell::new([[0; 1024]; 2]);
static ETHERNET: ConstStaticCell<Ethernet> = ConstStaticCell::new(Ethernet::new());
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

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let Some(mut peripherals) = cortex_m::Peripherals::take() else { exit(2) };
    clock::start(&mut peripherals.SYST);
    let Ok(arguments) = semihosting::experimental::env::args() else { exit(2) };
    let mut arguments = ARGUMENTS.init(arguments).into_iter().filter_map(Result::ok).skip(1);
    let mut argument = || arguments.next().unwrap_or_default();
    let (id, servers, user, password) = (argument(), argument(), argument(), argument());

    let ethernet = ETHERNET.take();
    ethernet.start([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
    let (stack, net) = embassy_net::new(
        ethernet,
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

    // nats-embassy logs what happens to the connection by itself.
    let reporter = Reporter::new(client, id, u32::from_le_bytes(entropy()));
    match join(Device::new(client, id).run(|_| ()), reporter.run()).await.0 {
        Ok(()) => exit(0),
        Err(error) => {
            defmt::error!("{}", error);
            exit(1)
        }
    }
}

#[embassy_executor::task]
async fn move_packets(mut runner: NetRunner<'static, &'static mut Ethernet>) {
    runner.run().await
}

#[embassy_executor::task]
async fn move_messages(mut runner: Runner<'static, Nats, NetConnector<'static>>) {
    let stop = runner.run().await;
    defmt::info!("{}", stop);
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
    defmt::error!("{}", Display2Format(info));
    exit(101)
}

/// Rather than hang.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    defmt::error!("{}", Debug2Format(frame));
    exit(102)
}
