//! Measures how much flash and RAM a device needs, and that nothing in the core can panic: programs that are
//! only linked, and looked at.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::Outcome;
use crate::firmware::build;
use crate::run::output;
use crate::run::program;
use crate::run::root;

const TARGETS: [&str; 3] =
    ["thumbv7m-none-eabi", "thumbv6m-none-eabi", "riscv32imac-unknown-none-elf"];
/// Where the table is kept.
const TABLE: &str = "examples/size/README.md";
/// How much more than recorded a figure may be, in percent.
const TOLERANCE: usize = 2;

/// A program, what it is, and how much flash it should take at most on the first target.
struct Probe {
    name: &'static str,
    about: &'static str,
    goal: Option<usize>,
}

const PROBES: &[Probe] = &[
    Probe { name: "idle", about: "an executor, and a task that reads and writes", goal: None },
    Probe {
        name: "core",
        about: "nats-proto with room for one server: session, decoder, encoder; no executor",
        goal: Some(10_000),
    },
    Probe { name: "core-2", about: "the same with room for two servers", goal: None },
    Probe {
        name: "core-jetstream",
        about: "`core` with JetStream: publishes with an id, fetches, acknowledges",
        goal: None,
    },
    Probe { name: "link", about: "nats-embassy: `Link`, for a single task", goal: None },
    Probe {
        name: "client",
        about: "nats-embassy with room for two servers: all of it but TLS and signing",
        goal: Some(16_000),
    },
    Probe {
        name: "client-publish",
        about: "the same with feature `jetstream`: and publishes to a stream, with an id",
        goal: None,
    },
    Probe {
        name: "client-jetstream",
        about: "and fetches from a consumer, and acknowledges",
        goal: None,
    },
    Probe { name: "client-nkeys", about: "the same with feature `nkeys`", goal: None },
    Probe { name: "client-tls", about: "the same with feature `tls`", goal: None },
    Probe { name: "client-tls-rsa", about: "the same with feature `rsa`", goal: None },
    Probe {
        name: "mqtt",
        about: "for comparison: minimq 0.13, which connects, subscribes, publishes and receives",
        goal: None,
    },
];

/// What of a program's memory is the client's, and how much that should be at most on the first target.
struct Ram {
    about: &'static str,
    program: &'static str,
    /// The variables.
    symbols: &'static [&'static str],
    /// What does not count.
    but: usize,
    goal: Option<usize>,
}

const RAM: &[Ram] = &[
    Ram {
        about: "`LinkResources`, with their 1 KiB + 1 KiB",
        program: "link",
        symbols: &["NATS"],
        but: 0,
        goal: None,
    },
    Ram {
        about: "the one task, with all that the application waits for",
        program: "link",
        symbols: &["app::POOL"],
        but: 0,
        goal: None,
    },
    Ram {
        about: "all of the link",
        program: "link",
        symbols: &["NATS", "app::POOL"],
        but: 0,
        goal: Some(4096),
    },
    Ram {
        about: "`Resources`, with their 1 KiB + 1 KiB + 4 · 128 B",
        program: "client",
        symbols: &["NATS"],
        but: 0,
        goal: None,
    },
    Ram {
        about: "the runner's task",
        program: "client",
        symbols: &["run::POOL"],
        but: 0,
        goal: None,
    },
    Ram {
        about: "both, without the 4 · 128 B for messages that wait",
        program: "client",
        symbols: &["NATS", "run::POOL"],
        but: 4 * 128,
        goal: Some(4096),
    },
    Ram {
        about: "a `Consumer` of JetStream",
        program: "client-jetstream",
        symbols: &["JOBS"],
        but: 0,
        goal: Some(96),
    },
    Ram {
        about: "the runner's task with TLS, without `TlsMemory`",
        program: "client-tls",
        symbols: &["run::POOL"],
        but: 0,
        goal: None,
    },
    Ram {
        about: "the same with feature `rsa`",
        program: "client-tls-rsa",
        symbols: &["run::POOL"],
        but: 0,
        goal: None,
    },
];

/// What stands in the names of functions that do nothing but panic.
const PANICS: &[&str] = &[
    "core::panicking::",
    "slice_index_fail",
    "slice_error_fail",
    "len_mismatch_fail",
    "unwrap_failed",
    "expect_failed",
    "panic_already",
    "panic_fmt",
    "panic_const",
];

/// Links, looks for panics, measures, and compares with what is recorded; `--write` records.
pub(crate) fn size() -> Outcome {
    let folders = TARGETS.iter().map(|target| link(target)).collect::<Outcome<Vec<_>>>()?;
    for folder in &folders {
        cannot_panic(folder)?;
    }
    let table = table(&folders)?;
    println!("{table}");
    let path = root().join(TABLE);
    if std::env::args().any(|argument| argument == "--write") {
        return fs::write(path, table).map_err(|error| error.to_string());
    }
    let recorded = fs::read_to_string(&path).map_err(|error| format!("{TABLE}: {error}"))?;
    compare(&recorded, &table)
}

