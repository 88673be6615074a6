//! A line between a device and its server, on which the server's words can be lost.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

/// Connects everybody who connects to it to a server.
pub(crate) struct Line {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_deaf: AtomicBool,
    lost: Mutex<Vec<u8>>,
}

impl Line {
    /// A line to the server on this port.
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    /// Where the device connects to.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Loses what the server says from now on, or does so no more.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.state.is_deaf.store(is_deaf, Relaxed);
    }

    /// Whether this is a part of what was lost.
    pub(crate) fn has_lost(&self, text: &str) -> bool {
        let lost = self.state.lost.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lost).contains(text)
    }
}

/// Ends as soon as one of both sides does, which ends the other one.
async fn connect(client: TcpStream, server: u16, state: Arc<State>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server)).await?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        end = tokio::io::copy(&mut from_client, &mut to_server) => end.map(|_| ()),
        end = hear(from_server, to_client, &state) => end,
    }
}

/// Passes the server's words on, or loses them.
async fn hear(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    state: &State,
) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while let len @ 1.. = server.read(&mut buffer).await? {
        if state.is_deaf.load(Relaxed) {
            let mut lost = state.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.extend_from_slice(&buffer[..len]);
        } else {
            client.write_all(&buffer[..len]).await?;
        }
    }
    Ok(())
}
