//! Servers on free ports of this machine.

use std::fs;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use crate::Outcome;
use crate::run::program;
use crate::run::target;

/// How long starting may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server runs, in seconds, whatever happens to this program.
const LIFE: &str = "1800";

/// A server, stopped when it is dropped.
pub(super) struct Server {
    /// `timeout`, which passes on what it is told.
    child: Child,
    port: u16,
}

impl Server {
    pub(super) fn nats(server: &Path) -> Outcome<Self> {
        let port = free_port()?;
        let mut command = under_a_limit();
        command.arg(server).args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
        Self::start(command, port)
    }

    /// Mosquitto, which takes as much as nats-server does for a subscriber, and waits for nothing.
    pub(super) fn mosquitto() -> Outcome<Self> {
        let port = free_port()?;
        let folder = target().join("throughput");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let file = folder.join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n\
             max_queued_messages 0\nset_tcp_nodelay true\n"
        );
        fs::write(&file, text).map_err(|error| error.to_string())?;
        let mut command = under_a_limit();
        command.args(["mosquitto", "-c"]).arg(file);
        Self::start(command, port)
    }

    fn start(mut command: Command, port: u16) -> Outcome<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| error.to_string())?;
        let mut server = Self { child, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("{command:?}: {status}"));
            }
            if Instant::now() > deadline {
                return Err(format!("{command:?} does not listen"));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, `timeout` would leave the server behind.
        let _ = program("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn under_a_limit() -> Command {
    let mut command = program("timeout");
    command.args(["--kill-after=5", LIFE]);
    command
}

fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
    listener.map(|address| address.port()).map_err(|error| error.to_string())
}
