//! TCP over the stacks that `embedded-nal-async` describes.

use core::cell::Cell;
use core::net::IpAddr;
use core::net::SocketAddr;

use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use embedded_nal_async::AddrType;
use embedded_nal_async::Dns;
use embedded_nal_async::TcpConnect;
use nats_proto::ServerUrl;

use crate::transport::Connector;
use crate::transport::Transport;
use crate::transport::TransportError;

/// Connects over TCP, without TLS, by any stack with the traits of `embedded-nal-async`.
///
/// These traits have no way to read and write at the same time, to close a connection gracefully,
/// or to abort one. Hence:
///
/// - Whenever something is to be written, reading is interrupted: its future is dropped. The stack's
///   reads have to be safe to cancel, as those of `embassy-net` are. Writes never are interrupted.
/// - Closing is flushing and dropping.
///
/// With `embassy-net`, [`NetConnector`](crate::NetConnector) does better.
#[derive(Debug)]
pub struct NalConnector<S, D> {
    stack: S,
    dns: D,
}

/// A TCP connection.
pub struct NalTransport<T>(Shared<T>);

/// The receiving half of a TCP connection.
pub struct NalReader<'a, T>(&'a Shared<T>);

/// The sending half of a TCP connection.
pub struct NalWriter<'a, T>(&'a Shared<T>);

/// Resolves no names: for servers that are given as addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDns;

/// One of the halves at a time has the socket.
struct Shared<T> {
    socket: Mutex<NoopRawMutex, T>,
    /// The writer wants it.
    wanted: Signal<NoopRawMutex, ()>,
    /// The reader may have it again.
    returned: Signal<NoopRawMutex, ()>,
    /// The reader waits for its turn.
    is_owed: Cell<bool>,
}

impl<S: TcpConnect, D: Dns> NalConnector<S, D> {
    /// A connector on `stack`, which looks names up with `dns`: the same stack for instance, both by
    /// reference, or [`NoDns`].
    #[must_use]
    pub const fn new(stack: S, dns: D) -> Self {
        Self { stack, dns }
    }
}

impl<S: TcpConnect, D: Dns> Connector for NalConnector<S, D> {
    type Transport<'c>
        = NalTransport<S::Connection<'c>>
    where
        Self: 'c;

    async fn connect(
        &mut self,
        server: &ServerUrl<'_>,
    ) -> Result<Self::Transport<'_>, TransportError> {
        if server.scheme().is_websocket() {
            return Err(TransportError);
        }
        let host = server.host();
        let address: IpAddr = match host.parse() {
            Ok(address) => address,
            Err(_) => {
                let found = self.dns.get_host_by_name(host, AddrType::Either);
                found.await.map_err(|_| TransportError)?
            }
        };
        let address = SocketAddr::new(address, server.port());
        let socket = self.stack.connect(address).await.map_err(|_| TransportError)?;
        Ok(NalTransport(Shared {
            socket: Mutex::new(socket),
            wanted: Signal::new(),
            returned: Signal::new(),
            is_owed: Cell::new(false),
        }))
    }
}

impl<T: Read + Write> Transport for NalTransport<T> {
    type Reader<'a>
        = NalReader<'a, T>
    where
        Self: 'a;
    type Writer<'a>
        = NalWriter<'a, T>
    where
        Self: 'a;

    fn split(&mut self) -> (NalReader<'_, T>, NalWriter<'_, T>) {
        // Those before may have been dropped in the middle of something.
        self.0.wanted.reset();
        self.0.is_owed.set(false);
        (NalReader(&self.0), NalWriter(&self.0))
    }

    async fn close(&mut self) {
        let _ = self.0.socket.get_mut().flush().await;
    }

    /// Not possible with these traits. It is dropped after this.
    async fn abort(&mut self) {}
}

impl<T: Write> Shared<T> {
    /// Has the writer use the socket.
    async fn write<R>(&self, work: impl AsyncFnOnce(&mut T) -> R) -> R {
        // A writer that never rests must not keep the reader from reading.
        while self.is_owed.get() {
            yield_now().await;
        }
        self.returned.reset();
        self.wanted.signal(());
        let mut socket = self.socket.lock().await;
        let result = work(&mut socket).await;
        self.wanted.reset();
        self.returned.signal(());
        result
    }
}

impl<T: ErrorType> ErrorType for NalReader<'_, T> {
    type Error = T::Error;
}

impl<T: Read> Read for NalReader<'_, T> {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, T::Error> {
        loop {
            self.0.is_owed.set(true);
            let mut socket = self.0.socket.lock().await;
            // It is looked whether there is something to read before whether to stop.
            self.0.is_owed.set(false);
            let wanted = self.0.wanted.wait();
            if let Either::First(result) = select(socket.read(memory), wanted).await {
                return result;
            }
            self.0.is_owed.set(true);
            drop(socket);
            self.0.returned.wait().await;
        }
    }
}

impl<T: ErrorType> ErrorType for NalWriter<'_, T> {
    type Error = T::Error;
}

impl<T: Write> Write for NalWriter<'_, T> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, T::Error> {
        self.0.write(async |socket: &mut T| socket.write(bytes).await).await
    }

    async fn flush(&mut self) -> Result<(), T::Error> {
        self.0.write(async |socket: &mut T| socket.flush().await).await
    }
}

impl Dns for NoDns {
    type Error = TransportError;

    async fn get_host_by_name(&self, _: &str, _: AddrType) -> Result<IpAddr, TransportError> {
        Err(TransportError)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, TransportError> {
        Err(TransportError)
    }
}
