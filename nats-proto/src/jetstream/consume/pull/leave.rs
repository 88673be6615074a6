//! Stopping without messages that stay with a pull which is not read any more.

use super::Phase;
use super::PullConsumer;
use super::PullEndReason;
use super::PullOutput;
use crate::time::Instant;
use crate::time::Millis;

/// How long to wait for a round trip without a message.
const PATIENCE: Millis = Millis(500);
/// How many round trips with messages to wait for.
const MAX_ROUNDS: u8 = 4;
/// For how long a server with leaf nodes serves a pull whose replies have no subscriber.
const YOUNG: Millis = Millis(2_000);

/// On the way to unsubscribing.
///
/// UNSUB throws away what is under way. So first, there is a round trip without a message: what the
/// server has sent before its PONG is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaving {
    pub(super) end: PullEndReason,
    ping: Ping,
    /// Whether no message came since PING.
    is_quiet: bool,
    rounds: u8,
    /// Until when to wait.
    pub(super) until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    Due,
    Sent,
    /// There was a quiet round trip, or enough of them; what is left is to wait for a pull to be old
    /// enough.
    Done,
}

impl Leaving {
    /// Whether the application gets a message that still comes.
    pub(super) fn handle_message(&mut self) -> bool {
        self.is_quiet = false;
        self.end == PullEndReason::Drained
    }
}

impl<const SLOTS: usize> PullConsumer<SLOTS> {
    /// Ends it, and gives back what the application has not got: the caller returns what waits with a
    /// [`Nak`](crate::jetstream::AckKind::Nak), and [so](super::Handling::Nak) what still comes, as soon as it is
    /// not [leaving](Self::is_leaving) any more. Does nothing if it has ended already.
    ///
    /// Where it takes no more than a round trip or 500 ms, the server has nothing of ours then. A consumer
    /// that delivers messages only so many times (see [`PullConfig::unlimited_deliveries`]) takes up to
    /// 2 s.
    ///
    /// [`PullConfig::unlimited_deliveries`]: super::PullConfig::unlimited_deliveries
    pub fn stop(&mut self, now: Instant) {
        self.start_leaving(PullEndReason::Stopped, now);
    }

    /// Ends it, and lets the application have what has come and what still comes. Else it is like
    /// [`stop`](Self::stop), which may follow.
    pub fn drain(&mut self, now: Instant) {
        self.start_leaving(PullEndReason::Drained, now);
    }

    fn start_leaving(&mut self, end: PullEndReason, now: Instant) {
        match &mut self.phase {
            Phase::Running => {
                let until = now + PATIENCE;
                let leaving = Leaving { end, ping: Ping::Due, is_quiet: true, rounds: 0, until };
                self.phase = Phase::Leaving(leaving);
            }
            Phase::Leaving(leaving) if end == PullEndReason::Stopped => leaving.end = end,
            _ => {}
        }
    }

    /// PONG came for [`PullOutput::Ping`].
    pub const fn handle_pong(&mut self) {
        let Phase::Leaving(leaving) = &mut self.phase else { return };
        if !matches!(leaving.ping, Ping::Sent) {
            return;
        }
        leaving.rounds += 1;
        let is_enough = leaving.is_quiet || leaving.rounds >= MAX_ROUNDS;
        leaving.ping = if is_enough { Ping::Done } else { Ping::Due };
    }

    pub(super) fn leave_in_time(&mut self, now: Instant) {
        if let Phase::Leaving(leaving) = &mut self.phase
            && leaving.until <= now
        {
            leaving.ping = Ping::Done;
        }
    }

    pub(super) fn poll_leaving(&mut self, now: Instant) -> Option<PullOutput> {
        let Phase::Leaving(mut leaving) = self.phase else { return None };
        let has_pull = self.slots.iter().any(|slot| slot.is_open());
        if has_pull && leaving.ping == Ping::Due {
            leaving.ping = Ping::Sent;
            leaving.is_quiet = true;
            self.phase = Phase::Leaving(leaving);
            return Some(PullOutput::Ping);
        }
        if has_pull && leaving.ping == Ping::Sent {
            return None;
        }
        let open = self.slots.iter().filter(|slot| slot.is_open());
        let old = open.map(|slot| slot.asked_at + YOUNG).max();
        let old = old.filter(|old| !self.config.unlimited_deliveries && *old > now);
        match old {
            Some(old) => {
                leaving.until = old;
                self.phase = Phase::Leaving(leaving);
                None
            }
            None => {
                self.end(leaving.end);
                self.poll_output(now)
            }
        }
    }
}
