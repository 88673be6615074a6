//! What a row is to reach.

use super::measured::Measured;
use super::rows::Client;

/// One of a row's goals.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// So many times as good as async-nats.
    TimesPeer(f64),
    /// This share of what raw sockets do.
    OfRaw(f64),
    /// At most so much more than raw sockets take, in the figure's unit.
    OverRaw(f64),
    /// At most so many nanoseconds of processor time per message.
    Cpu(f64),
    /// The same in user space.
    User(f64),
    /// At most so much, in the figure's unit.
    AtMost(f64),
    /// At most so many microseconds at the 50th and at the 99th percentile.
    Percentiles(f64, f64),
}

impl Goal {
    /// In words.
    pub(super) fn text(self, measured: &Measured) -> String {
        let unit = measured.row.figure.unit();
        match self {
            Self::TimesPeer(times) => format!("≥ {times} × async-nats"),
            Self::OfRaw(share) => format!("≥ {:.0} % of raw", share * 100.0),
            Self::OverRaw(more) => format!("≤ raw + {more} {unit}"),
            Self::Cpu(time) => format!("≤ {time} ns"),
            Self::User(time) => format!("user ≤ {time} ns"),
            Self::AtMost(value) => format!("≤ {value} {unit}"),
            Self::Percentiles(half, most) => format!("≤ {half} / {most} µs"),
        }
    }

    /// Whether it is reached; nothing if something for it was not measured.
    pub(super) fn is_met(self, measured: &Measured) -> Option<bool> {
        let ours = |key| measured.quoted(Client::Ours).map(|run| run.median_of(key));
        Some(match self {
            Self::TimesPeer(times) => measured.times(Client::Peer)? >= times,
            Self::OfRaw(share) => measured.times(Client::Raw)? >= share,
            Self::OverRaw(more) => {
                measured.value(Client::Ours)? <= measured.value(Client::Raw)? + more
            }
            Self::Cpu(time) => ours("cpu_ns")? <= time,
            Self::User(time) => ours("user_ns")? <= time,
            Self::AtMost(value) => measured.value(Client::Ours)? <= value,
            Self::Percentiles(half, most) => ours("p50_us")? <= half && ours("p99_us")? <= most,
        })
    }
}