/// Links all programs, and says where they are.
fn link(target: &str) -> Outcome<PathBuf> {
    let image = build("size", "core", target, &["--features=nkeys,tls,mqtt"])?;
    // By themselves: with their features, they would be in all of them.
    build("size", "core", target, &["--features=rsa", "--bin=client-tls-rsa"])?;
    build("size", "core", target, &["--features=jetstream", "--bin=client-publish"])?;
    build("size", "core", target, &["--features=fetch", "--bin=client-jetstream"])?;
    Ok(image.parent().map(Path::to_owned).unwrap_or_default())
}

/// Whether the program that makes every call of the core has a function that panics.
fn cannot_panic(folder: &Path) -> Outcome {
    let found = panics(&folder.join("surface"))?;
    if !found.is_empty() {
        return Err(format!("the core can panic:\n{}", found.join("\n")));
    }
    // A search that finds nothing anywhere would not be one.
    if panics(&folder.join("mqtt"))?.is_empty() {
        return Err("panics go by other names than those that are looked for".into());
    }
    println!("nothing in the core can panic: {}", folder.display());
    Ok(())
}

fn panics(image: &Path) -> Outcome<Vec<String>> {
    let symbols = output(program("nm").arg("--demangle").arg(image))?;
    let is_panic = |line: &&str| PANICS.iter().any(|name| line.contains(name));
    Ok(symbols.lines().filter(is_panic).map(str::to_owned).collect())
}

fn table(folders: &[PathBuf]) -> Outcome<String> {
    let mut table = String::from(HEAD);
    for Probe { name, about, goal } in PROBES {
        let sizes = folders.iter().map(|folder| flash(&folder.join(name)));
        let sizes = sizes.collect::<Outcome<Vec<_>>>()?;
        // A string takes what it is given.
        let _ = write!(table, "| `{name}` | {about} |");
        sizes.iter().for_each(|size| table.push_str(&format!(" {size} |")));
        let _ = writeln!(table, " {} |", verdict(*goal, &sizes));
    }
    table.push_str(RAM_HEAD);
    for ram in RAM {
        let sizes = folders.iter().map(|folder| ram.size(folder));
        let sizes = sizes.collect::<Outcome<Vec<_>>>()?;
        let _ = write!(table, "| {} |", ram.about);
        sizes.iter().for_each(|size| table.push_str(&format!(" {size} |")));
        let _ = writeln!(table, " {} |", verdict(ram.goal, &sizes));
    }
    Ok(table)
}

/// Whether a goal is reached on the first target.
fn verdict(goal: Option<usize>, sizes: &[usize]) -> String {
    match (goal, sizes.first()) {
        (Some(goal), Some(size)) if *size <= goal => format!("at most {goal}: yes"),
        (Some(goal), _) => format!("at most {goal}: no"),
        _ => String::new(),
    }
}

impl Ram {
    fn size(&self, folder: &Path) -> Outcome<usize> {
        let image = folder.join(self.program);
        let sizes = self.symbols.iter().map(|symbol| symbol_size(&image, symbol));
        Ok(sizes.sum::<Outcome<usize>>()?.saturating_sub(self.but))
    }
}

/// Whether no figure is much larger than the one recorded.
fn compare(recorded: &str, table: &str) -> Outcome {
    let mut grown = Vec::new();
    for (name, sizes) in table.lines().filter_map(row) {
        let before = recorded.lines().filter_map(row).find(|(known, _)| *known == name);
        let Some((_, before)) = before else {
            grown.push(format!("{name} is not recorded"));
            continue;
        };
        for (size, before) in sizes.into_iter().zip(before) {
            if size * 100 > before * (100 + TOLERANCE) {
                grown.push(format!("{name} takes {size} bytes, {before} are recorded"));
            }
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!("{}; `cargo xtask size --write` records anew", grown.join("; ")))
}

/// The first cell of a table's row, and the numbers in the others.
fn row(line: &str) -> Option<(&str, Vec<usize>)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let name = cells.next()?;
    let numbers: Vec<_> = cells.filter_map(|cell| cell.parse().ok()).collect();
    (!numbers.is_empty()).then_some((name, numbers))
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

Programs that are linked and never run: `opt-level` `z`, fat LTO, a network of one register, `core` as
it comes. `cargo xtask size` fails if a figure is more than 2 % above these, and records new ones with
`--write`. Built with `core`'s own `optimize_for_size`, all of them take 1 to 2 % less.

It also fails if anything in `surface`, which makes every call of the core with inputs that nobody
knows, can panic.

| flash in bytes | what it is | Cortex-M3 | Cortex-M0 | RISC-V (imac) | goal on Cortex-M3 |
|---|---|---|---|---|---|
";

const RAM_HEAD: &str = "
| what client and link keep in RAM, for 4 subscriptions and 1 request | Cortex-M3 | Cortex-M0 | RISC-V | goal on Cortex-M3 |
|---|---|---|---|---|
";
