//! Measures how fast a device in QEMU publishes and receives: with nats-embassy, with minimq, and without any client.

mod device;
mod flood;
mod server;
mod table;

use std::fs;

use self::device::Device;
use self::device::Sample;
use self::flood::Protocol;
use self::server::Server;
use self::table::Column;
use crate::Outcome;
use crate::firmware::build;
use crate::firmware::install;
use crate::run::root;
use crate::tools;

/// Where the tables are kept.
const TABLE: &str = "examples/throughput/README.md";
const PACKAGE: &str = "throughput";
const TARGET: &str = "thumbv7m-none-eabi";

/// How many messages there are in a run.
const COUNTED: u32 = 10_000;
const TIMED: u32 = 20_000;
/// How often everything runs; the median counts. An odd number.
const ROUNDS: usize = 3;

struct Program {
    name: &'static str,
    /// What it is called in the table.
    title: &'static str,
    protocol: Protocol,
}

const PROGRAMS: &[Program] = &[
    Program { name: "nats-client", title: "`Client`", protocol: Protocol::Nats },
    Program { name: "nats-client-wide", title: "`Client`, wide", protocol: Protocol::Nats },
    Program { name: "nats-link", title: "`Link`", protocol: Protocol::Nats },
    Program { name: "minimq-prompt", title: "minimq, prompt", protocol: Protocol::Mqtt },
    Program { name: "minimq-socket", title: "minimq", protocol: Protocol::Mqtt },
    Program { name: "bare-socket", title: "no client", protocol: Protocol::Nats },
];

/// What a program is to do.
#[derive(Clone, Copy)]
struct Job {
    name: &'static str,
    /// As the firmware has it.
    kind: &'static str,
    /// The payload, in bytes.
    len: usize,
}

const JOBS: &[Job] = &[
    Job { name: "16 B, published", kind: "publish", len: 16 },
    Job { name: "128 B, published", kind: "publish", len: 128 },
    Job { name: "16 B, received", kind: "receive", len: 16 },
    Job { name: "128 B, received", kind: "receive", len: 128 },
];

/// For size, as firmware is built, and for speed.
const LEVELS: &[&str] = &["\"z\"", "3"];

/// Builds the programs, runs each of them against its server, and writes the tables.
pub(crate) fn throughput() -> Outcome {
    install("qemu-system-arm", "qemu-system-arm")?;
    install("mosquitto", "mosquitto")?;
    let (nats, mqtt) = (Server::nats(&tools::server()?)?, Server::mosquitto()?);
    let mut columns = Vec::new();
    for level in LEVELS {
        let option = format!("profile.release.opt-level={level}");
        for Program { name, title, protocol } in PROGRAMS {
            let image = build(PACKAGE, name, TARGET, &["--bin", name, "--config", &option])?;
            let port = match protocol {
                Protocol::Nats => nats.port(),
                Protocol::Mqtt => mqtt.port(),
            };
            let device = Device { image, protocol: *protocol, port };
            let level = level.trim_matches('"');
            let mut column = Column { title: (*title).to_owned(), level, cells: Vec::new() };
            for job in JOBS {
                let counted = measure(|| device.run(*job, COUNTED, true), Sample::instructions)?;
                let timed = measure(|| device.run(*job, TIMED, false), Sample::rate)?;
                println!("{name}, {level}, {}: {counted} instructions, {timed}/s", job.name);
                column.cells.push((counted, timed));
            }
            columns.push(column);
        }
    }
    let table = table::write(&columns);
    println!("{table}");
    fs::write(root().join(TABLE), &table).map_err(|error| error.to_string())
}

/// The median of a figure.
fn measure(run: impl Fn() -> Outcome<Sample>, figure: impl Fn(&Sample) -> u64) -> Outcome<u64> {
    let figures = (0..ROUNDS).map(|_| run().map(|sample| figure(&sample)));
    let mut figures = figures.collect::<Outcome<Vec<_>>>()?;
    figures.sort_unstable();
    figures.get(ROUNDS / 2).copied().ok_or_else(|| "there were no rounds".to_owned())
}
