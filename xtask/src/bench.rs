//! The benchmarks: our client, async-nats and raw sockets in turns, as one table.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Stdio;

use crate::Outcome;
use crate::run::cargo;
use crate::run::output;
use crate::run::program;
use crate::run::run;
use crate::run::target;

/// How often every program runs; the median counts.
const ROUNDS: usize = 5;

/// One line of the table.
struct Row {
    name: &'static str,
    command: &'static str,
    server: &'static str,
    count: u32,
    size: u32,
}

const fn row(
    name: &'static str,
    command: &'static str,
    server: &'static str,
    count: u32,
    size: u32,
) -> Row {
    Row { name, command, server, count, size }
}

const ROWS: &[Row] = &[
    row("pub 16 B", "pub", "sink", 5_000_000, 16),
    row("pub 128 B", "pub", "sink", 3_000_000, 128),
    row("pub 1 KiB", "pub", "sink", 1_000_000, 1024),
    row("pub 16 KiB", "pub", "sink", 100_000, 16_384),
    row("sub 16 B", "sub", "flood", 5_000_000, 16),
    row("sub 128 B", "sub", "flood", 3_000_000, 128),
    row("sub 1 KiB", "sub", "flood", 1_000_000, 1024),
    row("sub 16 KiB", "sub", "flood", 100_000, 16_384),
    row("request, one after the other", "req", "echo", 20_000, 16),
    row("request, 64 in flight", "reqc", "echo", 300_000, 16),
    row("10,000 idle subscriptions", "idle", "sink", 10_000, 0),
];

/// A client, and the flavours of the runtime that it is measured in. The best one counts.
const CLIENTS: [(&str, &[&str]); 3] = [
    ("bench-ours", &["main", "spawn", "ct"]),
    ("bench-async-nats", &["main", "spawn", "ct"]),
    ("bench-raw", &["none"]),
];

/// Runs every row and prints the table.
pub(crate) fn bench() -> Outcome {
    run(&mut cargo(&["build", "--quiet", "--release", "--package", "nats-bench"]))?;
    println!("| task | nats-tokio | async-nats | raw | to async-nats | to raw |");
    println!("|---|---|---|---|---|---|");
    for row in ROWS {
        let server = NullServer::start(row)?;
        // Of every client and flavour, what each round measured.
        let mut measured: Vec<Vec<String>> = vec![Vec::new(); 7];
        for _ in 0..ROUNDS {
            for (place, (name, flavour)) in programs().enumerate() {
                let line = measure(name, flavour, row, &server)?;
                measured.get_mut(place).ok_or("a program too many")?.push(line);
            }
        }
        println!("{}", table_line(row, &measured));
    }
    Ok(())
}

fn programs() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLIENTS
        .iter()
        .flat_map(|(name, flavours)| flavours.iter().map(move |flavour| (*name, *flavour)))
}

fn measure(name: &str, flavour: &str, row: &Row, server: &NullServer) -> Outcome<String> {
    let mut command = bench_program(name);
    command.arg(row.command).args(["--url", &format!("nats://127.0.0.1:{}", server.port)]);
    let (count, size) = (row.count.to_string(), row.size.to_string());
    let counted = if row.command == "idle" { "--subs" } else { "--count" };
    command.args([counted, &count, "--size", &size]).env("PEER_RT", flavour);
    Ok(output(&mut command)?.lines().last().unwrap_or_default().to_owned())
}

fn table_line(row: &Row, measured: &[Vec<String>]) -> String {
    let median = |place: usize, key: &str| {
        let mut values: Vec<f64> = measured
            .get(place)
            .into_iter()
            .flatten()
            .map(|line| number(line, key).unwrap_or_default())
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    // What tells: rate for all but latency and memory, where less is better.
    let (key, less_is_better) = match row.command {
        "req" => ("p50_us", true),
        "idle" => ("rss_kb", true),
        _ => ("msgs_s", false),
    };
    let best = |places: std::ops::Range<usize>| {
        let better = |a: &usize, b: &usize| {
            let order = median(*a, key).total_cmp(&median(*b, key));
            if less_is_better { order.reverse() } else { order }
        };
        places.max_by(better).unwrap_or_default()
    };
    let (ours, peer, raw) = (best(0..3), best(3..6), 6);
    let cell = |place: usize| match row.command {
        "req" => format!("{:.1} / {:.1} µs", median(place, "p50_us"), median(place, "p99_us")),
        "idle" => format!("{:.1} MB", median(place, "rss_kb") / 1024.0),
        _ => format!(
            "{:.2} M/s, {:.0} ns, user {:.0}",
            median(place, "msgs_s") / 1e6,
            median(place, "cpu_ns"),
            median(place, "user_ns")
        ),
    };
    let ratio = |other: usize| median(ours, key) / median(other, key);
    format!(
        "| {} | {} | {} | {} | {:.2} × | {:.2} × |",
        row.name,
        cell(ours),
        cell(peer),
        cell(raw),
        ratio(peer),
        ratio(raw)
    )
}

/// A number out of a line of JSON.
fn number(line: &str, key: &str) -> Option<f64> {
    let (_, behind) = line.split_once(&format!("\"{key}\":"))?;
    behind.split([',', '}']).next()?.trim().parse().ok()
}

fn bench_program(name: &str) -> std::process::Command {
    program(target().join("release").join(name))
}

/// The server that costs next to nothing, stopped when it is dropped.
struct NullServer {
    process: Child,
    port: String,
}

impl NullServer {
    fn start(row: &Row) -> Outcome<Self> {
        let mut command = bench_program("bench-null");
        command.arg(row.server).stdout(Stdio::piped());
        let (count, size) = (row.count.to_string(), row.size.to_string());
        command.args(["--count", &count, "--size", &size]);
        let mut process = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        }
        let port = line.trim().strip_prefix("LISTEN ").map(str::to_owned);
        let mut server = Self { process, port: String::new() };
        server.port = port.ok_or("the null server does not listen")?;
        Ok(server)
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
