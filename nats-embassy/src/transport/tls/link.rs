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
use embedded_tls::TlsError as HandshakeError;

use super::Suite;
use super::error::Report;
use super::error::TlsError;
use super::identity::Entropy;
use super::identity::Identity;
use super::identity::TlsClock;
use super::wire::Plug;
use super::wire::Wire;
use crate::transport::Transport;
use crate::transport::TransportError;

/// A connection of a [`TlsConnector`](crate::TlsConnector).
pub struct TlsTransport<'c, 'd, C, E, T> {
    inner: C,
    identity: &'c mut Identity<'d, E>,
    wire: &'c Wire<'d>,
    /// None once it was closed.
    tls: Option<Tls<'c, 'd>>,
    is_secure: bool,
    report: Report,
    clock: PhantomData<T>,
}

type Tls<'c, 'd> = embedded_tls::TlsConnection<'c, Plug<'c, 'd>, Suite>;

/// The receiving half of a [`TlsTransport`].
pub struct TlsReader<'a, 'd, R> {
    inner: R,
    wire: &'a Wire<'d>,
    report: Report,
    /// None while the connection is in clear.
    tls: Option<embedded_tls::TlsReader<'a, Plug<'a, 'd>, Suite>>,
}

/// The sending half of a [`TlsTransport`].
pub struct TlsWriter<'a, 'd, W> {
    inner: W,
    wire: &'a Wire<'d>,
    report: Report,
    /// None while the connection is in clear.
    tls: Option<embedded_tls::TlsWriter<'a, Plug<'a, 'd>, Suite>>,
}

impl<'c, 'd, C, E, T> TlsTransport<'c, 'd, C, E, T> {
    pub(super) fn new(
        inner: C,
        identity: &'c mut Identity<'d, E>,
        rx: &'c mut [u8],
        tx: &'c mut [u8],
        wire: &'c Wire<'d>,
        report: Report,
    ) -> Self {
        let mut tls = Tls::new(Plug(wire), rx, tx);
        tls.set_flush_policy(FlushPolicy::Relaxed);
        let (tls, clock) = (Some(tls), PhantomData);
        Self { inner, identity, wire, tls, is_secure: false, report, clock }
    }
}

impl<C: Transport, E: Entropy, T: TlsClock> TlsTransport<'_, '_, C, E, T> {
    async fn shake_hands(&mut self, name: &str) -> Result<(), TlsError> {
        let tls = self.tls.as_mut().ok_or(TlsError::Closed)?;
        let mut provider = self.identity.provider::<T>(name)?;
        let mut config = TlsConfig::new();
        if cfg!(feature = "rsa") {
            config = config.enable_rsa_signatures();
        }
        if let Some(name) = provider.name_to_tell() {
            config = config.with_server_name(name);
        }
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
        let written = written.await.map_err(TlsError::Io);
        provider.outcome(shaken).and(written)
    }
}

impl<'d, C: Transport, E: Entropy, T: TlsClock> Transport for TlsTransport<'_, 'd, C, E, T> {
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
            TlsReader { inner: reader, wire: self.wire, report: self.report, tls: receiving },
            TlsWriter { inner: writer, wire: self.wire, report: self.report, tls: sending },
        )
    }

    async fn start_tls(&mut self, name: &str) -> Result<(), TransportError> {
        match self.shake_hands(name).await {
            Ok(()) => self.is_secure = true,
            Err(error) => {
                self.report.tell(error);
                return Err(TransportError);
            }
        }
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
    mut work: Pin<&mut impl Future<Output = Result<(), HandshakeError>>>,
) -> Result<(), TlsError> {
    loop {
        if let Poll::Ready(result) = poll_once(work.as_mut()) {
            return result.map_err(|error| explain(error, wire));
        }
        if wire.has_output() {
            wire.drain(writer).await.map_err(TlsError::Io)?;
            writer.flush().await.map_err(|error| TlsError::Io(error.kind()))?;
        } else {
            wire.fill(reader).await.map_err(failed)?;
        }
    }
}

/// What an error of `embedded-tls` means.
fn explain(error: HandshakeError, wire: &Wire<'_>) -> TlsError {
    match error {
        HandshakeError::Io(kind) => failed(kind),
        HandshakeError::IoError | HandshakeError::ConnectionClosed => TlsError::Closed,
        HandshakeError::HandshakeAborted(_, why) => TlsError::Alert(why as u8),
        HandshakeError::InvalidPrivateKey => TlsError::ClientCertificate,
        HandshakeError::InsufficientSpace | HandshakeError::EncodeError => match wire.too_long() {
            Some(len) => TlsError::RecordTooLong { len },
            None => TlsError::TooLittleMemory,
        },
        _ => TlsError::Protocol,
    }
}

const fn failed(kind: ErrorKind) -> TlsError {
    match kind {
        // A record that cannot be one.
        ErrorKind::InvalidData => TlsError::Protocol,
        kind => TlsError::Io(kind),
    }
}

/// Says what is wrong, and the little that fits into the kind of an error.
fn told(error: HandshakeError, wire: &Wire<'_>, report: Report) -> ErrorKind {
    report.tell(explain(error, wire));
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
                Poll::Ready(Err(HandshakeError::ConnectionClosed)) => return Ok(0),
                Poll::Ready(Err(error)) => return Err(told(error, self.wire, self.report)),
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
        let written = at_once(pin!(tls.write(bytes)));
        let written = written.map_err(|error| told(error, self.wire, self.report))?;
        self.wire.drain(&mut self.inner).await?;
        Ok(written)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        if let Some(tls) = &mut self.tls {
            let flushed = at_once(pin!(tls.flush()));
            flushed.map_err(|error| told(error, self.wire, self.report))?;
            self.wire.drain(&mut self.inner).await?;
        }
        self.inner.flush().await.map_err(|error| error.kind())
    }
}

/// What TLS does without waiting: the wire is empty, and holds as much as a record has. So a record is
/// always written as a whole, and its number is never used again.
fn at_once<V>(work: impl Future<Output = Result<V, HandshakeError>>) -> Result<V, HandshakeError> {
    match poll_once(work) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(HandshakeError::InternalError),
    }
}
