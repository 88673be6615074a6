//! The results as lines of a table.

use super::figure::Figure;
use super::measured::Measured;
use super::measured::Run;
use super::row::Client;

pub(super) const HEAD: &str = "\
| task | nats-tokio | async-nats | raw | × async-nats | × raw | CPU ns: ours / async-nats / raw | goals |
|---|---|---|---|---|---|---|---|
";

/// One line.
pub(super) fn line(measured: &Measured) -> String {
    let [ours, peer, raw] = Client::ALL.map(|client| cell(measured, client));
    let [to_peer, to_raw] = [Client::Peer, Client::Raw].map(|client| {
        let times = measured.times(client);
        times.map_or_else(|| "–".to_owned(), |times| format!("{times:.2}"))
    });
    let cpu = if measured.row.figure.has_cpu() {
        Client::ALL.map(|client| cpu(measured.quoted(client))).join(" / ")
    } else {
        "–".to_owned()
    };
    let goals: Vec<_> = measured
        .row
        .goals
        .iter()
        .map(|goal| {
            let mark = match measured.meets(*goal) {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "?",
            };
            format!("{} {mark}", goal.text(measured.row.figure.unit()))
        })
        .collect();
    let (name, goals) = (measured.row.name, goals.join(", "));
    format!("| {name} | {ours} | {peer} | {raw} | {to_peer} | {to_raw} | {cpu} | {goals} |\n")
}

fn cell(measured: &Measured, client: Client) -> String {
    let figure = measured.row.figure;
    let Some(run) = measured.quoted(client) else {
        let has_failed = measured.runs.iter().any(|run| run.client == client);
        return if has_failed { "failed".to_owned() } else { "–".to_owned() };
    };
    let shown = match figure {
        Figure::Latency => {
            format!("{:.1} / {:.1}", run.median_of("p50_us"), run.median_of("p99_us"))
        }
        _ if figure.counts_worst() => {
            let values = measured.runs(client).map(|run| figure.show(run.value(&measured.row)));
            values.collect::<Vec<_>>().join(" / ")
        }
        _ => figure.show(run.value(&measured.row)),
    };
    format!("{shown} {}", figure.unit())
}

/// All of the processor time, and what of it is in user space.
fn cpu(run: Option<&Run>) -> String {
    run.map_or_else(
        || "–".to_owned(),
        |run| format!("{:.0} ({:.0})", run.median_of("cpu_ns"), run.median_of("user_ns")),
    )
}
