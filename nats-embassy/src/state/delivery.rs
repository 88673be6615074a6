//! Where messages go: to slots where they wait, or to the one reader of a link, which borrows them.

use core::task::Waker;

use nats_proto::Inbox;
use nats_proto::Layout;
use nats_proto::Message;
use nats_proto::Outcome;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::session::EndReason;
use nats_proto::wire::Buffer;
use nats_proto::wire::Violation;

#[cfg(feature = "jetstream")]
use crate::state::attempt::Attempts;
use crate::state::slot_owner::SlotOwner;

/// There is none of these without JetStream.
#[cfg(not(feature = "jetstream"))]
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub trait Attempts {}

/// What becomes of messages.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub trait Delivery<'d>: Attempts {
    /// Whether messages are borrowed where they were received, instead of copied.
    const BORROWS: bool;

    /// Takes a message of a subscription.
    fn deliver(&mut self, owner: SlotOwner, message: &Message<&[u8]>) -> Delivered;

    /// Takes the reply to a request.
    fn deliver_reply(&mut self, request_id: RequestId, message: &Message<&[u8]>) -> Delivered;

    /// A message of a subscription was skipped.
    fn on_too_long(&mut self, owner: SlotOwner);

    /// The outcome of a request, if it is known.
    fn outcome(&self, id: RequestId) -> Option<Outcome>;

    /// Whether a request waits to be published.
    fn is_unsent(&self, id: RequestId) -> bool;

    /// A request is published.
    fn on_sent(&mut self, id: RequestId);

    /// The outcome of one request is known.
    fn end_request(&mut self, id: RequestId, outcome: Outcome);

    /// The connection that requests were sent to is lost. So many bytes were written in all.
    fn on_disconnected(&mut self, written: u64);

    /// The server has refused something: perhaps requests.
    fn on_refused<T: Buffer>(&mut self, violation: &Violation<'_>, inbox: &Inbox<T>);

    /// The subscription for replies is over.
    fn on_inbox_ended(&mut self, how: EndReason);

    /// The client is closed.
    fn on_closed(&mut self);

    /// Messages of a subscription are dropped. Returns whether that is new.
    fn begins_dropping(&mut self, owner: SlotOwner) -> bool;

    /// A subscription is over. Returns whether its owner learns of that.
    fn end(&mut self, owner: SlotOwner, sid: Sid, how: EndReason) -> bool;

    /// Whether a task is to be woken, here or elsewhere.
    fn has_due(&mut self) -> &mut bool;

    /// A task to be woken.
    fn take_due(&mut self) -> Option<Waker>;

    /// Whether no message waits, or is held by the application.
    fn is_idle(&self) -> bool;

    /// Takes the memory for receiving, with a message for the reader.
    fn put_borrowed(&mut self, frame: BorrowedFrame<'d>) {
        let _ = frame;
    }

    /// Returns the memory, if the message has been read.
    fn take_returned(&mut self) -> Option<&'d mut [u8]> {
        None
    }

    /// Returns the memory even if the message has not been read, and whether it has.
    fn reclaim(&mut self) -> Option<(&'d mut [u8], bool)> {
        None
    }
}

/// What became of a message.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    Stored,
    /// It fits, and there is no free slot; or an older one was dropped for it.
    Dropped,
    TooLong,
    /// It stays where it is, for the reader to borrow.
    Borrowed(FrameInfo),
    /// No subscription or request takes it.
    Unwanted,
    /// A consumer does not take it any more, or has no slot for it.
    #[cfg(feature = "jetstream")]
    Returned,
}

/// A message that is to be borrowed, without its bytes.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    pub(crate) sid: Sid,
    pub(crate) layout: Layout,
    pub(crate) is_reply: bool,
}

/// The memory for receiving, and where in it a message is.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct BorrowedFrame<'d> {
    pub(crate) memory: &'d mut [u8],
    pub(crate) start: usize,
    pub(crate) message: FrameInfo,
}

impl BorrowedFrame<'_> {
    pub(crate) fn message(&self) -> Message<&[u8]> {
        let FrameInfo { sid, layout, .. } = self.message;
        let frame = self.memory.get(self.start..).unwrap_or_default();
        Message::from_frame(frame.get(..layout.wire_len()).unwrap_or_default(), sid, layout)
    }
}
