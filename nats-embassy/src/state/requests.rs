//! Requests that wait for their replies.

use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::Store;
use nats_proto::Subject;
use nats_proto::session;
use nats_proto::session::Gate;
use nats_proto::wire::Action;
use nats_proto::wire::Publish;
use nats_proto::wire::Violation;

use super::State;
use crate::config::Offline;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::error::SubscribeError;
use crate::state::delivery::Delivery;
use crate::state::delivery::ReplyState;
use crate::state::delivery::SlotOwner;
use crate::state::sizes::Sizes;
use crate::wakers::Turn;
use crate::wakers::WakerSlot;

/// A request that waits for its reply.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Reply {
    /// Where the reply is put.
    pub(crate) slot: usize,
    pub(crate) state: ReplyState,
    /// Whether the request is published.
    pub(crate) is_sent: bool,
    /// The [`fingerprint`] of its subject.
    pub(crate) subject: u32,
    pub(crate) requester: WakerSlot,
    /// Whether it is to be woken.
    pub(crate) is_due: bool,
}

/// For requests whose replies go to slots of a subscription.
pub(crate) const NO_SLOT: usize = usize::MAX;

impl Reply {
    /// A request to a subject, for the reply to which there is this slot.
    pub(crate) fn new(slot: usize, subject: &str) -> Self {
        Self {
            slot,
            state: ReplyState::Waiting,
            is_sent: false,
            subject: fingerprint(subject.bytes()),
            requester: WakerSlot::new(),
            is_due: false,
        }
    }

    /// The outcome is known: the requester is woken.
    pub(crate) fn end(&mut self, state: ReplyState) {
        if self.state == ReplyState::Waiting {
            self.state = state;
            self.is_due = true;
        }
    }
}

impl ReplyState {
    /// What became of a request that has no reply at hand.
    pub(crate) const fn failure(self) -> RequestError {
        match self {
            // It was answered, and the answer was lost with the connection.
            Self::Waiting | Self::Answered | Self::Disconnected => RequestError::Disconnected,
            Self::NoResponders => RequestError::NoResponders,
            Self::TooLong => RequestError::ReplyTooLong,
            Self::NotPermitted => RequestError::NotPermitted,
            Self::NoInbox => RequestError::NoInbox,
            Self::Draining => RequestError::Draining,
            Self::Closed => RequestError::Closed,
        }
    }
}

/// What a subject is known by when the server refuses it: there is no memory for all of it. Another
/// subject has the same one in one of four billion cases.
pub(crate) fn fingerprint(subject: impl Iterator<Item = u8>) -> u32 {
    // FNV-1a.
    subject.fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
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
        let sid = self.session.reply_inbox(self.inbox_sid, &self.inbox, recipient);
        let sid = sid.map_err(|error| RequestError::Subscribe(error.into()))?;
        self.inbox_sid = Some(sid);
        Ok(sid)
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

    /// The error of a request whose time is up.
    pub(crate) const fn late(&self) -> RequestError {
        if self.session.is_connected() {
            RequestError::TimedOut
        } else {
            RequestError::NotConnected
        }
    }

    /// What becomes of requests if the subscription for replies is over.
    pub(crate) fn without_inbox(&self) -> ReplyState {
        if self.is_closing || self.stopped().is_some() {
            ReplyState::Closed
        } else if self.session.is_draining() {
            ReplyState::Draining
        } else {
            ReplyState::NoInbox
        }
    }

    /// Requests that the server did not let through.
    pub(super) fn refuse_requests(&mut self, violation: &Violation<'_>) {
        match violation.action {
            Action::Publish => {
                self.delivery.refuse(fingerprint(violation.subject.unquoted()));
            }
            Action::PublishReply => {
                // What this client makes needs no quoting.
                if let Some(request_id) = self.inbox.request_id(violation.subject.as_bytes()) {
                    self.delivery.end_reply(request_id, ReplyState::NotPermitted);
                }
            }
            _ => {}
        }
    }
}
