//! The checklist's network, as a transport.

use std::future::poll_fn;

use embedded_io_async::ErrorKind;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_embassy::Connector;
use nats_embassy::ServerUrl;
use nats_embassy::Transport;
use nats_embassy::TransportError;
use nats_testkit::Network;
use nats_testkit::Pipe;

pub(crate) struct PipeConnector(pub(crate) Network);

pub(crate) struct PipeTransport(Pipe);

/// Either half of a connection.
pub(crate) struct Half<'a>(&'a Pipe);

impl Connector for PipeConnector {
    type Transport<'c> = PipeTransport;

    async fn connect(&mut self, server: &ServerUrl<'_>) -> Result<PipeTransport, TransportError> {
        let pipe = self.0.dial(server.host(), server.port()).await;
        pipe.map(PipeTransport).map_err(|_| TransportError)
    }
}

impl Transport for PipeTransport {
    type Reader<'a> = Half<'a>;
    type Writer<'a> = Half<'a>;

    fn split(&mut self) -> (Half<'_>, Half<'_>) {
        (Half(&self.0), Half(&self.0))
    }

    async fn start_tls(&mut self, _: &str) -> Result<(), TransportError> {
        self.0.secure();
        Ok(())
    }

    async fn close(&mut self) {}

    async fn abort(&mut self) {}
}

impl ErrorType for Half<'_> {
    type Error = ErrorKind;
}

impl Read for Half<'_> {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| self.0.poll_read(cx, memory)).await.map_err(|_| ErrorKind::Other)
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| self.0.poll_write(cx, bytes)).await.map_err(|_| ErrorKind::Other)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
