//! TCP by Tokio, as a device sees it.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_nal_async::AddrType;
use embedded_nal_async::Dns;
use embedded_nal_async::TcpConnect;
use nats_embassy::Connector;
use nats_embassy::ServerUrl;
use nats_embassy::Transport;
use nats_embassy::TransportError;
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::net::tcp::WriteHalf;

/// A network that reads and writes at the same time.
pub(crate) struct Network;

pub(crate) struct Socket(TcpStream);

impl Connector for Network {
    type Transport<'c> = Socket;

    async fn connect(&mut self, server: &ServerUrl<'_>) -> Result<Socket, TransportError> {
        let address = (server.host(), server.port());
        TcpStream::connect(address).await.map(Socket).map_err(|_| TransportError)
    }
}

impl Transport for Socket {
    type Reader<'a> = FromTokio<ReadHalf<'a>>;
    type Writer<'a> = FromTokio<WriteHalf<'a>>;

    fn split(&mut self) -> (Self::Reader<'_>, Self::Writer<'_>) {
        let (reader, writer) = self.0.split();
        (FromTokio::new(reader), FromTokio::new(writer))
    }

    async fn close(&mut self) {
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut self.0).await;
    }

    async fn abort(&mut self) {}
}

/// A network with the traits of `embedded-nal-async`, which knows one name.
pub(crate) struct Stack;

impl TcpConnect for Stack {
    type Error = io::Error;
    type Connection<'a> = FromTokio<TcpStream>;

    async fn connect(&self, remote: SocketAddr) -> io::Result<FromTokio<TcpStream>> {
        TcpStream::connect(remote).await.map(FromTokio::new)
    }
}

impl Dns for Stack {
    type Error = io::Error;

    async fn get_host_by_name(&self, host: &str, _: AddrType) -> io::Result<IpAddr> {
        if host == "hub.example" {
            return Ok(IpAddr::from([127, 0, 0, 1]));
        }
        Err(io::ErrorKind::NotFound.into())
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
