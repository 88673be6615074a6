//! The message that the reader of a link borrows, where it was received.

use core::task::Waker;

use nats_proto::Inbox;
use nats_proto::Message;
use nats_proto::Outcome;
use nats_proto::Refusal;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::fingerprint;
use nats_proto::session::EndReason;
use nats_proto::wire::Buffer;
use nats_proto::wire::Violation;

#[cfg(feature = "jetstream")]
use crate::state::attempt::Attempt;
#[cfg(feature = "jetstream")]
use crate::state::attempt::Attempts;
#[cfg(not(feature = "jetstream"))]
use crate::state::delivery::Attempts;
use crate::state::delivery::BorrowedFrame;
use crate::state::delivery::Delivered;
use crate::state::delivery::Delivery;
use crate::state::delivery::FrameInfo;
#[cfg(feature = "jetstream")]
use crate::state::pulled::NO_SID;
use crate::state::slot_owner::SlotOwner;
use crate::wakers::WakerSlot;

/// The message for the one reader of a link, and the reply that it waits for.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Borrowed<'d> {
    content: Content<'d>,
    /// The number of the last request.
    request_id: RequestId,
    /// That request, if its reply is waited for: there is no table for a single one.
    request: Option<OpenRequest>,
    pub(crate) reader: WakerSlot,
    is_reader_due: bool,
    /// Whether a task is to be woken.
    has_due: bool,
    /// The inbox of a consumer, and its former one.
    #[cfg(feature = "jetstream")]
    inbox: Sid,
    #[cfg(feature = "jetstream")]
    former: Sid,
}

enum Content<'d> {
    Nothing,
    Unread(BorrowedFrame<'d>),
    Reading,
    Read(&'d mut [u8]),
}

/// A request that waits for its reply.
struct OpenRequest {
    outcome: Option<Outcome>,
    is_sent: bool,
    /// Whether the replies go to a subscription of its own.
    is_many: bool,
    /// The fingerprint of its subject.
    subject: u32,
    /// What is known of it, if it is a message to a stream.
    #[cfg(feature = "jetstream")]
    attempt: Option<Attempt>,
}

impl<'d> Borrowed<'d> {
    pub(crate) const fn new() -> Self {
        Self {
            content: Content::Nothing,
            request_id: RequestId(0),
            request: None,
            reader: WakerSlot::new(),
            is_reader_due: false,
            has_due: false,
            #[cfg(feature = "jetstream")]
            inbox: NO_SID,
            #[cfg(feature = "jetstream")]
            former: NO_SID,
        }
    }

    /// Takes the message out, if it is a reply, or is not.
    pub(crate) fn take(&mut self, is_reply: bool) -> Option<BorrowedFrame<'d>> {
        let next = |frame: &BorrowedFrame<'_>| frame.message.is_reply == is_reply;
        if !matches!(&self.content, Content::Unread(frame) if next(frame)) {
            return None;
        }
        match core::mem::replace(&mut self.content, Content::Reading) {
            Content::Unread(frame) => Some(frame),
            _ => None,
        }
    }

    /// The message was read.
    pub(crate) const fn give_back(&mut self, memory: &'d mut [u8]) {
        self.content = Content::Read(memory);
    }

    const fn wake(&mut self) {
        (self.is_reader_due, self.has_due) = (true, true);
    }

    /// Begins a request, whose replies may go to a subscription of its own.
    pub(crate) fn open_request(&mut self, subject: Subject<'_>, is_many: bool) -> RequestId {
        let subject = fingerprint(subject.as_str().bytes());
        self.request_id = RequestId(self.request_id.0.wrapping_add(1));
        self.request = Some(OpenRequest {
            outcome: None,
            is_sent: false,
            is_many,
            subject,
            #[cfg(feature = "jetstream")]
            attempt: None,
        });
        self.request_id
    }

    /// The reply is not waited for any more.
    pub(crate) fn close_request(&mut self) {
        self.request = None;
        if let Some(frame) = self.take(true) {
            self.give_back(frame.memory);
        }
    }

    /// A request that is not over.
    fn pending(&mut self, id: RequestId) -> Option<&mut OpenRequest> {
        let is_it = self.request_id == id;
        self.request.as_mut().filter(|request| is_it && request.outcome.is_none())
    }

    /// The outcome of the request is known, if `is_over` says so.
    fn end_if(&mut self, outcome: Outcome, is_over: impl FnOnce(&OpenRequest) -> bool) {
        if let Some(request) = self.pending(self.request_id).filter(|request| is_over(request)) {
            request.outcome = Some(outcome);
            self.wake();
        }
    }
}

