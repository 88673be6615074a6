//! Requests.

use std::time::Duration;

use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::RequestId;
use nats_proto::Subject;
use nats_proto::Then;
use nats_proto::session::EndReason;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Pending;
use nats_testkit::Resolver;

use super::Client;
use super::subscriptions::Recipient;
use super::subscriptions::received;
use crate::fault::Fault;
use crate::fault::has;

/// Who waits for a reply, until told.
pub(super) type Asked = Option<Resolver<Result<Message, Failure>>>;

fn tell(asked: &mut Asked, outcome: Result<Message, Failure>) {
    asked.take().into_iter().for_each(|asked| asked.resolve(outcome.clone()));
}

/// Tells that there is no reply, and makes room.
fn told(_: RequestId, asked: &mut Asked, outcome: Outcome) -> Then {
    tell(asked, Err(outcome.into()));
    Then::Remove
}

impl Client {
    pub(crate) fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        let (resolver, pending) = Pending::new();
        let deadline = self.now() + timeout;
        let (known, inbox) = (self.inbox_sid, self.inbox.clone());
        let Ok(sid) = self.session.reply_inbox(known, &inbox, Recipient::Inbox) else {
            return Pending::resolved(Err(Failure::Closed));
        };
        self.inbox_sid = Some(sid);
        let subject = Subject::new(&message.subject).unwrap();
        let Ok(id) = self.requests.open(Some(resolver), subject, deadline) else {
            return Pending::resolved(Err(Failure::Full));
        };
        let mut text = Vec::new();
        let reply = inbox.reply(id, &mut text).unwrap();
        if let Err(failure) = self.publish(message, Some((id, reply))) {
            self.requests.close(id);
            return Pending::resolved(Err(failure));
        }
        pending
    }

    /// A reply came, or the word that there is none.
    pub(super) fn answer(&mut self, message: &nats_proto::Message<&[u8]>) {
        let Some(id) = self.inbox.request_id(message.subject_bytes()) else { return };
        if let Some((asked, outcome)) = self.requests.handle_reply(id, message) {
            let is_reply = outcome == Outcome::Answered || has(Fault::TakesStatusForReply);
            tell(asked, if is_reply { Ok(received(message)) } else { Err(outcome.into()) });
            self.requests.close(id);
        }
    }

    pub(super) fn reply_too_long(&mut self, subject: &[u8]) {
        if let Some(id) = self.inbox.request_id(subject) {
            self.end_request(id, Outcome::ReplyTooLong);
        }
    }

    pub(super) fn end_request(&mut self, id: RequestId, outcome: Outcome) {
        if let Some(asked) = self.requests.end(id, outcome) {
            tell(asked, Err(outcome.into()));
            self.requests.close(id);
        }
    }

    pub(super) fn expire_requests(&mut self, now: Instant) {
        let is_connected = self.session.is_connected();
        self.requests.handle_time(
            now,
            |_, is_sent| Outcome::of_time(is_sent, is_connected),
            |id, asked, outcome| {
                let then = told(id, asked, outcome);
                if has(Fault::KeepsPlaces) { Then::Keep } else { then }
            },
        );
    }

    /// The connection is lost: what was sent on it will not be answered.
    pub(super) fn end_sent_requests(&mut self) {
        self.requests.handle_disconnected(|_| true, told);
    }

    pub(super) fn end_inbox(&mut self, reason: EndReason) {
        self.requests.handle_inbox_ended(reason, told);
    }

    pub(super) fn end_requests(&mut self) {
        self.requests.handle_closed(told);
    }
}
