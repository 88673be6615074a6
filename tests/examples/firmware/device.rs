//! A device: firmware that runs in QEMU.

use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::alarm;
use crate::board::Board;
use crate::output;
use crate::site::within;

/// How long a device may run at all.
const LIFETIME: Duration = Duration::from_secs(300);

/// What `timeout` exits with when the time is up.
pub(crate) const TIME_IS_UP: i32 = 124;

pub(crate) const USER: &str = "device";
pub(crate) const PASSWORD: &str = "between us";

/// A port that no device listens on.
const CLOSED_PORT: u16 = 9;

/// What a device is started with.
pub(crate) struct Setup<'a> {
    pub(crate) board: &'a Board,
    pub(crate) id: &'a str,
    /// Its servers' addresses, with commas between them.
    pub(crate) servers: String,
    pub(crate) password: &'a str,
    /// When it is switched off, whatever it does.
    pub(crate) lifetime: Duration,
    /// A port of this machine that leads to a port of the device where nobody listens.
    pub(crate) closed_port: Option<u16>,
}

/// A running device, switched off when it is dropped.
pub(crate) struct Device {
    /// Of `timeout`, under which it runs.
    process_id: u32,
    watch: Option<JoinHandle<()>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    log: Vec<String>,
    /// What it ended with; a signal is none.
    ended: Option<Option<i32>>,
    /// Nobody minds any more how it ends.
    is_let_go: bool,
}

impl<'a> Setup<'a> {
    /// For a device that connects to the servers on these ports.
    pub(crate) fn new(board: &'a Board, id: &'a str, ports: &[u16], password: &'a str) -> Self {
        // QEMU's name for this machine.
        let urls: Vec<_> = ports.iter().map(|port| format!("nats://10.0.2.2:{port}")).collect();
        let servers = urls.join(",");
        Self { board, id, servers, password, lifetime: LIFETIME, closed_port: None }
    }

    fn command(&self) -> Command {
        let Self { board, id, servers, password, lifetime, closed_port } = self;
        // A comma stands for itself where there are two.
        let arguments =
            ["firmware", id, &servers.replace(',', ",,"), USER, &password.replace(' ', "_")]
                .map(|argument| format!(",arg={argument}"))
                .concat();
        let forward =
            closed_port.map(|port| format!(",hostfwd=tcp:127.0.0.1:{port}-:{CLOSED_PORT}"));
        let forward = forward.unwrap_or_default();
        let mut command = Command::new("timeout");
        command.arg("--kill-after=5").arg(lifetime.as_secs_f32().to_string());
        board.play(&mut command, &forward);
        command
            .args(["-nographic", "-monitor", "none", "-serial", "none"])
            .args(["-semihosting-config", &format!("enable=on,target=native{arguments}")]);
        command
    }
}

impl Device {
    /// Boots a device that connects to the servers on these ports.
    pub(crate) fn boot(board: &Board, id: &str, ports: &[u16], password: &str) -> Self {
        Self::boot_with(&Setup::new(board, id, ports, password))
    }

    pub(crate) fn boot_with(setup: &Setup<'_>) -> Self {
        let mut command = setup.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let process = command.spawn().expect("QEMU starts");
        let (process_id, id) = (process.id(), setup.id.to_owned());
        let firmware = setup.board.firmware().to_owned();
        let state = Arc::<Mutex<State>>::default();
        let watched = Arc::clone(&state);
        let watch = Some(std::thread::spawn(move || watch(process, &id, &firmware, &watched)));
        Self { process_id, watch, state }
    }

    /// Whether the device said so: what a line of its output ends with.
    pub(crate) fn has_said(&self, end: &str) -> bool {
        lock(&self.state).log.iter().any(|line| line.ends_with(end))
    }

    /// Waits until the device has said so. Its own clock may go slowly, on a machine that is busy.
    pub(crate) async fn until_said(&self, end: &str) {
        while !self.has_said(end) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the device switches itself off, or its time is up, and returns what it ended with.
    pub(crate) async fn exit_code(self) -> Option<i32> {
        let ended = async {
            loop {
                // Of what else it ends with the alarm tells.
                if let Some(code @ Some(0 | TIME_IS_UP)) = lock(&self.state).ended {
                    return code;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within("the device's end", ended).await
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let is_on = {
            let mut state = lock(&self.state);
            state.is_let_go = true;
            state.ended.is_none()
        };
        if is_on {
            // `timeout` passes the signal on; a device that is off already is what is wanted.
            let id = self.process_id.to_string();
            let _ = Command::new("kill").arg(id).stderr(Stdio::null()).status();
        }
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
    }
}

/// Reads what a device says, until it ends, and raises the alarm if that was not well.
fn watch(mut process: Child, id: &str, firmware: &Path, state: &Mutex<State>) {
    let image = std::fs::read(firmware).expect("the firmware");
    let is_understood = process.stdout.take().is_none_or(|stdout| {
        output::read(stdout, &image, |line| {
            println!("    {id}: {line}");
            lock(state).log.push(line);
        })
    });
    let code = process.wait().ok().and_then(|status| status.code());
    let mut state = lock(state);
    let failure = match code {
        _ if state.is_let_go => None,
        Some(0 | TIME_IS_UP) if is_understood => None,
        Some(0 | TIME_IS_UP) => Some("what it said is no frame of defmt".to_owned()),
        _ => Some(last_words(&state.log).unwrap_or_else(|| format!("it ended with {code:?}"))),
    };
    if let Some(failure) = failure {
        alarm::raise(format!("device {id}: {failure}"));
    }
    state.ended = Some(code);
}

/// A panic, in one line, or what was said last.
fn last_words(log: &[String]) -> Option<String> {
    const PANIC: &str = "panicked at";
    let said = log.join(" ");
    let words = said.find(PANIC).map(|start| &said[start..]).or(log.last().map(String::as_str))?;
    Some(words.lines().map(str::trim).collect::<Vec<_>>().join(" "))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
