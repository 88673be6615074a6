//! A stack of `embedded-nal-async`, which cannot read and write at the same time.

use std::future::pending;
use std::future::poll_fn;
use std::net::IpAddr;
use std::net::SocketAddr;

use embassy_futures::select::Either;
use embassy_futures::select::select;
use embedded_io_async::ErrorKind;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use embedded_nal_async::AddrType;
use embedded_nal_async::Dns;
use embedded_nal_async::TcpConnect;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::NalConnector;
use nats_embassy::PendingLimits;

use crate::Nats;
use crate::clock::block_on;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::pend;

struct Stack(Peer);

struct Socket(Peer);

impl TcpConnect for Stack {
    type Error = ErrorKind;
    type Connection<'a> = Socket;

    async fn connect(&self, remote: SocketAddr) -> Result<Socket, ErrorKind> {
        pend().await;
        let is_open = self.0.dial(&remote.to_string());
        is_open.then(|| Socket(self.0.clone())).ok_or(ErrorKind::ConnectionRefused)
    }
}

impl Dns for Stack {
    type Error = ErrorKind;

    async fn get_host_by_name(&self, host: &str, _: AddrType) -> Result<IpAddr, ErrorKind> {
        pend().await;
        self.0.note(&format!("look up {host}"));
        Ok(IpAddr::from([10, 0, 0, 7]))
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

impl ErrorType for Socket {
    type Error = ErrorKind;
}

impl Read for Socket {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, ErrorKind> {
        // Not pending once more, first: nothing is lost when it is dropped.
        poll_fn(|cx| self.0.poll_read(memory, cx)).await
    }
}

impl Write for Socket {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        pend().await;
        pend().await;
        self.0.write(bytes)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        pend().await;
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}

fn with_client<T>(
    server: &str,
    peer: &Peer,
    app: impl for<'d> AsyncFnOnce(Client<'d, Nats<'d>>) -> T,
) -> T {
    let mut resources = Nats::new();
    let connector = NalConnector::new(Stack(peer.clone()), Stack(peer.clone()));
    let (client, mut runner) =
        nats_embassy::new(Config::new(server), connector, &mut resources, [7; 32]).unwrap();
    block_on(async {
        let running = async {
            runner.run().await;
            pending().await
        };
        match select(app(client), running).await {
            Either::First(value) | Either::Second(value) => value,
        }
    })
}

#[test]
fn names_are_looked_up_and_addresses_are_not() {
    for (server, told) in [
        ("nats://one:7", vec!["look up one", "dial 10.0.0.7:7"]),
        ("nats://10.0.0.8:7", vec!["dial 10.0.0.8:7"]),
        ("nats://[::1]:7", vec!["dial [::1]:7"]),
    ] {
        let peer = Peer::new(Script::default());
        with_client(server, &peer, async |client| client.connected().await.unwrap());
        let log = peer.log();
        assert!(log.iter().zip(&told).all(|(log, told)| log == told), "{log:?}");
    }
}

#[test]
fn byte_by_byte() {
    let peer = Peer::new(Script { chunk: 1, ..Script::default() });
    with_client("nats://10.0.0.8", &peer, async |client| {
        let mut echo = client.subscribe("echo", PendingLimits::drop_newest(1)).unwrap();
        for payload in [b"one", b"two"] {
            client.publish("echo", payload).await.unwrap();
            assert_eq!(echo.next().await.unwrap().payload(), payload);
        }
        client.flush().await.unwrap();
    });
}

#[test]
fn a_writer_that_never_rests_lets_the_reader_read() {
    let peer = Peer::new(Script::default());
    with_client("nats://10.0.0.8", &peer, async |client| {
        let _echo = client.subscribe("echo", PendingLimits::drop_oldest(1)).unwrap();
        client.flush().await.unwrap();
        for _ in 0..500 {
            client.publish("echo", &[b'x'; 100]).await.unwrap();
        }
        let received = client.statistics().in_messages;
        assert!(received > 400, "{received} of 500");
        client.flush().await.unwrap();
        assert_eq!(client.statistics().in_messages, 500);
    });
}

#[test]
fn a_connection_that_ends_is_made_again() {
    let peer = Peer::new(Script::default());
    with_client("nats://10.0.0.8", &peer, async |client| {
        client.connected().await.unwrap();
        peer.hang_up();
        while client.statistics().connects < 2 {
            client.next_event().await.unwrap();
        }
        client.flush().await.unwrap();
    });
}
