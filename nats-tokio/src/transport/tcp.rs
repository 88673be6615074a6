//! Connections over TCP: every address of a name, until one accepts the connection.

use std::io;
use std::net::SocketAddr;
use std::net::SocketAddrV6;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::transport::Connector;
use crate::transport::Opening;
use crate::transport::Target;
use crate::transport::Transport;
use crate::transport::socket::SocketOptions;

/// The ordinary way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp {
    /// How long it may take until there is a connection, and what comes after it.
    pub(crate) timeout: Duration,
    /// Whether addresses are tried in the order in which the resolver returns them.
    pub(crate) retain_servers_order: bool,
    pub(crate) socket: SocketOptions,
}

impl Connector for Tcp {
    fn open(&self, target: Target) -> Opening {
        let tcp = *self;
        Box::pin(async move {
            let stream = tcp.connect(&target.host, target.port).await?;
            Ok(Box::new(stream) as Box<dyn Transport>)
        })
    }
}

impl Tcp {
    /// Looks the name up, which is done for every attempt: addresses change, and there may be many
    /// behind a name (ADR-11).
    async fn connect(self, host: &str, port: u16) -> io::Result<TcpStream> {
        let start = Instant::now();
        let found = look_up(host, port).await;
        let mut addresses = found.map_err(|error| named(&host, &error))?;
        if !self.retain_servers_order {
            shuffle(&mut addresses);
        }
        self.connect_to(&addresses, start).await.unwrap_or_else(|| {
            let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            Err(named(&host, &error))
        })
    }

    /// Tries one address after the other; `None` if there is no address.
    async fn connect_to(
        self,
        addresses: &[SocketAddr],
        start: Instant,
    ) -> Option<io::Result<TcpStream>> {
        let mut failure: Option<io::Error> = None;
        for (number, address) in addresses.iter().enumerate() {
            let left = self.timeout.saturating_sub(start.elapsed());
            let connecting = self.socket.connect(*address);
            let connected = match fair_share(left, addresses.len() - number) {
                Some(share) => tokio::time::timeout(share, connecting)
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
                None => connecting.await,
            };
            match connected {
                Ok(stream) => return Some(Ok(stream)),
                Err(error) => {
                    let error = named(address, &error);
                    failure = Some(match failure {
                        Some(earlier) => also(&earlier, &error),
                        None => error,
                    });
                }
            }
        }
        failure.map(Err)
    }
}

/// All addresses of a name. An IPv6 address may have a zone: the name or the number of an interface
/// behind `%`, or behind `%25`, as a URL may have it (RFC 6874), if it is a name.
async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let zoned = host.split_once('%').and_then(|(ip, zone)| Some((ip.parse().ok()?, zone)));
    let Some((ip, zone)) = zoned else {
        return Ok(tokio::net::lookup_host((host, port)).await?.collect());
    };
    let is_number = zone.bytes().all(|byte| byte.is_ascii_digit());
    let zone = zone.strip_prefix("25").filter(|_| !is_number).unwrap_or(zone);
    let scope = if is_number { zone.parse().ok() } else { scope_of(zone).await };
    let scope = scope.ok_or_else(|| {
        io::Error::new(io::ErrorKind::AddrNotAvailable, "there is no such interface")
    })?;
    Ok(vec![SocketAddrV6::new(ip, port, 0, scope).into()])
}

/// The number of an interface, which the resolver knows.
async fn scope_of(zone: &str) -> Option<u32> {
    let mut found = tokio::net::lookup_host((format!("fe80::1%{zone}"), 0)).await.ok()?;
    found.find_map(|address| match address {
        SocketAddr::V6(address) => Some(address.scope_id()),
        SocketAddr::V4(_) => None,
    })
}

/// How long the first of `count` addresses may take, so that one that hangs leaves time for the
/// others. The last one has all that is left, which the connect time-out limits.
fn fair_share(left: Duration, count: usize) -> Option<Duration> {
    (count > 1).then(|| left / u32::try_from(count).unwrap_or(u32::MAX))
}

fn shuffle(addresses: &mut [SocketAddr]) {
    for end in (1..addresses.len()).rev() {
        // Without randomness the order is as good as any.
        let number = getrandom::u32().unwrap_or_default();
        let other = usize::try_from(number).unwrap_or_default() % (end + 1);
        addresses.swap(other, end);
    }
}

