//! Servers where the texts say that they are.

use std::net::TcpListener;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nats_examples::broker::Broker;
use nats_examples::broker::Options;
use nats_tests::NatsServer;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::ADDRESS;

/// Set for this process in its network.
const IS_INSIDE: &str = "NATS_TESTS_NETWORK";
/// How long somebody else may have the port: another run of this.
const PATIENCE: Duration = Duration::from_secs(120);

/// One that runs until it is dropped.
pub(crate) struct Server {
    name: String,
    is_refusing: bool,
    running: Running,
}

#[expect(dead_code, reason = "they are dropped")]
enum Running {
    Broker(tokio::runtime::Runtime),
    Real(NatsServer),
}

impl Server {
    pub(crate) fn broker() -> Self {
        Self::broker_with("the broker", Options::default())
    }

    /// Whoever has no password is refused.
    pub(crate) fn refusing() -> Self {
        let user = Some(("somebody".to_owned(), "else".to_owned()));
        Self::broker_with("a broker that refuses", Options { user, ..Options::default() })
    }

    /// One that sends a message which is longer than a small buffer before it answers PING.
    pub(crate) fn long_winded() -> Self {
        let listener = listen();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.spawn(async move {
            listener.set_nonblocking(true).expect("a mode");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut heard = Vec::new();
                while !heard.ends_with(b"PING\r\n") && socket.read_buf(&mut heard).await.is_ok() {}
                let long = "x".repeat(100_000);
                let words = format!("INFO {{}}\r\nMSG long 1 {}\r\n{long}\r\nPONG\r\n", long.len());
                let _ = socket.write_all(words.as_bytes()).await;
            }
        });
        Self {
            name: "a server that sends long messages".to_owned(),
            is_refusing: false,
            running: Running::Broker(runtime),
        }
    }

    fn broker_with(name: &str, options: Options) -> Self {
        let listener = listen();
        let is_refusing = options.user.is_some();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.spawn(async move {
            Broker::new(listener, options).expect("a broker").run().await;
        });
        Self { name: name.to_owned(), is_refusing, running: Running::Broker(runtime) }
    }

    pub(crate) fn real() -> Self {
        let port = listen().local_addr().expect("its number").port();
        let (major, minor, patch) = nats_tests::version();
        Self {
            name: format!("nats-server {major}.{minor}.{patch}"),
            is_refusing: false,
            running: Running::Real(NatsServer::start_on(
                Some(port),
                "jetstream { store_dir: $STORE }",
            )),
        }
    }

    pub(crate) const fn is_refusing(&self) -> bool {
        self.is_refusing
    }

    pub(crate) const fn has_jetstream(&self) -> bool {
        matches!(self.running, Running::Real(_))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Takes the port, which may have to be waited for.
fn listen() -> TcpListener {
    let begin = Instant::now();
    loop {
        match TcpListener::bind(ADDRESS) {
            Ok(listener) => return listener,
            Err(error) => assert!(
                begin.elapsed() < PATIENCE,
                "the programs in the texts want a server of these tests at {ADDRESS}: {error}"
            ),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Runs this process once more, where nobody else has a port, and returns how it ended; `None` if it is there
/// already, or the system has no such place.
pub(crate) fn in_a_network_of_our_own() -> Option<ExitCode> {
    if std::env::var_os(IS_INSIDE).is_some() {
        return None;
    }
    let inside = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "sh", "-c", script]);
        command
    };
    let up = "ip link set lo up";
    let quietly = inside(up).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !quietly.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut again = inside(&format!("{up} && exec \"$0\" \"$@\""));
    again.arg(std::env::current_exe().ok()?).args(std::env::args_os().skip(1)).env(IS_INSIDE, "1");
    let status = again.status().ok()?;
    Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
