//! Programs that are measured, and servers: none runs forever, and none outlives this one.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::time::Instant;

use crate::Outcome;

/// How long a program may take to say that it is ready.
const START: Duration = Duration::from_secs(20);
/// How long it may take for its work.
const WORK: Duration = Duration::from_secs(180);

/// A program that ends, at the latest, when this is dropped, or with this process.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

/// A command that is killed when this process dies, on one processor if there is a number.
pub(super) fn command(path: &Path, cpu: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(cpu) = cpu {
        command.args(["taskset", "--cpu-list", cpu]);
    }
    command.arg(path);
    command
}

impl Process {
    /// Starts it; what it says is read as it comes.
    pub(super) fn start(mut command: Command) -> Outcome<Self> {
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let name = words.skip(2).collect::<Vec<_>>().join(" ");
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        let (sender, lines) = channel();
        let stdout = child.stdout.take();
        std::thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
                // The receiver is gone once the process is dropped.
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { name, child, lines })
    }

    /// Waits for a line that begins like this, and returns the rest of it.
    pub(super) fn wait_for(&self, start: &str) -> Outcome<String> {
        let deadline = Instant::now() + START;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|error| self.say(&error, start))?;
            if let Some(rest) = line.strip_prefix(start) {
                return Ok(rest.trim().to_owned());
            }
        }
    }

    /// Waits until it ends, and returns its last line.
    pub(super) fn finish(mut self) -> Outcome<String> {
        let deadline = Instant::now() + WORK;
        let mut last = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => last = line,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(error) => return Err(self.say(&error, "an end")),
            }
        }
        let status = self.child.wait().map_err(|error| format!("{}: {error}", self.name))?;
        if status.success() { Ok(last) } else { Err(format!("{}: {status}", self.name)) }
    }

    fn say(&self, error: &RecvTimeoutError, expected: &str) -> String {
        let what = match error {
            RecvTimeoutError::Timeout => "took too long",
            RecvTimeoutError::Disconnected => "ended early",
        };
        format!("{}: {what}, waiting for {expected}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
