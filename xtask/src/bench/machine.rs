//! The environment of the figures: the machine, and all versions.

use std::fs;
use std::process::Command;

use crate::Outcome;
use crate::run::output;
use crate::run::root;
use crate::tools;

/// A table of two columns.
pub(super) fn describe() -> Outcome<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).map_err(|error| error.to_string())?;
    let commit =
        output(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root()));
    let ours = version(&lock, "nats-tokio").unwrap_or_default();
    let ours = match commit {
        Ok(commit) => format!("{ours}, commit {}", commit.trim()),
        // An archive has no history.
        Err(_) => ours,
    };
    let kernel =
        output(Command::new("uname").args(["--kernel-name", "--kernel-release", "--machine"]))?;
    let rows = [
        ("processor", processor()),
        ("memory", memory()),
        ("system", kernel.trim().to_owned()),
        ("compiler", output(Command::new("rustc").arg("--version"))?.trim().to_owned()),
        ("nats-tokio", ours),
        ("async-nats", version(&lock, "async-nats").unwrap_or_default()),
        ("tokio, rustls", {
            let versions = ["tokio", "rustls"].map(|name| version(&lock, name).unwrap_or_default());
            versions.join(", ")
        }),
        ("nats-server", tools::SERVER.to_owned()),
    ];
    let lines = rows.map(|(name, value)| format!("| {name} | {value} |\n"));
    Ok(format!("| | |\n|---|---|\n{}", lines.concat()))
}

/// The version of a package in a file of them.
pub(super) fn version(lock: &str, package: &str) -> Option<String> {
    let (_, behind) = lock.split_once(&format!("name = \"{package}\"\n"))?;
    let version = behind.lines().next()?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&text, "model name").unwrap_or("unknown");
    let virtual_machine = if text.contains(" hypervisor") { ", a virtual machine" } else { "" };
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {count} CPUs{virtual_machine}")
}

fn memory() -> String {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let size = field(&text, "MemTotal").and_then(|size| size.split(' ').next());
    let size = size.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
    format!("{} GiB", size / (1 << 20))
}

/// The value behind a name and a colon.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}
