//! The goal of a row.

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
    /// In words, for a figure in `unit`.
    pub(super) fn text(self, unit: &str) -> String {
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
}
