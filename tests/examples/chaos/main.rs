//! Hours in the life of a client, in minutes: a cluster whose servers are killed, shut down and made
//! to hang, while messages are published and requests made. `cargo xtask chaos --minutes M` runs it.
//!
//! What must hold at the end:
//!
//! - a request that was replied to has been dealt with, and the reply was its own;
//! - a message whose storage in a replicated stream was acknowledged is in the stream;
//! - of the messages that a connection publishes to itself, no more are missing than the client
//!   reported as perhaps lost, and none came twice.

mod faults;
mod traffic;

use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use nats_tests::Cluster;

use crate::faults::Faults;
use crate::traffic::Traffic;

/// How long everything has to work again after a fault.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let duration = match minutes(std::env::args().skip(1)) {
        Some(minutes) => Duration::from_secs_f64(minutes * 60.0),
        None => {
            eprintln!("usage: chaos [--minutes M]");
            return ExitCode::from(2);
        }
    };
    let mut cluster = Cluster::start(
        3,
        "jetstream { store_dir: $STORE }\nlame_duck_grace_period: 2s\nlame_duck_duration: 30s",
    );
    python(&cluster, "make");
    let traffic = Traffic::start(&cluster.url()).await;
    let mut faults = Faults::default();
    let start = Instant::now();
    while start.elapsed() < duration {
        tokio::time::sleep(Duration::from_secs(1)).await;
        faults.inject(&mut cluster, &traffic).await;
        traffic.wait_until_well(PATIENCE).await;
    }
    let stored = || python(&cluster, "read").lines().map(str::to_owned).collect();
    let report = traffic.finish(stored).await;
    println!("{} minutes, 3 servers\n", duration.as_secs_f64() / 60.0);
    faults.print();
    println!();
    report.print();
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn minutes(mut arguments: impl Iterator<Item = String>) -> Option<f64> {
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Some(1.0),
        (Some("--minutes"), Some(minutes)) => minutes.parse().ok(),
        _ => None,
    }
}

/// Has nats-py do something with the stream, and returns what it printed.
fn python(cluster: &Cluster, task: &str) -> String {
    let path = std::env::var("NATS_PY_PATH")
        .unwrap_or_else(|_| format!("{}/../target/tools/nats-py", env!("CARGO_MANIFEST_DIR")));
    let output = Command::new("python3")
        .args(["-c", include_str!("stream.py"), task])
        .env("PYTHONPATH", path)
        .env("NATS_URL", cluster.url())
        .output()
        .expect("python3 with nats-py: run `cargo xtask chaos`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
