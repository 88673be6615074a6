//! Options of a TCP socket.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use socket2::TcpKeepalive;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

/// What is set on a TCP socket.
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
