//! A proxy before each server, which cuts connections in the middle of a frame.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::watch;

pub(crate) struct Proxy {
    port: u16,
    /// Connections that were made before the last change are to be cut.
    cuts: watch::Sender<()>,
}

impl Proxy {
    /// Takes connections, and passes them on to a port.
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let cuts = watch::Sender::new(());
        let accepted = cuts.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cut = accepted.subscribe();
                tokio::spawn(async move { drop(pass(client, to, cut).await) });
            }
        });
        Self { port, cuts }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Cuts all connections in the middle of the next message that comes.
    pub(crate) fn cut(&self) {
        self.cuts.send_replace(());
    }
}

/// Passes on what comes from both sides until one of them ends.
async fn pass(client: TcpStream, to: u16, cut: watch::Receiver<()>) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", to)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        result = copy(from_client, to_server, None) => result,
        result = copy(from_server, to_client, Some(cut)) => result,
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    cut: Option<watch::Receiver<()>>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let len = from.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        let read = &buffer[..len];
        let is_cut = cut.as_ref().is_some_and(|cut| cut.has_changed().unwrap_or(true));
        if is_cut && let Some(at) = read.windows(4).position(|bytes| bytes == b"MSG ") {
            // In the subject, or behind it.
            return to.write_all(&read[..len.min(at + 20)]).await;
        }
        to.write_all(read).await?;
    }
}
