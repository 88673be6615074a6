//! What is set on a TCP socket.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use socket2::TcpKeepalive;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

use crate::options::ConnectOptions;

/// What the options say about TCP sockets. A [`connector`](ConnectOptions::connector) has sockets of its
/// own, which this does not concern.
impl ConnectOptions {
    /// Lets the operating system find out about a dead peer: it probes a connection on which nothing
    /// came for so long, and ends it if nobody answers. How often it probes is up to the system.
    /// Rounded up to a second; the least is one. Default off: PINGs do the same, see
    /// [`ping_interval`](Self::ping_interval).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// // A firewall in between forgets connections after five minutes of silence.
    /// let options = nats_tokio::ConnectOptions::new().tcp_keepalive(Duration::from_secs(60));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn tcp_keepalive(mut self, idle: Duration) -> Self {
        self.socket.keepalive = Some(idle);
        self
    }

    /// Connects from this address, one of this machine's: where it has several, that decides through
    /// which network. Port zero is any. Default whatever the operating system chooses.
    ///
    /// Addresses of a server that are IPv4 where this one is IPv6, or the other way round, cannot be
    /// connected to. With a port, a connection that was lost may keep it busy for a minute or two.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// let local = (Ipv4Addr::new(10, 0, 0, 7), 0);
    /// let options = nats_tokio::ConnectOptions::new().local_address(local);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn local_address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.socket.local_address = Some(address.into());
        self
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketOptions {
    pub(crate) keepalive: Option<Duration>,
    pub(crate) local_address: Option<SocketAddr>,
}

impl SocketOptions {
    pub(crate) async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = match self.local_address {
            None => TcpStream::connect(address).await?,
            Some(local) => {
                let socket = bound(local, address).map_err(|error| {
                    io::Error::new(error.kind(), format!("from {local}: {error}"))
                })?;
                socket.connect(address).await?
            }
        };
        // We write in large pieces, and want small ones to leave at once.
        stream.set_nodelay(true)?;
        if let Some(idle) = self.keepalive {
            let seconds = idle.as_secs() + u64::from(idle.subsec_nanos() > 0);
            let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(seconds.max(1)));
            SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        }
        Ok(stream)
    }
}

/// A socket with an address of its own, to connect to another one with.
fn bound(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match (local, remote) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => TcpSocket::new_v4()?,
        (SocketAddr::V6(_), SocketAddr::V6(_)) => TcpSocket::new_v6()?,
        _ => {
            let text = "one address is IPv4, the other IPv6";
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
        }
    };
    if local.port() != 0 {
        // The one that we had before may linger.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(local)?;
    Ok(socket)
}
