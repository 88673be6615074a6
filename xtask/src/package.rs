//! The packages as they would be published: complete, and sufficient to build and to test them.

use std::fs;
use std::path::PathBuf;

use crate::Outcome;
use crate::run::cargo;
use crate::run::is_ci;
use crate::run::program;
use crate::run::run;
use crate::run::target;

/// What is published, each after what it needs.
pub(crate) const PACKAGES: &[&str] = &["nats-proto", "nats-embassy", "nats-tokio", "nats-testkit"];

/// What each has in it besides its sources.
const FILES: &[&str] = &["Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Makes the packages, builds each from its archive, and checks its tests there. Nothing is uploaded.
pub(crate) fn package() -> Outcome {
    // They are built below, where it need not begin with what they depend on.
    for command in [["publish", "--dry-run"].as_slice(), &["package"]] {
        let mut command = cargo(command);
        command.args(["--quiet", "--no-verify"]);
        if !is_ci() {
            command.arg("--allow-dirty");
        }
        for package in PACKAGES {
            command.args(["--package", package]);
        }
        run(&mut command)?;
    }
    let archives = target().join("package");
    let folder = |package: &str| archives.join(format!("{package}-{}", env!("CARGO_PKG_VERSION")));
    for package in PACKAGES {
        let folder = folder(package);
        let archive = format!("{}.crate", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
        }
        // With the present time: that in archives is always the same, and nothing would be built anew.
        run(program("tar").args(["-xmzf", &archive, "-C"]).arg(&archives))?;
    }
    for package in PACKAGES {
        let missing = FILES.iter().find(|file| !folder(package).join(file).is_file());
        if let Some(file) = missing {
            return Err(format!("there is no {file} in the package {package}"));
        }
        check(package, &[], &folder)?;
        check(package, &["--tests", "--all-features"], &folder)?;
    }
    Ok(())
}

/// That a package, and its tests, need nothing that is not in it.
fn check(package: &str, arguments: &[&str], folder: &impl Fn(&str) -> PathBuf) -> Outcome {
    let mut check = cargo(&["check", "--quiet", "--manifest-path"]);
    check.arg(folder(package).join("Cargo.toml")).arg("--target-dir").arg(target());
    check.args(arguments);
    // They are not in the registry yet.
    let needed: &[&str] = match package {
        "nats-proto" => &[],
        "nats-testkit" => &["nats-proto", "nats-tokio"],
        _ => &["nats-proto"],
    };
    for name in needed {
        check.arg("--config").arg(format!("patch.crates-io.{name}.path={:?}", folder(name)));
    }
    run(&mut check)
}
