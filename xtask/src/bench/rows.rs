//! The table of measurements.

use super::figure::Figure;
use super::goal::Goal::AtMost;
use super::goal::Goal::Cpu;
use super::goal::Goal::OfRaw;
use super::goal::Goal::OverRaw;
use super::goal::Goal::Percentiles;
use super::goal::Goal::TimesPeer;
use super::goal::Goal::User;
use super::row::Client;
use super::row::Row;
use super::row::Server;
use super::row::row;

const SINK: Server = Server::Null("sink");
const FLOOD: Server = Server::Null("flood");
const ECHO: Server = Server::Null("echo");
const FAN: Server = Server::Null("fan");
const ACKNOWLEDGE: Server = Server::Null("js-ack");
const DELIVER: Server = Server::Null("js-deliver");
const IDLE: Server = Server::Null("js-idle");

/// A table with a title.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) rows: &'static [Row],
}

pub(super) const SECTIONS: &[Section] = &[
    Section { title: "Over TCP", rows: TCP },
    Section { title: "Over TLS", rows: TLS },
    Section { title: "More", rows: MORE },
    Section { title: "JetStream", rows: JETSTREAM },
];

const TCP: &[Row] = &[
    row("pub 16 B", "pub", SINK, 5_000_000, 16).goals(&[TimesPeer(4.5), Cpu(45.0)]),
    row("pub 128 B", "pub", SINK, 3_000_000, 128).goals(&[TimesPeer(2.8), Cpu(75.0)]),
    row("pub 1 KiB", "pub", SINK, 1_000_000, 1024).goals(&[TimesPeer(1.4), User(80.0)]),
    row("pub 16 KiB", "pub", SINK, 100_000, 16_384).goals(&[OfRaw(0.95), User(300.0)]),
    row("sub 16 B", "sub", FLOOD, 5_000_000, 16).goals(&[TimesPeer(7.0), Cpu(50.0)]),
    row("sub 128 B", "sub", FLOOD, 3_000_000, 128).goals(&[TimesPeer(5.0), Cpu(60.0)]),
    row("sub 1 KiB", "sub", FLOOD, 1_000_000, 1024).goals(&[OfRaw(0.85), User(60.0)]),
    row("sub 16 KiB", "sub", FLOOD, 100_000, 16_384).goals(&[OfRaw(0.9)]),
    row("request, one CPU, work in `main`", "req", ECHO, 20_000, 16)
        .figure(Figure::Latency)
        .flavour("main")
        .pinned()
        .goals(&[OverRaw(3.0)]),
    row("request, one CPU, work in a task", "req", ECHO, 20_000, 16)
        .figure(Figure::Latency)
        .flavour("spawn")
        .pinned()
        .goals(&[OverRaw(3.0)]),
    row("request, one CPU, one thread", "req", ECHO, 20_000, 16)
        .figure(Figure::Latency)
        .flavour("ct")
        .pinned()
        .goals(&[OverRaw(3.0)]),
    row("request, nats-server", "req", Server::Real, 10_000, 16)
        .figure(Figure::Latency)
        .partner("respond")
        .goals(&[Percentiles(125.0, 195.0)]),
    row("64 requests in flight, one CPU", "reqc", ECHO, 300_000, 16)
        .pinned()
        .goals(&[TimesPeer(2.0)]),
    row("64 requests in flight, nats-server", "reqc", Server::Real, 100_000, 16)
        .partner("respond")
        .goals(&[TimesPeer(1.6)]),
    row("pub and sub 16 B, nats-server", "sub", Server::Real, 2_000_000, 16)
        .partner("pub")
        .goals(&[OfRaw(0.85)]),
    row("lost of sub 16 B, default limits", "sub", FLOOD, 5_000_000, 16)
        .figure(Figure::Lost)
        .options(&["--limits", "1"])
        .clients(&[Client::Ours, Client::Peer])
        .goals(&[AtMost(0.0)]),
    row("peak memory of sub 16 B, no limits", "sub", FLOOD, 5_000_000, 16)
        .figure(Figure::Peak)
        .goals(&[AtMost(32.0)]),
    row("10,000 idle subscriptions", "idle", SINK, 10_000, 0)
        .figure(Figure::Resident)
        .goals(&[AtMost(10.0)]),
    row("decoder alone, 16 B", "decode", Server::None, 20_000_000, 16)
        .figure(Figure::Nanoseconds)
        .clients(&[Client::Ours, Client::Raw])
        .goals(&[AtMost(15.0), OfRaw(0.6)]),
];