/// The error says what it is about.
fn named(address: &impl std::fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{address}: {error}"))
}

/// Both errors, with the kind of the later one.
fn also(earlier: &io::Error, later: &io::Error) -> io::Error {
    io::Error::new(later.kind(), format!("{earlier}; {later}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;
    use std::net::Ipv6Addr;

    use tokio::net::TcpListener;

    use super::*;

    const SOCKET: SocketOptions = SocketOptions { keepalive: None, local_address: None };
    const TCP: Tcp =
        Tcp { timeout: Duration::from_secs(2), retain_servers_order: false, socket: SOCKET };

    async fn closed_address() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn addresses_are_tried_until_one_takes_us() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let closed = closed_address().await;
        for addresses in [vec![open], vec![closed, open], vec![closed, closed, open]] {
            let stream = TCP.connect_to(&addresses, Instant::now()).await.unwrap().unwrap();
            assert_eq!(stream.peer_addr().unwrap(), open);
        }
    }

    #[tokio::test]
    async fn errors_name_every_address() {
        let (a, b) = (closed_address().await, closed_address().await);
        let error = TCP.connect_to(&[a, b], Instant::now()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(text.contains(&a.to_string()) && text.contains(&b.to_string()), "{text}");
        assert!(TCP.connect_to(&[], Instant::now()).await.is_none());
    }

    #[tokio::test]
    async fn names_and_literals() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost"] {
            TCP.connect(host, port).await.unwrap().set_nodelay(true).unwrap();
        }
        let error = TCP.connect("no-such-host.invalid", 1).await.unwrap_err();
        assert!(error.to_string().starts_with("no-such-host.invalid: "), "{error}");
        // Not every machine has IPv6.
        if let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await {
            let port = listener.local_addr().unwrap().port();
            assert!(TCP.connect("::1", port).await.unwrap().peer_addr().unwrap().is_ipv6());
        }
    }

    #[tokio::test]
    async fn zones_by_number_and_by_name() {
        let scope = async |host| {
            let found = look_up(host, 4222).await?;
            let [SocketAddr::V6(address)] = found.as_slice() else { panic!("{found:?}") };
            io::Result::Ok((address.ip().to_string(), address.scope_id()))
        };
        for (host, expected) in [("fe80::1%7", 7), ("fe80::1%25", 25), ("::1%2512", 2512)] {
            let ip = host.split('%').next().unwrap().to_owned();
            assert_eq!(scope(host).await.unwrap(), (ip, expected));
        }
        let error = scope("fe80::1%no-such-zone").await.unwrap_err();
        assert_eq!(error.to_string(), "there is no such interface");
        // Where there is no loopback of that name, there is nothing to look up.
        if let Some(number) = scope_of("lo").await {
            for host in ["fe80::1%lo", "fe80::1%25lo", "::1%lo"] {
                assert_eq!(scope(host).await.unwrap().1, number, "{host}");
            }
        }
    }

    #[tokio::test]
    async fn an_address_that_hangs_leaves_time_for_the_next() {
        // Nothing accepts, and the backlog is full: the next connection hangs.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(1).unwrap();
        let hangs = full.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(hangs)).await
        {
            waiting.push(stream);
            assert!(waiting.len() < 1000, "it never fills up");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let tcp = Tcp { timeout: Duration::from_millis(400), ..TCP };
        let stream = tcp.connect_to(&[hangs, open], Instant::now()).await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        let error = tcp.connect_to(&[hangs, closed_address().await], Instant::now()).await;
        assert!(error.unwrap().unwrap_err().to_string().contains("timed out"));
    }

    #[test]
    fn everybody_has_a_fair_share() {
        let seconds = Duration::from_secs;
        assert_eq!(fair_share(seconds(6), 3), Some(seconds(2)));
        assert_eq!(fair_share(seconds(4), 2), Some(seconds(2)));
        assert_eq!(fair_share(seconds(2), 1), None);
        assert_eq!(fair_share(Duration::ZERO, 2), Some(Duration::ZERO));
    }

    #[test]
    fn all_orders_occur() {
        let addresses: Vec<SocketAddr> =
            (1..4).map(|port| (Ipv4Addr::LOCALHOST, port).into()).collect();
        let mut orders = BTreeSet::new();
        for _ in 0..1000 {
            let mut order = addresses.clone();
            shuffle(&mut order);
            orders.insert(order);
        }
        assert_eq!(orders.len(), 6);
    }
}
