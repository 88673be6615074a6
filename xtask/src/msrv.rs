//! The oldest compiler that each package declares, on which it is checked.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::run::output;
use crate::run::program;
use crate::run::root;
use crate::run::run;
use crate::run::target;

/// What is checked: a package, its features, and a version where they need a newer one than the package.
const BUILDS: &[(&str, &str, Option<&str>)] = &[
    ("nats-proto", "alloc,bytes,defmt,heapless-0_9,jetstream,nkeys,std", None),
    // Not `aws-lc-rs`, which is C for the most part.
    ("nats-testkit", "futures-io,tokio", None),
    ("nats-tokio", "jetstream,nkeys,proxy,ring,tls,tracing,websocket", None),
    ("nats-embassy", "defmt,jetstream,nal,nkeys,rsa,tls", None),
    ("nats-embassy", "ethernet,ipv4,ipv6", Some("1.91")),
];

/// Checks each with its compiler, which rustup obtains. Where it cannot, nothing is checked but what clippy
/// knows, whose lint `incompatible_msrv` is a part of `cargo xtask lint`.
pub(crate) fn msrv() -> Outcome {
    for (package, features, version) in BUILDS {
        let version = match version {
            Some(version) => (*version).to_owned(),
            None => declared(package)?,
        };
        if let Err(error) = install(&version) {
            println!("NOT CHECKED with Rust {version}: {package}, features {features}: {error}");
            continue;
        }
        run(program("rustup")
            .args(["run", &version, "cargo", "check", "--quiet", "--locked"])
            .args(["--package", package, "--no-default-features", "--features", features])
            // A folder of its own, so as not to build everything else again.
            .arg("--target-dir")
            .arg(target().join("msrv"))
            // Its lints are of no interest.
            .env("RUSTFLAGS", "--cap-lints allow")
            .env_remove("CARGO")
            .env_remove("RUSTC"))?;
    }
    Ok(())
}

/// The package's `rust-version`, or that of the workspace.
fn declared(package: &str) -> Outcome<String> {
    let version = |folder: &Path| {
        let path = folder.join("Cargo.toml");
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut lines = text.lines();
        let version =
            lines.find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
        Ok::<_, String>(version.map(str::to_owned))
    };
    let own = version(&root().join(package))?;
    let version = own.map_or_else(|| version(&root()), |own| Ok(Some(own)))?;
    version.ok_or_else(|| format!("{package} declares no rust-version"))
}

/// Makes sure that rustup has a compiler.
fn install(version: &str) -> Outcome {
    let mut rustc = Command::new("rustup");
    if output(rustc.args(["run", version, "rustc", "--version"])).is_ok() {
        return Ok(());
    }
    println!("Rust {version} is missing: getting it with rustup");
    output(Command::new("rustup").args(["toolchain", "install", version, "--profile", "minimal"]))
        .map(drop)
}
