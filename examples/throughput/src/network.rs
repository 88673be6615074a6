//! The network, as all programs have it.

use core::net::Ipv4Addr;
use core::net::SocketAddrV4;

use embassy_executor::Spawner;
use embassy_net::Config;
use embassy_net::Ipv4Cidr;
use embassy_net::Runner;
use embassy_net::Stack;
use embassy_net::StackResources;
use embassy_net::StaticConfigV4;
use embassy_net::tcp::TcpSocket;
use lm3s6965::clock;
use lm3s6965::ethernet::Ethernet;
use semihosting::process::exit;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

use crate::BUFFER;
use crate::must;

/// The host, as QEMU's own network has it.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// And this device.
const ADDRESS: Ipv4Cidr = Ipv4Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24);

static ETHERNET: ConstStaticCell<Ethernet> = ConstStaticCell::new(Ethernet::new());
/// For the client and DNS.
static SOCKETS: StaticCell<StackResources<2>> = StaticCell::new();
static SOCKET: ConstStaticCell<[[u8; BUFFER]; 2]> = ConstStaticCell::new([[0; BUFFER]; 2]);

/// The network, and a socket's memory for receiving and for sending.
pub struct Network {
    /// The network.
    pub stack: Stack<'static>,
    /// What a socket receives into.
    pub rx: &'static mut [u8],
    /// What a socket sends from.
    pub tx: &'static mut [u8],
}

/// Starts clock and network. With the same numbers every time, little is left to chance.
#[must_use]
pub fn start(spawner: Spawner) -> Network {
    let Some(mut peripherals) = cortex_m::Peripherals::take() else { exit(2) };
    clock::start(&mut peripherals.SYST);
    let ethernet = ETHERNET.take();
    ethernet.start([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
    let config = Config::ipv4_static(StaticConfigV4 {
        address: ADDRESS,
        gateway: Some(GATEWAY),
        dns_servers: Default::default(),
    });
    let (stack, runner) =
        embassy_net::new(ethernet, config, SOCKETS.init(StackResources::new()), 7);
    spawner.spawn(must(move_packets(runner)));
    let [rx, tx] = SOCKET.take();
    Network { stack, rx, tx }
}

#[embassy_executor::task]
async fn move_packets(mut runner: Runner<'static, &'static mut Ethernet>) {
    runner.run().await
}

/// A socket as nats-embassy has it: what is written is sent at once.
pub async fn connect(network: Network, server: &str) -> TcpSocket<'static> {
    let server = must(server.parse::<SocketAddrV4>());
    let mut socket = TcpSocket::new(network.stack, network.rx, network.tx);
    socket.set_nagle_enabled(false);
    must(socket.connect(server).await);
    socket
}
