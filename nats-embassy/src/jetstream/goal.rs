//! What a call that fetches wants, and when it has it.

use nats_proto::Instant;
use nats_proto::jetstream::FetchEndReason;

use super::fetch_error::FetchError;
use crate::time::NEVER;
use crate::time::Timeout;
use crate::time::now;

/// What a call wants.
#[derive(Debug)]
pub(super) struct Goal {
    /// How many messages, still.
    pub(super) left: u32,
    pub(super) deadline: Instant,
    /// Whether it waits for messages that are not there.
    pub(super) waits: bool,
    /// Whether something was asked for on its behalf.
    pub(super) has_started: bool,
}

impl Goal {
    pub(super) fn new(left: u32, max_wait: Timeout) -> Self {
        let now = now();
        let deadline = max_wait.after(now);
        Self { left, deadline, waits: deadline > now, has_started: false }
    }

    /// When to be back, if a pull has something due then.
    pub(super) fn wakes_at(&self, due: Option<Instant>) -> Instant {
        let due = due.unwrap_or(NEVER);
        if self.waits { due.min(self.deadline) } else { due }
    }

    /// Whether it is over after the end of a pull.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub(super) fn is_over(
        &mut self,
        end: FetchEndReason,
        now: Instant,
    ) -> Result<bool, FetchError> {
        let has_started = core::mem::take(&mut self.has_started);
        let has_time = self.waits && now < self.deadline;
        match end {
            FetchEndReason::Full => Ok(self.left == 0),
            // Not what was asked for on its behalf.
            _ if !has_started => Ok(self.waits && !has_time),
            FetchEndReason::NoMoreMessages => Ok(true),
            FetchEndReason::Disconnected | FetchEndReason::Interrupted if has_time => Ok(false),
            end => Err(FetchError::Ended(end)),
        }
    }
}
