//! Checks that need no running.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::Outcome;
use crate::design;
use crate::features;
use crate::layers;
use crate::run::cargo;
use crate::run::output;
use crate::run::program;
use crate::run::root;
use crate::run::run;
use crate::tools;

/// A file that is longer has more than one idea.
const MAX_LINES: usize = 500;

/// What is below `examples`, and not in the workspace.
const FIRMWARE: &[&str] = &[
    "apps",
    "cycles",
    "embassy-std",
    "esp32c6",
    "lm3s6965",
    "qemu-cortex-m3",
    "qemu-riscv32",
    "rp",
    "size",
    "stm32f4",
    "throughput",
];

/// Format, clippy, spelling, dependencies, layers, length of files, and what texts say of the code.
pub(crate) fn lint() -> Outcome {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    for package in FIRMWARE {
        run(cargo(&["fmt", "--check"]).current_dir(root().join("examples").join(package)))?;
    }
    let deny = ["--", "--deny", "warnings"];
    run(cargo(&["clippy", "--quiet", "--package", "nats-proto"]).args(deny))?;
    run(cargo(&["clippy", "--quiet", "--package", "nats-testkit"]).args(deny))?;
    run(cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--all-features"]).args(deny))?;
    for features in ["", "tls", "aws-lc-rs", "websocket", "proxy", "tracing"] {
        run(cargo(&["clippy", "--quiet", "--package", "nats-tokio", "--no-default-features"])
            .arg(format!("--features={features}"))
            .args(deny))?;
    }
    for features in ["", "nal", "ethernet,ipv4", "ethernet,ipv6", "nkeys", "log", "tls"] {
        run(cargo(&["clippy", "--quiet", "--package", "nats-embassy"])
            .arg(format!("--features={features}"))
            .args(deny))?;
    }
    run(program(tools::typos()?).args(["--format", "brief"]))?;
    let cargo_deny = tools::cargo_deny()?;
    // Not the advisories, which come from a place of their own.
    run(program(cargo_deny).args([
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))?;
    layers::check()?;
    features::check()?;
    design::check()?;
    check_locks()?;
    check_lengths()
}

/// The documentation, without warnings.
pub(crate) fn doc() -> Outcome {
    run(cargo(&["doc", "--quiet", "--no-deps", "--all-features"])
        .env("RUSTDOCFLAGS", "--deny warnings"))
}

/// That every package with versions of its own has a file of them that fits.
fn check_locks() -> Outcome {
    let files = output(program("git").args(["ls-files", "*Cargo.lock"]))?;
    for file in files.lines() {
        let folder = root().join(file).parent().map(Path::to_owned).unwrap_or_default();
        let check = ["metadata", "--quiet", "--locked", "--format-version", "1"];
        run(cargo(&check).current_dir(folder).stdout(Stdio::null()))?;
    }
    Ok(())
}

fn check_lengths() -> Outcome {
    let files = output(program("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.rs",
    ]))?;
    let mut too_long = Vec::new();
    for name in files.lines() {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        // Tests are tables, for the most part.
        let count = text.lines().count();
        if count > MAX_LINES && !name.contains("tests") {
            too_long.push(format!("{name} has {count} lines"));
        }
    }
    if too_long.is_empty() { Ok(()) } else { Err(too_long.join("; ")) }
}
