//! How many instructions a message takes on a device: counted by QEMU, the same every time.

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
    /// QEMU, and how to have this machine.
    emulator: &'static [&'static str],
    /// Debian's package that has it.
    debian: &'static str,
}

const MACHINES: &[Machine] = &[
    Machine {
        name: "Cortex-M3",
        target: "thumbv7m-none-eabi",
        emulator: &["qemu-system-arm", "-machine", "lm3s6965evb"],
        debian: "qemu-system-arm",
    },
    Machine {
        name: "RV32IMAC",
        target: "riscv32imac-unknown-none-elf",
        emulator: &["qemu-system-riscv32", "-machine", "virt", "-bios", "none"],
        debian: "qemu-system-misc",
    },
];

/// For size, as firmware is built, and for speed.
const LEVELS: &[&str] = &["\"z\"", "3"];

/// Builds the program for every machine, runs it, and writes the table.
pub(crate) fn cycles() -> Outcome {
    let mut head = String::from("| a message |");
    let mut columns = Vec::new();
    for machine in MACHINES {
        install(machine.emulator[0], machine.debian)?;
        for level in LEVELS {
            // A string takes what it is given.
            let _ = write!(head, " {}, `opt-level` `{}` |", machine.name, level.trim_matches('"'));
            columns.push(count(machine, level)?);
        }
    }
    let mut table = format!("{HEAD}{head}\n|---|{}\n", "---|".repeat(columns.len()));
    for (number, (name, _)) in columns[0].iter().enumerate() {
        let counts = columns.iter().map(|column| format!(" {} |", column[number].1));
        let _ = writeln!(table, "| {name} |{}", counts.collect::<String>());
    }
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
            .args(machine.emulator)
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
