//! A device on a Nucleo-F429ZI, with its Ethernet.
//!
//! What to edit is at the top; the rest is the same for every board of this family.
#![no_std]
#![no_main]

use defmt::Debug2Format;
use defmt::error;
use defmt::info;
use defmt::unwrap;
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_net::Runner as NetRunner;
use embassy_net::StackResources;
use embassy_stm32::bind_interrupts;
use embassy_stm32::eth;
use embassy_stm32::eth::Ethernet;
use embassy_stm32::eth::GenericPhy;
use embassy_stm32::eth::PacketQueue;
use embassy_stm32::eth::Sma;
use embassy_stm32::peripherals;
use embassy_stm32::rng;
use embassy_stm32::rng::Rng;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_embassy::Config;
use nats_embassy::NetConnector;
use nats_embassy::Resources;
use nats_embassy::Runner;
use nats_embassy_apps::Device;
use nats_embassy_apps::PLACES;
use nats_embassy_apps::SUBSCRIPTIONS;
use panic_probe as _;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

/// The name of the device, a part of its subjects.
const ID: &str = "nucleo";
/// Where the servers are: names or addresses, separated by commas.
const SERVERS: &str = "nats://192.168.1.10:4222";
/// The address on the Ethernet, locally administered. One for every device.
const MAC: [u8; 6] = [0x02, 0x00, 0x00, 0x00, 0x00, 0x01];

/// 1 KiB to receive, 1 KiB to send, 4 subscriptions, 6 messages of 192 bytes, 1 request.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, SUBSCRIPTIONS, PLACES, 192, 1>;
type Phy = GenericPhy<Sma<'static, peripherals::ETH_SMA>>;
type Mac = Ethernet<'static, peripherals::ETH, Phy>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static SOCKET: ConstStaticCell<[[u8; 1024]; 2]> = ConstStaticCell::new([[0; 1024]; 2]);
static PACKETS: StaticCell<PacketQueue<4, 4>> = StaticCell::new();
/// For the client, DHCP and DNS.
static SOCKETS: StaticCell<StackResources<3>> = StaticCell::new();

bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler;
    HASH_RNG => rng::InterruptHandler<peripherals::RNG>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = embassy_stm32::init(clocks());
    let mut random = Rng::new(board.RNG, Interrupts);
    let ethernet = Ethernet::new(
        PACKETS.init(PacketQueue::new()),
        board.ETH,
        Interrupts,
        board.PA1,
        board.PA7,
        board.PC4,
        board.PC5,
        board.PG13,
        board.PB13,
        board.PG11,
        MAC,
        board.ETH_SMA,
        board.PA2,
        board.PC1,
    );
    let (stack, net) = embassy_net::new(
        ethernet,
        embassy_net::Config::dhcpv4(embassy_net::DhcpConfig::default()),
        SOCKETS.init(StackResources::new()),
        u64::from_le_bytes(entropy(&mut random)),
    );
    let [rx, tx] = SOCKET.take();
    let connector = NetConnector::new(stack, rx, tx);
    let config = Config::new(SERVERS).name(ID);
    let made = nats_embassy::new(config, connector, NATS.take(), entropy(&mut random));
    let Ok((client, nats)) = made else { panic!("ID or SERVERS is wrong") };
    spawner.spawn(unwrap!(move_packets(net)));
    spawner.spawn(unwrap!(move_messages(nats)));

    let log = |event| info!("{}", Debug2Format(&event));
    match Device::new(client, ID).run(log).await {
        Ok(()) => info!("stopped"),
        Err(error) => error!("{}", Debug2Format(&error)),
    }
}

/// 168 MHz for the core, 48 MHz for random numbers, of the 8 MHz that come from the ST-Link.
fn clocks() -> embassy_stm32::Config {
    use embassy_stm32::rcc::*;
    use embassy_stm32::time::Hertz;

    let mut config = embassy_stm32::Config::default();
    config.rcc.hse = Some(Hse { freq: Hertz(8_000_000), mode: HseMode::Bypass });
    config.rcc.pll_src = PllSource::HSE;
    config.rcc.pll = Some(Pll {
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL168,
        divp: Some(PllPDiv::DIV2),
        divq: Some(PllQDiv::DIV7),
        divr: None,
    });
    config.rcc.sys = Sysclk::PLL1_P;
    config.rcc.ahb_pre = AHBPrescaler::DIV1;
    config.rcc.apb1_pre = APBPrescaler::DIV4;
    config.rcc.apb2_pre = APBPrescaler::DIV2;
    config
}

/// From the true generator.
fn entropy<const LEN: usize>(random: &mut Rng<'_, peripherals::RNG>) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    random.fill_bytes(&mut bytes);
    bytes
}

#[embassy_executor::task]
async fn move_packets(mut runner: NetRunner<'static, Mac>) {
    runner.run().await
}

#[embassy_executor::task]
async fn move_messages(mut runner: Runner<'static, Nats, NetConnector<'static>>) {
    let stop = runner.run().await;
    error!("{}", Debug2Format(&stop));
}
