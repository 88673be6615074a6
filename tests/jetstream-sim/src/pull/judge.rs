//! The invariants of a consumer, its driver and its server.

use nats_proto::Instant;
use nats_proto::jetstream::PullEndReason;

use super::Event;
use super::SLACK;
use super::Setup;
use super::World;
use crate::checks::Invariant;

/// How many pulls may go out within a second without a message.
const MAX_PULLS: usize = 12;
/// How often in a row something may be due at once.
const MAX_SPINS: u32 = 20;
/// How many pulls may go out within a minute for a message that is too large: one every 4 s, and some
/// at first, as there is more and more room.
const MAX_LARGE: usize = 24;

impl World<'_> {
    pub(super) fn count_pull(&mut self, now: u64) {
        self.pulls.push(now);
        self.pulls.retain(|at| at + 1000 > now);
        let count = self.pulls.len();
        self.checks.that(Invariant::NoHotLoop, count <= MAX_PULLS, || {
            format!("{count} pulls within a second")
        });
        let is_next = self.server.stream.front().map(|message| message.id) == self.large;
        if self.large.is_none() || !is_next || !self.setup.is_calm() {
            self.large_pulls.clear();
            return;
        }
        self.large_pulls.push(now);
        self.large_pulls.retain(|at| at + 60_000 > now);
        let count = self.large_pulls.len();
        self.checks.that(Invariant::TooLargeIsRare, count <= MAX_LARGE, || {
            format!("{count} pulls within a minute")
        });
    }

    /// After every step of the machine.
    pub(super) fn check(&mut self, now: u64) {
        let machine = &mut self.driver.machine;
        let timeout = machine.poll_timeout();
        let is_running = self.driver.is_connected && self.driver.end.is_none();
        let (buffered, outstanding) = (machine.buffered(), machine.outstanding());
        let may_ask = is_running && self.left_at.is_none() && buffered < self.setup.max_messages;
        let fits = self.setup.max_bytes == 0;
        let waits = !may_ask || timeout.is_some() || !fits && buffered > 0;
        self.checks.that(Invariant::AsksOrWaits, waits, || {
            format!("{buffered} with the application, {outstanding} asked for, at {now} ms")
        });
        let Some(timeout) = timeout.map(Instant::as_millis) else { return };
        self.checks.that(Invariant::TimeMovesOn, self.spins < MAX_SPINS, || {
            format!("it is {now}, and the timer is set to {timeout}")
        });
        if timeout < self.timer {
            self.timer = timeout;
            self.schedule.at(timeout, Event::Timer(timeout));
        }
    }

    /// Whatever the server does not say, it is not without a pull for long while it has messages.
    pub(super) fn check_wait(&mut self, now: u64) {
        let Setup { expires, heartbeat, latency, max_messages, max_bytes, .. } = self.setup;
        let machine = &mut self.driver.machine;
        let is_running =
            self.driver.is_connected && self.driver.end.is_none() && self.left_at.is_none();
        // What is in bytes may wait for the application.
        let may_ask = is_running && max_bytes == 0 && machine.buffered() < max_messages;
        let is_bound = self.setup.withheld.is_some() && may_ask && self.server.has_waiting(now);
        if !is_bound || self.server.open() > 0 {
            self.waits_since = None;
            return;
        }
        let since = *self.waits_since.get_or_insert(now);
        let most = expires + 2 * heartbeat + 4 * latency + SLACK;
        self.checks.that(Invariant::SoonAskedFor, now <= since + most, || {
            format!("no pull since {since} ms, and it is {now} ms")
        });
    }

    /// What has to be true of an end.
    pub(super) fn check_end(&mut self, now: u64) {
        let expected = match (self.left_at, self.deleted_at) {
            (Some(_), _) if self.setup.drains => PullEndReason::Drained,
            (Some(_), _) => PullEndReason::Stopped,
            _ => PullEndReason::ConsumerDeleted,
        };
        if let Some(end) = self.driver.end {
            let is_deleted = self.deleted_at.is_some() && !self.setup.awaits_consumer;
            let is_true = end == expected || is_deleted && end == PullEndReason::ConsumerDeleted;
            let is_true = is_true && (self.left_at.is_some() || is_deleted);
            self.checks.that(Invariant::EndsInTime, is_true, || format!("{end:?}"));
            let open = self.server.open();
            let slack = SLACK + 4 * self.setup.latency;
            let is_over = self.left_at.is_none_or(|left| now >= left.saturating_add(2000 + slack));
            self.checks.that(Invariant::LeavesNothing, open == 0 || !is_over, || {
                format!("{open} messages are still asked for")
            });
            self.check_nothing_kept(now);
        }
        if let Some(left) = self.left_at {
            let most = if self.setup.has_leaves { 2000 } else { 500 };
            let is_over = self.driver.end.is_some() || self.was_cut_since;
            let is_late = now != u64::MAX && now > left + most + SLACK;
            self.checks.that(Invariant::EndsInTime, is_over || !is_late, || {
                format!("left at {left} ms, and still there at {now} ms")
            });
        }
    }

    /// What was not handed out is the server's again.
    fn check_nothing_kept(&mut self, now: u64) {
        let slack = 6 * self.setup.latency + SLACK;
        let is_time = self.left_at.is_some_and(|left| now != u64::MAX && now > left + 2000 + slack);
        if !is_time || !self.setup.is_calm() || self.setup.drains {
            return;
        }
        let kept = self.server.unacked.len();
        self.checks.that(Invariant::LeavesNothing, kept == 0, || {
            format!("{kept} messages are neither done with nor given back")
        });
    }
}
