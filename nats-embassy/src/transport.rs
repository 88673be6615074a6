//! Transports: streams of bytes to a server, and what opens them.

#[cfg(feature = "nal")]
pub(crate) mod nal;
#[cfg(feature = "net")]
pub(crate) mod net;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use core::fmt;

use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_proto::ServerUrl;

/// Opens connections. One at a time: a connection is gone before the next one is made.
pub trait Connector {
    /// A connection, which may borrow the connector's memory.
    type Transport<'c>: Transport
    where
        Self: 'c;

    /// Opens a new connection to `server`.
    ///
    /// It need not watch the time: the future is dropped when
    /// [`connect_timeout`](nats_proto::session::Config::connect_timeout) is over.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the server cannot be reached.
    async fn connect(
        &mut self,
        server: &ServerUrl<'_>,
    ) -> Result<Self::Transport<'_>, TransportError>;
}

/// A stream of bytes in both directions.
///
/// A future of the reader or the writer is dropped before it is ready only if the connection is
/// given up with it: neither has to be safe to cancel.
pub trait Transport {
    /// Reads; zero bytes are the end.
    type Reader<'a>: Read
    where
        Self: 'a;
    /// Writes. `flush` must see to it that everything is on its way, and need not wait until it has
    /// arrived.
    type Writer<'a>: Write
    where
        Self: 'a;

    /// Both directions, to be used at the same time.
    fn split(&mut self) -> (Self::Reader<'_>, Self::Writer<'_>);

    /// Secures the connection with TLS, from here on. The server has to be `name`.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if that is not possible; always, unless it is implemented.
    async fn start_tls(&mut self, name: &str) -> Result<(), TransportError> {
        let _ = name;
        Err(TransportError)
    }

    /// Ends the connection gracefully, after everything that was written. May take up to a
    /// second, then it is dropped.
    async fn close(&mut self);

    /// Ends a connection that is broken, or not needed. The other side should learn of it, if it is
    /// there. May take up to 200 ms, then it is dropped.
    async fn abort(&mut self);
}

/// The connection could not be made, or not be secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TransportError;

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection could not be made")
    }
}

impl core::error::Error for TransportError {}
