//! TCP of the operating system: all that a transport takes.

use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::TcpStream;
use std::net::ToSocketAddrs;

use async_io::Async;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_embassy::Connector;
use nats_embassy::ServerUrl;
use nats_embassy::Transport;
use nats_embassy::TransportError;

pub struct Network;

pub struct Socket(Async<TcpStream>);

/// One direction, or the other.
pub struct Half<'a>(&'a Async<TcpStream>);

impl Connector for Network {
    type Transport<'c> = Socket;

    async fn connect(&mut self, server: &ServerUrl<'_>) -> Result<Socket, TransportError> {
        // Nothing else goes on meanwhile. A laptop is quick at that.
        let addresses =
            (server.host(), server.port()).to_socket_addrs().map_err(|_| TransportError)?;
        for address in addresses {
            if let Ok(socket) = Async::<TcpStream>::connect(address).await {
                // What is to be sent together is written together.
                let _ = socket.get_ref().set_nodelay(true);
                return Ok(Socket(socket));
            }
        }
        Err(TransportError)
    }
}

impl Transport for Socket {
    type Reader<'a> = Half<'a>;
    type Writer<'a> = Half<'a>;

    fn split(&mut self) -> (Half<'_>, Half<'_>) {
        (Half(&self.0), Half(&self.0))
    }

    async fn close(&mut self) {
        let _ = self.0.get_ref().shutdown(Shutdown::Write);
    }

    async fn abort(&mut self) {
        let _ = self.0.get_ref().shutdown(Shutdown::Both);
    }
}

impl ErrorType for Half<'_> {
    type Error = io::Error;
}

impl Read for Half<'_> {
    async fn read(&mut self, memory: &mut [u8]) -> io::Result<usize> {
        self.0.read_with(|mut socket| socket.read(memory)).await
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_with(|mut socket| socket.write(bytes)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
