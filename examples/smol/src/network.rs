//! What the client needs of the world: connections, and the time.

use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::time::Duration;

use nats_proto::Instant;
use nats_proto::ServerUrl;
use smol::Async;
use smol::Timer;
use smol::future::FutureExt;
use smol::io::AsyncRead;
use smol::io::AsyncWrite;

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A network and a clock. [`SmolNetwork`] is the real one; a test has one of its own.
pub trait Network: Send + Sync + 'static {
    /// A connection. Nothing is left of it when it is dropped.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// The time since an origin of its own. It never goes backwards.
    fn now(&self) -> Instant;

    /// Waits.
    fn sleep_until(&self, until: Instant) -> BoxFuture<()>;

    /// Connects. The session decides how long that may take: the future is dropped then.
    fn dial(&self, server: &ServerUrl<'_>) -> BoxFuture<io::Result<Self::Stream>>;
}

/// Sockets and timers of smol.
#[derive(Clone, Copy, Debug)]
pub struct SmolNetwork {
    started: std::time::Instant,
}

impl SmolNetwork {
    /// A network whose time begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Default for SmolNetwork {
    fn default() -> Self {
        Self::new()
    }
}

impl Network for SmolNetwork {
    type Stream = Async<TcpStream>;

    fn now(&self) -> Instant {
        let millis = self.started.elapsed().as_millis();
        Instant::from_millis(millis.try_into().unwrap_or(u64::MAX))
    }

    fn sleep_until(&self, until: Instant) -> BoxFuture<()> {
        let at = self.started.checked_add(Duration::from_millis(until.as_millis()));
        Box::pin(async move {
            at.map_or_else(Timer::never, Timer::at).await;
        })
    }

    fn dial(&self, server: &ServerUrl<'_>) -> BoxFuture<io::Result<Self::Stream>> {
        let (host, port) = (server.host().to_owned(), server.port());
        Box::pin(async move {
            let mut failure = io::ErrorKind::NotFound.into();
            for address in smol::net::resolve((host, port)).await? {
                match Async::<TcpStream>::connect(address).or(silent()).await {
                    Ok(stream) => {
                        stream.get_ref().set_nodelay(true)?;
                        return Ok(stream);
                    }
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        })
    }
}

/// After that time, the next address of a host is tried.
const SILENT: Duration = Duration::from_millis(500);

async fn silent<T>() -> io::Result<T> {
    Timer::after(SILENT).await;
    Err(io::ErrorKind::TimedOut.into())
}
