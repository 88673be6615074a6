//! One run of one program.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use super::process::Process;
use super::process::command;
use super::row::Client;
use super::row::Row;
use super::row::Server;
use super::sample::Sample;
use crate::Outcome;
use crate::run::target;
use crate::tools;

/// A subscriber that lags is not to be hung up on.
const NATS_CONFIG: &str = "max_pending: 4GB\nwrite_deadline: \"60s\"\n";

/// What all runs share.
pub(super) struct Laboratory {
    certificates: PathBuf,
    nats_server: Option<PathBuf>,
    /// The processor that pinned rows share.
    cpu: String,
    /// What the programs run under: a command with arguments, if it is anything.
    wrapper: Vec<String>,
}

impl Laboratory {
    /// Makes certificates, and obtains nats-server if one of the rows needs it.
    pub(super) fn new(rows: &[Row]) -> Outcome<Self> {
        let certificates = target().join("bench").join("certificates");
        let mut make = command(&program("bench-null"), None);
        make.arg("certificates").arg("--tls").arg(&certificates);
        Process::start(make)?.finish()?;
        let is_real = |row: &Row| matches!(row.server, Server::Real | Server::JetStream);
        let needs_server = rows.iter().any(is_real);
        let nats_server = if needs_server { Some(tools::server()?) } else { None };
        Ok(Self { certificates, nats_server, cpu: first_cpu()?, wrapper: Vec::new() })
    }

    /// Has the programs run under another one.
    pub(super) fn under(self, wrapper: Vec<String>) -> Self {
        Self { wrapper, ..self }
    }

    /// Starts what the row needs, runs the program, and stops everything.
    pub(super) fn measure(&self, row: &Row, client: Client, flavour: &str) -> Outcome<Sample> {
        let server = self.server(row)?;
        let next = if let Server::Pair(_) = row.server { self.server(row)? } else { None };
        let start = |name: &str, options: &[&str]| {
            let mut command = self.client(row, client);
            command.arg(name).args(["--size", &row.size.to_string()]);
            let counted = if name.ends_with("idle") { "--subs" } else { "--count" };
            command.args([counted, &row.count.to_string()]).args(options);
            if let Some((_, url)) = &server {
                command.args(["--url", url]);
            }
            if let Some((_, url)) = &next {
                command.args(["--next", url]);
            }
            if row.server == Server::JetStream {
                command.args(["--create", "1"]);
            }
            if row.is_tls {
                command.arg("--ca").arg(self.certificates.join("ca.pem"));
            }
            command.env("PEER_RT", flavour);
            Process::start(command)
        };
        match row.partner {
            Some("pub") => {
                let subscriber = start(row.command, &["--ready", "1"])?;
                subscriber.wait_for("READY")?;
                let publisher = Sample::new(start("pub", &[])?.finish()?)?;
                Ok(Sample::new(subscriber.finish()?)?.with(publisher))
            }
            Some(name) => {
                // Dropped, and so stopped, behind the program.
                let partner = start(name, &[])?;
                partner.wait_for("READY")?;
                Sample::new(start(row.command, row.options)?.finish()?)
            }
            None => Sample::new(start(row.command, row.options)?.finish()?),
        }
    }

    fn client(&self, row: &Row, client: Client) -> Command {
        let program = program(client.program());
        let Some((wrapper, arguments)) = self.wrapper.split_first() else {
            return command(&program, self.cpu(row));
        };
        let mut command = command(Path::new(wrapper), self.cpu(row));
        command.args(arguments).arg(program);
        command
    }

    fn cpu(&self, row: &Row) -> Option<&str> {
        row.is_pinned.then_some(self.cpu.as_str())
    }

    /// Starts a row's server, and says where it is.
    fn server(&self, row: &Row) -> Outcome<Option<(Process, String)>> {
        let mode = match row.server {
            Server::None => return Ok(None),
            Server::Null(mode) | Server::Pair(mode) => mode,
            Server::Real | Server::JetStream => return self.nats_server(row).map(Some),
        };
        let mut command = command(&program("bench-null"), self.cpu(row));
        let (count, size) = (row.count.to_string(), row.size.to_string());
        command.arg(mode).args(["--count", &count, "--size", &size]);
        if row.is_tls {
            command.arg("--tls").arg(&self.certificates);
        }
        let process = Process::start(command)?;
        let port = process.wait_for("LISTEN")?;
        Ok(Some((process, format!("nats://127.0.0.1:{port}"))))
    }

    fn nats_server(&self, row: &Row) -> Outcome<(Process, String)> {
        let path = self.nats_server.as_ref().ok_or("there is no nats-server")?;
        let folder = target().join("bench");
        let mut config = NATS_CONFIG.to_owned();
        if row.is_tls {
            let (certificate, key) =
                (self.certificates.join("server.pem"), self.certificates.join("server.key"));
            config += &format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}\n");
        }
        if row.server == Server::JetStream {
            let store = folder.join("jetstream");
            config += &format!("jetstream {{ store_dir: {store:?}, max_memory_store: 4GB }}\n");
        }
        let file = folder.join("server.conf");
        fs::write(&file, config).map_err(|error| error.to_string())?;
        let port = free_port().map_err(|error| error.to_string())?;
        let mut command = command(path, self.cpu(row));
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--log"]);
        command.arg(folder.join("server.log")).arg("--config").arg(file);
        let process = Process::start(command)?;
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if start.elapsed() > Duration::from_secs(20) {
                return Err("nats-server does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok((process, format!("nats://127.0.0.1:{port}")))
    }
}

/// A benchmark program.
fn program(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The first processor that this process may use.
fn first_cpu() -> Outcome<String> {
    let text = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = list.and_then(|list| list.trim().split(['-', ',']).next());
    first.map(str::to_owned).ok_or_else(|| "no processor is allowed".to_owned())
}
