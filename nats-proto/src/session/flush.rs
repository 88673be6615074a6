//! Flushes: what the server has confirmed.

use super::FlushId;
use super::FlushState;
use super::Session;
use super::State;
use super::store::Store;

/// A flush, from the moment that it is requested: without a connection it waits for one.
///
/// ```
/// # use nats_proto::{Fixed, Instant, RngSeed};
/// use nats_proto::session::{Config, Flush, FlushState, Session};
/// # let mut session = Session::<Fixed<(), 1, 1, 32>>::new(Config::DEFAULT, RngSeed([0; 16]));
///
/// let mut flush = Flush::new();
/// // Now, and whenever something was read or has changed:
/// match session.poll_flush(&mut flush, false) {
///     FlushState::Pending => {}
///     FlushState::Done => println!("the server has everything"),
///     FlushState::Lost => println!("perhaps it has"),
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Flush(Option<FlushId>);

impl Flush {
    /// One that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Whether it was begun on a connection, and is lost with that.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.0.is_some()
    }
}

impl<S: Store> Session<S> {
    /// Begins a flush as soon as that is possible, and says how it stands. It is done when the server
    /// has processed everything that was handed to the connection before it began.
    ///
    /// `unsent` says whether messages are kept for a connection that belong to it: it begins after
    /// them, so it is asked about again when they are on their way. Without a connection it is
    /// pending until there is one, or the session is over; a connection that is lost when it has
    /// begun is the end of it. So it is never pending forever, if it is asked about after every call
    /// that may have changed something.
    pub fn poll_flush(&mut self, flush: &mut Flush, unsent: bool) -> FlushState {
        match flush.0 {
            Some(id) => self.flush_state(id),
            None if matches!(self.state, State::Stopped(_)) => FlushState::Lost,
            None => {
                if !unsent {
                    flush.0 = self.flush();
                }
                FlushState::Pending
            }
        }
    }
}

/// How far the server has processed what was published, for a driver that numbers its messages.
///
/// It stands beside the session, and costs only those who have one. A PING that goes out anyway
/// confirms what was handed to the connection before it; none is sent for this.
#[derive(Clone, Copy, Debug, Default)]
pub struct Confirmations {
    /// The PING that was seen last.
    seen: Option<FlushId>,
    /// The first PING that is not answered, and the last message before it.
    oldest: Option<(FlushId, u64)>,
    /// The last one after it.
    newest: Option<(FlushId, u64)>,
    confirmed: u64,
}

impl Confirmations {
    /// Nothing is confirmed.
    #[must_use]
    pub const fn new() -> Self {
        Self { seen: None, oldest: None, newest: None, confirmed: 0 }
    }

    /// To be called after [`poll_transmit`](Session::poll_transmit), which may have written a PING:
    /// `mark` is the number of the last message that was handed to the connection before.
    pub fn note_transmit<S: Store>(&mut self, session: &Session<S>, mark: u64) {
        let ping = session.last_ping();
        if self.seen == Some(ping) || ping.is_first() {
            return;
        }
        self.seen = Some(ping);
        self.update(session);
        let slot = if self.oldest.is_none() { &mut self.oldest } else { &mut self.newest };
        *slot = Some((ping, mark));
    }

    /// The number of the last message that the server is known to have processed. Changes after
    /// [`handle_control`](Session::handle_control), and is still known when that has returned that the
    /// connection is lost, or the session is over.
    pub fn confirmed<S: Store>(&mut self, session: &Session<S>) -> u64 {
        self.update(session);
        self.confirmed
    }

    fn update<S: Store>(&mut self, session: &Session<S>) {
        while let Some((ping, mark)) = self.oldest {
            match session.flush_state(ping) {
                FlushState::Pending => return,
                FlushState::Done => self.confirmed = self.confirmed.max(mark),
                FlushState::Lost => {}
            }
            self.oldest = self.newest.take();
        }
    }
}
