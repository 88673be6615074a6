//! What a session waits for, and until when.

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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    deadlines: [Option<Instant>; Self::ALL.len()],
}

impl Timers {
    const ALL: [Timer; 5] =
        [Timer::Handshake, Timer::Ping, Timer::Drain, Timer::Reconnect, Timer::Leave];

    pub(super) fn set(&mut self, timer: Timer, deadline: Instant) {
        self.put(timer, Some(deadline));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.put(timer, None);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<(Instant, Timer)> {
        let set = Self::ALL.into_iter().zip(self.deadlines);
        set.filter_map(|(timer, deadline)| Some((deadline?, timer)))
            .min_by_key(|&(deadline, _)| deadline)
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

    fn put(&mut self, timer: Timer, deadline: Option<Instant>) {
        if let Some(place) = self.deadlines.get_mut(timer as usize) {
            *place = deadline;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_expire_in_order_and_once() {
        let at = Instant::from_millis;
        let mut timers = Timers::default();
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
