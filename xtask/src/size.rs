//! How much flash and RAM a device needs: programs that are only linked, and measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::firmware::build;
use crate::run::output;
use crate::run::program;
use crate::run::root;

const TARGET: &str = "thumbv7m-none-eabi";
/// Where the table is kept.
const TABLE: &str = "examples/size/README.md";

/// A program, what it is, and how much flash it may take at most.
struct Probe {
    name: &'static str,
    about: &'static str,
    max_flash: usize,
}

const PROBES: &[Probe] = &[
    Probe {
        name: "core",
        about: "nats-proto: session, decoder, encoder; no driver",
        max_flash: 29_000,
    },
    Probe {
        name: "link",
        about: "nats-embassy: `Link`, for a single task; executor included",
        max_flash: 43_000,
    },
    Probe {
        name: "client",
        about: "nats-embassy: all of it but TLS and signing; executor included",
        max_flash: 45_000,
    },
    Probe { name: "client-nkeys", about: "the same, with feature `nkeys`", max_flash: 73_000 },
];

/// What of a program's memory is the client's.
const RAM: &[(&str, &str, &str)] = &[
    ("link", "NATS", "`LinkResources`, with their 1 KiB + 1 KiB"),
    ("link", "app::POOL", "the one task, with all that the application waits for"),
    ("client", "NATS", "`Resources`, with their 1 KiB + 1 KiB + 4 · 128 B"),
    ("client", "run::POOL", "the runner's task"),
];

/// Links, measures, and writes the table.
pub(crate) fn size() -> Outcome {
    let folder = build("size", "core", TARGET, &["--features=nkeys"])?;
    let folder = folder.parent().map(Path::to_owned).unwrap_or_default();
    let mut table = String::from(HEAD);
    let mut too_large = Vec::new();
    for Probe { name, about, max_flash } in PROBES {
        let flash = flash(&folder.join(name))?;
        // A string takes what it is given.
        let _ = writeln!(table, "| `{name}` | {about} | {flash} |");
        if flash > *max_flash {
            too_large.push(format!("{name} takes {flash} bytes of flash, more than {max_flash}"));
        }
    }
    table.push_str(RAM_HEAD);
    for (name, symbol, about) in RAM {
        let size = symbol_size(&folder.join(name), symbol)?;
        let _ = writeln!(table, "| `{name}` | {about} | {size} |");
    }
    println!("{table}");
    fs::write(root().join(TABLE), &table).map_err(|error| error.to_string())?;
    if too_large.is_empty() { Ok(()) } else { Err(too_large.join("; ")) }
}

/// What is in flash: code, constants, and the values that variables begin with.
fn flash(image: &Path) -> Outcome<usize> {
    let text = output(program("size").arg(image))?;
    let numbers = text.lines().nth(1).unwrap_or_default().split_whitespace();
    numbers
        .take(2)
        .map(|number| number.parse::<usize>().map_err(|error| format!("{text}: {error}")))
        .sum()
}

/// How much memory a variable takes.
fn symbol_size(image: &Path, symbol: &str) -> Outcome<usize> {
    let text = output(program("nm").args(["--print-size", "--demangle"]).arg(image))?;
    let line = text.lines().find(|line| line.ends_with(&format!("::{symbol}")));
    let size = line.and_then(|line| line.split_whitespace().nth(1));
    let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
    size.ok_or_else(|| format!("there is no variable {symbol}"))
}

const HEAD: &str = "\
# Sizes

Written by `cargo xtask size`, which links these programs and never runs them: Cortex-M3, `opt-level`
`z`, fat LTO, a network of one register.

| program | what it is | flash in bytes |
|---|---|---|
";

const RAM_HEAD: &str = "
| program | what it keeps in RAM, for 4 subscriptions and 1 request | bytes |
|---|---|---|
";
