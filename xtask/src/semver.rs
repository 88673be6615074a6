//! Whether versions keep what they promise, by cargo-semver-checks.

use crate::Outcome;
use crate::package::PACKAGES;
use crate::run::output;
use crate::run::program;
use crate::run::run;
use crate::tools;

/// Compares the public surface of all packages with that of a revision: the argument, or else the tag of the
/// last version, `v1.2.3`. Fails on changes that the version number does not announce.
pub(crate) fn semver() -> Outcome {
    // Of `ci` there is nothing else to be read.
    let given = std::env::args().skip_while(|argument| argument != "semver").nth(1);
    let Some(baseline) = given.or_else(last_version) else {
        println!(
            "NOT CHECKED: there is no baseline yet, as no commit before this one has the tag of a version \
             (v1.2.3). `cargo xtask semver REVISION` compares with any revision."
        );
        return Ok(());
    };
    println!("the baseline is {baseline}");
    let mut check = program(tools::cargo_semver_checks()?);
    check.args(["semver-checks", "--baseline-rev", &baseline]);
    PACKAGES.iter().for_each(|package| {
        check.args(["--package", package]);
    });
    run(&mut check)
}

/// The tag of the last version that this one comes from.
fn last_version() -> Option<String> {
    let describe = ["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"];
    let tag = output(program("git").args(describe)).ok()?;
    Some(tag.trim().to_owned()).filter(|tag| !tag.is_empty())
}
