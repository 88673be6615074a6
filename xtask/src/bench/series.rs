//! Rows, measured in turns, and how far that is.

use std::io::IsTerminal;
use std::io::Write as _;
use std::time::Instant;

use super::measure::Laboratory;
use super::measured::Measured;
use super::measured::Run;
use super::row::Client;
use super::row::Row;

/// Runs all clients of a row in turns. What fails is noted, and not run again.
pub(super) fn measure(
    laboratory: &Laboratory,
    row: Row,
    rounds: usize,
    progress: &mut Progress,
) -> Measured {
    let mut runs: Vec<_> = row
        .clients
        .iter()
        .flat_map(|client| client.flavours().iter().map(|flavour| (*client, *flavour)))
        .filter(|(client, flavour)| {
            *client == Client::Raw || row.flavour.is_none_or(|only| only == *flavour)
        })
        .map(|(client, flavour)| Run { client, flavour, samples: Vec::new(), failure: None })
        .collect();
    for round in 1..=rounds {
        for run in runs.iter_mut().filter(|run| run.failure.is_none()) {
            let (client, flavour) = (run.client, run.flavour);
            progress.say(&format!("{}: round {round}, {} {flavour}", row.name, client.name()));
            match laboratory.measure(&row, client, flavour) {
                Ok(sample) => run.samples.push(sample),
                Err(error) => {
                    progress.clear();
                    eprintln!("{}, {} {flavour}: {error}", row.name, client.name());
                    run.failure = Some(format!("{} {flavour}: {error}", client.name()));
                }
            }
        }
        progress.step();
    }
    progress.clear();
    Measured { row, runs }
}

/// A line at the bottom that says how far it is.
pub(super) struct Progress {
    start: Instant,
    done: usize,
    all: usize,
    is_shown: bool,
}

impl Progress {
    pub(super) fn new(all: usize) -> Self {
        Self { start: Instant::now(), done: 0, all, is_shown: std::io::stderr().is_terminal() }
    }

    /// One more of them is done.
    pub(super) const fn step(&mut self) {
        self.done += 1;
    }

    /// Says what comes next: in place on a terminal, and line by line elsewhere.
    pub(super) fn say(&self, what: &str) {
        let seconds = self.start.elapsed().as_secs();
        let share = 100 * self.done / self.all.max(1);
        let text = format!("[{share:3} %, {}:{:02}] {what}", seconds / 60, seconds % 60);
        if !self.is_shown {
            eprintln!("{text}");
            return;
        }
        eprint!("\r\x1b[K{text}");
        // Who cannot see it does not miss it.
        let _ = std::io::stderr().flush();
    }

    /// Makes room for something else.
    pub(super) fn clear(&self) {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}
