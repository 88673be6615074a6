//! TCP over `embassy-net`.

use embassy_net::Stack;
use embassy_net::dns::DnsQueryType;
use embassy_net::tcp::Error;
use embassy_net::tcp::TcpReader;
use embassy_net::tcp::TcpSocket;
use embassy_net::tcp::TcpWriter;
use embedded_io_async::ErrorType;
use embedded_io_async::Write;
use nats_proto::ServerUrl;

use crate::transport::Connection;
use crate::transport::Connector;
use crate::transport::Failed;

/// Connects over TCP and IPv4, without TLS.
///
/// It takes one of the sockets in `StackResources`, DHCP and DNS one each, too: with fewer than that
/// `embassy-net` panics.
///
/// Waits for the link and for an address, within the time that connecting may take. Names are looked
/// up for every attempt; of several addresses each has its turn.
pub struct NetConnector<'d> {
    stack: Stack<'d>,
    rx: &'d mut [u8],
    tx: &'d mut [u8],
    /// How many attempts there were.
    attempts: usize,
}

/// A TCP connection.
pub struct NetConnection<'c>(TcpSocket<'c>);

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

impl Connector for NetConnector<'_> {
    type Connection<'c>
        = NetConnection<'c>
    where
        Self: 'c;

    async fn dial(&mut self, server: &ServerUrl<'_>) -> Result<NetConnection<'_>, Failed> {
        if server.scheme().is_websocket() {
            return Err(Failed);
        }
        self.stack.wait_config_up().await;
        // An address is its own answer.
        let query = self.stack.dns_query(server.host(), DnsQueryType::A);
        let addresses = query.await.map_err(|_| Failed)?;
        let turn = self.attempts.checked_rem(addresses.len()).ok_or(Failed)?;
        let address = *addresses.get(turn).ok_or(Failed)?;
        self.attempts = self.attempts.wrapping_add(1);
        let mut socket = TcpSocket::new(self.stack, self.rx, self.tx);
        // What is to be sent together is written together.
        socket.set_nagle_enabled(false);
        socket.connect((address, server.port())).await.map_err(|_| Failed)?;
        Ok(NetConnection(socket))
    }
}

impl Connection for NetConnection<'_> {
    type Reader<'a>
        = TcpReader<'a>
    where
        Self: 'a;
    type Writer<'a>
        = NetWriter<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (TcpReader<'_>, NetWriter<'_>) {
        let (reader, writer) = self.0.split();
        (reader, NetWriter(writer))
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

impl ErrorType for NetWriter<'_> {
    type Error = Error;
}

impl Write for NetWriter<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.0.write(bytes).await
    }

    /// What was written is sent without further ado. The socket's own flush would wait until it is
    /// acknowledged, and send nothing else meanwhile.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
