//! The client among servers that are killed, shut down and made to hang.

use crate::Outcome;
use crate::run::cargo;
use crate::run::run;
use crate::tools;

/// Runs for `--minutes M`, by default one.
pub(crate) fn chaos() -> Outcome {
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "nats-tests"]);
    command.args(["--example", "chaos", "--"]).args(std::env::args().skip(2));
    run(command.env("NATS_SERVER", tools::server()?).env("NATS_PY_PATH", tools::nats_py()?))
}
