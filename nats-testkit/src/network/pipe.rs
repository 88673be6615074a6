//! A connection, as the client sees it.

use std::fmt;
use std::io;
use std::io::Read;
use std::io::Write;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use super::Network;

/// The client's end of a connection. Dropping it closes the connection.
///
/// `Read` and `Write` never block: where nothing can be read or written now, they fail with
/// `WouldBlock`. With the features `tokio` and `futures-io` it is `AsyncRead` and `AsyncWrite` of those.
pub struct Pipe {
    network: Network,
    number: usize,
}

impl Pipe {
    pub(super) const fn new(network: Network, number: usize) -> Self {
        Self { network, number }
    }

    /// Reads into `memory`; zero bytes are the end of the connection.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` if the connection is broken.
    pub fn poll_read(&self, cx: &Context<'_>, memory: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll(|number, world| world.read(number, memory, Some(cx.waker())))
    }

    /// Writes as much of `bytes` as the server accepts now.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` or `ConnectionReset` if the server has closed the connection, or it is broken.
    pub fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(|number, world| world.write(number, bytes, Some(cx.waker())))
    }

    /// Secures the connection, in place of a TLS handshake: bytes stay what they are, and the server
    /// takes them for encrypted ones. For clients to whom TLS can be given.
    pub fn secure(&self) {
        self.network.act(|world| {
            if let Ok(link) = world.link(self.number) {
                link.peer.secure();
            }
        });
    }

    fn poll(
        &self,
        act: impl FnOnce(usize, &mut super::World) -> io::Result<Option<usize>>,
    ) -> Poll<io::Result<usize>> {
        match self.network.act(|world| act(self.number, world)).transpose() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, memory: &mut [u8]) -> io::Result<usize> {
        at_once(self.poll_read(&Context::from_waker(Waker::noop()), memory))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        at_once(self.poll_write(&Context::from_waker(Waker::noop()), bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn at_once(result: Poll<io::Result<usize>>) -> io::Result<usize> {
    match result {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.network.act(|world| world.let_go(self.number));
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").finish_non_exhaustive()
    }
}
