//! Boards that QEMU plays, and the firmware that was built for them.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// A board with its firmware.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    name: String,
    firmware: PathBuf,
}

impl Board {
    /// Those of `FIRMWARE`, which `cargo xtask firmware` sets: `name=path,name=path`.
    pub(crate) fn all() -> Vec<Self> {
        let all = std::env::var("FIRMWARE").expect("run `cargo xtask firmware`");
        let boards = all.split(',').map(|board| {
            let (name, firmware) = board.split_once('=').expect("a board's name and its firmware");
            Self { name: name.to_owned(), firmware: firmware.into() }
        });
        boards.collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn firmware(&self) -> &Path {
        &self.firmware
    }

    /// Has the emulator play the board, with more options for its network.
    pub(crate) fn play(&self, command: &mut Command, network: &str) {
        match self.name.as_str() {
            "riscv32" => command
                .args(["qemu-system-riscv32", "-machine", "virt", "-m", "16M", "-bios", "none"])
                .args(["-global", "virtio-mmio.force-legacy=false"])
                .args(["-netdev", &format!("user,id=net{network}")])
                .args(["-device", "virtio-net-device,netdev=net,bus=virtio-mmio-bus.0"]),
            _ => command
                .args(["qemu-system-arm", "-machine", "lm3s6965evb"])
                .args(["-nic", &format!("user,model=stellaris{network}")]),
        };
        command.arg("-kernel").arg(&self.firmware);
    }
}
