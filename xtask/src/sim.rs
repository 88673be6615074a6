//! Simulated lives.

use crate::Outcome;
use crate::run::cargo;
use crate::run::run;

/// Lives many lives, or one that is told step by step: what follows `sim` says which.
pub(crate) fn sim() -> Outcome {
    run(cargo(&["run", "--quiet", "--release", "--package", "nats-sim", "--"])
        .args(std::env::args().skip(2)))
}
