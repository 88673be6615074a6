//! TCP over `embassy-net`.

use core::net::Ipv4Addr;

use embassy_net::IpAddress;
use embassy_net::Stack;
use embassy_net::dns::DnsQueryType;
use embassy_net::tcp::TcpReader;
use embassy_net::tcp::TcpSocket;
use embassy_net::tcp::TcpWriter;
use embedded_io_async::Error as _;
use embedded_io_async::ErrorKind;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_proto::ServerUrl;

use crate::transport::Connector;
use crate::transport::Transport;
use crate::transport::TransportError;

#[cfg(not(any(feature = "ipv4", feature = "ipv6")))]
compile_error!("the feature `net` needs `ipv4` or `ipv6`");

/// What is asked of DNS: addresses of the IP versions that there is a feature for.
const QUERIES: &[DnsQueryType] = &[
    #[cfg(feature = "ipv4")]
    DnsQueryType::A,
    #[cfg(feature = "ipv6")]
    DnsQueryType::Aaaa,
];

/// Connects over TCP, without TLS: over IPv4 with the feature `ipv4`, over IPv6 with `ipv6`.
///
/// It takes one of the sockets in `StackResources`, DHCP and DNS one each, too: with fewer than that
/// `embassy-net` panics.
///
/// Waits for the link and for an address, within the time that connecting may take. Names are looked
/// up for every attempt; of several addresses each has its turn, and so have both IP versions.
pub struct NetConnector<'d> {
    stack: Stack<'d>,
    rx: &'d mut [u8],
    tx: &'d mut [u8],
    /// How many attempts there were.
    attempts: usize,
}

/// A TCP connection.
pub struct NetTransport<'c>(TcpSocket<'c>);

/// The receiving half of a TCP connection.
pub struct NetReader<'c>(TcpReader<'c>);

/// The sending half of a TCP connection.
pub struct NetWriter<'c>(TcpWriter<'c>);

impl<'d> NetConnector<'d> {
    /// A connector on `stack`, with the socket's memory: as much as the client has will do, and so
    /// will half of that.
    #[must_use]
    pub const fn new(stack: Stack<'d>, rx: &'d mut [u8], tx: &'d mut [u8]) -> Self {
        Self { stack, rx, tx, attempts: 0 }
    }
}

impl NetConnector<'_> {
    /// One of a host's addresses, another one for every attempt. An address is its own answer.
    async fn look_up(&self, host: &str) -> Result<IpAddress, TransportError> {
        for query in queries(host, self.attempts) {
            let addresses = self.stack.dns_query(host, query).await.unwrap_or_default();
            let turn = self.attempts / QUERIES.len();
            if let Some(turn) = turn.checked_rem(addresses.len()) {
                return addresses.get(turn).copied().ok_or(TransportError);
            }
        }
        Err(TransportError)
    }
}

/// What to ask of DNS until there is an answer. An address is asked for as what it is: any other
/// question would go to a server of names.
fn queries(host: &str, attempt: usize) -> impl Iterator<Item = DnsQueryType> {
    let is_v6 = host.contains(':');
    let is_v4 = host.parse::<Ipv4Addr>().is_ok();
    let first = attempt % QUERIES.len();
    let in_turn = QUERIES.iter().cycle().skip(first).take(QUERIES.len()).copied();
    in_turn.filter(move |query| if *query == DnsQueryType::A { !is_v6 } else { !is_v4 })
}

impl Connector for NetConnector<'_> {
    type Transport<'c>
        = NetTransport<'c>
    where
        Self: 'c;

    async fn connect(
        &mut self,
        server: &ServerUrl<'_>,
    ) -> Result<NetTransport<'_>, TransportError> {
        if server.scheme().is_websocket() {
            return Err(TransportError);
        }
        self.stack.wait_config_up().await;
        let address = self.look_up(server.host()).await?;
        self.attempts = self.attempts.wrapping_add(1);
        let mut socket = TcpSocket::new(self.stack, self.rx, self.tx);
        // What is to be sent together is written together.
        socket.set_nagle_enabled(false);
        socket.connect((address, server.port())).await.map_err(|_| TransportError)?;
        Ok(NetTransport(socket))
    }
}

impl Transport for NetTransport<'_> {
    type Reader<'a>
        = NetReader<'a>
    where
        Self: 'a;
    type Writer<'a>
        = NetWriter<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (NetReader<'_>, NetWriter<'_>) {
        let (reader, writer) = self.0.split();
        (NetReader(reader), NetWriter(writer))
    }

    async fn close(&mut self) {
        self.0.close();
        // Without this the FIN would stay here.
        let _ = self.0.flush().await;
    }

    async fn abort(&mut self) {
        self.0.abort();
        // Nor would the RST leave, and the server would keep a client that is gone.
        let _ = self.0.flush().await;
    }
}

impl ErrorType for NetReader<'_> {
    type Error = ErrorKind;
}

impl Read for NetReader<'_> {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read(memory).await.map_err(|error| error.kind())
    }
}

impl ErrorType for NetWriter<'_> {
    type Error = ErrorKind;
}

impl Write for NetWriter<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).await.map_err(|error| error.kind())
    }

    /// What was written is sent without further ado. The socket's own flush would wait until it is
    /// acknowledged, and send nothing else meanwhile.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

#[cfg(all(test, feature = "ipv4", feature = "ipv6"))]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn both_versions_have_their_turn_and_addresses_are_not_looked_up() {
        for (host, attempt, expected) in [
            ("host", 0, &[DnsQueryType::A, DnsQueryType::Aaaa][..]),
            ("host", 3, &[DnsQueryType::Aaaa, DnsQueryType::A]),
            ("host", usize::MAX, &[DnsQueryType::Aaaa, DnsQueryType::A]),
            ("10.0.0.1", 0, &[DnsQueryType::A]),
            ("10.0.0.1", 1, &[DnsQueryType::A]),
            ("fe80::1", 0, &[DnsQueryType::Aaaa]),
            ("::ffff:10.0.0.1", 1, &[DnsQueryType::Aaaa]),
        ] {
            let queries: Vec<_> = queries(host, attempt).collect();
            assert_eq!(queries, expected, "{host}, attempt {attempt}");
        }
    }
}