const TLS: &[Row] = &[
    row("pub 16 B, TLS", "pub", SINK, 3_000_000, 16).tls().goals(&[TimesPeer(3.0)]),
    row("pub 128 B, TLS", "pub", SINK, 2_000_000, 128).tls().goals(&[TimesPeer(3.0)]),
    row("pub 1 KiB, TLS", "pub", SINK, 500_000, 1024).tls(),
    row("pub 16 KiB, TLS", "pub", SINK, 50_000, 16_384).tls(),
    row("sub 16 B, TLS", "sub", FLOOD, 3_000_000, 16).tls().goals(&[TimesPeer(3.0)]),
    row("sub 128 B, TLS", "sub", FLOOD, 2_000_000, 128).tls().goals(&[TimesPeer(3.0)]),
    row("sub 1 KiB, TLS", "sub", FLOOD, 500_000, 1024).tls(),
    row("sub 16 KiB, TLS", "sub", FLOOD, 50_000, 16_384).tls(),
    row("request, one CPU, TLS", "req", ECHO, 10_000, 16).figure(Figure::Latency).pinned().tls(),
    row("request, nats-server, TLS", "req", Server::Real, 5_000, 16)
        .figure(Figure::Latency)
        .partner("respond")
        .tls(),
    row("64 requests in flight, one CPU, TLS", "reqc", ECHO, 100_000, 16).pinned().tls(),
    row("64 requests in flight, nats-server, TLS", "reqc", Server::Real, 50_000, 16)
        .partner("respond")
        .tls(),
    row("pub and sub 16 B, nats-server, TLS", "sub", Server::Real, 1_000_000, 16)
        .partner("pub")
        .tls(),
    row("lost of sub 16 B, default limits, TLS", "sub", FLOOD, 3_000_000, 16)
        .figure(Figure::Lost)
        .options(&["--limits", "1"])
        .clients(&[Client::Ours, Client::Peer])
        .tls(),
    row("peak memory of sub 16 B, no limits, TLS", "sub", FLOOD, 3_000_000, 16)
        .figure(Figure::Peak)
        .tls(),
    row("10,000 idle subscriptions, TLS", "idle", SINK, 10_000, 0).figure(Figure::Resident).tls(),
    row("first message after connecting, TLS", "first", FAN, 100, 0).figure(Figure::Latency).tls(),
];

const MORE: &[Row] = &[
    row("1 publisher × 4 subscriptions, 128 B", "fan", FAN, 500_000, 128).options(&[
        "--publishers",
        "1",
        "--subs",
        "4",
    ]),
    row("4 publishers × 4 subscriptions, 128 B", "fan", FAN, 500_000, 128).options(&[
        "--publishers",
        "4",
        "--subs",
        "4",
    ]),
    row("first message after connecting", "first", FAN, 200, 0).figure(Figure::Latency),
    row("killed server to first message", "failover", Server::Pair("fan"), 1, 0)
        .figure(Figure::Milliseconds),
    row("memory per subscription, 1,000", "idle", SINK, 1_000, 0).figure(Figure::PerSubscription),
    row("memory per subscription, 100,000", "idle", SINK, 100_000, 0)
        .figure(Figure::PerSubscription),
    row("memory per subscription, 1,000,000", "idle", SINK, 1_000_000, 0)
        .figure(Figure::PerSubscription),
];

const ONE: &[&str] = &["--inflight", "1"];
const WINDOW_64: &[&str] = &["--inflight", "64"];
const WINDOW_1024: &[&str] = &["--inflight", "1024"];

const JETSTREAM: &[Row] = &[
    row("JetStream: publish, one CPU", "jspub", ACKNOWLEDGE, 20_000, 16)
        .figure(Figure::Latency)
        .options(ONE)
        .pinned()
        .goals(&[OverRaw(3.0)]),
    row("JetStream: publish, window 64", "jspub", ACKNOWLEDGE, 500_000, 16)
        .options(WINDOW_64)
        .goals(&[TimesPeer(2.5)]),
    row("JetStream: publish, window 1024", "jspub", ACKNOWLEDGE, 1_000_000, 16)
        .options(WINDOW_1024)
        .goals(&[TimesPeer(3.0), Cpu(250.0)]),
    row("JetStream: consume, ack each", "jssub", DELIVER, 1_000_000, 16)
        .goals(&[TimesPeer(3.0), Cpu(200.0)]),
    row("JetStream: fetch 100, ack all", "jsfetch", DELIVER, 500_000, 16).goals(&[TimesPeer(2.0)]),
    row("JetStream: publish, nats-server", "jspub", Server::JetStream, 10_000, 16)
        .figure(Figure::Latency)
        .options(ONE)
        .goals(&[TimesPeer(1.2)]),
    row("JetStream: publish, window 64, nats-server", "jspub", Server::JetStream, 200_000, 16)
        .options(WINDOW_64)
        .goals(&[TimesPeer(1.5), OfRaw(0.85)]),
    row("JetStream: publish, window 1024, nats-server", "jspub", Server::JetStream, 400_000, 16)
        .options(WINDOW_1024)
        .goals(&[TimesPeer(1.5), OfRaw(0.8)]),
    row("JetStream: consume, ack each, nats-server", "jssub", Server::JetStream, 200_000, 16)
        .goals(&[TimesPeer(1.3)]),
    row("JetStream: fetch 100, ack all, nats-server", "jsfetch", Server::JetStream, 100_000, 16)
        .goals(&[TimesPeer(1.2)]),
    row("JetStream: memory per idle consumer, 1,000", "jsidle", IDLE, 1_000, 0)
        .figure(Figure::PerSubscription)
        .goals(&[TimesPeer(3.0)]),
    row("JetStream: memory per idle consumer, 10,000", "jsidle", IDLE, 10_000, 0)
        .figure(Figure::PerSubscription)
        .goals(&[TimesPeer(3.0)]),
    row(
        "JetStream: peak memory, 1,000,000 through a window of 1024",
        "jspub",
        ACKNOWLEDGE,
        1_000_000,
        16,
    )
    .figure(Figure::Peak)
    .options(WINDOW_1024),
    row(
        "JetStream: peak memory, 10,000,000 through a window of 1024",
        "jspub",
        ACKNOWLEDGE,
        10_000_000,
        16,
    )
    .figure(Figure::Peak)
    .options(WINDOW_1024)
    .clients(&[Client::Ours, Client::Raw]),
];

/// All rows, or those whose names contain one of the texts.
pub(super) fn selected(names: &[String]) -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows).filter(move |row| {
        names.is_empty() || names.iter().any(|name| row.name.contains(name.as_str()))
    })
}

/// The row of this name.
pub(super) fn named(name: &str) -> Option<&'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows).find(|row| row.name == name)
}
