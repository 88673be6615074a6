//! The figure of a row: how it is computed from a run.

use super::sample::Sample;

/// The figure that a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// Messages a second.
    Rate,
    /// How long one takes, in microseconds: the 50th percentile counts.
    Latency,
    /// Processor time per message.
    Nanoseconds,
    /// How long it takes, in milliseconds.
    Milliseconds,
    /// How many of the messages never arrive, in percent.
    Lost,
    /// The most memory that is ever resident, in MB.
    Peak,
    /// Resident memory, in MB.
    Resident,
    /// What of the memory every subscription or consumer adds, in bytes.
    PerSubscription,
}

impl Figure {
    /// The figure of a run in which `count` messages were to be sent.
    pub(super) fn of(self, sample: &Sample, count: u32) -> f64 {
        match self {
            Self::Rate => sample.number("msgs_s"),
            Self::Latency => sample.number("p50_us"),
            Self::Nanoseconds => sample.number("cpu_ns"),
            Self::Milliseconds => sample.number("wall_s") * 1e3,
            Self::Lost => 100.0 * (1.0 - sample.number("count") / f64::from(count)),
            Self::Peak => sample.number("hwm_kb") / 1024.0,
            Self::Resident => sample.number("rss_kb") / 1024.0,
            Self::PerSubscription => {
                (sample.number("rss_kb") - sample.number("before_kb")) * 1024.0
                    / sample.number("count")
            }
        }
    }

    pub(super) const fn is_better_if_less(self) -> bool {
        !matches!(self, Self::Rate)
    }

    /// Whether a client is quoted at its worst flavour, and all are shown.
    pub(super) const fn counts_worst(self) -> bool {
        matches!(self, Self::Lost | Self::Peak)
    }

    /// Whether the processor time per message tells something.
    pub(super) const fn has_cpu(self) -> bool {
        matches!(self, Self::Rate)
    }

    /// Whether one is so many times as good as the other.
    pub(super) const fn has_ratio(self) -> bool {
        !matches!(self, Self::Lost)
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Rate => "M/s",
            Self::Latency => "µs",
            Self::Nanoseconds => "ns",
            Self::Milliseconds => "ms",
            Self::Lost => "%",
            Self::Peak | Self::Resident => "MB",
            Self::PerSubscription => "B",
        }
    }

    /// The number without its unit.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Rate if value < 995_000.0 => format!("{:.3}", value / 1e6),
            Self::Rate => format!("{:.2}", value / 1e6),
            Self::PerSubscription => format!("{value:.0}"),
            _ => format!("{value:.1}"),
        }
    }
}
