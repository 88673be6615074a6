//! The packages as they would be published: complete, and sufficient to build and to test them.

use std::path::Path;

use crate::Outcome;
use crate::run::cargo;
use crate::run::is_ci;
use crate::run::run;
use crate::run::target;

/// What is published, each after what it needs.
pub(crate) const PACKAGES: &[&str] = &["nats-proto", "nats-embassy", "nats-tokio"];

/// What each has in it besides its sources.
const FILES: &[&str] = &["Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Makes the packages, builds each from its archive, and checks its tests there. Nothing is uploaded.
pub(crate) fn package() -> Outcome {
    let mut publish = cargo(&["publish", "--quiet", "--dry-run", "--workspace"]);
    if !is_ci() {
        publish.arg("--allow-dirty");
    }
    run(&mut publish)?;
    // Cargo has unpacked them there.
    let folder = |package: &str| {
        target().join("package").join(format!("{package}-{}", env!("CARGO_PKG_VERSION")))
    };
    for package in PACKAGES {
        let missing = FILES.iter().find(|file| !folder(package).join(file).is_file());
        if let Some(file) = missing {
            return Err(format!("there is no {file} in the package {package}"));
        }
        check_tests(&folder(package), &folder("nats-proto"))?;
    }
    Ok(())
}

/// That the tests in a package need no file that is not in it.
fn check_tests(package: &Path, core: &Path) -> Outcome {
    let mut check = cargo(&["check", "--quiet", "--tests", "--all-features", "--manifest-path"]);
    check.arg(package.join("Cargo.toml")).arg("--target-dir").arg(target());
    if package != core {
        // It is not in the registry yet.
        check.arg("--config").arg(format!("patch.crates-io.nats-proto.path={core:?}"));
    }
    run(&mut check)
}
