//! Flushes that somebody waits for.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use super::Flush;
use super::FlushState;
use super::Session;
use super::store::Store;
use crate::error::Full;

/// Flushes that somebody waits for, up to a maximum. `R` stands for whoever waits. Feature `alloc`.
///
/// ```
/// # use nats_proto::{Fixed, RngSeed};
/// use nats_proto::session::{Config, Flushes, Session};
/// # let mut session = Session::<Fixed<(), 1, 1, 32>>::new(Config::DEFAULT, RngSeed([0; 16]));
///
/// let mut flushes = Flushes::with_max(2);
/// flushes.open("main")?;
/// // After every call that may have changed something:
/// flushes.settle(&mut session, false, |who, is_done| println!("{who}: {is_done}"));
/// # assert_eq!(flushes.len(), 1);
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Debug)]
pub struct Flushes<R> {
    waiting: Vec<(Flush, FlushState, R)>,
    max: usize,
}

impl<R> Flushes<R> {
    /// None, and room for `max`.
    #[must_use]
    pub const fn with_max(max: usize) -> Self {
        Self { waiting: Vec::new(), max }
    }

    /// Begins a flush, as soon as there is a connection: of everything published before the next
    /// [`settle`](Self::settle).
    ///
    /// # Errors
    ///
    /// [`Full`] if as many wait already as may; `owner` is dropped then.
    pub fn open(&mut self, owner: R) -> Result<(), Full> {
        if self.waiting.len() >= self.max {
            return Err(Full);
        }
        self.waiting.push((Flush::new(), FlushState::Pending, owner));
        Ok(())
    }

    /// Asks the session about each, and tells those that are over: whether the server has everything. If
    /// not, the connection was lost, or the session is over, and the server may have it, or not.
    ///
    /// `unsent` says whether messages are kept for a connection: see
    /// [`poll_flush`](Session::poll_flush).
    pub fn settle<S: Store>(
        &mut self,
        session: &mut Session<S>,
        unsent: bool,
        mut told: impl FnMut(R, bool),
    ) {
        let over = self.waiting.extract_if(.., |(flush, state, _)| {
            *state = session.poll_flush(flush, unsent);
            *state != FlushState::Pending
        });
        for (_, state, owner) in over {
            told(owner, state == FlushState::Done);
        }
    }

    /// Gives up those for which `keep` is false: nobody waits for them any more.
    pub fn retain(&mut self, mut keep: impl FnMut(&R) -> bool) {
        self.waiting.retain(|(_, _, owner)| keep(owner));
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
