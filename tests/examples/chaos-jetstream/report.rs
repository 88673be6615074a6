//! What came of it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::Actor;
use crate::consumers::Counts;
use crate::publishers::Comparison;
use crate::rest::AtRest;

/// How much longer than the servers' own a pause may be.
const SLACK: Duration = Duration::from_secs(2);

/// The pauses at a fault.
pub(crate) struct Pauses {
    pub(crate) fault: &'static str,
    /// Of the probers: publishing, taking messages of each consumer, asking for the other stream.
    pub(crate) servers: [Duration; 4],
    /// Ours: those who publish, then the reader and the worker. Each with how long it may be.
    pub(crate) ours: Vec<[Duration; 2]>,
}

impl Pauses {
    /// What the probers have noted, and what our own have.
    pub(crate) fn new(fault: &'static str, probers: &[Arc<Actor>; 4], ours: &[Arc<Actor>]) -> Self {
        let servers = probers.each_ref().map(|actor| actor.longest());
        let [publish, reader, worker, other] = servers;
        let pauses = ours.iter().map(|actor| {
            // Messages that nobody can publish, nobody can take.
            let own = match actor.name {
                "reader" => publish.max(reader),
                "worker" => publish.max(worker),
                name if name.ends_with("exactly once") => other,
                _ => publish,
            };
            [actor.longest(), own + SLACK.max(actor.patience)]
        });
        Self { fault, servers, ours: pauses.collect() }
    }

    /// Whether each of ours is no longer than the servers' own, and a little.
    pub(crate) fn is_good(&self) -> bool {
        self.ours.iter().all(|[pause, limit]| pause <= limit)
    }
}

/// Everything that was counted.
pub(crate) struct Report {
    pub(crate) version: String,
    pub(crate) seconds: u64,
    pub(crate) stored: u64,
    /// The names of those whose pauses are measured.
    pub(crate) names: Vec<&'static str>,
    pub(crate) pauses: Vec<Pauses>,
    pub(crate) publishers: Vec<(&'static str, Comparison, u64, u64)>,
    pub(crate) consumers: Vec<(&'static str, usize, Counts)>,
    pub(crate) before: AtRest,
    pub(crate) after: AtRest,
    /// What is known to be the servers' own doing, if it happens.
    pub(crate) forgets_confirmed: bool,
}

impl Report {
    /// As Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a string has room");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let published: usize = self.publishers.iter().map(|(_, what, ..)| what.published).sum();
        writeln!(
            text,
            "## nats-server {}\n\n{published} messages published in {} s, {} faults; the stream has {} \
             messages, with those of the probers.\n",
            self.version,
            self.seconds,
            self.pauses.len(),
            self.stored
        )?;
        self.write_pauses(text)?;
        self.write_publishers(text)?;
        self.write_consumers(text)?;
        let AtRest { bytes, tasks, subscriptions, pulls } = &self.before;
        let after = &self.after;
        writeln!(
            text,
            "| at rest | at the start | at the end |\n|---|---:|---:|\n\
             | allocated, in KiB | {} | {} |\n| tasks | {tasks} | {} |",
            bytes / 1024,
            after.bytes / 1024,
            after.tasks
        )?;
        for (name, count) in subscriptions {
            let after = after.subscriptions.get(name).copied().unwrap_or_default();
            writeln!(text, "| subscriptions of the {name} | {count} | {after} |")?;
        }
        writeln!(text, "| pulls that wait | {pulls} | {} |", after.pulls)
    }

    fn write_pauses(&self, text: &mut String) -> std::fmt::Result {
        write!(
            text,
            "| longest pauses in seconds | the servers' own: publish, reader, worker, the other stream |"
        )?;
        for name in &self.names {
            write!(text, " {name} |")?;
        }
        writeln!(text, "\n|---|---:|{}", "---:|".repeat(self.names.len()))?;
        for pauses in &self.pauses {
            let [publish, reader, worker, other] = pauses.servers.map(|pause| pause.as_secs_f64());
            write!(
                text,
                "| {} | {publish:.1}, {reader:.1}, {worker:.1}, {other:.1} |",
                pauses.fault
            )?;
            for [pause, limit] in &pauses.ours {
                let mark = if pause > limit { "**" } else { "" };
                write!(text, " {mark}{:.1}{mark} |", pause.as_secs_f64())?;
            }
            writeln!(text)?;
        }
        writeln!(text)
    }

    fn write_publishers(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "| publisher | messages | told: stored | told: not stored | told: may be stored | published \
             once more | duplicates | missing | twice | there, though not stored | out of order |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        )?;
        for (name, what, once_more, duplicates) in &self.publishers {
            let Comparison { published, stored, not_stored, may_be_stored, .. } = what;
            let Comparison { missing, twice, there_all_the_same, out_of_order, .. } = what;
            writeln!(
                text,
                "| {name} | {published} | {stored} | {not_stored} | {may_be_stored} | {once_more} | \
                 {duplicates} | {missing} | {twice} | {there_all_the_same} | {out_of_order} |"
            )?;
        }
        writeln!(text)
    }

    fn write_consumers(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "| consumer | handed out | to the prober | missing | more than once | confirmed | not \
             confirmed | crossed a confirmation | delivered after one | made anew |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        )?;
        for (name, missing, counts) in &self.consumers {
            let Counts { handed_out, to_prober, again, confirmed, unconfirmed, .. } = counts;
            let Counts { crossed, after_confirmed, made_anew, .. } = counts;
            writeln!(
                text,
                "| {name} | {handed_out} | {to_prober} | {missing} | {again} | {confirmed} | \
                 {unconfirmed} | {crossed} | {after_confirmed} | {made_anew} |"
            )?;
        }
        writeln!(text)
    }

    /// What should not be, in words.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for pauses in self.pauses.iter().filter(|pauses| !pauses.is_good()) {
            complaints.push(format!("a pause is too long: {}", pauses.fault));
        }
        for (name, what, ..) in &self.publishers {
            let is_ordered = what.out_of_order == 0 || name.ends_with("64, with ids");
            if what.missing + what.twice + what.there_all_the_same > 0 || !is_ordered {
                complaints.push(format!("{name}: not what was told"));
            }
        }
        for (name, missing, counts) in &self.consumers {
            if *missing > 0 {
                complaints.push(format!("{name}: messages are missing"));
            }
            if counts.after_confirmed > 0 && !self.forgets_confirmed {
                complaints.push(format!("{name}: delivered after a confirmed acknowledgement"));
            }
        }
        if !self.after.is_within(&self.before) {
            complaints.push("something has grown".to_owned());
        }
        complaints
    }
}
