//! Requests that wait for their replies.

use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::Store;
use nats_proto::Subject;
use nats_proto::session;
use nats_proto::session::Gate;
use nats_proto::wire::Publish;

use super::State;
use crate::config::Offline;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::error::SubscribeError;
#[cfg(feature = "jetstream")]
use crate::state::attempt::Attempt;
use crate::state::delivery::Delivery;
use crate::state::sizes::Sizes;
use crate::state::slot_owner::SlotOwner;
use crate::wakers::Turn;
use crate::wakers::WakerSlot;

/// A request's future, and where its reply is put.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Requester {
    pub(crate) slot: usize,
    pub(crate) waker: WakerSlot,
    /// Whether it is to be woken.
    pub(crate) is_due: bool,
    /// What is known of it, if it is a message to a stream.
    #[cfg(feature = "jetstream")]
    pub(crate) attempt: Option<Attempt>,
}

/// For requests whose replies go to slots of a subscription.
pub(crate) const NO_SLOT: usize = usize::MAX;

impl Requester {
    /// One whose reply goes to this slot.
    pub(crate) const fn new(slot: usize) -> Self {
        Self {
            slot,
            waker: WakerSlot::new(),
            is_due: false,
            #[cfg(feature = "jetstream")]
            attempt: None,
        }
    }
}

/// No subscription: none has this number.
pub(super) const NO_INBOX: Sid = Sid(0);

/// How far a request has come that has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Unsent,
    Sent,
    Answered,
}

impl RequestError {
    /// What became of a request that has no reply at hand.
    pub(crate) const fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NoResponders => Self::NoResponders,
            Outcome::ReplyTooLong => Self::ReplyTooLong,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::NotConnected => Self::NotConnected,
            Outcome::NotPermitted => Self::NotPermitted,
            Outcome::NoInbox => Self::NoInbox,
            Outcome::Draining => Self::Draining,
            Outcome::Closed => Self::Closed,
            // If it was answered, the answer was lost with the connection.
            _ => Self::Disconnected,
        }
    }
}

impl<'d, R: Sizes<'d>> State<'d, R> {
    /// Whether requests can be made.
    pub(crate) fn check_open(&self) -> Result<(), RequestError> {
        if self.is_closing || self.stopped().is_some() {
            return Err(RequestError::Closed);
        }
        if self.session.is_draining() {
            return Err(RequestError::Draining);
        }
        Ok(())
    }

    /// Sees to it that there is a subscription for replies.
    pub(crate) fn open_inbox(&mut self) -> Result<Sid, RequestError> {
        self.check_open()?;
        let recipient = SlotOwner::REQUEST.0;
        let known = Some(self.inbox_sid).filter(|sid| *sid != NO_INBOX);
        let sid = self.session.reply_inbox(known, &self.inbox, recipient);
        let sid = sid.map_err(|error| RequestError::Subscribe(error.into()))?;
        self.inbox_sid = sid;
        Ok(sid)
    }

    /// Publishes what is never kept for a connection: acknowledgements.
    #[cfg(feature = "jetstream")]
    pub(crate) fn publish_unless_kept(
        &mut self,
        message: &Publish<'_>,
        turn: Option<Turn>,
    ) -> Result<(), PublishError> {
        if self.offline == Offline::KeepLatest && self.session.publish_gate() == Gate::Offline {
            return Err(PublishError::Disconnected);
        }
        self.publish(message, turn)
    }

    /// Publishes a request. It waits for a connection, or fails; it is never kept for one.
    pub(crate) fn publish_request(
        &mut self,
        request_id: RequestId,
        message: &Publish<'_>,
        several: bool,
        turn: Option<Turn>,
    ) -> Result<(), PublishError> {
        if self.offline == Offline::KeepLatest && self.session.publish_gate() == Gate::Offline {
            return Err(PublishError::Disconnected);
        }
        let mut text = <R::Store as Store>::Text::default();
        let reply = if several {
            self.inbox.replies(request_id, &mut text)
        } else {
            self.inbox.reply(request_id, &mut text)
        };
        let reply: Subject<'_> = reply.map_err(|_| PublishError::TooLong { max: 0 })?;
        self.publish(&Publish { reply: Some(reply), ..*message }, turn)?;
        self.delivery.on_sent(request_id);
        Ok(())
    }

    /// Subscribes to the replies to a request that may get several.
    pub(crate) fn subscribe_to_replies(
        &mut self,
        request_id: RequestId,
        owner: SlotOwner,
    ) -> Result<Sid, RequestError> {
        let mut text = <R::Store as Store>::Text::default();
        let full = SubscribeError::Session(session::SubscribeError::Full);
        let subject = self.inbox.replies(request_id, &mut text).map_err(|_| full)?;
        Ok(self.subscribe(subject.into(), None, owner)?)
    }

    /// How far a request has come, which has until `deadline`.
    ///
    /// # Errors
    ///
    /// What became of it, if that is no reply.
    pub(crate) fn progress(
        &self,
        id: RequestId,
        deadline: Instant,
        now: Instant,
    ) -> Result<Progress, RequestError> {
        let is_connected = self.session.is_connected();
        let is_unsent = self.delivery.is_unsent(id);
        match self.delivery.outcome(id) {
            Some(Outcome::Answered) => Ok(Progress::Answered),
            Some(outcome) => Err(RequestError::of(outcome)),
            None if now >= deadline => {
                Err(RequestError::of(Outcome::of_time(!is_unsent, is_connected)))
            }
            None if is_unsent => Ok(Progress::Unsent),
            None => Ok(Progress::Sent),
        }
    }

    /// What becomes of requests if the subscription for replies is over.
    pub(crate) fn without_inbox(&self) -> RequestError {
        self.check_open().err().unwrap_or(RequestError::NoInbox)
    }
}
