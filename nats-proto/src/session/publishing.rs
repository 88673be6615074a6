//! Publishing: whether it is possible now, and in the right order.

use core::fmt;

use super::Session;
use super::State;
use super::store::Store;
use crate::error::Full;
use crate::wire::Publish;
use crate::wire::PublishError;
use crate::wire::PublishLens;
use crate::wire::PublishLimits;
use crate::wire::Sink;

/// Whether a message can be published now.
///
/// Exhaustive on purpose: a driver has to act on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Gate {
    /// There is a connection, and this is what its server takes.
    ///
    /// The limits of another connection, and those after an INFO, may be others: what was kept is
    /// checked again, unless the limits are the same that it was accepted under.
    Open(PublishLimits),
    /// There is no connection, or the one there is is being left: what the next server takes is not
    /// known.
    Offline,
    /// Nothing is published any more: the session is over, or about to be.
    Closed,
}

/// What is to become of messages that are published without a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Offline {
    /// Who publishes waits.
    #[default]
    Wait,
    /// Publishing is an error.
    Fail,
    /// They are kept for the next connection.
    Keep,
}

/// What becomes of a message that is published now.
///
/// Exhaustive on purpose: a driver has to act on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Admission {
    /// It is checked against these limits, and sent.
    Send(PublishLimits),
    /// It waits for a connection, and who publishes it waits, too.
    Wait,
    /// It is kept for the next connection, if there is room, and checked when there is one.
    Keep,
    /// It is refused: there is no connection.
    Disconnected,
    /// It is refused: nothing is published any more.
    Closed,
}

/// Why a message was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refused {
    /// There is no connection to publish to.
    Offline,
    /// Nothing is published any more.
    Closed,
    /// There is no room. The lines before it that did fit are written.
    Full,
    /// The server would not take it.
    Limits(PublishError),
}

impl Gate {
    /// What becomes of a message.
    #[must_use]
    pub const fn admit(self, offline: Offline) -> Admission {
        match (self, offline) {
            (Self::Open(limits), _) => Admission::Send(limits),
            (Self::Closed, _) => Admission::Closed,
            (Self::Offline, Offline::Wait) => Admission::Wait,
            (Self::Offline, Offline::Fail) => Admission::Disconnected,
            (Self::Offline, Offline::Keep) => Admission::Keep,
        }
    }
}

impl<S: Store> Session<S> {
    /// Whether a message can be published now, and what the server takes.
    pub fn publish_gate(&self) -> Gate {
        if self.is_publishing_over() {
            Gate::Closed
        } else if self.is_ready() {
            Gate::Open(self.publish_limits())
        } else {
            Gate::Offline
        }
    }

    /// What may be published on this connection, or could be on the last one. Before there was any,
    /// only [`Config::max_control_line`](super::Config::max_control_line) is known, and everything
    /// else is allowed.
    pub fn publish_limits(&self) -> PublishLimits {
        let line = self.settings.max_control_line;
        let has_info = match self.state {
            State::LoggingIn { .. } | State::AwaitingPong { .. } | State::Ready => true,
            _ => self.was_connected,
        };
        if !has_info {
            return PublishLimits { payload: usize::MAX, line, headers: true };
        }
        let payload = match self.info.max_payload() {
            0 => usize::MAX,
            max => usize::try_from(max).unwrap_or(usize::MAX),
        };
        PublishLimits { payload, line, headers: self.info.headers() }
    }

    /// Publishes a message: checks it, writes the lines that are due before it, and then the
    /// message, as far as there is room. For a driver that has the session and its output under one
    /// lock.
    ///
    /// What is kept for a connection goes first, with [`publish_encoded`](Self::publish_encoded):
    /// that there is nothing is for the driver to see to.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing of the message is written then.
    pub fn publish(&mut self, message: &Publish<'_>, out: &mut impl Sink) -> Result<(), Refused> {
        let limits = match self.publish_gate() {
            Gate::Open(limits) => limits,
            Gate::Offline => return Err(Refused::Offline),
            Gate::Closed => return Err(Refused::Closed),
        };
        limits.check(message)?;
        self.poll_transmit(out)?;
        Ok(message.encode(out)?)
    }

    /// The same with a message that was encoded before, and kept for a connection. That is sent while
    /// the session is being closed, too.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing of the message is written then. [`Refused::Limits`] is the end of it.
    pub fn publish_encoded(
        &mut self,
        frame: &[u8],
        lens: PublishLens,
        out: &mut impl Sink,
    ) -> Result<(), Refused> {
        if !self.is_ready() {
            let is_over = matches!(self.state, State::Stopped(_));
            return Err(if is_over { Refused::Closed } else { Refused::Offline });
        }
        self.publish_limits().check_lens(lens)?;
        self.poll_transmit(out)?;
        out.reserve(frame.len())?;
        out.put(frame);
        Ok(())
    }
}

impl From<Full> for Refused {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl From<PublishError> for Refused {
    fn from(error: PublishError) -> Self {
        Self::Limits(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offline => "not connected",
            Self::Closed => "the connection is closed",
            Self::Full => "buffer full",
            Self::Limits(_) => "the message exceeds the server's limits",
        })
    }
}

impl core::error::Error for Refused {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Limits(error) => Some(error),
            _ => None,
        }
    }
}
