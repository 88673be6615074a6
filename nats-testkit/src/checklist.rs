//! The checklist: 21 situations that a client has to be able to deal with, and a run for each.
//!
//! A client's tests implement [`Driver`] and ask for all of them:
//!
//! ```text
//! #[test]
//! fn passes_the_checklist() {
//!     let report = nats_testkit::checklist::run::<MyDriver>();
//!     assert!(report.is_passed(), "{report}");
//! }
//! ```
//!
//! Each [`Row`] has several checks. A check starts a client of its own with servers of its own, plays
//! its situation, and says in a sentence what went wrong, if something did. No check waits for a real
//! clock.

mod connecting;
mod draining;
mod ending;
mod flushing;
mod losing;
mod publishing;
mod reading;
mod refusing;
mod report;
mod requesting;
mod rows;
mod stage;
mod subscribing;
mod timers;
mod writing;

pub use report::Report;
pub use report::Result;
pub use report::Verdict;
pub use rows::ROWS;
pub use rows::Row;

use self::stage::Checked;
use self::stage::Stage;
use crate::driver::Ability;
use crate::driver::Driver;

/// One of the checks of a row.
struct Check<D: Driver> {
    row: u8,
    name: &'static str,
    needs: &'static [Ability],
    run: fn(&mut Stage<D>) -> Checked,
}

impl<D: Driver> Check<D> {
    const fn new(row: u8, name: &'static str, run: fn(&mut Stage<D>) -> Checked) -> Self {
        Self { row, name, needs: &[], run }
    }

    const fn needs(mut self, needs: &'static [Ability]) -> Self {
        self.needs = needs;
        self
    }
}

/// Runs a client through the whole checklist.
#[must_use]
pub fn run<D: Driver>() -> Report {
    run_some::<D>(|_, _| true)
}

/// Runs a client through one row of the checklist, by its number from 1 to 21.
#[must_use]
pub fn run_row<D: Driver>(number: u8) -> Report {
    run_some::<D>(|row, _| row == number)
}

/// Runs the checks for which `filter` returns true: it is called with a row's number and a check's name.
#[must_use]
pub fn run_some<D: Driver>(filter: impl Fn(u8, &str) -> bool) -> Report {
    let checks = checks::<D>().into_iter().filter(|check| filter(check.row, check.name));
    Report::new(checks.map(|check| check.result()).collect())
}

impl<D: Driver> Check<D> {
    fn result(&self) -> Result {
        let absent = D::ABSENT.iter().find(|(ability, _)| self.needs.contains(ability));
        let verdict = match absent {
            Some((ability, reason)) => Verdict::NotRun { ability: *ability, reason },
            None => {
                let mut stage = Stage::new();
                let checked = (self.run)(&mut stage).and_then(|()| stage.end());
                checked.map_or_else(Verdict::Failed, |()| Verdict::Passed)
            }
        };
        Result::new(self.row, self.name, verdict)
    }
}

fn checks<D: Driver>() -> Vec<Check<D>> {
    let mut checks = Vec::new();
    checks.extend(reading::checks());
    checks.extend(connecting::checks());
    checks.extend(losing::checks());
    checks.extend(writing::checks());
    checks.extend(timers::checks());
    checks.extend(publishing::checks());
    checks.extend(subscribing::checks());
    checks.extend(requesting::checks());
    checks.extend(flushing::checks());
    checks.extend(draining::checks());
    checks.extend(ending::checks());
    checks.extend(refusing::checks());
    checks.sort_by_key(|check| check.row);
    checks
}
