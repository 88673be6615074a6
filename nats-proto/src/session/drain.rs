//! The end of a session: draining, closing gracefully, and aborting.
//!
//! ```text
//!  drain ─▶ Subscriptions ─▶ Arrived ─▶ Closing ─▶ Publishes ─▶ Drained
//!           UNSUB, PING PONG    │          ▲   │     PING PONG      ▲
//!                               ▼          │   └─ no connection, ───┘
//!                     all is dealt with  close    nothing to send
//! ```
//!
//! Publishing goes on until `Closing`; what is kept for a connection is still sent then.

use super::CloseReason;
use super::Drain;
use super::Session;
use super::State;
use super::Timer;
use super::store::Store;
use crate::time::Instant;

/// What only the driver knows, and the end of a drain depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Outstanding {
    /// Whether messages that came still wait to be taken, or are being dealt with.
    pub undelivered: bool,
    /// Whether messages that were accepted are kept for a connection: they are not yet encoded for
    /// the one there is. What is encoded, and not yet written, does not count.
    pub unsent: bool,
}

impl Outstanding {
    /// Nothing is outstanding: for drivers that keep no messages.
    pub const NONE: Self = Self { undelivered: false, unsent: false };
}

impl<S: Store> Session<S> {
    /// Starts to drain: all subscriptions end when what is on its way has come; publishing goes on
    /// until that is dealt with. Then everything published is sent, and the session is over: by
    /// [`poll_drained`](Self::poll_drained).
    ///
    /// A connection that is lost in between ends the session. No longer than
    /// [`Config::drain_timeout`](super::Config::drain_timeout).
    pub fn drain(&mut self, now: Instant) {
        match self.state {
            State::Idle => self.stop(CloseReason::Closed),
            State::Stopped(_) => {}
            _ if self.draining.is_some() => {}
            _ => {
                self.draining = Some(Drain::Subscriptions);
                self.timers.set(Timer::Drain, now + self.settings.drain_timeout);
                self.subscriptions.drain_all();
                self.check_drained();
            }
        }
    }

    /// Gives draining that has begun until `deadline`, in place of what
    /// [`Config::drain_timeout`](super::Config::drain_timeout) allows.
    pub fn set_drain_deadline(&mut self, deadline: Instant) {
        if self.draining.is_some() && !matches!(self.state, State::Stopped(_)) {
            self.timers.set(Timer::Drain, deadline);
        }
    }

    /// Goes on with draining, or closing, as far as what is outstanding allows. To be called like
    /// [`poll_transmit`](Self::poll_transmit), and when the last message is dealt with; it does
    /// nothing while the session is not to end.
    ///
    /// Returns whether publishing is over, as [`publish_gate`](Self::publish_gate) says from then
    /// on: what is published now is refused. What is kept for a connection is still sent while
    /// there is one that [`is_ready`](Self::is_ready); without, it is waited for.
    pub fn poll_drained(&mut self, outstanding: Outstanding) -> bool {
        if self.draining == Some(Drain::Arrived) && !outstanding.undelivered {
            self.draining = Some(Drain::Closing);
        }
        if self.draining == Some(Drain::Closing) && !outstanding.unsent {
            if self.is_connected() {
                self.draining = Some(Drain::Publishes { until: self.pings.request() });
            } else {
                // No message is on its way to a subscription.
                self.stop(CloseReason::Drained);
            }
        }
        self.is_publishing_over()
    }

    /// Closes the connection gracefully: what was published is sent, and the session is over when
    /// the server has it, or [`Config::flush_timeout`](super::Config::flush_timeout) has passed; so
    /// `CloseReason::Drained` is a good end of it, too. Nothing is published any more, and nobody is waited
    /// for who was to get messages.
    ///
    /// Without a connection, and with nothing that is kept for one, that is at once. With something,
    /// a connection is waited for, no longer than that; then
    /// [`poll_drained`](Self::poll_drained) goes on with it.
    pub fn close(&mut self, outstanding: Outstanding, now: Instant) {
        let is_connected = self.is_connected();
        match self.state {
            State::Stopped(_) => return,
            _ if !(is_connected || outstanding.unsent) => return self.stop(CloseReason::Closed),
            State::Idle => return self.stop(CloseReason::Closed),
            _ => {}
        }
        if self.is_publishing_over() {
            return;
        }
        if self.draining.is_none() {
            self.timers.set(Timer::Drain, now + self.settings.flush_timeout);
        }
        self.draining = Some(Drain::Closing);
        if !is_connected {
            self.subscriptions.drain_all();
        }
        self.poll_drained(outstanding);
    }

    /// Ends the session now, whatever it is doing.
    pub fn abort(&mut self) {
        self.stop(CloseReason::Closed);
    }

    /// Whether the session is draining or closing, or was when it ended.
    pub const fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    pub(super) const fn is_publishing_over(&self) -> bool {
        matches!(self.state, State::Stopped(_))
            || matches!(self.draining, Some(Drain::Closing | Drain::Publishes { .. }))
    }

    /// Something has changed that draining subscriptions may have waited for.
    pub(super) fn check_drained(&mut self) {
        if self.draining == Some(Drain::Subscriptions)
            && !self.is_leaving()
            && self.subscriptions.is_drained()
        {
            self.draining = Some(Drain::Arrived);
        }
    }
}
