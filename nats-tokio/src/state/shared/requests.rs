//! The shared state of requests: their table, the subscription to the inbox, the deadline.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Release;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Waker;

use nats_proto::Full;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::RequestId;
use nats_proto::Subject;
use nats_proto::session::EndReason;
use nats_proto::wire::SendBuf;

use super::Shared;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::state::control::Control;
use crate::state::control::Recipient;
use crate::state::requests::MAX_INBOX;
use crate::state::requests::RequestTable;
use crate::sync::lock;

impl Shared {
    /// Where the reply to a request comes to.
    pub(crate) fn reply_subject<'t>(
        &self,
        request_id: RequestId,
        text: &'t mut SendBuf<'_>,
    ) -> Result<Subject<'t>, PublishError> {
        let too_long = |Full| PublishError::LineTooLong { len: MAX_INBOX + 1, max: MAX_INBOX };
        self.inbox.reply(request_id, text).map_err(too_long)
    }

    /// The requests, with the subscription for their replies made.
    pub(crate) fn lock_requests(&self) -> Result<MutexGuard<'_, RequestTable>, RequestError> {
        loop {
            let requests = lock(&self.requests);
            // Under the lock: the end of the subscription clears the flag, and then fails the
            // requests that are in the table.
            if self.has_inbox.load(Acquire) {
                return Ok(requests);
            }
            drop(requests);
            self.subscribe_to_replies()?;
        }
    }

    /// Subscribes to the replies of all requests, unless that is done.
    #[cold]
    fn subscribe_to_replies(&self) -> Result<(), RequestError> {
        let mut control = lock(&self.control);
        if control.request_outcome().is_some() {
            return Err(refused(&control));
        }
        let known = control.inbox;
        let sid = control.session.reply_inbox(known, &self.inbox, Recipient::Replies);
        control.inbox = Some(sid.map_err(|_| RequestError::NoInbox)?);
        // Before anything is sent: what follows may end it.
        self.has_inbox.store(true, Release);
        self.transmit(&mut control);
        Ok(())
    }

    /// The subscription for replies is over.
    pub(super) fn on_inbox_ended(&self, how: EndReason, wake: &mut Vec<Waker>) {
        // First the flag, so that a woken task does not rely on it.
        self.refuse_requests();
        // Everything ends when the session does, and says why.
        if how != EndReason::Closed {
            lock(&self.requests).handle_inbox_ended(how, wake);
        }
    }

    /// Requests that are made from now on find out why not. To be called with `control` locked.
    pub(super) fn refuse_requests(&self) {
        self.has_inbox.store(false, Release);
    }

    /// Why a request cannot be made on a client that takes no more subscriptions.
    pub(crate) fn closed(&self) -> RequestError {
        refused(&lock(&self.control))
    }

    /// Without a connection, the number of the last message that was handed to one.
    pub(crate) fn handed_over(&self) -> Option<u64> {
        let is_connected = lock(&self.control).session.is_connected();
        (!is_connected).then(|| lock(&self.outbound).handed_over())
    }

    /// Notes when the requests need the driver, and says whether that is before it wakes up by
    /// itself. To be called with `requests` locked.
    pub(crate) fn note_request_deadline(&self, deadline: Option<Instant>) -> bool {
        let deadline = deadline.map_or(u64::MAX, Instant::as_millis);
        self.request_deadline.store(deadline, SeqCst);
        // The driver sets `armed` and then looks at `request_deadline`, so one of us sees the other.
        deadline < self.armed.load(SeqCst)
    }

    pub(crate) fn request_deadline(&self) -> Option<Instant> {
        let deadline = self.request_deadline.load(SeqCst);
        (deadline != u64::MAX).then(|| Instant::from_millis(deadline))
    }

    /// Whether the driver would wake up by itself only later.
    pub(crate) fn is_before_alarm(&self, deadline: Instant) -> bool {
        deadline.as_millis() < self.armed.load(SeqCst)
    }

    /// The driver will wake up by itself at `deadline`.
    pub(crate) fn set_armed(&self, deadline: Option<Instant>) {
        self.armed.store(deadline.map_or(u64::MAX, Instant::as_millis), SeqCst);
    }
}

/// Why no request can be made any more.
fn refused(control: &Control) -> RequestError {
    match control.request_outcome() {
        Some(Outcome::Draining) => RequestError::Draining,
        _ => PublishError::Closed.into(),
    }
}
