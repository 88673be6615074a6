//! The subscription that replies come to.

use super::EndReason;
use super::Session;
use super::SubscribeError;
use super::store::Store;
use crate::error::Full;
use crate::inbox::Inbox;
use crate::message::Sid;
use crate::rng::RngSeed;
use crate::subject::Subject;
use crate::wire::Buffer;

impl<S: Store> Session<S> {
    /// A new inbox below `prefix`, made of the session's own [`RngSeed`].
    ///
    /// # Errors
    ///
    /// [`Full`] if its filter, 25 bytes longer than `prefix`, does not fit into `T`.
    pub fn new_inbox<T: Buffer + Default>(
        &mut self,
        prefix: Subject<'_>,
    ) -> Result<Inbox<T>, Full> {
        let mut seed = [0; 16];
        for word in seed.as_chunks_mut::<4>().0 {
            *word = self.rng.next_u32().to_le_bytes();
        }
        Inbox::new(prefix, RngSeed(seed))
    }

    /// The subscription to `inbox`: the one that is `known` from the last time, as long as it goes
    /// on, otherwise a new one. To be called for each request.
    ///
    /// One that the server has refused or ended, or that the application has, is not known any more;
    /// the next request tries again.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]; `recipient` is dropped then. While the session is draining there are no
    /// more requests, so that is [`SubscribeError::Draining`] whatever is known.
    pub fn reply_inbox<T: Buffer>(
        &mut self,
        known: Option<Sid>,
        inbox: &Inbox<T>,
        recipient: S::Recipient,
    ) -> Result<Sid, SubscribeError> {
        match known {
            Some(sid) if !self.is_draining() && self.is_going(sid) => Ok(sid),
            _ => self.subscribe(inbox.filter(), None, recipient),
        }
    }

    fn is_going(&mut self, sid: Sid) -> bool {
        let ended: Option<Option<EndReason>> =
            self.recipient_and_end_mut(sid).map(|(_, ended)| ended);
        ended == Some(None)
    }
}
