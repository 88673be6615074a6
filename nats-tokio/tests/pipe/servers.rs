//! Servers that are connected to one after the other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::peer::Peer;

/// Servers that the test plays, one connection after the other.
pub(crate) struct Servers {
    pub(crate) dialled: UnboundedReceiver<(String, DuplexStream)>,
    is_down: Arc<AtomicBool>,
}

impl Servers {
    pub(crate) fn new(options: ConnectOptions) -> (ConnectOptions, Self) {
        let (sender, dialled) = mpsc::unbounded_channel();
        let is_down = Arc::new(AtomicBool::new(false));
        let down = Arc::clone(&is_down);
        let options =
            options.connector(move |target| {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                let is_down = down.load(SeqCst);
                let _ = sender.send((target.host, theirs));
                async move {
                    if is_down { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(ours) }
                }
            });
        (options, Self { dialled, is_down })
    }

    /// The next server that is dialled.
    pub(crate) async fn next(&mut self) -> (String, Peer) {
        let (host, stream) = self.dialled.recv().await.unwrap();
        (host, Peer::new(stream))
    }

    pub(crate) async fn accept(&mut self) -> Peer {
        let (_, mut peer) = self.next().await;
        peer.accept().await;
        peer
    }

    /// Lets the next attempt through, and forgets those that failed.
    pub(crate) fn let_up(&mut self) {
        while self.dialled.try_recv().is_ok() {}
        self.set_down(false);
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, SeqCst);
    }
}

/// A client, and the first of its servers. The others are down until they are let up.
pub(crate) async fn with_servers(options: ConnectOptions) -> (Client, Servers, Peer) {
    let (options, mut servers) = Servers::new(options);
    let (client, peer) = tokio::join!(options.connect("a"), servers.accept());
    // Longer than the wait between two attempts.
    tokio::time::sleep(Duration::from_secs(10)).await;
    servers.set_down(true);
    (client.unwrap(), servers, peer)
}

/// Ends the connection, and waits until the client knows.
pub(crate) async fn cut(client: &Client, peer: Peer) {
    drop(peer);
    let mut status = client.watch_status();
    status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
}
