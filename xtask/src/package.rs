//! The packages as they would be published: complete, and sufficient to build and to test them.

use std::path::PathBuf;

use crate::Outcome;
use crate::run::cargo;
use crate::run::is_ci;
use crate::run::run;
use crate::run::target;

/// What is published, each after what it needs.
pub(crate) const PACKAGES: &[&str] = &["nats-proto", "nats-embassy", "nats-tokio", "nats-testkit"];

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
        check_tests(package, &folder)?;
    }
    Ok(())
}

/// That the tests in a package need no file that is not in it.
fn check_tests(package: &str, folder: &impl Fn(&str) -> PathBuf) -> Outcome {
    let mut check = cargo(&["check", "--quiet", "--tests", "--all-features", "--manifest-path"]);
    check.arg(folder(package).join("Cargo.toml")).arg("--target-dir").arg(target());
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
