//! The message that the reader of a link borrows, where it was received.

use core::task::Waker;

use nats_proto::Message;
use nats_proto::RequestId;
use nats_proto::session::EndReason;

use crate::state::delivery::BorrowedFrame;
use crate::state::delivery::Delivered;
use crate::state::delivery::Delivery;
use crate::state::delivery::FrameInfo;
use crate::state::delivery::ReplyState;
use crate::state::delivery::SlotOwner;
use crate::wakers::WakerSlot;

/// The message for the one reader of a link, and the reply that it waits for.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Borrowed<'d> {
    content: Content<'d>,
    /// The number of the last request.
    request_id: RequestId,
    /// That request, if its reply is waited for.
    pub(crate) request: Option<OpenRequest>,
    pub(crate) reader: WakerSlot,
    is_reader_due: bool,
    /// Whether a task is to be woken.
    has_due: bool,
}

enum Content<'d> {
    Nothing,
    Unread(BorrowedFrame<'d>),
    Reading,
    Read(&'d mut [u8]),
}

/// A request that waits for its reply.
pub(crate) struct OpenRequest {
    pub(crate) state: ReplyState,
    pub(crate) is_sent: bool,
    /// What its subject is known by.
    subject: u32,
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

    /// The number of the next request.
    pub(crate) const fn next_request_id(&self) -> RequestId {
        RequestId(self.request_id.0.wrapping_add(1))
    }

    /// Begins a request to a subject with this fingerprint.
    pub(crate) const fn ask(&mut self, subject: u32) -> RequestId {
        self.request_id = self.next_request_id();
        self.request = Some(OpenRequest { state: ReplyState::Waiting, is_sent: false, subject });
        self.request_id
    }

    /// The reply is not waited for any more.
    pub(crate) fn end_request(&mut self) {
        self.request = None;
        if let Some(frame) = self.take(true) {
            self.give_back(frame.memory);
        }
    }

    fn request(&mut self, request_id: RequestId) -> Option<&mut OpenRequest> {
        let is_it = self.request_id == request_id;
        self.request.as_mut().filter(|request| is_it && request.state == ReplyState::Waiting)
    }
}

impl<'d> Delivery<'d> for Borrowed<'d> {
    const BORROWS: bool = true;

    fn deliver(&mut self, _: SlotOwner, message: &Message<&[u8]>) -> Delivered {
        let (sid, layout) = (message.sid(), message.layout());
        Delivered::Borrowed(FrameInfo { sid, layout, is_reply: false })
    }

    fn deliver_reply(&mut self, request_id: RequestId, message: &Message<&[u8]>) -> Delivered {
        let Some(request) = self.request(request_id) else { return Delivered::Unwanted };
        if message.is_no_responders() {
            request.state = ReplyState::NoResponders;
            self.wake();
            return Delivered::Stored;
        }
        request.state = ReplyState::Answered;
        let (sid, layout) = (message.sid(), message.layout());
        Delivered::Borrowed(FrameInfo { sid, layout, is_reply: true })
    }

    fn on_too_long(&mut self, _: SlotOwner) {}

    fn on_sent(&mut self, request_id: RequestId) {
        if let Some(request) = self.request(request_id) {
            request.is_sent = true;
        }
    }

    fn end_reply(&mut self, request_id: RequestId, state: ReplyState) {
        if let Some(request) = self.request(request_id) {
            request.state = state;
            self.wake();
        }
    }

    fn refuse(&mut self, subject: u32) {
        let is_it = |request: &OpenRequest| request.is_sent && request.subject == subject;
        if self.request.as_ref().is_some_and(is_it) {
            self.end_reply(self.request_id, ReplyState::NotPermitted);
        }
    }

    fn begins_dropping(&mut self, _: SlotOwner) -> bool {
        false
    }

    fn end_replies(&mut self, state: ReplyState, is_over: impl Fn(bool) -> bool) {
        let request_id = self.request_id;
        if self.request(request_id).is_some_and(|request| is_over(request.is_sent)) {
            self.end_reply(request_id, state);
        }
    }

    fn end(&mut self, _: SlotOwner, how: EndReason) -> bool {
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
