//! A device: firmware that runs in QEMU.

use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::output;
use crate::site::PATIENCE;

/// How long a device may run at all.
const LIFETIME: Duration = Duration::from_secs(300);

/// What `timeout` exits with when the time is up.
pub(crate) const TIME_IS_UP: i32 = 124;

pub(crate) const USER: &str = "device";
pub(crate) const PASSWORD: &str = "between us";

/// A running device, switched off when it is dropped.
pub(crate) struct Device {
    process: Child,
    output: Option<JoinHandle<()>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Device {
    /// Boots a device that connects to the servers on these ports.
    pub(crate) fn boot(id: &str, ports: &[u16], password: &str) -> Self {
        Self::boot_for(LIFETIME, id, ports, password)
    }

    /// Boots a device that is switched off after a while, whatever it does.
    pub(crate) fn boot_for(lifetime: Duration, id: &str, ports: &[u16], password: &str) -> Self {
        // QEMU's name for this machine.
        let urls: Vec<_> = ports.iter().map(|port| format!("nats://10.0.2.2:{port}")).collect();
        // A comma stands for itself where there are two.
        let arguments = ["firmware", id, &urls.join(",,"), USER, &password.replace(' ', "_")]
            .map(|argument| format!(",arg={argument}"))
            .concat();
        let board = std::env::var("FIRMWARE_BOARD").unwrap_or_else(|_| "cortex-m3".to_owned());
        let mut command = Command::new("timeout");
        command.arg("--kill-after=5").arg(lifetime.as_secs_f32().to_string());
        match board.as_str() {
            "riscv32" => command
                .args(["qemu-system-riscv32", "-machine", "virt", "-m", "16M", "-bios", "none"])
                .args(["-global", "virtio-mmio.force-legacy=false"])
                .args(["-netdev", "user,id=net"])
                .args(["-device", "virtio-net-device,netdev=net,bus=virtio-mmio-bus.0"]),
            _ => command
                .args(["qemu-system-arm", "-machine", "lm3s6965evb"])
                .args(["-nic", "user,model=stellaris"]),
        };
        command
            .args(["-nographic", "-monitor", "none", "-serial", "none"])
            .args(["-semihosting-config", &format!("enable=on,target=native{arguments}")])
            .arg("-kernel")
            .arg(firmware())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("QEMU starts");
        let log = Arc::<Mutex<Vec<String>>>::default();
        let output = process.stdout.take().map(|stdout| {
            let image = std::fs::read(firmware()).expect("the firmware");
            let (id, log) = (id.to_owned(), Arc::clone(&log));
            std::thread::spawn(move || {
                output::read(stdout, &image, |line| {
                    println!("    {id}: {line}");
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                });
            })
        });
        Self { process, output, log }
    }

    /// Whether the device said so: what a line of its output ends with.
    pub(crate) fn has_said(&self, end: &str) -> bool {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().any(|line| line.ends_with(end))
    }

    /// Waits until the device has said so. Its own clock may go slowly, on a machine that is busy.
    pub(crate) async fn until_said(&self, end: &str) {
        while !self.has_said(end) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the device switches itself off, and returns what with.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Ok(Some(status)) = self.process.try_wait() {
                let output = self.output.take().map(JoinHandle::join);
                assert!(matches!(output, Some(Ok(()))), "what it said is understood to the end");
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // `timeout` passes the signal on; a device that is off already is what is wanted.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").arg(id).stderr(Stdio::null()).status();
        let _ = self.process.wait();
        if let Some(output) = self.output.take() {
            let _ = output.join();
        }
    }
}

/// Where the firmware is: `cargo xtask firmware` says so.
fn firmware() -> PathBuf {
    std::env::var_os("FIRMWARE").expect("run `cargo xtask firmware`").into()
}
