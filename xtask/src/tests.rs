//! All tests.

use crate::Outcome;
use crate::run::cargo;
use crate::run::run;
use crate::tools;

/// Runs the tests of all crates, and those that talk to a server on two versions of it.
pub(crate) fn test() -> Outcome {
    let server = tools::server()?;
    let old_server = tools::old_server()?;
    let nats_py = tools::nats_py()?;
    // The core without an allocator is another program.
    run(&mut cargo(&["test", "--quiet", "--package", "nats-proto"]))?;
    run(cargo(&["test", "--quiet", "--workspace", "--exclude", "nats-bench", "--all-features"])
        .env("NATS_SERVER", &server)
        .env("NATS_PY_PATH", &nats_py))?;
    run(cargo(&["test", "--quiet", "--package", "nats-tests", "--all-features"])
        .args(["--test", "real", "--test", "examples"])
        .env("NATS_SERVER", &old_server)
        .env("NATS_PY_PATH", &nats_py))?;
    // A few faults; `cargo xtask chaos` goes on for as long as one likes.
    run(cargo(&["run", "--quiet", "--package", "nats-tests", "--all-features"])
        .args(["--example", "chaos", "--", "--minutes", "0.3"])
        .env("NATS_SERVER", &server)
        .env("NATS_PY_PATH", &nats_py))?;
    println!(
        "tested on nats-server {} and {}, with nats-py as the other client",
        tools::SERVER,
        tools::OLD_SERVER
    );
    Ok(())
}
