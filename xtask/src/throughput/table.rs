//! The tables.

use std::fmt::Write as _;

use super::JOBS;

/// A program, built in one way.
pub(super) struct Column {
    pub(super) title: String,
    pub(super) level: &'static str,
    /// For every job, how many instructions a message takes, and how many there are in a second.
    pub(super) cells: Vec<(u64, u64)>,
}

/// All of the README.
pub(super) fn write(columns: &[Column]) -> String {
    let mut text = HEAD.to_owned();
    let mut levels: Vec<_> = columns.iter().map(|column| column.level).collect();
    levels.dedup();
    for (title, figure) in FIGURES {
        for level in &levels {
            // A string takes what it is given.
            let _ = write!(text, "\n{title}, `opt-level` `{level}`:\n\n| a message |");
            let shown: Vec<_> = columns.iter().filter(|column| column.level == *level).collect();
            for column in &shown {
                let _ = write!(text, " {} |", column.title);
            }
            let _ = writeln!(text, "\n|---|{}", "---|".repeat(shown.len()));
            for (at, job) in JOBS.iter().enumerate() {
                let _ = write!(text, "| {} |", job.name);
                for column in &shown {
                    let cell = column.cells.get(at).map(figure).unwrap_or_default();
                    let _ = write!(text, " {cell} |");
                }
                text.push('\n');
            }
        }
    }
    text
}

type Figure = fn(&(u64, u64)) -> u64;

const FIGURES: &[(&str, Figure)] =
    &[("Instructions a message takes", |cell| cell.0), ("Messages a second", |cell| cell.1)];

const HEAD: &str = "\
# Messages over a network

Written by `cargo xtask throughput`.
";
