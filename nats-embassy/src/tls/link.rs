//! A connection that is in clear first, and with TLS then.

use core::marker::PhantomData;
use core::pin::Pin;
use core::pin::pin;
use core::task::Poll;

use embassy_futures::poll_once;
use embedded_io_async::Error as _;
use embedded_io_async::ErrorKind;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use embedded_tls::FlushPolicy;
use embedded_tls::TlsConfig;
use embedded_tls::TlsContext;
use embedded_tls::TlsError;

use super::Suite;
use super::identity::Entropy;
use super::identity::Identity;
use super::identity::TlsClock;
use super::wire::Plug;
use super::wire::Wire;
use crate::connector::Connection;
use crate::connector::Failed;
use crate::fmt::note;

/// A connection of a [`TlsConnector`](crate::TlsConnector).
pub struct TlsConnection<'c, 'd, C, E, T> {
    inner: C,
    identity: &'c mut Identity<'d, E>,
    wire: &'c Wire<'d>,
    /// None once it was closed.
    tls: Option<Tls<'c, 'd>>,
    is_secure: bool,
    clock: PhantomData<T>,
}

type Tls<'c, 'd> = embedded_tls::TlsConnection<'c, Plug<'c, 'd>, Suite>;

/// The receiving half of a [`TlsConnection`].
pub struct TlsReader<'a, 'd, R> {
    inner: R,
    wire: &'a Wire<'d>,
    /// None while the connection is in clear.
    tls: Option<embedded_tls::TlsReader<'a, Plug<'a, 'd>, Suite>>,
}

/// The sending half of a [`TlsConnection`].
pub struct TlsWriter<'a, 'd, W> {
    inner: W,
    wire: &'a Wire<'d>,
    /// None while the connection is in clear.
    tls: Option<embedded_tls::TlsWriter<'a, Plug<'a, 'd>, Suite>>,
}

impl<'c, 'd, C, E, T> TlsConnection<'c, 'd, C, E, T> {
    pub(super) fn new(
        inner: C,
        identity: &'c mut Identity<'d, E>,
        rx: &'c mut [u8],
        tx: &'c mut [u8],
        wire: &'c Wire<'d>,
    ) -> Self {
        let mut tls = Tls::new(Plug(wire), rx, tx);
        tls.set_flush_policy(FlushPolicy::Relaxed);
        Self { inner, identity, wire, tls: Some(tls), is_secure: false, clock: PhantomData }
    }
}

impl<'d, C: Connection, E: Entropy, T: TlsClock> Connection for TlsConnection<'_, 'd, C, E, T> {
    type Reader<'a>
        = TlsReader<'a, 'd, C::Reader<'a>>
    where
        Self: 'a;
    type Writer<'a>
        = TlsWriter<'a, 'd, C::Writer<'a>>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Reader<'_>, Self::Writer<'_>) {
        let (reader, writer) = self.inner.split();
        let tls = self.tls.as_mut().filter(|_| self.is_secure);
        let (receiving, sending) = tls.map(Tls::split).unzip();
        (
            TlsReader { inner: reader, wire: self.wire, tls: receiving },
            TlsWriter { inner: writer, wire: self.wire, tls: sending },
        )
    }

    async fn upgrade(&mut self, name: &str) -> Result<(), Failed> {
        let tls = self.tls.as_mut().ok_or(Failed)?;
        let config = TlsConfig::new().with_server_name(self.identity.server_name.unwrap_or(name));
        let mut provider = self.identity.provider::<T>();
        let (mut reader, mut writer) = self.inner.split();
        let shaken = {
            let mut shaking = pin!(tls.open(TlsContext::new(&config, &mut provider)));
            serve(self.wire, &mut reader, &mut writer, shaking.as_mut()).await
        };
        // What it has to say about a failure is written, too.
        let written = async {
            self.wire.drain(&mut writer).await?;
            writer.flush().await.map_err(|error| error.kind())
        };
        let result = shaken.and(written.await);
        if let Err(error) = result {
            note!("TLS: no handshake:", error);
            return Err(Failed);
        }
        if !provider.is_proven() {
            note!("TLS: the server has not proven", "who it is");
            return Err(Failed);
        }
        self.is_secure = true;
        Ok(())
    }

    async fn close(&mut self) {
        if let Some(tls) = self.tls.take().filter(|_| self.is_secure && !self.wire.is_broken()) {
            let (mut reader, mut writer) = self.inner.split();
            let closing = async { tls.close().await.map(drop).map_err(|(_, error)| error) };
            let _ = serve(self.wire, &mut reader, &mut writer, pin!(closing)).await;
            let _ = self.wire.drain(&mut writer).await;
            let _ = writer.flush().await;
        }
        self.inner.close().await;
    }

    async fn abort(&mut self) {
        self.inner.abort().await;
    }
}

/// Does what TLS waits for, until it is done.
async fn serve(
    wire: &Wire<'_>,
    reader: &mut impl Read,
    writer: &mut impl Write,
    mut work: Pin<&mut impl Future<Output = Result<(), TlsError>>>,
) -> Result<(), ErrorKind> {
    loop {
        if let Poll::Ready(result) = poll_once(work.as_mut()) {
            return result.map_err(told);
        }
        if wire.has_output() {
            wire.drain(writer).await?;
            writer.flush().await.map_err(|error| error.kind())?;
        } else {
            wire.fill(reader).await?;
        }
    }
}

/// The kind of an error that was logged: it says little.
fn told(error: TlsError) -> ErrorKind {
    note!("TLS:", error);
    error.kind()
}

impl<R> ErrorType for TlsReader<'_, '_, R> {
    type Error = ErrorKind;
}

impl<R: Read> Read for TlsReader<'_, '_, R> {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(tls) = &mut self.tls else {
            return self.inner.read(memory).await.map_err(|error| error.kind());
        };
        let mut reading = pin!(tls.read(memory));
        loop {
            match poll_once(reading.as_mut()) {
                Poll::Ready(Ok(len)) => return Ok(len),
                Poll::Ready(Err(TlsError::ConnectionClosed)) => return Ok(0),
                Poll::Ready(Err(error)) => return Err(told(error)),
                Poll::Pending => self.wire.fill(&mut self.inner).await?,
            }
        }
    }
}

impl<W> ErrorType for TlsWriter<'_, '_, W> {
    type Error = ErrorKind;
}

impl<W: Write> Write for TlsWriter<'_, '_, W> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let Some(tls) = &mut self.tls else {
            return self.inner.write(bytes).await.map_err(|error| error.kind());
        };
        let written = at_once(pin!(tls.write(bytes)))?;
        self.wire.drain(&mut self.inner).await?;
        Ok(written)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        if let Some(tls) = &mut self.tls {
            at_once(pin!(tls.flush()))?;
            self.wire.drain(&mut self.inner).await?;
        }
        self.inner.flush().await.map_err(|error| error.kind())
    }
}

/// What TLS does without waiting: the wire is empty, and holds as much as a record has. So a record is
/// always written as a whole, and its number is never used again.
fn at_once<V>(work: impl Future<Output = Result<V, TlsError>>) -> Result<V, ErrorKind> {
    match poll_once(work) {
        Poll::Ready(result) => result.map_err(told),
        Poll::Pending => Err(ErrorKind::Other),
    }
}
