//! Counts the instructions for a message on a device: counted by QEMU, the same every time.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::firmware::build;
use crate::firmware::install;
use crate::run::output;
use crate::run::program;
use crate::run::root;

/// Where the table is kept.
const TABLE: &str = "examples/cycles/README.md";

struct Machine {
    name: &'static str,
    target: &'static str,
    /// QEMU.
    emulator: &'static str,
    /// How to have this machine.
    arguments: &'static [&'static str],
    /// Debian's package that has QEMU.
    debian: &'static str,
}

const MACHINES: &[Machine] = &[
    Machine {
        name: "Cortex-M3",
        target: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        arguments: &["-machine", "lm3s6965evb"],
        debian: "qemu-system-arm",
    },
    Machine {
        name: "RV32IMAC",
        target: "riscv32imac-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        arguments: &["-machine", "virt", "-bios", "none"],
        debian: "qemu-system-misc",
    },
];

/// For size, as firmware is built, and for speed.
const LEVELS: &[&str] = &["\"z\"", "3"];

/// Builds the program for every machine, runs it, and writes the table.
pub(crate) fn cycles() -> Outcome {
    let (mut head, mut line) = (String::from("| a message |"), String::from("|---|"));
    let mut rows = Vec::<(String, String)>::new();
    for machine in MACHINES {
        install(machine.emulator, machine.debian)?;
        for level in LEVELS {
            // A string takes what it is given.
            let _ = write!(head, " {}, `opt-level` `{}` |", machine.name, level.trim_matches('"'));
            line.push_str("---|");
            let counts = count(machine, level)?;
            rows.resize_with(counts.len(), Default::default);
            for ((name, cells), (done, count)) in rows.iter_mut().zip(counts) {
                *name = done;
                let _ = write!(cells, " {count} |");
            }
        }
    }
    let rows = rows.iter().map(|(name, cells)| format!("| {name} |{cells}\n"));
    let table = format!("{HEAD}{head}\n{line}\n{}", rows.collect::<String>());
    println!("{table}");
    fs::write(root().join(TABLE), &table).map_err(|error| error.to_string())
}

/// The program's rows: what was done, and how many instructions it took.
fn count(machine: &Machine, level: &str) -> Outcome<Vec<(String, u32)>> {
    let option = format!("profile.release.opt-level={level}");
    let image = build("cycles", "cycles", machine.target, &["--config", &option])?;
    let first = run(machine, &image)?;
    if run(machine, &image)? != first {
        return Err(format!("{} counts differently every time", machine.name));
    }
    let rows = first.lines().map(|line| {
        let (name, count) = line.rsplit_once(": ").ok_or(line)?;
        Ok((name.to_owned(), count.parse().map_err(|_| line)?))
    });
    rows.collect::<Result<_, &str>>().map_err(|line| format!("not a row: {line}"))
}

/// What the program prints. With `-icount shift=0`, an instruction takes a nanosecond.
fn run(machine: &Machine, image: &Path) -> Outcome<String> {
    output(
        program("timeout")
            .args(["--kill-after=5", "60"])
            .arg(machine.emulator)
            .args(machine.arguments)
            .args(["-icount", "shift=0", "-nographic", "-monitor", "none", "-serial", "none"])
            .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
            .arg(image),
    )
}

const HEAD: &str = "\
# Instructions

Written by `cargo xtask cycles`, which runs this program in QEMU and counts instructions: subject
`device.seven.telemetry`, a buffer of 1 KiB full of messages, nats-proto alone.

";
