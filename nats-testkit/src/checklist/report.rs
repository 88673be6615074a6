//! What came out.

use std::fmt;

use super::rows::ROWS;
use crate::driver::Ability;

/// What came out of a run through the checklist. Its text is a list of all checks.
#[derive(Clone, Debug)]
pub struct Report {
    results: Vec<Result>,
}

/// What came out of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Result {
    /// The number of its row.
    pub row: u8,
    /// The check.
    pub name: &'static str,
    /// What came out.
    pub verdict: Verdict,
}

/// Whether a check was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was.
    Passed,
    /// It was not, and this is what went wrong.
    Failed(String),
    /// The client [lacks](crate::Driver::ABSENT) something.
    #[non_exhaustive]
    NotRun {
        /// What it lacks.
        ability: Ability,
        /// Why.
        reason: &'static str,
    },
}

impl Result {
    pub(super) const fn new(row: u8, name: &'static str, verdict: Verdict) -> Self {
        Self { row, name, verdict }
    }
}

impl Report {
    pub(super) const fn new(results: Vec<Result>) -> Self {
        Self { results }
    }

    /// What came out of each check.
    #[must_use]
    pub fn results(&self) -> &[Result] {
        &self.results
    }

    /// Whether no check failed.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.failed().is_empty()
    }

    /// The checks that failed: `4 reading returns 0`.
    #[must_use]
    pub fn failed(&self) -> Vec<String> {
        self.names(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    /// The checks that were not run, because the client lacks something.
    #[must_use]
    pub fn not_run(&self) -> Vec<String> {
        self.names(|verdict| matches!(verdict, Verdict::NotRun { .. }))
    }

    fn names(&self, filter: impl Fn(&Verdict) -> bool) -> Vec<String> {
        let results = self.results.iter().filter(|result| filter(&result.verdict));
        results.map(|result| format!("{} {}", result.row, result.name)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &ROWS {
            let mut results =
                self.results.iter().filter(|result| result.row == row.number).peekable();
            if results.peek().is_some() {
                writeln!(f, "{}. {}", row.number, row.situation)?;
            }
            for result in results {
                writeln!(f, "   {}: {}", result.name, result.verdict)?;
            }
        }
        let (failed, not_run) = (self.failed().len(), self.not_run().len());
        let passed = self.results.len() - failed - not_run;
        write!(f, "{passed} passed, {failed} failed, {not_run} not run")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(text) => write!(f, "FAILED: {text}"),
            Self::NotRun { reason, .. } => write!(f, "not run: {reason}"),
        }
    }
}
