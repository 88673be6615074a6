//! Simulated sessions.

use crate::Outcome;
use crate::run::cargo;
use crate::run::run;

/// Lives many lives of sessions, and goes through ten times as many histories of JetStream; or one of
/// them, step by step: what follows `sim` says which. After `--jetstream`, it is about that alone.
pub(crate) fn sim() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(2).collect();
    let package = |name: &'static str, arguments: &[String]| {
        run(cargo(&["run", "--quiet", "--release", "--package", name, "--"]).args(arguments))
    };
    match arguments.split_first() {
        Some((first, rest)) if first == "--jetstream" => package("nats-jetstream-sim", rest),
        Some(_) => package("nats-sim", &arguments),
        None => {
            package("nats-sim", &[])?;
            package("nats-jetstream-sim", &[])
        }
    }
}
