//! Where messages go: to places where they wait, or to one reader who looks at them where they are.

use core::task::Waker;

use nats_proto::Layout;
use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::Token;
use nats_proto::session::Ended;

/// What becomes of messages.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub trait Delivery<'d> {
    /// Whether messages are lent, instead of copied.
    const LENDS: bool;

    /// Takes a message of a subscription.
    fn keep(&mut self, owner: Owner, message: &Message<&[u8]>) -> Kept;

    /// Takes the reply to a request.
    fn keep_reply(&mut self, token: Token, message: &Message<&[u8]>) -> Kept;

    /// A message of a subscription was passed over.
    fn note_too_long(&mut self, owner: Owner);

    /// A request is published.
    fn note_sent(&mut self, token: Token);

    /// There will be no reply to a request.
    fn end_reply(&mut self, token: Token, state: ReplyState);

    /// The server refused requests to a subject with this [`fingerprint`](crate::state::requests::fingerprint).
    fn refuse(&mut self, subject: u32);

    /// Messages of a subscription are dropped. Says whether that is new.
    fn begins_dropping(&mut self, owner: Owner) -> bool;

    /// Requests for which `is_over` holds, given whether they were sent, are over.
    fn end_replies(&mut self, state: ReplyState, is_over: impl Fn(bool) -> bool);

    /// A subscription is over. Says whether its owner will find out.
    fn end(&mut self, owner: Owner, how: Ended) -> bool;

    /// Whether anybody is to be woken, here or elsewhere.
    fn has_due(&mut self) -> &mut bool;

    /// Somebody who is to be woken.
    fn take_due(&mut self) -> Option<Waker>;

    /// Whether no message waits for anybody, or is being looked at.
    fn is_dealt_with(&self) -> bool;

    /// Lends the memory for receiving, with a message in it.
    fn lend(&mut self, letter: Letter<'d>) {
        let _ = letter;
    }

    /// Takes the memory back, if nobody uses it any more.
    fn take_back(&mut self) -> Option<&'d mut [u8]> {
        None
    }

    /// Takes the memory back even if nobody has looked at the message, and says whether that is
    /// so.
    fn reclaim(&mut self) -> Option<(&'d mut [u8], bool)> {
        None
    }
}

/// Whose place it is: a subscription's number in the table, from 1, or one of these.
///
/// Memory that is not in use yet is all zeros, and takes no room in a device's flash.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub(crate) u8);

impl Owner {
    pub(crate) const NOBODY: Self = Self(0);
    pub(crate) const REQUEST: Self = Self(255);
    /// The one reader of a link.
    pub(crate) const READER: Self = Self(1);

    pub(crate) fn of_queue(index: usize) -> Option<Self> {
        u8::try_from(index + 1).ok().map(Self).filter(|owner| *owner != Self::REQUEST)
    }

    pub(crate) fn queue(self) -> Option<usize> {
        if self == Self::REQUEST { None } else { usize::from(self.0).checked_sub(1) }
    }
}

/// What became of a request.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyState {
    Waiting,
    Answered,
    NoResponders,
    TooLong,
    Disconnected,
    NotPermitted,
    NoInbox,
    Draining,
    Closed,
}

/// What became of a message.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Yes,
    /// It fits, and there is no place; or an older one had to go.
    Dropped,
    TooLong,
    /// It stays where it is, and is to be lent.
    Lent(Lent),
    /// Nobody wants it.
    Unwanted,
}

/// A message that is to be lent, without its bytes.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lent {
    pub(crate) sid: Sid,
    pub(crate) layout: Layout,
    pub(crate) is_reply: bool,
}

/// The memory for receiving, and where in it a message is.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Letter<'d> {
    pub(crate) memory: &'d mut [u8],
    pub(crate) start: usize,
    pub(crate) message: Lent,
}

impl Letter<'_> {
    pub(crate) fn message(&self) -> Message<&[u8]> {
        let Lent { sid, layout, .. } = self.message;
        let frame = self.memory.get(self.start..).unwrap_or_default();
        Message::from_frame(frame.get(..layout.frame_len()).unwrap_or_default(), sid, layout)
    }
}
