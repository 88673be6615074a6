//! Getters of a session.

use super::Drain;
use super::EndReason;
use super::FlushId;
use super::FlushState;
use super::Session;
use super::State;
use super::pings::is_reached;
use super::store::Store;
use crate::message::Sid;
use crate::wire::ServerInfo;

impl<S: Store> Session<S> {
    /// Where a message for `sid` goes, which counts as delivered; `None` if that subscription is
    /// over, or there is no connection yet, and the message is to be dropped.
    ///
    /// To be called for a message that is [too long](crate::wire::Oversized), too: the server counts it,
    /// and so a maximum would not be right on the next connection.
    #[inline]
    pub fn deliver(&mut self, sid: Sid) -> Option<&mut S::Recipient> {
        self.deliver_with(sid, |_| ())?;
        self.subscriptions.get_mut(sid)
    }

    /// The same with one look-up: `give` gets the recipient, and its result is returned.
    #[inline]
    pub fn deliver_with<T>(
        &mut self,
        sid: Sid,
        give: impl FnOnce(&mut S::Recipient) -> T,
    ) -> Option<T> {
        // Before TLS and the login are done, the peer is not known.
        if self.is_connected() { self.subscriptions.deliver_with(sid, give) } else { None }
    }

    /// Where messages for `sid` go, as long as it was not handed back.
    pub fn recipient_mut(&mut self, sid: Sid) -> Option<&mut S::Recipient> {
        self.subscriptions.get_mut(sid)
    }

    /// The same, and why no more messages come, if that is so: a subscription is handed back once
    /// UNSUB is written, which may take a while.
    pub fn recipient_and_end_mut(
        &mut self,
        sid: Sid,
    ) -> Option<(&mut S::Recipient, Option<EndReason>)> {
        self.subscriptions.ended_mut(sid)
    }

    /// Where messages go, for all subscriptions that were not handed back.
    pub fn recipients_mut(&mut self) -> impl Iterator<Item = (Sid, &mut S::Recipient)> {
        self.subscriptions.iter_mut()
    }

    /// The subscriptions of which the server has refused one or more, and did not say which: their
    /// numbers, and `filter` or `filter queue`. To be asked after an
    /// [`Event::ServerError`](super::Event::ServerError).
    ///
    /// Servers that have enough subscriptions do not say which one they refuse. As they refuse in
    /// order, it is known in most cases, and always once such a refusal was seen: from then on a
    /// PING follows every SUB. Those here were sent together before that.
    pub fn maybe_refused(&self) -> impl Iterator<Item = (Sid, &str)> {
        let maybe_refused = self.subscriptions.maybe_refused(&self.pings);
        maybe_refused.map(|(sid, text)| (sid, core::str::from_utf8(text).unwrap_or_default()))
    }

    /// How many subscriptions there are, those included that are to be handed back.
    pub const fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether there is a connection.
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Whether there is a connection to hand messages to. Where there is one, but it is about to end,
    /// what is kept has to wait for the next, or is too late. Whether something new is published is
    /// for [`publish_gate`](Self::publish_gate) to say.
    pub const fn is_ready(&self) -> bool {
        self.is_connected()
            && !matches!(self.draining, Some(Drain::Publishes { .. }))
            && !self.is_leaving()
    }

    /// How a flush stands. What became of one is known until the next connection, or attempt to make
    /// one, is over as well; then it is taken for lost.
    pub(super) const fn flush_state(&self, id: FlushId) -> FlushState {
        let is_current = id.epoch == self.epoch;
        let answered = if is_current { self.pings.answered() } else { self.answered_before };
        let is_known = is_current || id.epoch.wrapping_add(1) == self.epoch;
        if is_known && is_reached(id.number, answered) {
            FlushState::Done
        } else if is_current {
            FlushState::Pending
        } else {
            FlushState::Lost
        }
    }

    /// The last PING written: what was handed to the connection before it has reached the server
    /// when [`flush_state`](Self::flush_state) says so.
    pub(super) const fn last_ping(&self) -> FlushId {
        FlushId { epoch: self.epoch, number: self.pings.written() }
    }

    /// What the server said about itself last.
    pub const fn info(&self) -> &ServerInfo<S::Text, S::Note> {
        &self.info
    }

    /// The name that the server's certificate has to be made out to: the host in its address,
    /// unless that is a mere IP address which another server announced. Then it is the name under
    /// which that one was known.
    pub fn tls_name(&self) -> &str {
        self.pool.tls_name()
    }

    /// Whether each server is tried once, and that is all: before the first connection, unless
    /// [`retry_on_initial_connect`](super::Config::retry_on_initial_connect) says otherwise.
    pub const fn tries_once(&self) -> bool {
        !self.was_connected && !self.settings.retry_on_initial_connect
    }

    /// Whether there was a connection, be it this one.
    pub const fn was_connected(&self) -> bool {
        self.was_connected
    }
}
