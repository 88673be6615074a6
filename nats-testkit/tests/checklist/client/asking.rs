//! Requests.

use std::time::Duration;

use nats_proto::Instant;
use nats_proto::RequestId;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Pending;
use nats_testkit::Resolver;

use super::Client;
use super::subscriptions::Recipient;
use super::subscriptions::received;
use crate::fault::Fault;
use crate::fault::has;

/// How many requests may wait for their replies.
const MAX_REQUESTS: usize = 8;

/// A request that waits for its reply.
pub(super) struct Asked {
    outcome: Option<Resolver<Result<Message, Failure>>>,
    is_sent: bool,
}

impl Client {
    pub(crate) fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        let (outcome, pending) = Pending::new();
        let asked = Asked { outcome: Some(outcome), is_sent: false };
        if let Err((mut asked, failure)) = self.begin_request(message, timeout, asked) {
            asked
                .outcome
                .take()
                .into_iter()
                .for_each(|outcome| outcome.resolve(Err(failure.clone())));
        }
        pending
    }

    fn begin_request(
        &mut self,
        message: &Message,
        timeout: Duration,
        asked: Asked,
    ) -> Result<(), (Asked, Failure)> {
        if self.requests.len() >= MAX_REQUESTS {
            return Err((asked, Failure::Full));
        }
        if self.inbox_sid.is_none() {
            match self.session.subscribe(self.inbox.filter(), None, Recipient::Inbox) {
                Ok(sid) => self.inbox_sid = Some(sid),
                Err(_) => return Err((asked, Failure::Closed)),
            }
        }
        let deadline = self.now() + timeout;
        let request_id = self.requests.open(asked, deadline).unwrap();
        let mut text = Vec::new();
        let inbox = self.inbox.clone();
        let reply = inbox.reply(request_id, &mut text).unwrap();
        if let Err(failure) = self.publish(message, Some((request_id, reply))) {
            self.end_request(request_id, Err(failure));
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, message: &nats_proto::Message<&[u8]>) {
        let Some(request_id) = self.inbox.request_id(message.subject_bytes()) else { return };
        let is_reply = !message.is_no_responders() || has(Fault::TakesStatusForReply);
        let outcome = if is_reply { Ok(received(message)) } else { Err(Failure::NoResponders) };
        self.end_request(request_id, outcome);
    }

    pub(super) fn reply_too_long(&mut self, subject: &[u8]) {
        if let Some(request_id) = self.inbox.request_id(subject) {
            self.end_request(request_id, Err(Failure::TooLong));
        }
    }

    pub(super) fn note_sent(&mut self, request: Option<RequestId>) {
        if let Some(asked) = request.and_then(|request_id| self.requests.get_mut(request_id)) {
            asked.is_sent = true;
        }
    }

    pub(super) fn refuse_request(&mut self, request: Option<RequestId>) {
        if let Some(request_id) = request {
            self.end_request(request_id, Err(Failure::Refused));
        }
    }

    pub(super) fn expire_requests(&mut self, now: Instant) {
        let mut late = Vec::new();
        self.requests.expire(now, |request_id, asked| {
            late.push(request_id);
            if has(Fault::KeepsPlaces) {
                asked.outcome.take().into_iter().for_each(|it| it.resolve(Err(Failure::TimedOut)));
            }
        });
        if !has(Fault::KeepsPlaces) {
            late.into_iter()
                .for_each(|request_id| self.end_request(request_id, Err(Failure::TimedOut)));
        }
    }

    /// The connection is lost: what was sent on it will not be answered.
    pub(super) fn fail_sent_requests(&mut self) {
        self.fail(|asked| asked.is_sent);
    }

    pub(super) fn fail_requests(&mut self) {
        self.fail(|_| true);
    }

    fn fail(&mut self, fails: impl Fn(&Asked) -> bool) {
        let mut failed = Vec::new();
        self.requests.fail(|request_id, asked| {
            let is_failed = fails(asked);
            failed.extend(is_failed.then_some(request_id));
            is_failed
        });
        failed
            .into_iter()
            .for_each(|request_id| self.end_request(request_id, Err(Failure::Disconnected)));
    }

    fn end_request(&mut self, request_id: RequestId, outcome: Result<Message, Failure>) {
        let asked = self.requests.close(request_id);
        if let Some(resolver) = asked.and_then(|mut asked| asked.outcome.take()) {
            resolver.resolve(outcome);
        }
    }
}
