//! The message that the reader of a link borrows, where it was received.

use core::task::Waker;

use nats_proto::FixedRequests;
use nats_proto::Message;
use nats_proto::Outcome;
use nats_proto::PendingRequest;
use nats_proto::RequestId;
use nats_proto::Slot;
use nats_proto::session::EndReason;

use crate::state::delivery::BorrowedFrame;
use crate::state::delivery::Delivered;
use crate::state::delivery::Delivery;
use crate::state::delivery::FrameInfo;
use crate::state::delivery::SlotOwner;
use crate::wakers::WakerSlot;

/// The message for the one reader of a link, and the reply that it waits for.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Borrowed<'d> {
    content: Content<'d>,
    /// The one request that may wait for its reply.
    pub(crate) requests: FixedRequests<(), 1>,
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

impl<'d> Borrowed<'d> {
    pub(crate) fn new() -> Self {
        Self {
            content: Content::Nothing,
            requests: FixedRequests::default(),
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

    /// The reply is not waited for any more.
    pub(crate) fn close_request(&mut self, id: RequestId) {
        self.requests.close(id);
        if let Some(frame) = self.take(true) {
            self.give_back(frame.memory);
        }
    }
}

impl<'d> Delivery<'d> for Borrowed<'d> {
    const BORROWS: bool = true;
    type Requester = ();
    type Requests = heapless::Vec<Slot<PendingRequest<()>>, 1>;

    fn deliver(&mut self, _: SlotOwner, message: &Message<&[u8]>) -> Delivered {
        let (sid, layout) = (message.sid(), message.layout());
        Delivered::Borrowed(FrameInfo { sid, layout, is_reply: false })
    }

    fn deliver_reply(&mut self, id: RequestId, message: &Message<&[u8]>) -> Delivered {
        match self.requests.handle_reply(id, message) {
            Some(((), Outcome::Answered)) => {
                let (sid, layout) = (message.sid(), message.layout());
                Delivered::Borrowed(FrameInfo { sid, layout, is_reply: true })
            }
            Some(_) => {
                self.wake();
                Delivered::Stored
            }
            None => Delivered::Unwanted,
        }
    }

    fn on_too_long(&mut self, _: SlotOwner) {}

    fn requests(&mut self) -> &mut FixedRequests<(), 1> {
        &mut self.requests
    }

    fn on_outcome((): &mut ()) {}

    fn wake_requesters(&mut self) {
        self.wake();
    }

    fn begins_dropping(&mut self, _: SlotOwner) -> bool {
        false
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
