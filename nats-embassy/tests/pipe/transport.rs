//! A network of one peer: it reads and writes as little at a time as it is told to.

use std::future::poll_fn;
use std::task::Context;
use std::task::Poll;

use embedded_io_async::ErrorKind;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_embassy::Connector;
use nats_embassy::ServerUrl;
use nats_embassy::Transport;
use nats_embassy::TransportError;

use crate::peer::Peer;

#[derive(Debug)]
pub(crate) struct Network(Peer);

/// A connection; the peer knows when it is gone.
pub(crate) struct Pipe(Peer);

pub(crate) struct Half<'a>(&'a Peer);

impl Network {
    pub(crate) fn new(peer: &Peer) -> Self {
        Self(peer.clone())
    }
}

impl Connector for Network {
    type Transport<'c> = Pipe;

    async fn connect(&mut self, server: &ServerUrl<'_>) -> Result<Pipe, TransportError> {
        pend().await;
        self.0.dial(server.host()).then(|| Pipe(self.0.clone())).ok_or(TransportError)
    }
}

impl Transport for Pipe {
    type Reader<'a> = Half<'a>;
    type Writer<'a> = Half<'a>;

    fn split(&mut self) -> (Half<'_>, Half<'_>) {
        (Half(&self.0), Half(&self.0))
    }

    async fn start_tls(&mut self, name: &str) -> Result<(), TransportError> {
        pend().await;
        self.0.note(&format!("upgrade {name}"));
        Ok(())
    }

    async fn close(&mut self) {
        pend().await;
        self.0.note("close");
        if self.0.hangs_on_close() {
            std::future::pending().await
        }
    }

    async fn abort(&mut self) {
        self.0.note("abort");
        // As slow as can be: it is dropped in the end.
        std::future::pending().await
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}

impl ErrorType for Half<'_> {
    type Error = ErrorKind;
}

impl Read for Half<'_> {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, ErrorKind> {
        if !self.0.is_prompt() {
            pend().await;
        }
        poll_fn(|cx| self.0.poll_read(memory, cx)).await
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        pend().await;
        if self.0.stalls() {
            std::future::pending::<()>().await;
        }
        self.0.write(bytes)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        pend().await;
        Ok(())
    }
}

/// Is pending once.
pub(crate) async fn pend() {
    let mut was_asked = false;
    poll_fn(|cx: &mut Context<'_>| {
        if std::mem::replace(&mut was_asked, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
