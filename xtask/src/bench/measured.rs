//! The result of a row.

use super::goal::Goal;
use super::row::Client;
use super::row::Row;
use super::sample::Sample;
use super::sample::median;

/// All runs of a row.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) row: Row,
    pub(super) runs: Vec<Run>,
}

/// A client in one flavour: one sample for each round.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) client: Client,
    pub(super) flavour: &'static str,
    pub(super) samples: Vec<Sample>,
    /// Why there are not more.
    pub(super) failure: Option<String>,
}

impl Run {
    pub(super) fn median_of(&self, key: &str) -> f64 {
        median(self.samples.iter().map(|sample| sample.number(key)).collect())
    }

    /// The row's figure.
    pub(super) fn value(&self, row: &Row) -> f64 {
        median(self.samples.iter().map(|sample| row.figure.of(sample, row.count)).collect())
    }
}

impl Measured {
    /// What was measured of a client, unless something went wrong in all of it.
    pub(super) fn runs(&self, client: Client) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.client == client && !run.samples.is_empty())
    }

    /// The run that a client is quoted at: in its best flavour, or its worst.
    pub(super) fn quoted(&self, client: Client) -> Option<&Run> {
        let figure = self.row.figure;
        let takes_less = figure.is_better_if_less() != figure.counts_worst();
        self.runs(client).max_by(|a, b| {
            let order = a.value(&self.row).total_cmp(&b.value(&self.row));
            if takes_less { order.reverse() } else { order }
        })
    }

    /// The figure of a client.
    pub(super) fn value(&self, client: Client) -> Option<f64> {
        Some(self.quoted(client)?.value(&self.row))
    }

    /// How many times as good ours is.
    pub(super) fn times(&self, other: Client) -> Option<f64> {
        let figure = self.row.figure;
        let (ours, theirs) = (self.value(Client::Ours)?, self.value(other)?);
        let times = if figure.is_better_if_less() { theirs / ours } else { ours / theirs };
        (figure.has_ratio() && times.is_normal()).then_some(times)
    }

    /// Whether a goal is reached; nothing if something for it was not self.
    pub(super) fn meets(&self, goal: Goal) -> Option<bool> {
        let ours = |key| self.quoted(Client::Ours).map(|run| run.median_of(key));
        Some(match goal {
            Goal::TimesPeer(times) => self.times(Client::Peer)? >= times,
            Goal::OfRaw(share) => self.times(Client::Raw)? >= share,
            Goal::OverRaw(more) => self.value(Client::Ours)? <= self.value(Client::Raw)? + more,
            Goal::Cpu(time) => ours("cpu_ns")? <= time,
            Goal::User(time) => ours("user_ns")? <= time,
            Goal::AtMost(value) => self.value(Client::Ours)? <= value,
            Goal::Percentiles(half, most) => ours("p50_us")? <= half && ours("p99_us")? <= most,
        })
    }
}
