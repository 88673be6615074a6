//! Firmware, built for a microcontroller and run in QEMU against real servers.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::run::cargo;
use crate::run::output;
use crate::run::program;
use crate::run::run;
use crate::run::target;
use crate::targets::Toolchain;
use crate::tools;

/// A board that QEMU can play.
struct Board {
    name: &'static str,
    /// The folder and the name of its package.
    package: &'static str,
    target: &'static str,
    emulator: &'static str,
    /// Debian's package that has the emulator.
    debian: &'static str,
}

const BOARDS: &[Board] = &[
    Board {
        name: "cortex-m3",
        package: "qemu-cortex-m3",
        target: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        debian: "qemu-system-arm",
    },
    Board {
        name: "riscv32",
        package: "qemu-riscv32",
        target: "riscv32imac-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        debian: "qemu-system-misc",
    },
];

/// Builds all firmware, or that of the board that is named, boots it and has it talk to a hub behind a leaf
/// node: one board after the other, and all together through an outage of the leaf node.
pub(crate) fn firmware() -> Outcome {
    // Of `ci` there is nothing else to be read.
    let name = std::env::args().nth(2);
    let is_meant = |board: &&Board| name.as_deref().is_none_or(|name| name == board.name);
    let boards: Vec<_> = BOARDS.iter().filter(is_meant).collect();
    if boards.is_empty() {
        let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        return Err(format!("usage: cargo xtask firmware [{}]", names.join("|")));
    }
    let server = tools::server()?;
    let mut images = Vec::new();
    for board in boards {
        install(board.emulator, board.debian)?;
        let image = build(board.package, board.package, board.target, &[])?;
        images.push(format!("{}={}", board.name, image.display()));
    }
    run(cargo(&["run", "--quiet", "--package", "nats-tests", "--example", "firmware"])
        .env("NATS_SERVER", &server)
        .env("FIRMWARE", images.join(",")))
}

/// Builds a package below `examples` for a target, and says where one of its programs is.
pub(crate) fn build(
    package: &str,
    name: &str,
    triple: &str,
    arguments: &[&str],
) -> Outcome<PathBuf> {
    let folder = crate::run::root().join("examples").join(package);
    let mut command = Toolchain::find()?.cargo(&["build", "--quiet", "--release", "--locked"]);
    command.args(["-Zbuild-std=core", "--target", triple]).args(arguments).current_dir(folder);
    // For those who log with it.
    command.env("DEFMT_LOG", "debug");
    if let Some(linker) = linker() {
        let variable = format!("CARGO_TARGET_{}_LINKER", triple.replace('-', "_").to_uppercase());
        command.env(variable, linker);
    }
    run(&mut command)?;
    Ok(target().join("targets").join(triple).join("release").join(name))
}

/// LLVM's linker, for compilers that do not bring it along: rustup's do, Debian's do not.
fn linker() -> Option<PathBuf> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"])).ok()?;
    let rustup =
        PathBuf::from(sysroot.trim()).join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld");
    let llvm =
        ["22", "21", "20", "19"].map(|version| format!("/usr/lib/llvm-{version}/bin/ld.lld"));
    std::iter::once(rustup).chain(llvm.map(PathBuf::from)).find(|path| path.is_file())
}

/// Makes sure that there is a program, which one of Debian's packages has.
pub(crate) fn install(name: &str, package: &str) -> Outcome {
    if Command::new(name).arg("--version").output().is_ok() {
        return Ok(());
    }
    println!("{name} is missing: installing Debian's {package}");
    let install = || {
        let mut command = program("apt-get");
        command.args(["install", "--yes", "--quiet", "--no-install-recommends", package]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // Where the list of packages is old, or there is none.
    run(&mut install()).or_else(|_| {
        run(program("apt-get").args(["update", "--quiet"])).and_then(|()| run(&mut install()))
    })
}
