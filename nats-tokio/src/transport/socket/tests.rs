use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use tokio::net::TcpListener;

use super::*;
use crate::ConnectOptions;

const NONE: SocketOptions = SocketOptions { keepalive: None, local_address: None };

async fn connected(options: ConnectOptions) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let stream = options.socket.connect(listener.local_addr()?).await?;
    Ok((stream, listener.accept().await?.0))
}

#[tokio::test]
async fn keepalive_is_rounded_up_to_seconds() {
    let millis = Duration::from_millis;
    let idle = [(0, 1), (300, 1), (1_000, 1), (1_001, 2), (60_000, 60)];
    for (idle, seconds) in idle {
        let options = ConnectOptions::new().tcp_keepalive(millis(idle));
        let (stream, _peer) = connected(options).await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), millis(seconds * 1_000), "{idle}");
    }
    let (stream, _peer) = connected(ConnectOptions::new()).await.unwrap();
    assert!(!SockRef::from(&stream).keepalive().unwrap(), "off by default");
    assert!(stream.nodelay().unwrap());
}

#[tokio::test]
async fn the_server_sees_the_local_address() {
    let local = Ipv4Addr::new(127, 0, 0, 2);
    let options = ConnectOptions::new().local_address((local, 0));
    let (stream, peer) = connected(options).await.unwrap();
    assert_eq!(peer.peer_addr().unwrap(), stream.local_addr().unwrap());
    assert_eq!(peer.peer_addr().unwrap().ip(), local);
    assert!(stream.nodelay().unwrap());
}

#[tokio::test]
async fn a_fixed_port_can_be_used_again() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for _ in 0..3 {
        let (stream, peer) = connected(ConnectOptions::new().local_address(free)).await.unwrap();
        assert_eq!(peer.peer_addr().unwrap(), free);
        drop((stream, peer));
    }
}

#[tokio::test]
async fn what_does_not_fit_says_so() {
    let not_ours: SocketAddr = "192.0.2.1:0".parse().unwrap();
    for (local, expected) in [
        (not_ours, "from 192.0.2.1:0: "),
        ((Ipv6Addr::LOCALHOST, 0).into(), "from [::1]:0: one address is IPv4, the other IPv6"),
    ] {
        let options = SocketOptions { local_address: Some(local), ..NONE };
        let error = options.connect(([127, 0, 0, 1], 1).into()).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
