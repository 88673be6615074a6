//! The core for everything that has no operating system.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::run::program;
use crate::run::run;
use crate::run::target;

const TARGETS: &[&str] = &[
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabihf",
    "riscv32imc-unknown-none-elf",
    "riscv32imac-unknown-none-elf",
    "wasm32-unknown-unknown",
];

/// Checks the core, with what needs no allocator, for every target, with `core` from source: neither rustup's
/// targets nor its components are needed. Firmware and sizes build it to the end.
pub(crate) fn check() -> Outcome {
    let mut command = Toolchain::find()?.cargo(&["check", "--quiet", "--package", "nats-proto"]);
    command.args(["--release", "-Zbuild-std=core", "--features", "nkeys"]);
    for name in TARGETS {
        command.args(["--target", name]);
    }
    run(command.env("RUSTFLAGS", "--deny warnings"))?;
    println!("checked for {} targets with core alone", TARGETS.len());
    Ok(())
}

/// A compiler that comes with the source of `core`.
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
}

impl Toolchain {
    /// The first that has the source: rustup's, or Debian's `rustc-web`, `cargo-web` and
    /// `rust-web-src`.
    pub(crate) fn find() -> Outcome<Self> {
        let candidates = [("cargo", "rustc"), ("/usr/bin/cargo", "/usr/bin/rustc")];
        let found = candidates.into_iter().find(|(_, rustc)| has_source(Path::new(rustc)));
        let (cargo, rustc) = found.ok_or(
            "no compiler with the source of `core`: `rustup component add rust-src`, or on Debian \
             `apt-get install rustc-web cargo-web rust-web-src`",
        )?;
        Ok(Self { cargo: cargo.into(), rustc: rustc.into() })
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.cargo);
        command
            .args(arguments)
            .env("RUSTC", &self.rustc)
            // `-Zbuild-std` on a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TARGET_DIR", target().join("targets"));
        command
    }
}

fn has_source(rustc: &Path) -> bool {
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    let Ok(sysroot) = sysroot else { return false };
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
    Path::new(&sysroot).join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file()
}
