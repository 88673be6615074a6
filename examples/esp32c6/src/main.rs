//! A device on an ESP32-C6, with its Wi-Fi.
//!
//! What to edit is at the top, and in the environment of the build: `WIFI_NETWORK` and
//! `WIFI_PASSWORD`. The radio's driver needs a heap; the client has none.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_net::Runner as NetRunner;
use embassy_net::StackResources;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::Timer;
use esp_backtrace as _;
use esp_hal::rng::Trng;
use esp_hal::timer::timg::TimerGroup;
use esp_println::println;
use esp_radio::wifi::AuthenticationMethodConfig;
use esp_radio::wifi::Config as WifiConfig;
use esp_radio::wifi::ControllerConfig;
use esp_radio::wifi::Interface;
use esp_radio::wifi::WifiController;
use esp_radio::wifi::WifiError;
use esp_radio::wifi::sta::StationConfig;
use nats_embassy::Config;
use nats_embassy::NetConnector;
use nats_embassy::Resources;
use nats_embassy::Runner;
use nats_embassy_apps::Device;
use nats_embassy_apps::PLACES;
use nats_embassy_apps::SUBSCRIPTIONS;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

/// The name of the device, a part of its subjects.
const ID: &str = "esp32c6";
/// Where the servers are: names or addresses, separated by commas.
const SERVERS: &str = "nats://192.168.1.10:4222";
/// The network to join, and its password; without one it is open.
const NETWORK: Option<&str> = option_env!("WIFI_NETWORK");
const PASSWORD: Option<&str> = option_env!("WIFI_PASSWORD");

/// 1 KiB to receive, 1 KiB to send, 4 subscriptions, 6 messages of 192 bytes, 1 request.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, SUBSCRIPTIONS, PLACES, 192, 1>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static SOCKET: ConstStaticCell<[[u8; 1024]; 2]> = ConstStaticCell::new([[0; 1024]; 2]);
/// For the client, DHCP and DNS.
static SOCKETS: StaticCell<StackResources<3>> = StaticCell::new();

// What the second stage of the bootloader looks for.
esp_bootloader_esp_idf::esp_app_desc!();

#[esp_hal::main]
async fn main(spawner: Spawner) {
    let Some(network) = NETWORK else { panic!("built without WIFI_NETWORK, see README.md") };
    let board = esp_hal::init(esp_hal::Config::default());
    // For the radio alone: memory that the bootloader no longer needs, and some more.
    esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64 * 1024);
    esp_alloc::heap_allocator!(size: 36 * 1024);
    esp_rtos::start(TimerGroup::new(board.TIMG0).timer0, board.FROM_CPU_INTR0);

    let device = Interface::station();
    let Ok(config) = wifi_config(network) else { panic!("WIFI_NETWORK or WIFI_PASSWORD is wrong") };
    let radio = match WifiController::new(board.WIFI, config) {
        Ok(radio) => radio,
        Err(error) => panic!("the radio does not start: {error:?}"),
    };
    // Random numbers are true ones while the radio works.
    let Ok(random) = Trng::try_new() else { panic!("there are no true random numbers") };

    let (stack, net) = embassy_net::new(
        device,
        embassy_net::Config::dhcpv4(embassy_net::DhcpConfig::default()),
        SOCKETS.init(StackResources::new()),
        u64::from_le_bytes(entropy(&random)),
    );
    let [rx, tx] = SOCKET.take();
    let connector = NetConnector::new(stack, rx, tx);
    let config = Config::new(SERVERS).name(ID);
    let made = nats_embassy::new(config, connector, NATS.take(), entropy(&random));
    let Ok((client, nats)) = made else { panic!("SERVERS is wrong") };
    let tasks = (move_packets(net), stay_joined(radio), move_messages(nats));
    let (Ok(net), Ok(join), Ok(nats)) = tasks else { panic!("every task is spawned once") };
    spawner.spawn(net);
    spawner.spawn(join);
    spawner.spawn(nats);

    match Device::new(client, ID).run(|event| println!("{event:?}")).await {
        Ok(()) => println!("stopped"),
        Err(error) => println!("{error:?}"),
    }
}

fn wifi_config(network: &str) -> Result<ControllerConfig, WifiError> {
    let authentication = match PASSWORD {
        None => AuthenticationMethodConfig::Open,
        Some(password) => AuthenticationMethodConfig::Wpa2Personal(password.try_into()?),
    };
    let station =
        StationConfig::default().with_ssid(network.try_into()?).with_authentication(authentication);
    Ok(ControllerConfig::default().with_initial_config(WifiConfig::Station(station)))
}

fn entropy<const LEN: usize>(random: &Trng) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    random.read(&mut bytes);
    bytes
}

/// Joins the network, and joins it again whenever it is lost.
#[embassy_executor::task]
async fn stay_joined(mut radio: WifiController<'static>) {
    loop {
        match radio.connect_async().await {
            Ok(_) => {
                let _ = radio.wait_for_disconnect_async().await;
                println!("the network is lost");
            }
            Err(error) => println!("cannot join the network: {error:?}"),
        }
        Timer::after_secs(1).await;
    }
}

#[embassy_executor::task]
async fn move_packets(mut runner: NetRunner<'static, Interface>) {
    runner.run().await
}

#[embassy_executor::task]
async fn move_messages(mut runner: Runner<'static, Nats, NetConnector<'static>>) {
    let stop = runner.run().await;
    println!("{stop}");
}
