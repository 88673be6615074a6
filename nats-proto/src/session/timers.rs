//! The timers of a session.

use crate::time::Instant;

/// What a [`Session`](super::Session) waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Timer {
    /// Connecting to a server takes too long.
    Handshake,
    /// The next PING is due.
    Ping,
    /// Draining takes too long.
    Drain,
    /// It is time to try a server again.
    Reconnect,
    /// It is time to leave a server that is about to shut down, or leaving it takes too long.
    Leave,
}

/// One deadline for each [`Timer`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    deadlines: [Instant; Timer::ALL.len()],
}

/// The deadline of a timer that is not set.
const NEVER: Instant = Instant::from_millis(u64::MAX);

impl Timer {
    const ALL: [Self; 5] = [Self::Handshake, Self::Ping, Self::Drain, Self::Reconnect, Self::Leave];
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { deadlines: [NEVER; Timer::ALL.len()] }
    }

    pub(super) fn set(&mut self, timer: Timer, deadline: Instant) {
        if let Some(place) = self.deadlines.get_mut(timer as usize) {
            *place = deadline;
        }
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, NEVER);
    }

    pub(super) const fn clear(&mut self) {
        *self = Self::new();
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<(Instant, Timer)> {
        let mut next = None;
        let mut earliest = NEVER;
        for (timer, deadline) in Timer::ALL.iter().zip(&self.deadlines) {
            if *deadline < earliest {
                earliest = *deadline;
                next = Some((earliest, *timer));
            }
        }
        next
    }

    /// Stops the earliest timer if it has expired, and says which it was.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Timer> {
        let (deadline, timer) = self.next()?;
        if deadline > now {
            return None;
        }
        self.stop(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_expire_in_order_and_once() {
        let at = Instant::from_millis;
        let mut timers = Timers::new();
        timers.set(Timer::Ping, at(20));
        timers.set(Timer::Drain, at(10));
        timers.set(Timer::Handshake, at(30));
        assert_eq!(timers.next(), Some((at(10), Timer::Drain)));
        assert_eq!(timers.take_expired(at(9)), None);
        assert_eq!(timers.take_expired(at(25)), Some(Timer::Drain));
        assert_eq!(timers.take_expired(at(25)), Some(Timer::Ping));
        assert_eq!(timers.take_expired(at(25)), None);
        timers.clear();
        assert_eq!(timers.next(), None);
    }
}
