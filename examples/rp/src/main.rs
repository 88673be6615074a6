//! A device on a Raspberry Pi Pico W, with its Wi-Fi.
//!
//! What to edit is at the top, and in the environment of the build: `WIFI_NETWORK`, `WIFI_PASSWORD`
//! and `CYW43_FIRMWARE`.
#![no_std]
#![no_main]

use core::hint::black_box;

use cyw43::Aligned;
use cyw43::JoinOptions;
use cyw43::PowerManagementMode;
use cyw43_pio::DEFAULT_CLOCK_DIVIDER;
use cyw43_pio::PioSpi;
use defmt::Debug2Format;
use defmt::error;
use defmt::info;
use defmt::unwrap;
use defmt::warn;
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_net::Runner as NetRunner;
use embassy_net::Stack;
use embassy_net::StackResources;
use embassy_rp::bind_interrupts;
use embassy_rp::clocks::RoscRng;
use embassy_rp::dma;
use embassy_rp::gpio::Level;
use embassy_rp::gpio::Output;
use embassy_rp::peripherals::DMA_CH0;
use embassy_rp::peripherals::PIO0;
use embassy_rp::pio;
use embassy_rp::pio::Pio;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::Timer;
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
const ID: &str = "pico";
/// Where the servers are: names or addresses, separated by commas.
const SERVERS: &str = "nats://192.168.1.10:4222";
/// The network to join, and its password; without one it is open.
const NETWORK: Option<&str> = option_env!("WIFI_NETWORK");
const PASSWORD: Option<&str> = option_env!("WIFI_PASSWORD");

/// 1 KiB to receive, 1 KiB to send, 4 subscriptions, 6 messages of 192 bytes, 1 request.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, SUBSCRIPTIONS, PLACES, 192, 1>;
type Radio = cyw43::SpiBus<Output<'static>, PioSpi<'static, PIO0, 0>>;

/// See `build.rs`: empty unless `CYW43_FIRMWARE` was set.
static FIRMWARE: &Aligned<cyw43::A4, [u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/43439A0.bin")));
static SETTINGS: &Aligned<cyw43::A4, [u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/nvram_rp2040.bin")));
static REGULATIONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/43439A0_clm.bin"));

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static SOCKET: ConstStaticCell<[[u8; 1024]; 2]> = ConstStaticCell::new([[0; 1024]; 2]);
static RADIO: StaticCell<cyw43::State> = StaticCell::new();
/// For the client, DHCP and DNS.
static SOCKETS: StaticCell<StackResources<3>> = StaticCell::new();

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>;
    PIO0_IRQ_0 => pio::InterruptHandler<PIO0>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let Some(network) = NETWORK else { panic!("built without WIFI_NETWORK, see README.md") };
    // The compiler is not to know: without it, too, it shall find what is wrong with the rest.
    if black_box(FIRMWARE).is_empty() {
        panic!("built without CYW43_FIRMWARE, see README.md");
    }
    let board = embassy_rp::init(embassy_rp::config::Config::default());
    let mut pio = Pio::new(board.PIO0, Interrupts);
    let spi = PioSpi::new(
        &mut pio.common,
        pio.sm0,
        DEFAULT_CLOCK_DIVIDER,
        pio.irq0,
        Output::new(board.PIN_25, Level::High),
        board.PIN_24,
        board.PIN_29,
        dma::Channel::new(board.DMA_CH0, Interrupts),
    );
    let power = Output::new(board.PIN_23, Level::Low);
    let radio = RADIO.init(cyw43::State::new());
    let (device, mut control, runner) = cyw43::new(radio, power, spi, FIRMWARE, SETTINGS).await;
    spawner.spawn(unwrap!(run_radio(runner)));
    control.init(REGULATIONS).await;
    control.set_power_management(PowerManagementMode::PowerSave).await;

    let (stack, net) = embassy_net::new(
        device,
        embassy_net::Config::dhcpv4(embassy_net::DhcpConfig::default()),
        SOCKETS.init(StackResources::new()),
        u64::from_le_bytes(entropy()),
    );
    let [rx, tx] = SOCKET.take();
    let connector = NetConnector::new(stack, rx, tx);
    let config = Config::new(SERVERS).name(ID);
    let made = nats_embassy::new(config, connector, NATS.take(), entropy());
    let Ok((client, nats)) = made else { panic!("SERVERS is wrong") };
    spawner.spawn(unwrap!(move_packets(net)));
    spawner.spawn(unwrap!(stay_joined(control, stack, network)));
    spawner.spawn(unwrap!(move_messages(nats)));

    let log = |event| info!("{}", Debug2Format(&event));
    match Device::new(client, ID).run(log).await {
        Ok(()) => info!("stopped"),
        Err(error) => error!("{}", Debug2Format(&error)),
    }
}

/// From the jitter of the ring oscillator: the best that this chip has. TLS deserves better.
fn entropy<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    RoscRng.fill_bytes(&mut bytes);
    bytes
}

/// Joins the network, and joins it again whenever it is lost.
#[embassy_executor::task]
async fn stay_joined(
    mut control: cyw43::Control<'static>,
    stack: Stack<'static>,
    network: &'static str,
) {
    loop {
        let options = PASSWORD
            .map_or_else(JoinOptions::new_open, |password| JoinOptions::new(password.as_bytes()));
        match control.join(network, options).await {
            Ok(()) => stack.wait_link_down().await,
            Err(error) => warn!("cannot join {}: {}", network, Debug2Format(&error)),
        }
        Timer::after_secs(1).await;
    }
}

#[embassy_executor::task]
async fn run_radio(runner: cyw43::Runner<'static, Radio>) {
    runner.run().await
}

#[embassy_executor::task]
async fn move_packets(mut runner: NetRunner<'static, cyw43::NetDriver<'static>>) {
    runner.run().await
}

#[embassy_executor::task]
async fn move_messages(mut runner: Runner<'static, Nats, NetConnector<'static>>) {
    let stop = runner.run().await;
    error!("{}", Debug2Format(&stop));
}
