//! Counts the instructions for a message: the same on a noisy machine.

use std::fs;
use std::path::Path;

use super::build;
use super::measure::Laboratory;
use super::row::Client;
use super::row::Row;
use super::rows;
use crate::Outcome;
use crate::firmware::install;
use crate::run::target;

/// Rows without nats-server, and how many messages are enough.
const ROWS: &[(&str, u32)] = &[
    ("pub 16 B", 50_000),
    ("pub 128 B", 50_000),
    ("pub 1 KiB", 20_000),
    ("sub 16 B", 50_000),
    ("sub 128 B", 50_000),
    ("sub 1 KiB", 20_000),
    ("request, one CPU, one thread", 2_000),
    ("decoder alone, 16 B", 50_000),
];

const HEAD: &str = "\
| instructions a message, one thread | nats-tokio | async-nats | raw | × async-nats |
|---|---|---|---|---|";

/// Counts, and prints a table.
pub(crate) fn instructions() -> Outcome {
    install("valgrind", "valgrind")?;
    build()?;
    let file = target().join("bench").join("callgrind.out");
    let valgrind = ["valgrind", "--quiet", "--tool=callgrind"].map(str::to_owned);
    let wrapper = valgrind.into_iter().chain([format!("--callgrind-out-file={}", file.display())]);
    let laboratory = Laboratory::new(&[])?.under(wrapper.collect());
    println!("{HEAD}");
    for (name, count) in ROWS {
        let row = rows::named(name).ok_or_else(|| format!("there is no row {name}"))?;
        let per_message = |client: &Client| {
            // What is done once is in both, and so in neither.
            let few = count_of(&laboratory, row, *client, *count, &file)?;
            let many = count_of(&laboratory, row, *client, 3 * count, &file)?;
            Ok::<_, String>((many - few) / f64::from(2 * count))
        };
        let [ours, peer, raw] = Client::ALL
            .map(|client| row.clients.contains(&client).then(|| per_message(&client)).transpose());
        let (ours, peer, raw) = (ours?, peer?, raw?);
        let show =
            |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |n| format!("{n:.0}"));
        let times = ours.zip(peer).map(|(ours, peer)| format!("{:.2}", peer / ours));
        let times = times.unwrap_or_else(|| "–".to_owned());
        println!("| {name} | {} | {} | {} | {times} |", show(ours), show(peer), show(raw));
    }
    Ok(())
}

fn count_of(
    laboratory: &Laboratory,
    row: &Row,
    client: Client,
    count: u32,
    file: &Path,
) -> Outcome<f64> {
    // The other end waits for a program that is slow: on a processor of its own.
    let row = Row { count, is_pinned: false, ..*row };
    laboratory.measure(&row, client, "ct")?;
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| format!("{} has no total", file.display()))
}
