//! A short run that fails when ours has become slower, compared with async-nats in the same minute.

use std::fs;
use std::path::PathBuf;

use super::measure::Laboratory;
use super::row::Client;
use super::row::Row;
use super::rows;
use super::series;
use super::series::Progress;
use crate::Outcome;
use crate::run::root;

/// Rows that say the same again and again.
const ROWS: &[&str] = &[
    "pub 16 B",
    "sub 16 B",
    "sub 128 B",
    "64 requests in flight, one CPU",
    "JetStream: publish, window 1024",
    "JetStream: consume, ack each",
];
const CLIENTS: &[Client] = &[Client::Ours, Client::Peer];

/// The share of the recorded ratio that has to be reached.
const SHARE: f64 = 0.8;
/// How often a row is measured before it has failed: machines are noisy.
const ATTEMPTS: usize = 4;
const ROUNDS: usize = 3;
/// What part of the messages is enough.
const SHARE_OF_COUNT: u32 = 5;

/// How often a row is measured for the record. The lower quartile is kept: what a noisy minute
/// reaches, too.
const RECORDED: usize = 7;

const HEAD: &str = "\
# How many times as good as async-nats: lower quartiles that `cargo xtask bench --record` wrote.
# `cargo xtask bench --check` fails below 80 % of them.

";

/// Compares with what is recorded.
pub(super) fn check() -> Outcome {
    let text = fs::read_to_string(file()).map_err(|error| error.to_string())?;
    let rows = rows()?;
    let laboratory = Laboratory::new(&rows)?;
    let mut slower = Vec::new();
    for row in &rows {
        let name = row.name;
        let recorded = recorded(&text, name).ok_or_else(|| format!("{name} is not recorded"))?;
        let least = SHARE * recorded;
        let mut best = 0.0;
        for attempt in 1..=ATTEMPTS {
            let ratio = ratio(&laboratory, row)?;
            best = f64::max(best, ratio);
            let outcome = if ratio >= least { "good" } else { "too little" };
            println!(
                "{name}: {ratio:.2} × async-nats, recorded {recorded:.2}, at least {least:.2}: \
                 {outcome} (attempt {attempt} of {ATTEMPTS})"
            );
            if ratio >= least {
                break;
            }
        }
        if best < least {
            slower.push(format!("{name}: {best:.2} × async-nats, not {least:.2}"));
        }
    }
    if slower.is_empty() { Ok(()) } else { Err(slower.join("; ")) }
}

/// Writes the file to compare with.
pub(super) fn record() -> Outcome {
    let rows = rows()?;
    let laboratory = Laboratory::new(&rows)?;
    // Row by row within a pass, so that a noisy minute is not all of one row's.
    let mut ratios = vec![Vec::new(); rows.len()];
    for _ in 0..RECORDED {
        for (row, ratios) in rows.iter().zip(&mut ratios) {
            ratios.push(ratio(&laboratory, row)?);
        }
    }
    let mut text = HEAD.to_owned();
    for (row, ratios) in rows.iter().zip(ratios) {
        println!("{}: {ratios:.2?}", row.name);
        text += &format!("{:?} = {:.2}\n", row.name, lower_quartile(ratios));
    }
    fs::write(file(), text).map_err(|error| error.to_string())
}

fn rows() -> Outcome<Vec<Row>> {
    let row = |name: &&str| {
        let row = rows::named(name).ok_or_else(|| format!("there is no row {name}"))?;
        Ok(Row { clients: CLIENTS, count: row.count / SHARE_OF_COUNT, ..*row })
    };
    ROWS.iter().map(row).collect()
}

fn ratio(laboratory: &Laboratory, row: &Row) -> Outcome<f64> {
    let measured = series::measure(laboratory, *row, ROUNDS, &mut Progress::new(ROUNDS));
    let failure = measured.runs.iter().find_map(|run| run.failure.clone());
    let ratio = measured.times(Client::Peer);
    ratio.ok_or_else(|| failure.unwrap_or_else(|| format!("{}: nothing came out", row.name)))
}

fn lower_quartile(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 4).copied().unwrap_or_default()
}

fn file() -> PathBuf {
    root().join("benches").join("ratios.toml")
}

fn recorded(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name:?} = ")))?;
    line.trim().parse().ok()
}