impl<'d> Delivery<'d> for Borrowed<'d> {
    const BORROWS: bool = true;

    fn deliver(&mut self, _: SlotOwner, message: &Message<&[u8]>) -> Delivered {
        let (sid, layout) = (message.sid(), message.layout());
        Delivered::Borrowed(FrameInfo { sid, layout, is_reply: false })
    }

    fn deliver_reply(&mut self, id: RequestId, message: &Message<&[u8]>) -> Delivered {
        let Some(request) = self.pending(id).filter(|request| !request.is_many) else {
            return Delivered::Unwanted;
        };
        #[cfg(feature = "jetstream")]
        if let Some(attempt) = &mut request.attempt {
            attempt.handle_reply(message);
            request.outcome = Some(Outcome::Answered);
            self.wake();
            return Delivered::Stored;
        }
        let outcome = Outcome::of_reply(message);
        request.outcome = Some(outcome);
        if outcome != Outcome::Answered {
            self.wake();
            return Delivered::Stored;
        }
        let (sid, layout) = (message.sid(), message.layout());
        Delivered::Borrowed(FrameInfo { sid, layout, is_reply: true })
    }

    fn on_too_long(&mut self, _: SlotOwner) {}

    fn outcome(&self, id: RequestId) -> Option<Outcome> {
        match &self.request {
            Some(request) if self.request_id == id => request.outcome,
            _ => Some(Outcome::Closed),
        }
    }

    fn is_unsent(&self, id: RequestId) -> bool {
        self.request_id == id && self.request.as_ref().is_some_and(|request| !request.is_sent)
    }

    fn on_sent(&mut self, id: RequestId) {
        if let Some(request) = self.pending(id) {
            request.is_sent = true;
        }
    }

    fn end_request(&mut self, id: RequestId, outcome: Outcome) {
        if self.request_id == id {
            self.end_if(outcome, |_| true);
        }
    }

    fn on_disconnected(&mut self, written: u64) {
        #[cfg(feature = "jetstream")]
        if let Some(attempt) = self.request.as_mut().and_then(|request| request.attempt.as_mut()) {
            attempt.handle_disconnected(written);
        }
        let _ = written;
        self.end_if(Outcome::Disconnected, |request| request.is_sent);
    }

    fn on_refused<T: Buffer>(&mut self, violation: &Violation<'_>, inbox: &Inbox<T>) {
        let (id, refusal) = (self.request_id, Refusal::of(violation, inbox));
        self.end_if(Outcome::NotPermitted, |request| match refusal {
            Refusal::Subject(subject) => request.is_sent && request.subject == subject,
            Refusal::Request(refused) => refused == id,
            Refusal::None => false,
        });
    }

    fn on_inbox_ended(&mut self, how: EndReason) {
        self.end_if(Outcome::of_inbox(how), |request| !request.is_many);
    }

    fn on_closed(&mut self) {
        self.end_if(Outcome::Closed, |_| true);
    }

    fn begins_dropping(&mut self, _: SlotOwner) -> bool {
        false
    }

    fn end(&mut self, _: SlotOwner, sid: Sid, how: EndReason) -> bool {
        #[cfg(feature = "jetstream")]
        for inbox in [&mut self.inbox, &mut self.former] {
            if *inbox == sid {
                *inbox = NO_SID;
                self.has_due = true;
                self.is_reader_due = true;
            }
        }
        let _ = sid;
        matches!(how, EndReason::Unsubscribed | EndReason::Closed)
    }

    fn has_due(&mut self) -> &mut bool {
        &mut self.has_due
    }

    fn take_due(&mut self) -> Option<Waker> {
        self.reader.take_if(&mut self.is_reader_due)
    }

    fn is_idle(&self) -> bool {
        matches!(self.content, Content::Nothing | Content::Read(_))
    }

    fn put_borrowed(&mut self, frame: BorrowedFrame<'d>) {
        self.content = Content::Unread(frame);
        self.wake();
    }

    fn take_returned(&mut self) -> Option<&'d mut [u8]> {
        if !matches!(self.content, Content::Read(_)) {
            return None;
        }
        match core::mem::replace(&mut self.content, Content::Nothing) {
            Content::Read(memory) => Some(memory),
            _ => None,
        }
    }

    fn reclaim(&mut self) -> Option<(&'d mut [u8], bool)> {
        match core::mem::replace(&mut self.content, Content::Nothing) {
            Content::Read(memory) => Some((memory, true)),
            Content::Unread(frame) => Some((frame.memory, false)),
            content => {
                self.content = content;
                None
            }
        }
    }
}

#[cfg(feature = "jetstream")]
impl Attempts for Borrowed<'_> {
    fn open_attempt(&mut self, subject: Subject<'_>, attempt: Attempt) -> Option<RequestId> {
        if self.request.is_some() {
            return None;
        }
        let id = self.open_request(subject, false);
        self.request.as_mut()?.attempt = Some(attempt);
        Some(id)
    }

    fn attempt_mut(&mut self, id: RequestId) -> Option<&mut Attempt> {
        self.request.as_mut().filter(|_| self.request_id == id)?.attempt.as_mut()
    }

    fn register_attempt(&mut self, _: RequestId, waker: &Waker) {
        self.reader.register(waker);
    }

    fn close_attempt(&mut self, id: RequestId) {
        if self.request_id == id {
            self.close_request();
        }
    }

    fn begin_inbox(&mut self, _: SlotOwner, sid: Sid) {
        let before = core::mem::replace(&mut self.inbox, sid);
        if before != NO_SID {
            self.former = before;
        }
    }

    fn begin_pull(&mut self, _: SlotOwner, _: u32) {}

    fn inboxes(&self, _: SlotOwner) -> [Sid; 2] {
        [self.inbox, self.former]
    }

    fn take_inbox(&mut self) -> Option<Sid> {
        let inbox = if self.former == NO_SID { &mut self.inbox } else { &mut self.former };
        Some(core::mem::replace(inbox, NO_SID)).filter(|sid| *sid != NO_SID)
    }

    fn terminates(&self, _: SlotOwner) -> bool {
        false
    }
}

#[cfg(not(feature = "jetstream"))]
impl Attempts for Borrowed<'_> {}
