//! A real nats-server for tests: on a free port, with a folder of its own, gone when the test ends.

pub mod certificates;
mod cluster;
pub mod jwt;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

pub use cluster::Cluster;
pub use cluster::Ports;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running nats-server, stopped and reaped when it is dropped, also by a panic.
#[derive(Debug)]
pub struct NatsServer {
    process: Child,
    folder: PathBuf,
    port: u16,
}

/// Which processes Ctrl-C in a terminal ends together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// The server with the program that started it.
    Ours,
    /// The server alone.
    Own,
}

impl NatsServer {
    /// Starts a server whose configuration has these lines besides the address.
    ///
    /// # Panics
    ///
    /// If there is no nats-server, or it does not start.
    #[must_use]
    pub fn start(config: &str) -> Self {
        Self::start_on(None, config)
    }

    /// Starts a server on a port of the caller's choice, or on a free one.
    ///
    /// # Panics
    ///
    /// If there is no nats-server, or it does not start.
    #[must_use]
    pub fn start_on(port: Option<u16>, config: &str) -> Self {
        Self::start_in(Group::Ours, port, config)
    }

    /// The same in a group of processes.
    fn start_in(group: Group, port: Option<u16>, config: &str) -> Self {
        let folder = new_folder();
        Self::launch(&folder, group, port, config).unwrap_or_else(|error| {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            // The log tells what the folder was kept for.
            let _ = fs::remove_dir_all(&folder);
            panic!("nats-server did not start: {error}\n{log}")
        })
    }

    fn launch(folder: &Path, group: Group, port: Option<u16>, config: &str) -> io::Result<Self> {
        let file = folder.join("server.conf");
        fs::write(&file, configuration(folder, port, config))?;
        let mut command = Command::new(program());
        command.arg("--config").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if group == Group::Own {
            set_apart(&mut command);
        }
        let process = command
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", program().display())))?;
        let mut server = Self { process, folder: folder.to_owned(), port: 0 };
        // With TLS first, a server says nothing to somebody who only listens.
        let is_silent = config.contains("handshake_first");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = server.process.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            if let Some(port) = server.announced_port("nats")
                && (is_silent || is_up(port))
            {
                server.port = port;
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Kills the server (`SIGKILL`) and starts it again at once, on its port and with what it has stored.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self, config: &str) {
        self.kill();
        let next = Self::launch(&self.folder, Group::Ours, Some(self.port), config);
        let mut next = next.expect("the server starts again");
        std::mem::swap(&mut self.process, &mut next.process);
        // The folder is still in use, and the process is reaped.
        std::mem::forget(next);
    }

    /// Kills the server (`SIGKILL`). What it has stored stays, for [`restart`](Self::restart).
    ///
    /// # Panics
    ///
    /// If it cannot be killed. One that is not running any more is what is wanted.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server is killed");
        self.process.wait().expect("the server ends");
    }

    /// A port in the file that the server writes once it listens.
    fn announced_port(&self, protocol: &str) -> Option<u16> {
        let name = format!("{}_{}.ports", program().file_name()?.to_str()?, self.process.id());
        let text = fs::read_to_string(self.folder.join(name)).ok()?;
        let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
        ports[protocol][0].as_str()?.rsplit(':').next()?.parse().ok()
    }

    /// Where it listens, for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The port that it takes WebSockets on.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn websocket_port(&self) -> u16 {
        self.announced_port("websocket").expect("a port for WebSockets")
    }

    /// The process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends the process a signal: `USR2` announces a shut-down (lame duck mode), `HUP` has it read
    /// its configuration again, `STOP` and `CONT` make it hang.
    ///
    /// # Panics
    ///
    /// If there is no such process any more.
    pub fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", name, &process]).status().expect("kill runs");
        assert!(status.success(), "signal {name}");
    }

    /// Replaces the lines of the configuration besides the address, and has them read.
    ///
    /// # Panics
    ///
    /// If the configuration cannot be written.
    pub fn reload(&self, config: &str) {
        let file = self.folder.join("server.conf");
        let text = configuration(&self.folder, Some(self.port), config);
        fs::write(file, text).expect("the configuration is written");
        self.signal("HUP");
    }

    /// What it has logged so far.
    ///
    /// # Panics
    ///
    /// If there is no log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).expect("the server's log")
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The text of a configuration file.
fn configuration(folder: &Path, port: Option<u16>, config: &str) -> String {
    // Port -1 is a free one; the server tells which in a file.
    let port = port.map_or(-1, i32::from);
    let store = folder.join("store");
    format!(
        "listen: \"127.0.0.1:{port}\"\nports_file_dir: {folder:?}\nlog_file: {:?}\n{}\n",
        folder.join("log"),
        config.replace("$STORE", &format!("{store:?}"))
    )
}

/// The version of the nats-server to test against: major, minor, patch.
///
/// # Panics
///
/// If it does not tell.
#[must_use]
pub fn version() -> (u32, u32, u32) {
    let output = Command::new(program()).arg("--version").output().expect("nats-server runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, version) = text.trim().rsplit_once('v').expect("nats-server: v2.15.1");
    let mut numbers = version.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    let mut number = || numbers.next().unwrap_or(0);
    (number(), number(), number())
}

/// Where the nats-server to test against is: `NATS_SERVER`, or where `cargo xtask test` puts it.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn program() -> PathBuf {
    find_program().unwrap_or_else(|error| panic!("{error}"))
}

/// The same for those who want to say so themselves if there is none.
///
/// # Errors
///
/// If there is none, in words.
pub fn find_program() -> Result<PathBuf, String> {
    let program = match std::env::var_os("NATS_SERVER") {
        Some(path) => PathBuf::from(path),
        None => {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/nats-server/2.15.1/nats-server")
        }
    };
    if program.is_file() {
        return Ok(program);
    }
    let program = program.display();
    Err(format!("there is no nats-server at {program}: set NATS_SERVER, or run `cargo xtask test`"))
}

/// Has Ctrl-C in a terminal not reach a program.
#[cfg(unix)]
fn set_apart(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

/// Has Ctrl-C in a terminal not reach a program: only where there are groups of processes.
#[cfg(not(unix))]
fn set_apart(_: &mut Command) {}

/// How many addresses of servers there are in the INFO of the server on this port.
fn known_servers(port: u16) -> usize {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return 0 };
    let mut line = String::new();
    let timeout = stream.set_read_timeout(Some(Duration::from_secs(5)));
    if timeout.is_err() || BufReader::new(stream).read_line(&mut line).is_err() {
        return 0;
    }
    let info: serde_json::Value =
        serde_json::from_str(line.trim_start_matches("INFO ")).unwrap_or_default();
    info["connect_urls"].as_array().map_or(0, Vec::len)
}

/// A server is up when it says so.
fn is_up(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut start = [0; 4];
    let timeout = stream.set_read_timeout(Some(Duration::from_secs(5)));
    timeout.and_then(|()| stream.read_exact(&mut start)).is_ok() && &start == b"INFO"
}

/// An empty folder that no other test has.
fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("nats-tests-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).expect("a folder for the server");
    folder
}
