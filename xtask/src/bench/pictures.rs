//! The pictures of a run.

use super::figure::Figure;
use super::measured::Measured;
use super::plot::Axis;
use super::plot::Line;
use super::plot::Panel;
use super::plot::draw;
use super::row::Client;
use super::row::Server;

/// Files with their contents.
pub(super) fn all(measured: &[Measured]) -> Vec<(&'static str, String)> {
    let throughput = |is_tls| draw(&["pub", "sub"].map(|name| sizes(measured, name, is_tls)));
    let latency = ["request, one CPU, one thread", "request, nats-server"];
    let latency: Vec<_> = latency.iter().filter_map(|name| distribution(measured, name)).collect();
    vec![
        ("throughput.svg", throughput(false)),
        ("throughput-tls.svg", throughput(true)),
        ("latency.svg", draw(&latency)),
    ]
}

/// Throughput over size.
fn sizes(measured: &[Measured], command: &str, is_tls: bool) -> Panel {
    let rows = measured.iter().filter(|measured| {
        let row = &measured.row;
        let is_null = matches!(row.server, Server::Null(_));
        row.command == command && row.is_tls == is_tls && is_null && row.figure == Figure::Rate
    });
    let line = |client| {
        let point =
            |measured: &Measured| Some((f64::from(measured.row.size), measured.value(client)?));
        Line { client, points: rows.clone().filter_map(point).collect() }
    };
    let lines = Client::ALL.map(line);
    let marks = [16.0, 128.0, 1024.0, 16_384.0].into_iter();
    let x = Axis {
        name: "size of a message",
        marks: marks.zip(["16 B", "128 B", "1 KiB", "16 KiB"].map(str::to_owned)).collect(),
    };
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let y = Axis::fitting("messages a second", values);
    let title = format!("{command}{}", if is_tls { ", TLS" } else { "" });
    Panel { title, x, y, lines: lines.into() }
}

/// How many requests take how long.
fn distribution(measured: &[Measured], name: &str) -> Option<Panel> {
    let measured = measured.iter().find(|measured| measured.row.name == name)?;
    // The rarer, the farther to the right.
    let rarity = |share: f64| 1.0 / (1.0 - share);
    let line = |client| {
        let run = measured.quoted(client)?;
        let shares = run.samples.first()?.list("quantiles");
        let times: Vec<_> = run.samples.iter().map(|sample| sample.list("quantiles_us")).collect();
        let at = |place: usize| {
            let column = times.iter().filter_map(|times| times.get(place).copied());
            super::sample::median(column.collect())
        };
        let points = (0..).zip(&shares).map(|(place, share)| (rarity(*share), at(place)));
        Some(Line { client, points: points.collect() })
    };
    let lines: Vec<_> = Client::ALL.into_iter().filter_map(line).collect();
    let marks = [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")];
    let x = Axis {
        name: "share of the requests that take at most so long",
        marks: marks.map(|(share, name)| (rarity(share), name.to_owned())).into(),
    };
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let y = Axis::fitting("microseconds", values);
    Some(Panel { title: name.to_owned(), x, y, lines })
}
